"""A question that nobody answers: the appeal closes by itself when the policy's days are over."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from app.appeals import cycle, duplicates
from app.appeals.models import Appeal, State, Wait
from app.resources import Resources

BATCH = 200


async def close_silent(resources: Resources, now: datetime) -> int:
    """Close appeals whose author has not replied in time; how many. The author's later words open a new cycle."""
    async with resources.database.transaction() as session:
        found = await session.scalars(
            select(Appeal)
            .where(col(Appeal.waits_until) < now, col(Appeal.waits_for) == Wait.CITIZEN)
            .order_by(col(Appeal.waits_until))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        appeals = [appeal for appeal in found if appeal.is_open]
        for appeal in appeals:
            await cycle.finish(session, appeal, State.CLOSED, cycle.NO_REPLY, cycle.SYSTEM, now)
            await duplicates.pass_on(session, appeal, now)
    return len(appeals)
