"""The rate limiter, on a clock of its own."""

import asyncio

import pytest

from app.platforms.base import Limit
from app.platforms.rate import RateLimiter


class Clock:
    """Monotonic seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def read(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


async def test_requests_of_one_key_are_spaced_so_that_no_second_holds_more_than_allowed() -> None:
    clock = Clock()
    limiter = RateLimiter(clock.read, clock.sleep)
    starts = []
    for _ in range(100):
        await limiter.wait(Limit("page", 20))
        starts.append(clock.seconds)
    assert starts[0] == 100.0
    windows = [sum(1 for other in starts if start <= other < start + 1) for start in starts]
    assert max(windows) == 20
    assert starts[-1] - starts[0] < 99 / 18


async def test_keys_do_not_wait_for_each_other() -> None:
    clock = Clock()
    limiter = RateLimiter(clock.read, clock.sleep)
    for key in "abc":
        await limiter.wait(Limit(key, 1))
    assert clock.seconds == 100.0


async def test_idle_time_is_not_saved_up_for_a_burst() -> None:
    clock = Clock()
    limiter = RateLimiter(clock.read, clock.sleep)
    await limiter.wait(Limit("page", 10))
    clock.seconds += 60
    await limiter.wait(Limit("page", 10))
    before = clock.seconds
    await limiter.wait(Limit("page", 10))
    assert clock.seconds - before == pytest.approx(0.105)


async def test_concurrent_callers_get_their_slots_in_order() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))

    limiter = RateLimiter(lambda: 0.0, sleep)
    await asyncio.gather(*(limiter.wait(Limit("page", 4)) for _ in range(4)))
    assert slept == sorted(slept)
    assert len(slept) == 3
    assert min(slept) >= 0.25
