"""News of service requests that appeals became in departments' Open311 systems: a note for people, never an answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from sqlalchemy import select
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals.models import Appeal
from app.db import NO_KEY_UPDATE
from app.outgoing import open311
from app.outgoing.models import ChannelAppeal, DepartmentChannel
from app.resources import Resources

log = structlog.get_logger()
BATCH = 20
SOON, LATER = timedelta(minutes=10), timedelta(hours=1)
SOON_FOR = timedelta(days=1)
ASKED_FOR = timedelta(days=60)
STATUS_NAMES = {"open": "в работе", "closed": "закрыта"}
OTHER_SYSTEM = Actor(label="Система отдела", role="system")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One service request to be asked about."""

    channel_id: int
    appeal_id: int
    url: str
    number: str | None
    token: str | None


async def follow_requests(resources: Resources, now: datetime) -> int:
    """Ask about the requests that are due; how many."""
    inquiries = await _claim(resources, now)
    for inquiry in inquiries:
        try:
            await _ask(resources, inquiry, now)
        except (open311.AnswerNotUnderstood, httpx.HTTPError, OSError) as error:
            log.warning("service_request_unknown", appeal_id=inquiry.appeal_id, error=type(error).__name__)
    return len(inquiries)


async def _claim(resources: Resources, now: datetime) -> list[Inquiry]:
    async with resources.database.transaction() as session:
        rows = await session.execute(
            select(ChannelAppeal, DepartmentChannel)
            .join(DepartmentChannel, col(DepartmentChannel.id) == col(ChannelAppeal.channel_id))
            .where(col(ChannelAppeal.next_poll_at) <= now, col(DepartmentChannel.is_active))
            .order_by(col(ChannelAppeal.next_poll_at))
            .limit(BATCH)
            .with_for_update(of=ChannelAppeal, skip_locked=True)
        )
        inquiries = []
        for hand, channel in rows.tuples():
            hand.next_poll_at = _next(hand, now)
            inquiries.append(Inquiry(hand.channel_id, hand.appeal_id, channel.url, hand.service_request_id, hand.token))
        return inquiries


def _next(hand: ChannelAppeal, now: datetime) -> datetime | None:
    """Often at first, then hourly, for two months."""
    age = now - hand.handed_at
    if age > ASKED_FOR:
        return None
    return now + (SOON if age < SOON_FOR else LATER)


async def _ask(resources: Resources, inquiry: Inquiry, now: datetime) -> None:
    number = inquiry.number
    if number is None and inquiry.token is not None:
        number = await open311.number_of(resources.channels, inquiry.url, inquiry.token)
    if number is None:
        return
    status = await open311.status_of(resources.channels, inquiry.url, number)
    await _write_down(resources, inquiry, number, status, now)


async def _write_down(
    resources: Resources, inquiry: Inquiry, number: str, status: open311.RequestStatus, now: datetime
) -> None:
    """The appeal is locked first, as everywhere."""
    async with resources.database.transaction() as session:
        appeal = await session.get_one(Appeal, inquiry.appeal_id, with_for_update=NO_KEY_UPDATE)
        if appeal.depersonalised_at is not None:  # meanwhile; the news would be words again
            return
        hand = await session.get_one(ChannelAppeal, (inquiry.channel_id, inquiry.appeal_id), with_for_update=True)
        is_news = (hand.remote_status or "open", hand.remote_notes or "") != (status.status, status.notes)
        hand.service_request_id, hand.remote_status, hand.remote_notes = number, status.status, status.notes
        if status.status == "closed":
            hand.next_poll_at = None
        if is_news:
            text = f"Заявка № {number} в системе отдела {STATUS_NAMES[status.status]}"
            text += f": {status.notes}" if status.notes else ""
            cycle.record(session, inquiry.appeal_id, "noted", OTHER_SYSTEM, now, text=text)
            await cycle.changed(session, appeal)
