"""The way of one message through the service, read from the rows and times that it left behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Answer, AnswerState, Appeal, HistoryEntry, Message
from app.departments.models import Department
from app.intake.models import EventState, InboxEvent
from app.platforms import PLATFORMS
from app.platforms.incoming import IncomingMessage, PayloadNotUnderstood
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sla.models import Clock

Row = TypeVar("Row", Clock, Answer)
MOST_EVENTS_READ = 200
CLOCK_SKEW = timedelta(seconds=2)  # VK tells whole seconds


@dataclass(slots=True)
class Journey:
    """What is known so far. Everything is None until the step has happened."""

    event: InboxEvent | None = None
    message: Message | None = None
    appeal: Appeal | None = None
    department: Department | None = None
    clock: Clock | None = None
    answer: Answer | None = None
    history: Sequence[HistoryEntry] = field(default_factory=list)

    def last(self, action: str) -> HistoryEntry | None:
        """The newest line of history with this action."""
        return next((entry for entry in reversed(self.history) if entry.action == action), None)

    @property
    def seconds_to_drain(self) -> float | None:
        """From the webhook to the moment the worker took it."""
        if self.event is None or self.event.handled_at is None:
            return None
        return (self.event.handled_at - self.event.received_at).total_seconds()

    @property
    def is_drained(self) -> bool:
        """Whether nothing more happens by itself before a person acts."""
        is_handled = self.event is not None and self.event.state != EventState.RECEIVED
        return is_handled and (self.appeal is not None or self.message is None)

    @property
    def is_over(self) -> bool:
        """Whether the citizen has got the final word."""
        if self.event is not None and self.event.state == EventState.FAILED:
            return True
        is_delivered = self.answer is None or self.answer.state == AnswerState.DELIVERED
        return self.appeal is not None and not self.appeal.is_open and is_delivered

    @property
    def mark(self) -> str:
        """Changes whenever the citizen's side of the page may have changed."""
        answer = f"{self.answer.id}-{self.answer.state}" if self.answer else ""
        return f"{len(self.history)}.{answer}"


async def follow(
    resources: Resources, session: AsyncSession, page: PublicPage, message_key: str, since: datetime
) -> Journey:
    """The journey of the message with this key, written at `since` or soon after."""
    message = await session.scalar(
        select(Message).where(col(Message.page_id) == page.id, col(Message.key) == message_key)
    )
    if message is None:
        return Journey(event=await _undrained(resources, session, page, message_key, since))
    event = await session.scalar(
        select(InboxEvent)
        .where(col(InboxEvent.page_id) == page.id, col(InboxEvent.received_at) == message.received_at)
        .order_by(col(InboxEvent.id))
        .limit(1)
    )
    appeal = await session.get(Appeal, message.appeal_id) if message.appeal_id else None
    if appeal is None:
        return Journey(event=event, message=message)
    return Journey(
        event=event,
        message=message,
        appeal=appeal,
        department=await session.get(Department, appeal.department_id),
        clock=await _newest(session, Clock, appeal.id),
        answer=await _newest(session, Answer, appeal.id),
        history=await _history(session, appeal.id),
    )


async def _newest(session: AsyncSession, model: type[Row], appeal_id: int | None) -> Row | None:
    return await session.scalar(
        select(model).where(col(model.appeal_id) == appeal_id).order_by(col(model.id).desc()).limit(1)
    )


async def _history(session: AsyncSession, appeal_id: int | None) -> Sequence[HistoryEntry]:
    query = select(HistoryEntry).where(col(HistoryEntry.appeal_id) == appeal_id).order_by(col(HistoryEntry.id))
    return (await session.scalars(query)).all()


async def _undrained(
    resources: Resources, session: AsyncSession, page: PublicPage, message_key: str, since: datetime
) -> InboxEvent | None:
    """The delivery that carries the message, found by reading the newest ones: payloads are sealed, so no query can."""
    newest = (
        select(InboxEvent)
        .where(
            col(InboxEvent.page_id) == page.id,
            col(InboxEvent.received_at) >= since - CLOCK_SKEW,
            col(InboxEvent.payload).is_not(None),
        )
        .order_by(col(InboxEvent.id))
        .limit(MOST_EVENTS_READ)
    )
    for event in await session.scalars(newest):
        if message_key in _keys(resources, page, event):
            return event
    return None


def _keys(resources: Resources, page: PublicPage, event: InboxEvent) -> set[str]:
    try:
        items = PLATFORMS[page.platform].parse(page.identity, resources.vault.open(event.payload or b""))
    except PayloadNotUnderstood:
        return set()
    return {item.key for item in items if isinstance(item, IncomingMessage)}
