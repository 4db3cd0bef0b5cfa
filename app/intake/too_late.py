"""Edits and deletions of messages whose words are gone: they must not come back with them."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.cycle import SYSTEM
from app.appeals.models import HistoryEntry
from app.intake.batch import Arrival
from app.platforms.incoming import Action
from app.retention.late import find_emptied
from app.vault import Vault

log = structlog.get_logger()


async def leave_out_too_late(
    vault: Vault, session: AsyncSession, arrivals: Sequence[Arrival], now: datetime
) -> Sequence[Arrival]:
    """The arrivals but for changes of emptied messages, which leave a line of history. New words are a new appeal."""
    changes = {(one.page_id, one.incoming.key) for one in arrivals if one.incoming.action is not Action.NEW}
    emptied = await find_emptied(session, vault, changes)
    if not emptied:
        return arrivals
    taken = []
    for one in arrivals:
        key = (one.page_id, one.incoming.key)
        if one.incoming.action is Action.NEW or key not in emptied:
            taken.append(one)
            continue
        log.info("change_of_forgotten_message", page_id=one.page_id, change=one.incoming.action.value)
        if (appeal_id := emptied[key]) is not None:
            details = {"change": one.incoming.action.value}
            session.add(HistoryEntry(appeal_id=appeal_id, at=now, actor=SYSTEM.label, action="came_late",
                                     details=details))  # fmt: skip
    return taken
