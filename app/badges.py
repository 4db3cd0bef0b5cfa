"""The counts on the rail, the same on every page: what is overdue, who is in danger, what needs a decision."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import func, literal, select
from sqlmodel import col

from app.accounts.actor import RIGHTS, Actor, Right
from app.appeals.models import Answer, appeal_columns
from app.db import Database
from app.handling.registry_queries import IS_CUT_OFF_AND_ASKED
from app.intake.models import EventState, InboxEvent
from app.intake.queries import STUCK
from app.learning.overview import needs_attention
from app.public_pages.models import PublicPage
from app.public_pages.queries import IS_CUT_OFF
from app.time import utc_now
from app.triage.alarm_view import waits

MOST_COUNTED = 99

Badges = Callable[[Actor], Awaitable[dict[str, int]]]


def badges_of(database: Database) -> Badges:
    """A reader of the counts that an actor may see; one query."""

    async def read(actor: Actor) -> dict[str, int]:
        counts = {"overdue": _overdue(actor), "urgent": _capped(*waits(actor))}
        if actor.role in RIGHTS[Right.ROUTE]:
            failed = _capped(col(InboxEvent.state) == EventState.FAILED)
            counts["failed_events"] = failed + _capped(col(Answer.state).in_(STUCK))
            counts["cut_off_pages"] = _capped(col(PublicPage.is_active), IS_CUT_OFF)
        if actor.role in RIGHTS[Right.OVERSEE]:
            counts["model_news"] = _capped(needs_attention(utc_now()))
            counts["unreached_departments"] = _capped(IS_CUT_OFF_AND_ASKED)
        async with database.transaction() as session:
            row = (await session.execute(select(*(count.label(name) for name, count in counts.items())))).one()
        return dict(zip(counts, row, strict=True))

    return read


def _overdue(actor: Actor) -> Any:
    conditions = [appeal_columns.is_open, ~appeal_columns.is_talk, appeal_columns.queue_at < utc_now()]
    if actor.only_department_id is not None:
        conditions.append(appeal_columns.department_id == actor.only_department_id)
    return _capped(*conditions)


def _capped(*conditions: Any) -> Any:
    rows = select(literal(1)).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()
