"""Deliveries carry citizens' words: those that are over are forgotten like raw deliveries of the platforms."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.outgoing.models import DeliveryState, DepartmentDelivery


async def forget_deliveries(session: AsyncSession, before: datetime) -> None:
    """Forget what was delivered or given up before this time."""
    await session.execute(
        delete(DepartmentDelivery).where(
            col(DepartmentDelivery.created_at) < before,
            col(DepartmentDelivery.state).in_([DeliveryState.DELIVERED, DeliveryState.FAILED]),
        )
    )
