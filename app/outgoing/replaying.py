"""Having events sent again, and trying a channel out."""

import secrets
from datetime import datetime
from uuid import uuid4

import httpx
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.audit.service import audit
from app.errors import Conflict, NotFound
from app.jobs import Job, enqueue
from app.outgoing import mail, open311, webhook
from app.outgoing.channels import load_channel
from app.outgoing.models import ChannelAppeal, ChannelKind, DeliveryState, DepartmentChannel, DepartmentDelivery
from app.outgoing.outcome import GIVE_UP_AFTER, Taken
from app.resources import Resources

TEST_EVENT = "channel.test"
OVER = (DeliveryState.DELIVERED, DeliveryState.FAILED)


async def replay(session: AsyncSession, delivery_id: int, actor: Actor, *, now: datetime) -> DepartmentDelivery:
    """Send one event again, under its old number. Raises NotFound, Conflict (under way, or a request exists there)."""
    delivery = await session.get(DepartmentDelivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise NotFound(f"Доставки № {delivery_id} нет")
    if delivery.state not in OVER:
        raise Conflict("Эта доставка ещё не окончена: она повторится сама")
    channel = await session.get_one(DepartmentChannel, delivery.channel_id)
    if channel.kind == ChannelKind.OPEN311 and await _has_request(session, delivery):
        raise Conflict("В системе отдела уже есть заявка по этому обращению: повтор завёл бы вторую")
    delivery.state, delivery.attempts, delivery.error, delivery.status_code = DeliveryState.PENDING, 0, None, None
    delivery.next_attempt_at, delivery.give_up_at, delivery.delivered_at = now, now + GIVE_UP_AFTER, None
    audit(session, actor.label, "delivery_replayed", now, delivery_id=delivery_id)
    enqueue(session, Job.TELL_DEPARTMENTS)
    return delivery


async def _has_request(session: AsyncSession, delivery: DepartmentDelivery) -> bool:
    held = await session.get(ChannelAppeal, (delivery.channel_id, delivery.appeal_id))
    return held is not None and bool(held.service_request_id or held.token)


async def replay_failed(session: AsyncSession, channel_id: int, actor: Actor, *, now: datetime) -> int:
    """Send every event again that was given up, in their order; how many. Raises NotFound."""
    await load_channel(session, channel_id)
    result = await session.execute(
        update(DepartmentDelivery)
        .where(
            col(DepartmentDelivery.channel_id) == channel_id, col(DepartmentDelivery.state) == DeliveryState.FAILED
        )
        .values(state=DeliveryState.PENDING, attempts=0, next_attempt_at=now, give_up_at=now + GIVE_UP_AFTER)
    )  # fmt: skip
    count: int = result.rowcount  # type: ignore[attr-defined]
    audit(session, actor.label, "deliveries_replayed", now, channel_id=channel_id, count=count)
    enqueue(session, Job.TELL_DEPARTMENTS)
    return count


async def try_out(resources: Resources, channel_id: int, now: datetime) -> str:
    """Speak to a system once, without words of citizens; how it went, as a sentence. Raises NotFound, Conflict."""
    async with resources.database.transaction() as session:
        channel = await session.scalar(select(DepartmentChannel).where(col(DepartmentChannel.id) == channel_id))
    if channel is None:
        raise NotFound(f"Канала № {channel_id} нет")
    if channel.kind == ChannelKind.OPEN311:
        return await _try_open311(resources, channel)
    if channel.kind == ChannelKind.EMAIL:
        return await _try_mail(resources, channel.url)
    number = str(uuid4())
    payload = {"id": number, "event": TEST_EVENT, "occurred_at": now.isoformat(), "nonce": secrets.token_hex(8)}
    secret = resources.vault.open(channel.secret).decode()
    outcome = await webhook.post(resources.channels, channel.url, secret, TEST_EVENT, number, payload, now)
    if isinstance(outcome, Taken):
        return f"Система приняла проверочное событие (ответ {outcome.status_code})"
    raise Conflict(outcome.reason)


async def _try_open311(resources: Resources, channel: DepartmentChannel) -> str:
    try:
        known = set(await open311.services(resources.channels, channel.url))
    except (open311.AnswerNotUnderstood, httpx.HTTPError, OSError) as error:
        raise Conflict(str(error) or "Система не отвечает") from error
    missing = sorted(set(channel.services.values()) - known)
    if missing:
        raise Conflict(f"Система отвечает, но не знает услуг: {', '.join(missing)}")
    return f"Система отвечает, услуг в ней: {len(known)}"


async def _try_mail(resources: Resources, mailbox: str) -> str:
    settings = resources.settings
    server = mail.Server.from_url(settings.smtp_url.get_secret_value(), settings.mail_from)
    if server is None:
        raise Conflict(mail.NOT_SET_UP)
    outcome = await mail.send(server, mail.trial(server, mailbox))
    if isinstance(outcome, Taken):
        return "Почтовый сервер принял проверочное письмо"
    raise Conflict(outcome.reason)
