"""What history says of the matrix: where people send a topic of a municipality, counted by one query."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.departments.models import Department
from app.public_pages.models import PublicPage
from app.rules.history import IS_DECIDED
from routing_rules.learning import LEAST_COUNT, Evidence

DAYS = 365
MUNICIPALITY_DIGITS = 5


async def read_evidence(session: AsyncSession, now: datetime) -> Sequence[Evidence]:
    """Per topic and municipality of the page, the department that most appeals ended with; of the last year, and only
    those whose department a person stood by.
    """
    territory = func.rpad(func.substr(col(PublicPage.territory_code), 1, MUNICIPALITY_DIGITS), 8, literal("0", String))
    place: list[Any] = [col(Appeal.topic), territory]
    count = func.count()
    counted = (
        select(
            col(Appeal.topic).label("topic"),
            territory.label("territory"),
            col(Department.code).label("code"),
            count.label("count"),
            func.sum(count).over(partition_by=place).label("total"),
            func.row_number().over(partition_by=place, order_by=(count.desc(), col(Department.code))).label("place"),
        )
        .select_from(Appeal)
        .join(PublicPage, col(PublicPage.id) == col(Appeal.page_id))
        .join(Department, col(Department.id) == col(Appeal.department_id))
        .where(
            IS_DECIDED, ~col(Appeal.is_talk), col(Appeal.topic).is_not(None),
            col(PublicPage.territory_code).is_not(None),
            col(Appeal.received_at) > now - timedelta(days=DAYS),
        )
        .group_by(*place, col(Department.code))
        .subquery()
    )  # fmt: skip
    rows = await session.execute(
        select(counted.c.topic, counted.c.territory, counted.c.code, counted.c.count, counted.c.total).where(
            counted.c.place == 1, counted.c.total >= LEAST_COUNT
        )
    )
    return [Evidence(topic, place, code, number, int(total)) for topic, place, code, number, total in rows]
