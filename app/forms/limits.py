"""How much one form takes: a window for each address in this process, and a cap for each page in the database.

The window is of one process and forgets with it: it slows down one sender. The cap is what holds against many.
"""

import math
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from ipaddress import ip_network

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.intake.senders import Address

MOST_ADDRESSES = 10_000
MOST_TRIES = 10
WINDOW_SECONDS = 600.0
CAP_HOURS = 1
IPV6_NETWORK_BITS = 64  # one subscriber has as many addresses as he likes


class SlidingWindow:
    """At most `most` events of one key within `seconds`. Remembers the latest MOST_ADDRESSES keys."""

    def __init__(self, most: int = MOST_TRIES, seconds: float = WINDOW_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, key: str, now: float) -> int:
        """Count this event and give 0; or how long to wait, when there were too many."""
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        if len(self._times) > MOST_ADDRESSES:
            self._times.popitem(last=False)
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._most:
            return math.ceil(times[0] + self._seconds - now)
        times.append(now)
        return 0


def network_of(address: Address | None) -> str:
    """What counts as one sender: the address, for IPv6 its network; all whose address is unknown are one."""
    if address is not None and address.version == 6:
        return str(ip_network((address, IPV6_NETWORK_BITS), strict=False))
    return str(address)


async def is_full(session: AsyncSession, page_id: int, most: int, now: datetime) -> bool:
    """Whether the page has given `most` appeals within the last hour. Walks as many entries of (page, id)."""
    oldest_counted = (
        select(col(Appeal.received_at))
        .where(col(Appeal.page_id) == page_id)
        .order_by(col(Appeal.id).desc())
        .offset(most - 1)
        .limit(1)
    )
    received_at = await session.scalar(oldest_counted)
    return received_at is not None and received_at > now - timedelta(hours=CAP_HOURS)
