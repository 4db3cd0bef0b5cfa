"""What the routing rules may look at: the page that received a message, the appeal as judged, the departments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.departments.models import Department, Territory
from app.public_pages.models import PublicPage
from routing_rules import Facts, territory_path

CERTAIN = 1.0


class PageContext:
    """What the rules need of the page that received a message."""

    __slots__ = ("department", "external_id", "sphere", "territory")

    def __init__(self, page: PublicPage, path: str | None, department: str | None) -> None:
        self.external_id = page.external_id
        self.sphere = page.sphere
        self.territory = tuple((path or "").split("/")) if path else ()
        self.department = department


async def read_context(session: AsyncSession, page_ids: Iterable[int]) -> dict[int, PageContext]:
    """Pages with the path of their territory and the code of their owner, in one query."""
    rows = await session.execute(
        select(PublicPage, col(Territory.path), col(Department.code))
        .outerjoin(Territory, col(Territory.code) == col(PublicPage.territory_code))
        .outerjoin(Department, col(Department.id) == col(PublicPage.department_id))
        .where(col(PublicPage.id).in_(list(page_ids)))
    )
    return {page.id or 0: PageContext(page, path, code) for page, path, code in rows}


async def departments_by_code(session: AsyncSession) -> dict[str, Department]:
    """All departments; some dozens."""
    return {department.code: department for department in (await session.scalars(select(Department))).all()}


def facts_of(
    appeal: Appeal, page: PageContext, departments: Mapping[str, Department], *, topic: str | None = None
) -> Facts:
    """What the rules may look at. A topic that a person chose is certain, and so is its group.

    The territory is the page's, unless the text or a person has made it more exact.
    """
    labels = appeal.judgement["labels"]
    is_certain = topic is not None or appeal.is_confirmed
    return Facts(
        platform=appeal.platform,
        kind=appeal.kind,
        page=page.external_id,
        sphere=page.sphere,
        territory=territory_path(appeal.territory_code) if appeal.territory_code else page.territory,
        topic=topic or appeal.topic,
        topic_confidence=CERTAIN if is_certain else _stored_probability(labels["topic"]),
        topic_group=appeal.topic_group,
        group_confidence=CERTAIN if is_certain else _stored_probability(labels["topic_group"]),
        agency=appeal.agency,
        agency_confidence=_stored_probability(labels["agency"]),
        severity=appeal.severity,
        text=appeal.search_text,
        page_department=page.department if page.department in departments else None,
    )


def _stored_probability(guesses: Sequence[Mapping[str, Any]]) -> float:
    return float(guesses[0]["probability"]) if guesses else 0.0
