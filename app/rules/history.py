"""Past appeals as the rules saw them when they came, and the department that a person stood by in the end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal, State
from app.db import Database
from app.departments.models import Department
from app.triage.facts import PageContext, read_context
from routing_rules import Facts
from routing_rules.simulation import Past

PORTION = 2_000
DECIDED_STATES = (State.IN_WORK, State.INTERIM, State.ANSWERED)
_labels = col(Appeal.judgement)["labels"]
# A person stood by the department: answered or worked on it, confirmed the topic that led there, or chose it by hand.
IS_DECIDED = (
    col(Appeal.is_confirmed) | (col(Appeal.routing)["layer"].astext == "hand") | col(Appeal.state).in_(DECIDED_STATES)
)
_COLUMNS: tuple[Any, ...] = (
    col(Appeal.id),
    col(Appeal.page_id),
    col(Appeal.platform),
    col(Appeal.kind),
    col(Appeal.severity),
    col(Appeal.search_text),
    col(Appeal.received_at),
    _labels["topic"][0].label("topic"),
    _labels["topic_group"][0].label("topic_group"),
    _labels["agency"][0].label("agency"),
    col(Appeal.department_id),
    IS_DECIDED.label("is_decided"),
)


async def count_history(session: AsyncSession, last: int) -> int:
    """How many appeals a replay of the last ones will take; talk is left out."""
    newest = select(col(Appeal.id)).where(~col(Appeal.is_talk)).limit(last).subquery()
    return await session.scalar(select(func.count()).select_from(newest)) or 0


async def past_appeals(database: Database, last: int, on: Mapping[str, Any]) -> AsyncIterator[list[Past]]:
    """The last appeals that are not talk, the newest first, in portions, each read in a transaction of its own.

    They are judged as the judge first judged them. `on` holds facts that are the same for all: the day.
    """
    pages: dict[int, PageContext] = {}
    before, left = None, last
    async with database.transaction() as session:
        codes = dict((await session.execute(select(col(Department.id), col(Department.code)))).tuples().all())
    while left > 0:
        async with database.transaction() as session:
            rows = await _portion(session, before, min(left, PORTION))
            unknown = {row.page_id for row in rows} - pages.keys()
            pages |= await read_context(session, unknown) if unknown else {}
        if not rows:
            return
        yield [
            Past(row.id, _facts(row, pages[row.page_id], on), codes[row.department_id] if row.is_decided else None)
            for row in rows
        ]
        before, left = rows[-1].id, left - len(rows)


async def _portion(session: AsyncSession, before: int | None, limit: int) -> Sequence[Row[Any]]:
    statement = select(*_COLUMNS).where(~col(Appeal.is_talk)).order_by(col(Appeal.id).desc()).limit(limit)
    if before is not None:
        statement = statement.where(col(Appeal.id) < before)
    return (await session.execute(statement)).all()


def _facts(row: Row[Any], page: PageContext, on: Mapping[str, Any]) -> Facts:
    topic, group, agency = row.topic or {}, row.topic_group or {}, row.agency or {}
    return Facts(
        platform=row.platform,
        kind=row.kind,
        page=page.external_id,
        sphere=page.sphere,
        territory=page.territory,
        topic=topic.get("label"),
        topic_confidence=topic.get("probability", 0.0),
        topic_group=group.get("label"),
        group_confidence=group.get("probability", 0.0),
        agency=agency.get("label"),
        agency_confidence=agency.get("probability", 0.0),
        severity=row.severity,
        text=row.search_text,
        page_department=page.department,
        **on,
    )
