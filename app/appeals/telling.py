"""What departments' systems are told of an appeal, written in the transaction that changes it.

Every line of history is remembered on the session; at the end of the transaction those that concern a department with a
channel become deliveries. Without channels that is a list and a look at the clock. What a savepoint took back is no
longer in the session, so nobody is told of it. A system hears first that an appeal is its department's, and last that
it is not any more. A co-executor's system hears of the part that is asked of it, and when that is no longer needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import OPEN_STATES, HistoryEntry, appeal_columns
from app.appeals.telling_parts import untold_parts
from app.appeals.told import Happening, write_payloads
from app.db import at_the_end
from app.jobs import Job, enqueue
from app.outgoing.channels import KnownChannel, channels_by_department
from app.outgoing.models import ChannelAppeal, ChannelKind, Event

REMEMBERED = "history_to_tell"
EVENTS = {
    "appended": Event.APPENDED,
    "restored": Event.APPENDED,
    "edited": Event.EDITED,
    "deleted": Event.DELETED,
    "answer_delivered": Event.ANSWERED,
    "answered_in_platform": Event.ANSWERED,
    "closed": Event.CLOSED,
    "due_changed": Event.DUE_CHANGED,
    "clock_started": Event.DUE_CHANGED,
}


def remember(session: AsyncSession, entry: HistoryEntry) -> None:
    """Tell departments' systems of this, if it comes to the commit."""
    session.info.setdefault(REMEMBERED, []).append(entry)
    at_the_end(session, tell_departments)


async def tell_departments(session: AsyncSession) -> None:
    """Write the deliveries of everything remembered."""
    remembered: list[HistoryEntry] = session.info.pop(REMEMBERED, [])
    channels = await channels_by_department(session)
    if not channels or not remembered:
        return
    await session.flush()
    entries: dict[int, list[HistoryEntry]] = {}
    for entry in remembered:
        if entry in session:
            entries.setdefault(entry.appeal_id, []).append(entry)
    plan = _Plan(channels, await _held(session, list(entries)))
    for appeal in await _standing(session, list(entries)):
        plan.add(appeal, sorted(entries[appeal.id], key=lambda entry: entry.at))
    plan.happenings += await untold_parts(session, plan.at_work, plan.ended, channels)
    if plan.happenings:
        session.add_all(await write_payloads(session, plan.happenings))
        enqueue(session, Job.TELL_DEPARTMENTS)
    session.add_all(plan.handed)


async def _standing(session: AsyncSession, appeal_ids: Sequence[int]) -> Sequence[Row[tuple[int, int, str, bool]]]:
    found = await session.execute(
        select(appeal_columns.id, appeal_columns.department_id, appeal_columns.state, appeal_columns.is_talk)
        .where(appeal_columns.id.in_(appeal_ids))
        .order_by(appeal_columns.id)
    )
    return found.all()


async def _held(session: AsyncSession, appeal_ids: Sequence[int]) -> dict[int, list[ChannelAppeal]]:
    found = await session.scalars(select(ChannelAppeal).where(col(ChannelAppeal.appeal_id).in_(appeal_ids)))
    held: dict[int, list[ChannelAppeal]] = {}
    for one in found:
        held.setdefault(one.appeal_id, []).append(one)
    return held


@dataclass(slots=True)
class _Plan:
    """Who is told what; which appeals change hands; when those at work have changed, and those that have ended."""

    channels: Mapping[int, list[KnownChannel]]
    known: Mapping[int, list[ChannelAppeal]]
    happenings: list[Happening] = field(default_factory=list)
    handed: list[ChannelAppeal] = field(default_factory=list)
    at_work: dict[int, datetime] = field(default_factory=dict)
    ended: dict[int, datetime] = field(default_factory=dict)

    def add(self, appeal: Row[tuple[int, int, str, bool]], entries: Sequence[HistoryEntry]) -> None:
        """Whatever follows from these lines of one appeal's history."""
        own = self.channels.get(appeal.department_id, [])
        is_at_work = appeal.state in OPEN_STATES and not appeal.is_talk
        (self.at_work if is_at_work else self.ended)[appeal.id] = entries[-1].at
        known = {one.channel_id: one for one in self.known.get(appeal.id, [])}
        for channel in own:
            hand = known.get(channel.id)
            if hand is not None and hand.is_held:
                self._follow(channel, appeal.id, entries)
            elif is_at_work:
                self._hand_over(channel, appeal.id, hand, entries[-1].at)
        self._withdraw(appeal, entries[-1].at)

    def _follow(self, channel: KnownChannel, appeal_id: int, entries: Sequence[HistoryEntry]) -> None:
        for entry in entries:
            event = EVENTS.get(entry.action)
            if event is not None:
                self._tell(channel, appeal_id, event, entry.at, entry)

    def _hand_over(self, channel: KnownChannel, appeal_id: int, hand: ChannelAppeal | None, at: datetime) -> None:
        if hand is None:
            self.handed.append(ChannelAppeal(channel_id=channel.id, appeal_id=appeal_id, is_held=True, handed_at=at))
        else:
            hand.is_held, hand.handed_at = True, at
        if channel.kind == ChannelKind.OPEN311 and hand is not None and (hand.service_request_id or hand.token):
            return  # it came back: the request that it became is still there
        self._tell(channel, appeal_id, Event.ROUTED, at, None)

    def _withdraw(self, appeal: Row[tuple[int, int, str, bool]], at: datetime) -> None:
        own = {channel.id for channel in self.channels.get(appeal.department_id, [])}
        everybody = {channel.id: channel for same in self.channels.values() for channel in same}
        for hand in self.known.get(appeal.id, []):
            if hand.is_held and hand.channel_id not in own and hand.channel_id in everybody:
                hand.is_held = False
                self._tell(everybody[hand.channel_id], appeal.id, Event.WITHDRAWN, at, None)

    def _tell(
        self, channel: KnownChannel, appeal_id: int, event: Event, at: datetime, entry: HistoryEntry | None
    ) -> None:
        if channel.wants(event):
            self.happenings.append(Happening(channel.id, appeal_id, event, at, entry))
