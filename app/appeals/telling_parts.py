"""Which co-executors' systems are still to be told that a part of an answer is asked of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Part
from app.appeals.told import Happening
from app.outgoing.channels import KnownChannel
from app.outgoing.models import DepartmentDelivery, Event


async def untold_parts(
    session: AsyncSession, appeals: Mapping[int, datetime], channels: Mapping[int, Sequence[KnownChannel]]
) -> list[Happening]:
    """The parts of these appeals that are owed and of which a system has not heard since they were asked for.

    `appeals` says when each of them has changed. What is owed decides, not what was done last: talk that becomes an
    appeal, and a department that gets a system later, are told then.
    """
    owed = await session.scalars(
        select(Part)
        .where(
            col(Part.appeal_id).in_(appeals.keys()),
            col(Part.department_id).in_(channels.keys()),
            col(Part.given_at).is_(None),
        )
        .order_by(col(Part.id))
    )
    parts = owed.all()
    told = await _told(session, {part.appeal_id for part in parts}) if parts else {}
    return [
        Happening(channel.id, part.appeal_id, Event.PART_ASKED, max(appeals[part.appeal_id], part.asked_at), None, part)
        for part in parts
        for channel in channels[part.department_id]
        if channel.wants(Event.PART_ASKED) and not _has_heard(told.get((channel.id, part.appeal_id)), part)
    ]


def _has_heard(told_at: datetime | None, part: Part) -> bool:
    return told_at is not None and told_at >= part.asked_at


async def _told(session: AsyncSession, appeal_ids: Collection[int]) -> dict[tuple[int, int], datetime]:
    """When each system was last told of its part of each appeal."""
    found = await session.execute(
        select(
            col(DepartmentDelivery.channel_id),
            col(DepartmentDelivery.appeal_id),
            func.max(col(DepartmentDelivery.created_at)),
        )
        .where(
            col(DepartmentDelivery.appeal_id).in_(appeal_ids), col(DepartmentDelivery.event) == Event.PART_ASKED
        )
        .group_by(col(DepartmentDelivery.channel_id), col(DepartmentDelivery.appeal_id))
    )  # fmt: skip
    return {(channel_id, appeal_id): at for channel_id, appeal_id, at in found}
