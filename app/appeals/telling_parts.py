"""What co-executors' systems are still to be told of the parts that are asked of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Part
from app.appeals.told import Happening
from app.outgoing.channels import KnownChannel
from app.outgoing.models import DepartmentDelivery, Event


async def untold_parts(
    session: AsyncSession,
    at_work: Mapping[int, datetime],
    ended: Mapping[int, datetime],
    channels: Mapping[int, Sequence[KnownChannel]],
) -> list[Happening]:
    """The parts that are owed and of which a system has not heard; those it waits to give to an appeal that has ended.

    `at_work` and `ended` say when each of these appeals has changed. What is owed decides, not what was done last: talk
    that becomes an appeal, and a department that gets a system later, are told then.
    """
    changed = {**at_work, **ended}
    owed = await session.scalars(
        select(Part)
        .where(
            col(Part.appeal_id).in_(changed.keys()),
            col(Part.department_id).in_(channels.keys()),
            col(Part.given_at).is_(None),
        )
        .order_by(col(Part.id))
    )
    parts = owed.all()
    told = await _told(session, {part.appeal_id for part in parts}) if parts else {}
    happenings = []
    for part in parts:
        for channel in channels[part.department_id]:
            event = _due_event(part, told.get((channel.id, part.appeal_id)), is_at_work=part.appeal_id in at_work)
            if event is not None and channel.wants(event):
                at = max(changed[part.appeal_id], part.asked_at)
                asked = part if event is Event.PART_ASKED else None
                happenings.append(Happening(channel.id, part.appeal_id, event, at, None, asked))
    return happenings


def _due_event(part: Part, told: tuple[str, datetime] | None, *, is_at_work: bool) -> Event | None:
    """What a system must hear of a part that is owed, after what it was told last, and when."""
    is_waiting = told is not None and told[0] == Event.PART_ASKED
    if not is_at_work:
        return Event.PART_DROPPED if is_waiting else None
    has_heard = told is not None and is_waiting and told[1] >= part.asked_at
    return None if has_heard else Event.PART_ASKED


async def _told(session: AsyncSession, appeal_ids: Collection[int]) -> dict[tuple[int, int], tuple[str, datetime]]:
    """What each system was told last of its part of each appeal, and when."""
    delivery = DepartmentDelivery
    found = await session.execute(
        select(col(delivery.channel_id), col(delivery.appeal_id), col(delivery.event), col(delivery.created_at))
        .where(
            col(delivery.appeal_id).in_(appeal_ids),
            col(delivery.event).in_([Event.PART_ASKED, Event.PART_DROPPED]),
        )
        .order_by(col(delivery.id))
    )
    return {(channel_id, appeal_id): (event, at) for channel_id, appeal_id, event, at in found}
