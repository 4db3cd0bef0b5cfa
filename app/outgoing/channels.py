"""Channels: opened, stopped, resumed; known to every transaction without asking the database each time."""

import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.audit.service import audit
from app.db import KEPT
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotFound
from app.jobs import Job, enqueue
from app.outgoing.models import ChannelKind, DepartmentChannel, Event
from app.vault import Vault

FRESH_SECONDS = 5.0
SECRET_BYTES = 32
SHORTEST_SECRET = 16
LONGEST_URL = 2000
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,250}")


_channel = DepartmentChannel.__table__.c  # type: ignore[attr-defined]
_ACTIVE = (
    select(_channel.id, _channel.department_id, _channel.kind, _channel.events)
    .where(_channel.is_active)
    .order_by(_channel.id)
)


@dataclass(frozen=True, slots=True)
class KnownChannel:
    """What must be known of a channel to write an event for it."""

    id: int
    department_id: int
    kind: str
    events: frozenset[str]

    def wants(self, event: Event) -> bool:
        """Whether its system is told of this. An Open311 server can only be given an appeal."""
        if self.kind == ChannelKind.OPEN311:
            return event is Event.ROUTED
        return not self.events or event in self.events


@dataclass(slots=True)
class Directory:
    """Active channels by department, read again when older than a few seconds. One for each database."""

    clock: Callable[[], float] = time.monotonic
    read_at: float = -FRESH_SECONDS
    by_department: Mapping[int, list[KnownChannel]] = field(default_factory=dict)


async def channels_by_department(session: AsyncSession) -> Mapping[int, list[KnownChannel]]:
    """The active channels; usually nothing is asked."""
    directory: Directory = session.info.get(KEPT, {}).setdefault("channels", Directory())
    now = directory.clock()
    if now - directory.read_at >= FRESH_SECONDS:
        found: dict[int, list[KnownChannel]] = {}
        for number, department_id, kind, events in await session.execute(_ACTIVE):
            known = KnownChannel(number, department_id, kind, frozenset(events))
            found.setdefault(department_id, []).append(known)
        directory.by_department, directory.read_at = found, now
    return directory.by_department


def forget_known(session: AsyncSession) -> None:
    """The channels have changed: this process reads them again at once, others in a few seconds."""
    session.info.get(KEPT, {}).pop("channels", None)


async def add_channel(
    session: AsyncSession,
    vault: Vault,
    *,
    department: str,
    kind: ChannelKind,
    url: str,
    secret: str,
    internal: Collection[str],
    actor: Actor,
    now: datetime,
    events: Collection[str] = (),
    services: Mapping[str, str] | None = None,
) -> tuple[DepartmentChannel, str]:
    """Open a channel; with its secret, a new one unless given. Raises Invalid."""
    owner = await session.scalar(select(Department).where(col(Department.code) == department))
    if owner is None:
        raise Invalid(f"Отдела с кодом «{department}» нет")
    if kind is ChannelKind.EMAIL:
        _check_mailbox(url)
        _check_events(events)
    else:
        _check(kind, url, secret, events, services or {}, internal)
    secret = secret or secrets.token_urlsafe(SECRET_BYTES)
    channel = DepartmentChannel(
        department_id=owner.id or 0, kind=kind, url=url.rstrip("/") if kind is ChannelKind.OPEN311 else url,
        secret=vault.seal(secret.encode()), events=sorted(set(events)), services=dict(services or {}), created_at=now,
    )  # fmt: skip
    session.add(channel)
    await session.flush()
    audit(session, actor.label, "channel_added", now, channel_id=channel.id, kind=kind, department=department)
    forget_known(session)
    return channel, secret


def _check(
    kind: ChannelKind,
    url: str,
    secret: str,
    events: Collection[str],
    services: Mapping[str, str],
    internal: Collection[str],
) -> None:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Invalid("Адрес системы не читается") from error
    if address.scheme not in ("http", "https") or not address.host or address.userinfo or len(url) > LONGEST_URL:
        raise Invalid("Нужен адрес вида https://система.отдела/путь, без имени и пароля в нём")
    if address.scheme == "http" and not {address.host, address.netloc.decode()} & set(internal):
        raise Invalid("Слова жителей не ходят по http://: нужен https:// или узел из APPEALS_CHANNELS_INTERNAL_HOSTS")
    _check_events(events)
    if kind is ChannelKind.OPEN311 and "" not in services:
        raise Invalid("Open311 требует кода услуги для обращений с любой темой")
    if kind is ChannelKind.WEBHOOK and secret and len(secret) < SHORTEST_SECRET:
        raise Invalid(f"Секрет подписи короче {SHORTEST_SECRET} знаков")


def _check_events(events: Collection[str]) -> None:
    unknown = set(events) - set(Event)
    if unknown:
        raise Invalid(f"Нет событий {', '.join(sorted(unknown))}. Есть: {', '.join(Event)}")


def _check_mailbox(address: str) -> None:
    if not MAILBOX.fullmatch(address):
        raise Invalid("Нужен почтовый адрес вида отдел@узел, один и без имени")


async def load_channel(session: AsyncSession, channel_id: int) -> DepartmentChannel:
    """The channel, locked. Raises NotFound."""
    channel = await session.get(DepartmentChannel, channel_id, with_for_update=True)
    if channel is None:
        raise NotFound(f"Канала № {channel_id} нет")
    return channel


async def stop_channel(session: AsyncSession, channel_id: int, reason: str, actor: Actor, *, now: datetime) -> None:
    """Send nothing more; what waits goes on waiting. Raises NotFound, Conflict."""
    channel = await load_channel(session, channel_id)
    if not channel.is_active:
        raise Conflict("Канал уже остановлен")
    channel.is_active, channel.stopped_reason = False, reason.strip() or f"Остановил: {actor.label}"
    audit(session, actor.label, "channel_stopped", now, channel_id=channel_id)
    forget_known(session)


async def resume_channel(session: AsyncSession, channel_id: int, actor: Actor, *, now: datetime) -> None:
    """Send again, what waits first. Events that happened meanwhile were not written. Raises NotFound, Conflict."""
    channel = await load_channel(session, channel_id)
    if channel.is_active:
        raise Conflict("Канал работает")
    channel.is_active, channel.stopped_reason, channel.paused_until = True, None, None
    audit(session, actor.label, "channel_resumed", now, channel_id=channel_id)
    forget_known(session)
    enqueue(session, Job.TELL_DEPARTMENTS)
