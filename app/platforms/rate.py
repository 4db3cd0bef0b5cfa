"""Keep a caller within so many requests a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from app.platforms.base import Limit

# Evenly spaced requests arrive unevenly: exactly at the limit, two of sixty were refused on one machine.
JITTER_MARGIN = 1.05
MOST_KEYS = 10_000


class RateLimiter:
    """Spaces requests of one key evenly, so that no window of a second holds more than allowed.

    One process, one event loop; several workers each have their own, and the platform's own refusal (VK error 6)
    catches the rest. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next_slot: dict[str, float] = {}

    def delay_seconds(self, limits: Sequence[Limit]) -> float:
        """How long a request under all these limits would have to wait now. Takes no slot."""
        now = self._clock()
        return max((self._next_slot.get(limit.key, now) - now for limit in limits), default=0.0)

    async def wait(self, *limits: Limit) -> None:
        """Return when the next request under all these limits may start.

        The slots are taken before waiting, so order is kept.
        """
        now = self._clock()
        slot = now + max(0.0, self.delay_seconds(limits))
        for limit in limits:
            self._next_slot[limit.key] = slot + JITTER_MARGIN / limit.per_second
        self._forget_the_past(now)
        if slot > now:
            await self._sleep(slot - now)

    def _forget_the_past(self, now: float) -> None:
        """There are as many keys as there are chats."""
        if len(self._next_slot) > MOST_KEYS:
            self._next_slot = {key: slot for key, slot in self._next_slot.items() if slot > now}
