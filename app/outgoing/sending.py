"""The outbox of departments' systems. As with answers, no network call happens inside a transaction.

Events of one appeal go to one system in their order: the next is claimed when the one before is delivered or given up.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.outgoing import mail, open311, webhook
from app.outgoing.channels import forget_known
from app.outgoing.models import ChannelAppeal, ChannelKind, DeliveryState, DepartmentChannel, DepartmentDelivery
from app.outgoing.outcome import AWAY_PAUSE, NotTaken, Outcome, Taken, repeat_pause
from app.resources import Resources
from app.time import utc_now
from app.vault import CannotDecrypt

log = structlog.get_logger()
DELIVERIES = Counter(
    "appeals_department_deliveries_total", "Attempts to tell a department's system", ["kind", "outcome"]
)
BATCH = 20
LEASE_SECONDS = 120
FIRST_POLL = timedelta(minutes=1)
UNFINISHED = (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Telling:
    """One event on its way, with no database in it. `attempt` names the lease."""

    delivery_id: int
    channel_id: int
    appeal_id: int
    attempt: int
    kind: ChannelKind
    url: str
    secret: str
    services: dict[str, str]
    event: str
    number: str
    payload: dict[str, Any]


async def tell_batch(resources: Resources, now: datetime) -> int:
    """Tell what is due; how many events were tried."""
    tellings = await _claim(resources, now)
    await asyncio.gather(*(_tell(resources, telling) for telling in tellings))
    return len(tellings)


async def _claim(resources: Resources, now: datetime) -> list[Telling]:
    earlier = aliased(DepartmentDelivery)
    is_next = ~exists().where(
        col(earlier.channel_id) == col(DepartmentDelivery.channel_id),
        col(earlier.appeal_id) == col(DepartmentDelivery.appeal_id),
        col(earlier.id) < col(DepartmentDelivery.id),
        col(earlier.state).in_(UNFINISHED),
    )
    is_open = and_(
        col(DepartmentChannel.is_active),
        or_(col(DepartmentChannel.paused_until).is_(None), col(DepartmentChannel.paused_until) <= now),
    )
    async with resources.database.transaction() as session:
        rows = await session.execute(
            select(DepartmentDelivery, DepartmentChannel)
            .join(DepartmentChannel, col(DepartmentChannel.id) == col(DepartmentDelivery.channel_id))
            .where(
                col(DepartmentDelivery.state).in_(UNFINISHED), col(DepartmentDelivery.next_attempt_at) <= now,
                is_open, is_next,
            )
            .order_by(col(DepartmentDelivery.next_attempt_at), col(DepartmentDelivery.id))
            .limit(BATCH)
            .with_for_update(of=DepartmentDelivery, skip_locked=True)
        )  # fmt: skip
        tellings = [_lease(resources, delivery, channel, now) for delivery, channel in rows.tuples()]
    return [telling for telling in tellings if telling is not None]


def _lease(
    resources: Resources, delivery: DepartmentDelivery, channel: DepartmentChannel, now: datetime
) -> Telling | None:
    try:
        secret = resources.vault.open(channel.secret).decode()
    except CannotDecrypt as error:
        channel.is_active, channel.stopped_reason = False, f"Секрет канала не читается: {error}"
        return None
    if delivery.state == DeliveryState.SENDING and channel.kind == ChannelKind.OPEN311:
        delivery.state, delivery.error = DeliveryState.FAILED, open311.IN_DOUBT  # the sender died; it may have arrived
        return None
    delivery.state = DeliveryState.SENDING
    delivery.attempts += 1
    delivery.next_attempt_at = now + timedelta(seconds=LEASE_SECONDS)
    return Telling(
        delivery.id or 0, channel.id or 0, delivery.appeal_id, delivery.attempts, ChannelKind(channel.kind),
        channel.url, secret, channel.services, delivery.event, delivery.number, delivery.payload,
    )  # fmt: skip


async def _tell(resources: Resources, telling: Telling) -> None:
    try:
        outcome = await _send(resources, telling, utc_now())
    except Exception as error:  # a fault of ours must not repeat one event for ever, nor stop the others
        log.exception("department_not_told", delivery_id=telling.delivery_id)
        outcome = NotTaken(f"Внутренняя ошибка отправки: {type(error).__name__}")
    DELIVERIES.labels(telling.kind, "taken" if isinstance(outcome, Taken) else "not_taken").inc()
    await _record(resources, telling, outcome, utc_now())


async def _send(resources: Resources, telling: Telling, now: datetime) -> Outcome:
    if telling.kind is ChannelKind.OPEN311:
        fields = open311.request_fields(telling.payload, telling.services, telling.secret)
        return await open311.hand_over(resources.channels, telling.url, fields, now)
    if telling.kind is ChannelKind.EMAIL:
        return await _send_letter(resources, telling)
    return await webhook.post(
        resources.channels, telling.url, telling.secret, telling.event, telling.number, telling.payload, now
    )


async def _send_letter(resources: Resources, telling: Telling) -> Outcome:
    settings = resources.settings
    server = mail.Server.from_url(settings.smtp_url.get_secret_value(), settings.mail_from)
    if server is None:
        return NotTaken(mail.NOT_SET_UP, pause=AWAY_PAUSE)
    place = mail.Place(settings.base_url, settings.time_zone)
    letter = mail.letter(server, telling.url, telling.event, telling.number, telling.payload, place)
    return await mail.send(server, letter)


async def _record(resources: Resources, telling: Telling, outcome: Outcome, now: datetime) -> None:
    async with resources.database.transaction() as session:
        delivery = await session.get_one(DepartmentDelivery, telling.delivery_id, with_for_update=True)
        if delivery.state != DeliveryState.SENDING or delivery.attempts != telling.attempt:
            return  # our lease has lapsed: whoever took it over says what became of it
        delivery.status_code = outcome.status_code
        if isinstance(outcome, Taken):
            await _record_taken(session, delivery, outcome, now)
        else:
            await _record_not_taken(session, delivery, outcome, now)


async def _record_taken(session: AsyncSession, delivery: DepartmentDelivery, outcome: Taken, now: datetime) -> None:
    delivery.state, delivery.delivered_at, delivery.error = DeliveryState.DELIVERED, now, outcome.note
    if outcome.service_request_id or outcome.token:
        held = await session.get_one(ChannelAppeal, (delivery.channel_id, delivery.appeal_id), with_for_update=True)
        held.service_request_id, held.token = outcome.service_request_id, outcome.token
        held.next_poll_at = now + FIRST_POLL


async def _record_not_taken(
    session: AsyncSession, delivery: DepartmentDelivery, outcome: NotTaken, now: datetime
) -> None:
    log.warning("department_not_told", delivery_id=delivery.id, status=outcome.status_code, reason=outcome.reason)
    delivery.error = outcome.reason
    is_over = outcome.is_final or now >= delivery.give_up_at
    delivery.state = DeliveryState.FAILED if is_over else DeliveryState.PENDING
    delivery.next_attempt_at = now + max(repeat_pause(delivery.attempts), outcome.pause or timedelta(0))
    if outcome.is_gone or outcome.pause:
        channel = await session.get_one(DepartmentChannel, delivery.channel_id, with_for_update=True)
        channel.paused_until = now + outcome.pause if outcome.pause else channel.paused_until
        if outcome.is_gone:
            channel.is_active, channel.stopped_reason = False, outcome.reason
            forget_known(session)
