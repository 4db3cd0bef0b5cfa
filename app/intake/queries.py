"""What the page of failed events shows. Counts stop at MOST_COUNTED: nobody acts on the difference beyond."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Answer, AnswerState, Appeal
from app.intake.models import EventState, InboxEvent
from app.public_pages.models import PublicPage

MOST_COUNTED = 1000
ROWS = 50
IGNORED_DAYS = 7  # no index serves them: a longer look back would read too much
STUCK = (AnswerState.FAILED, AnswerState.HANDS_NEEDED, AnswerState.UNKNOWN)


class Tab(StrEnum):
    """Counted views of what did not go by itself."""

    FAILED = "failed"
    RETRYING = "retrying"
    SENDING = "sending"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class EventRow:
    """A delivery without its payload."""

    id: int
    event_type: str
    delivery_key: str
    state: str
    error: str | None
    attempts: int
    received_at: datetime
    handled_at: datetime | None
    next_attempt_at: datetime
    page_name: str
    page_external_id: str
    platform: str


@dataclass(frozen=True, slots=True)
class StuckAnswer:
    """An answer that the platform did not take."""

    id: int
    appeal_id: int
    state: str
    text: str
    error_reason: str | None
    error_code: str | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    author_label: str
    page_name: str
    platform: str


@dataclass(frozen=True, slots=True)
class StoppedPage:
    """A page whose answers wait until a person mends its credentials."""

    id: int
    name: str
    platform: str
    reason: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the rest of the intake does: `waiting` deliveries, the oldest since `waiting_since`; `day` is 24 hours."""

    day: int
    waiting: int
    waiting_since: datetime | None


async def count_tabs(session: AsyncSession, now: datetime) -> dict[Tab, int]:
    """How many on each tab, up to MOST_COUNTED + 1."""
    counts = {tab: _count_of_tab(tab, now) for tab in Tab}
    row = (await session.execute(select(*(count.label(tab) for tab, count in counts.items())))).one()
    return dict(zip(counts, row, strict=True))


def _count_of_tab(tab: Tab, now: datetime) -> Any:
    if tab is Tab.SENDING:
        return _capped(select(literal(1)).where(_is_stuck())) + _stopped_pages()
    return _capped(select(literal(1)).where(_of_tab(tab, now)))


def _capped(rows: Select[Any]) -> Any:
    return select(func.count()).select_from(rows.limit(MOST_COUNTED + 1).subquery()).scalar_subquery()


def _of_tab(tab: Tab, now: datetime) -> ColumnElement[bool]:
    if tab is Tab.FAILED:
        return col(InboxEvent.state) == EventState.FAILED
    if tab is Tab.RETRYING:
        return and_(col(InboxEvent.state) == EventState.RECEIVED, col(InboxEvent.attempts) > 0)
    return and_(
        col(InboxEvent.state).in_([EventState.IGNORED, EventState.DISMISSED]),
        col(InboxEvent.received_at) > now - timedelta(days=IGNORED_DAYS),
    )


def _is_stuck() -> ColumnElement[bool]:
    return col(Answer.state).in_(STUCK)


def _stopped_pages() -> Any:
    stopped = select(func.count()).where(col(PublicPage.sending_stopped_reason).is_not(None))
    return stopped.scalar_subquery()


async def list_events(session: AsyncSession, tab: Tab, after: int | None, now: datetime) -> list[EventRow]:
    """A page of events, newest first, before the event with the number `after`; one more than ROWS if more follow."""
    query = _event_rows().where(_of_tab(tab, now)).order_by(col(InboxEvent.id).desc()).limit(ROWS + 1)
    if after is not None:
        query = query.where(col(InboxEvent.id) < after)
    return [EventRow(*row) for row in await session.execute(query)]


async def read_event(session: AsyncSession, event_id: int) -> EventRow | None:
    """One event, on whatever tab."""
    row = (await session.execute(_event_rows().where(col(InboxEvent.id) == event_id))).one_or_none()
    return EventRow(*row) if row is not None else None


def _event_rows() -> Select[*tuple[Any, ...]]:
    return select(
        col(InboxEvent.id), col(InboxEvent.event_type), col(InboxEvent.delivery_key), col(InboxEvent.state),
        col(InboxEvent.error), col(InboxEvent.attempts), col(InboxEvent.received_at), col(InboxEvent.handled_at),
        col(InboxEvent.next_attempt_at), col(PublicPage.name), col(PublicPage.external_id), col(PublicPage.platform),
    ).join(PublicPage, col(PublicPage.id) == col(InboxEvent.page_id))  # fmt: skip


async def sealed_payload(session: AsyncSession, event_id: int) -> bytes | None:
    """The delivery as stored; None once it is past its retention time."""
    return await session.scalar(select(col(InboxEvent.payload)).where(col(InboxEvent.id) == event_id))


async def count_ignored_by_type(session: AsyncSession, now: datetime) -> Sequence[tuple[str, int]]:
    """The most frequent types among the newest ignored deliveries."""
    newest = (
        select(col(InboxEvent.event_type))
        .where(_of_tab(Tab.IGNORED, now))
        .order_by(col(InboxEvent.id).desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    count = func.count()
    query = select(newest.c.event_type, count).group_by(newest.c.event_type).order_by(count.desc()).limit(8)
    return [(event_type, number) for event_type, number in await session.execute(query)]


async def list_stuck_answers(session: AsyncSession, after: int | None) -> list[StuckAnswer]:
    """Answers that wait for a person, newest first; one more than ROWS if more follow."""
    query = _answer_rows().where(_is_stuck()).order_by(col(Answer.id).desc()).limit(ROWS + 1)
    if after is not None:
        query = query.where(col(Answer.id) < after)
    return [StuckAnswer(*row) for row in await session.execute(query)]


async def list_retried_answers(session: AsyncSession) -> list[StuckAnswer]:
    """Answers that failed and will be sent again by themselves, the next one first."""
    is_retried = and_(
        col(Answer.state) == AnswerState.PENDING, col(Answer.error_reason).is_not(None), col(Answer.attempts) > 0
    )
    query = _answer_rows().where(is_retried).order_by(col(Answer.next_attempt_at)).limit(ROWS)
    return [StuckAnswer(*row) for row in await session.execute(query)]


def _answer_rows() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Answer.id), col(Answer.appeal_id), col(Answer.state), col(Appeal.text), col(Answer.error_reason),
            col(Answer.error_code), col(Answer.attempts), col(Answer.created_at), col(Answer.next_attempt_at),
            col(Answer.author_label), col(PublicPage.name), col(PublicPage.platform),
        )
        .join(Appeal, col(Appeal.id) == col(Answer.appeal_id))
        .join(PublicPage, col(PublicPage.id) == col(Answer.page_id))
    )  # fmt: skip


async def list_stopped_pages(session: AsyncSession) -> list[StoppedPage]:
    """Pages with sending stopped, and how many answers wait there."""
    waiting = (
        select(func.count())
        .where(col(Answer.page_id) == col(PublicPage.id), col(Answer.state) == AnswerState.PENDING)
        .correlate(PublicPage)
        .scalar_subquery()
    )
    query = (
        select(
            col(PublicPage.id), col(PublicPage.name), col(PublicPage.platform), col(PublicPage.sending_stopped_reason),
            waiting,
        )
        .where(col(PublicPage.sending_stopped_reason).is_not(None))
        .order_by(col(PublicPage.name))
    )  # fmt: skip
    return [StoppedPage(*row) for row in await session.execute(query)]


async def read_pulse(session: AsyncSession, now: datetime) -> Pulse:
    """The live figures under the table."""
    received = select(func.count()).where(col(InboxEvent.received_at) > now - timedelta(days=1)).scalar_subquery()
    is_waiting = and_(col(InboxEvent.state) == EventState.RECEIVED, col(InboxEvent.attempts) == 0)
    oldest = select(func.min(col(InboxEvent.received_at))).where(is_waiting).scalar_subquery()
    waiting = _capped(select(literal(1)).where(is_waiting))
    return Pulse(*(await session.execute(select(received, waiting, oldest))).one())
