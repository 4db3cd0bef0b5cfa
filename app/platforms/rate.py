"""Keep a caller within so many requests a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable

# Evenly spaced requests arrive unevenly: exactly at the limit, two of sixty were refused on one machine.
JITTER_MARGIN = 1.05


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

    async def wait(self, key: str, per_second: float) -> None:
        """Return when the next request of `key` may start. The slot is taken before waiting, so order is kept."""
        now = self._clock()
        slot = max(now, self._next_slot.get(key, now))
        self._next_slot[key] = slot + JITTER_MARGIN / per_second
        if slot > now:
            await self._sleep(slot - now)
