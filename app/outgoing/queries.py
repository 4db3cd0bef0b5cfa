"""What people see of channels and of their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import Row, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.departments.models import Department
from app.outgoing.models import ChannelKind, DeliveryState, DepartmentChannel, DepartmentDelivery

ROWS = 50
KIND_NAMES = {ChannelKind.WEBHOOK: "вебхук", ChannelKind.OPEN311: "Open311", ChannelKind.EMAIL: "почта"}
_delivery = DepartmentDelivery.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel with the counts of its deliveries."""

    id: int
    department: str
    kind: str
    place: str
    is_active: bool
    stopped_reason: str | None
    paused_until: datetime | None
    waiting: int
    failed: int
    delivered: int
    last_at: datetime | None


def place_of(url: str) -> str:
    """Host and path of an address: a query may hold a key, so it is not shown. A mailbox as it is."""
    if "://" not in url:
        return url
    address = httpx.URL(url)
    return f"{address.netloc.decode()}{address.path.rstrip('/')}"


async def list_channels(session: AsyncSession) -> list[ChannelRow]:
    """Every channel, by department."""
    counts = (
        select(
            _delivery.channel_id,
            func.count(case((_delivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]), 1))).label("waiting"),
            func.count(case((_delivery.state == DeliveryState.FAILED, 1))).label("failed"),
            func.count(case((_delivery.state == DeliveryState.DELIVERED, 1))).label("delivered"),
            func.max(_delivery.delivered_at).label("last_at"),
        )
        .group_by(_delivery.channel_id)
        .subquery()
    )
    found = await session.execute(
        select(DepartmentChannel, col(Department.short_name), counts)
        .join(Department, col(Department.id) == col(DepartmentChannel.department_id))
        .outerjoin(counts, counts.c.channel_id == col(DepartmentChannel.id))
        .order_by(col(Department.short_name), col(DepartmentChannel.id))
    )
    return [_row(row) for row in found]


def _row(row: Row[Any]) -> ChannelRow:
    channel: DepartmentChannel = row[0]
    return ChannelRow(
        channel.id or 0, row.short_name, KIND_NAMES[ChannelKind(channel.kind)], place_of(channel.url),
        channel.is_active, channel.stopped_reason, channel.paused_until, row.waiting or 0, row.failed or 0,
        row.delivered or 0, row.last_at,
    )  # fmt: skip


async def deliveries_of(session: AsyncSession, channel_id: int, before_id: int | None) -> Sequence[DepartmentDelivery]:
    """At most ROWS + 1 deliveries of a channel, the newest first."""
    statement = select(DepartmentDelivery).where(_delivery.channel_id == channel_id)
    if before_id is not None:
        statement = statement.where(_delivery.id < before_id)
    return (await session.scalars(statement.order_by(_delivery.id.desc()).limit(ROWS + 1))).all()
