"""Past appeals as the rules saw them when they came, and the department that a person stood by in the end."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Float, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal, State
from app.db import Database
from app.settings import get_settings
from app.triage.facts import PageContext, departments_by_code, earlier_appeals, is_working_day, read_context
from routing_rules import Facts, RuleSet, territory_path
from routing_rules.simulation import Past

PORTION = 2_000
DECIDED_STATES = (State.IN_WORK, State.INTERIM, State.ANSWERED)
# A person stood by the department: answered or worked on it, confirmed the topic that led there, or chose it by hand.
IS_DECIDED = (
    col(Appeal.is_confirmed) | (col(Appeal.routing)["layer"].astext == "hand") | col(Appeal.state).in_(DECIDED_STATES)
)
_labels = col(Appeal.judgement)
# What a decision may depend on, drawn out by PostgreSQL: parsing each document here would take longest.
_COLUMNS: tuple[Any, ...] = (
    col(Appeal.id),
    col(Appeal.page_id),
    col(Appeal.platform),
    col(Appeal.kind),
    col(Appeal.severity),
    col(Appeal.search_text),
    col(Appeal.received_at),
    col(Appeal.author_external_id),
    _labels[("labels", "topic", "0", "label")].astext.label("topic"),
    cast(_labels[("labels", "topic", "0", "probability")].astext, Float).label("topic_probability"),
    _labels[("labels", "topic_group", "0", "label")].astext.label("topic_group"),
    cast(_labels[("labels", "topic_group", "0", "probability")].astext, Float).label("group_probability"),
    col(Appeal.department_id),
    col(Appeal.territory_code),
    IS_DECIDED.label("is_decided"),
)
# Without its words an appeal would be decided otherwise than it was.
_IS_PAST = (~col(Appeal.is_talk), col(Appeal.depersonalised_at).is_(None))
TIME_CONDITIONS = ("weekday", "hours", "is_working_day")


async def count_history(session: AsyncSession, last: int) -> int:
    """How many appeals a replay of the last ones will take; talk and appeals without words are left out."""
    newest = select(col(Appeal.id)).where(*_IS_PAST).limit(last).subquery()
    return await session.scalar(select(func.count()).select_from(newest)) or 0


async def past_appeals(
    database: Database, last: int, now: datetime, rule_sets: Sequence[RuleSet]
) -> AsyncIterator[list[Past]]:
    """The last appeals that are not talk, the newest first, in portions, each read in a transaction of its own.

    They are labelled as the judge labels them, not as people corrected them, and rules expire by today. What none of
    the rule sets asks for is not read.
    """
    reader = _Reader(now, rule_sets)
    before, left = None, last
    while left > 0:
        async with database.transaction() as session:
            rows = await _portion(session, before, min(left, PORTION))
            await reader.look_up(session, rows)
        if not rows:
            return
        yield reader.read(rows)
        before, left = rows[-1].id, left - len(rows)


async def _portion(session: AsyncSession, before: int | None, limit: int) -> Sequence[Row[Any]]:
    statement = select(*_COLUMNS).where(*_IS_PAST).order_by(col(Appeal.id).desc()).limit(limit)
    if before is not None:
        statement = statement.where(col(Appeal.id) < before)
    connection = await session.connection()  # plain rows: objects of each would cost as much as the decision
    return (await connection.execute(statement)).all()


class _Reader:
    """Makes facts of rows; pages and departments are looked up once."""

    def __init__(self, now: datetime, rule_sets: Sequence[RuleSet]) -> None:
        self._zone = ZoneInfo(get_settings().time_zone)
        self._today = now.astimezone(self._zone).date()
        self._rule_sets = rule_sets
        self._is_time_asked = any(rules.asks_for(name) for rules in rule_sets for name in TIME_CONDITIONS)
        self._pages: dict[int, PageContext] = {}
        self._codes: dict[int, str] = {}
        self._earlier: dict[int, tuple[int, ...]] = {}

    async def look_up(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> None:
        """Read what these rows point at and is not known yet."""
        unknown = {row.page_id for row in rows} - self._pages.keys()
        self._pages |= await read_context(session, unknown) if unknown else {}
        if not self._codes:
            self._codes = {one.id or 0: code for code, one in (await departments_by_code(session)).items()}
        self._earlier = {}
        for rules in self._rule_sets:
            self._earlier = self._earlier or await earlier_appeals(session, rules, rows)

    def read(self, rows: Sequence[Row[Any]]) -> list[Past]:
        """The rows as the library takes them."""
        return [
            Past(row.id, self._facts(row, place), self._codes[row.department_id] if row.is_decided else None)
            for place, row in enumerate(rows)
        ]

    def _facts(self, row: Row[Any], place: int) -> Facts:
        page = self._pages[row.page_id]
        at = row.received_at.astimezone(self._zone) if self._is_time_asked else None
        return Facts(
            platform=row.platform,
            kind=row.kind,
            page=page.external_id,
            sphere=page.sphere,
            territory=territory_path(row.territory_code) if row.territory_code else page.territory,
            topic=row.topic,
            topic_confidence=row.topic_probability or 0.0,
            topic_group=row.topic_group,
            group_confidence=row.group_probability or 0.0,
            agency=None,  # no rule can ask for it
            agency_confidence=0.0,
            severity=row.severity,
            text=row.search_text,
            page_department=page.department,
            on=self._today,
            at=at,
            is_working_day=at and is_working_day(at),
            earlier=self._earlier.get(place, ()),
        )
