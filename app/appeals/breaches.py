"""The sweep over clocks that ran out: one indexed query, idempotent, shared by any number of workers."""

from datetime import datetime

from app.appeals import cycle
from app.live import announce
from app.resources import Resources
from app.sla import service as sla

BATCH = 500


async def mark_breaches(resources: Resources, now: datetime) -> int:
    """Mark one batch of open clocks past their due time; how many."""
    async with resources.database.transaction() as session:
        clocks = await sla.claim_due(session, now, BATCH)
        for clock in clocks:
            clock.breached_at = clock.due_at
            due_text = clock.due_at.isoformat() if clock.due_at else None
            if clock.is_counted:  # nobody has promised an answer to talk
                cycle.record(session, clock.appeal_id, "breached", cycle.SYSTEM, now, kind=clock.kind, due_at=due_text)
        await announce(session, [clock.appeal_id for clock in clocks])
    return len(clocks)
