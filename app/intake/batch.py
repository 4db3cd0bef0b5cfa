"""The work of one transaction of the drain: arrivals, the messages they touch, the appeals that change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ARRAY, Integer, Text, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal, Message
from app.intake.changes import Change, apply
from app.platforms.incoming import IncomingMessage
from app.resources import Resources


@dataclass(frozen=True, slots=True)
class Arrival:
    """One change of one message, on one page."""

    page_id: int
    platform: str
    received_at: datetime
    incoming: IncomingMessage


@dataclass(slots=True)
class Touched:
    """One message with everything that this batch did to it."""

    message: Message
    incoming: IncomingMessage
    received_at: datetime
    is_new: bool = False
    before: str | None = None
    changes: set[Change] = field(default_factory=set)


@dataclass(slots=True)
class Batch:
    """The work of one transaction."""

    resources: Resources
    session: AsyncSession
    now: datetime
    opened: list[Appeal] = field(default_factory=list)
    reworded: dict[int, Appeal] = field(default_factory=dict)
    changed: dict[int, Appeal] = field(default_factory=dict)
    opening: list[tuple[Appeal, Message]] = field(default_factory=list)
    appended: list[tuple[Appeal, Message]] = field(default_factory=list)


async def apply_all(session: AsyncSession, arrivals: Sequence[Arrival]) -> list[Touched]:
    """Play the arrivals, in their order, on the messages that are known; new ones are added to the session."""
    known = await _load_messages(session, arrivals)
    touched: dict[tuple[int, str], Touched] = {}
    for arrival in arrivals:
        key = (arrival.page_id, arrival.incoming.key)
        row = known.get(key)
        before = row.text if row is not None else None
        message, change = apply(row, arrival.incoming, arrival.page_id, arrival.platform, arrival.received_at)
        if row is None:
            session.add(message)
            known[key] = message
        one = touched.setdefault(key, Touched(message, arrival.incoming, arrival.received_at, is_new=row is None))
        one.changes.add(change)
        if change in (Change.EDITED, Change.GATHERED) and one.before is None:
            one.before = before
    return list(touched.values())


async def _load_messages(session: AsyncSession, arrivals: Iterable[Arrival]) -> dict[tuple[int, str], Message]:
    """The messages that are known already, locked in a fixed order."""
    pages = sorted({arrival.page_id for arrival in arrivals})
    keys = sorted({arrival.incoming.key for arrival in arrivals})
    rows = await session.scalars(
        select(Message)
        .where(
            col(Message.page_id) == any_(literal(pages, ARRAY(Integer))),
            col(Message.key) == any_(literal(keys, ARRAY(Text))),
        )
        .order_by(col(Message.id))
        .with_for_update()
    )
    return {(message.page_id, message.key): message for message in rows}


def thread_of(message: Message) -> tuple[int, str]:
    """The conversation: what is open there takes the author's next words."""
    return message.page_id, message.thread_key or message.key
