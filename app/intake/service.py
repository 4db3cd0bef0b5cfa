"""The drain: stored deliveries become messages and appeals, a batch in one transaction.

A batch that fails is rolled back whole and its events are then handled one by one, so that a poison event fails alone
and keeps its error. Killing the process at any moment loses nothing: the events are still `received`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from psycopg.errors import DeadlockDetected
from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.audit.service import audit
from app.db import NO_KEY_UPDATE
from app.errors import Conflict, NotFound
from app.intake.effects import take_effect
from app.intake.happenings import find_posts, take_note
from app.intake.models import EventState, InboxEvent
from app.intake.reading import read_event
from app.jobs import Job, enqueue
from app.public_pages.models import PublicPage
from app.resources import Resources

log = structlog.get_logger()
EVENTS = Counter("appeals_events_total", "Deliveries handled", ["outcome"])
MOST_ATTEMPTS = 5
FIRST_RETRY_SECONDS = 10


async def drain_batch(resources: Resources, now: datetime) -> int:
    """Handle one batch of waiting events; how many were handled. Zero means the inbox is empty."""
    try:
        return await _drain(resources, now, resources.settings.drain_batch_size)
    except Exception as error:  # one of the batch is poison, or met another worker: find out which
        if _is_database_away(error):
            raise  # the batch stays as it is
        log.warning("batch_failed", error=type(error).__name__, exc_info=True)
        return await _drain_one_by_one(resources, now)


async def _drain(resources: Resources, now: datetime, limit: int, only: int | None = None) -> int:
    async with resources.database.transaction() as session:
        events = await _claim(session, now, limit, only)
        if not events:
            return 0
        pages = await _pages(session, events)
        readings = [read_event(resources.vault, event, pages[event.page_id], now) for event in events]
        await take_note(session, readings, now)
        await take_effect(resources, session, await find_posts(session, readings), now)
        await _touch_pages(session, events, now)
        for event in events:
            EVENTS.labels(event.state).inc()
    return len(events)


async def _claim(session: AsyncSession, now: datetime, limit: int, only: int | None) -> Sequence[InboxEvent]:
    """The oldest waiting events that no other worker holds, or one of them."""
    waiting = _waiting(now).with_for_update(skip_locked=True).limit(limit)
    if only is not None:
        waiting = waiting.where(col(InboxEvent.id) == only)
    return (await session.scalars(waiting)).all()


def _waiting(now: datetime) -> Select[InboxEvent]:
    return (
        select(InboxEvent)
        .where(col(InboxEvent.state) == EventState.RECEIVED, col(InboxEvent.next_attempt_at) <= now)
        .order_by(col(InboxEvent.id))
    )


async def _pages(session: AsyncSession, events: Sequence[InboxEvent]) -> dict[int, PublicPage]:
    ids = {event.page_id for event in events}
    return {page.id or 0: page for page in await session.scalars(select(PublicPage).where(col(PublicPage.id).in_(ids)))}


async def _touch_pages(session: AsyncSession, events: Sequence[InboxEvent], now: datetime) -> None:
    ids = sorted({event.page_id for event in events})
    # Locked in id order by the sub-select: two workers that touch the same pages must not wait for each other.
    locked = (
        select(col(PublicPage.id))
        .where(col(PublicPage.id).in_(ids))
        .order_by(col(PublicPage.id))
        .with_for_update(skip_locked=True, **NO_KEY_UPDATE)
    )
    await session.execute(update(PublicPage).where(col(PublicPage.id).in_(locked)).values(last_event_at=now))


async def _drain_one_by_one(resources: Resources, now: datetime) -> int:
    async with resources.database.transaction() as session:
        waiting = await session.scalars(_waiting(now).limit(resources.settings.drain_batch_size))
        ids = [event.id for event in waiting]
    for event_id in ids:
        try:
            await _drain(resources, now, 1, only=event_id)
        except Exception as error:  # kept with the event, shown to an operator
            if _is_database_away(error):
                raise
            await _record_failure(resources, event_id, error, now)
    return len(ids)


def _is_database_away(error: Exception) -> bool:
    """A deadlock with another worker, or with a person, is operational too, and passes when tried again."""
    return isinstance(error, OperationalError) and not isinstance(error.orig, DeadlockDetected)


async def _record_failure(resources: Resources, event_id: int | None, error: Exception, now: datetime) -> None:
    """Give the event its error and a later time; after some attempts only a person retries it."""
    async with resources.database.transaction() as session:
        event = await session.get(InboxEvent, event_id, with_for_update=True)
        if event is None or event.state != EventState.RECEIVED:
            return
        event.attempts += 1
        event.error = f"Внутренняя ошибка разбора: {type(error).__name__}"
        event.next_attempt_at = now + timedelta(seconds=FIRST_RETRY_SECONDS * 2**event.attempts)
        if event.attempts >= MOST_ATTEMPTS:
            event.state = EventState.FAILED
        log.error("event_failed", event_id=event.id, event_type=event.event_type, exc_info=error)
        EVENTS.labels("error").inc()


async def retry_event(session: AsyncSession, event_id: int, actor: Actor, *, now: datetime) -> InboxEvent:
    """Handle a failed event again. Raises NotFound, Conflict."""
    event = await session.get(InboxEvent, event_id, with_for_update=True)
    if event is None:
        raise NotFound("Такого события нет")
    if event.state not in (EventState.FAILED, EventState.DISMISSED) or event.payload is None:
        raise Conflict("Это событие не ждёт повтора")
    event.state, event.next_attempt_at, event.attempts = EventState.RECEIVED, now, 0
    audit(session, actor.label, "event_retried", now, event_id=event_id)
    enqueue(session, Job.DRAIN_INBOX)
    return event


async def retry_all_events(session: AsyncSession, actor: Actor, *, now: datetime) -> int:
    """Handle every failed event again; how many."""
    result = await session.execute(
        update(InboxEvent)
        .where(col(InboxEvent.state) == EventState.FAILED, col(InboxEvent.payload).is_not(None))
        .values(state=EventState.RECEIVED, next_attempt_at=now, attempts=0)
    )
    count: int = result.rowcount  # type: ignore[attr-defined]
    audit(session, actor.label, "events_retried", now, count=count)
    enqueue(session, Job.DRAIN_INBOX)
    return count


async def dismiss_event(session: AsyncSession, event_id: int, actor: Actor, *, now: datetime) -> InboxEvent:
    """Decide not to take a failed event. It stays, and can still be retried."""
    event = await session.get(InboxEvent, event_id, with_for_update=True)
    if event is None:
        raise NotFound("Такого события нет")
    if event.state != EventState.FAILED:
        raise Conflict("Это событие не ждёт решения")
    event.state = EventState.DISMISSED
    audit(session, actor.label, "event_dismissed", now, event_id=event_id)
    return event


async def waiting_events(session: AsyncSession) -> int:
    """How many deliveries wait to be handled."""
    count = await session.scalar(select(func.count()).where(col(InboxEvent.state) == EventState.RECEIVED))
    return count or 0


async def forget_payloads(session: AsyncSession, before: datetime) -> int:
    """Empty raw deliveries past their retention time; the delivery keys stay."""
    result = await session.execute(
        update(InboxEvent)
        .where(
            col(InboxEvent.received_at) < before,
            col(InboxEvent.payload).is_not(None),
            col(InboxEvent.state) != EventState.RECEIVED,
        )
        .values(payload=None)
    )
    count: int = result.rowcount  # type: ignore[attr-defined]
    return count
