"""Changes reach browsers with the commit, and only with it."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import text

from app import live
from app.db import Database
from app.live import CHANNEL, WAITING_CHANGES, Live, announce

SOON_SECONDS = 5


class Browser:
    """Somebody who listens."""

    def __init__(self, heard: AsyncIterator[list[int]]) -> None:
        self._heard = heard

    async def hear(self) -> list[int]:
        return await asyncio.wait_for(anext(self._heard), SOON_SECONDS)


async def backend(url: str) -> int | None:
    """The listener's process in PostgreSQL."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE query = %s AND pid <> pg_backend_pid()", (f"LISTEN {CHANNEL}",)
        )
        row = await cursor.fetchone()
    return row[0] if row else None


async def listening(url: str, other_than: int | None = None) -> int:
    """Wait until the listener listens."""
    async with asyncio.timeout(SOON_SECONDS):
        while (pid := await backend(url)) in (None, other_than):  # noqa: ASYNC110  PostgreSQL tells no event
            await asyncio.sleep(0.02)
    assert pid is not None
    return pid


@pytest.fixture
async def channel(database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    monkeypatch.setattr(live, "RECONNECT_SECONDS", 0.02)
    channel = Live(postgres_url)
    channel.start()
    await listening(postgres_url)
    yield channel
    await channel.stop()


@pytest.fixture
async def browser(channel: Live) -> AsyncIterator[Browser]:
    changes = channel.subscribe()
    browser = Browser(changes)
    waiting = asyncio.create_task(browser.hear())  # a generator subscribes when it is first asked
    await asyncio.sleep(0)
    await say(channel, "[0]")
    assert await waiting == [0]
    yield browser
    await changes.aclose()  # type: ignore[attr-defined]


async def say(channel: Live, payload: str) -> None:
    async with await psycopg.AsyncConnection.connect(channel._url, autocommit=True) as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))


async def announce_and_give_up(database: Database) -> None:
    async with database.transaction() as session:
        await announce(session, [1])
        raise RuntimeError("передумали")


async def test_a_change_is_heard_after_the_commit_and_not_after_a_rollback(
    database: Database, browser: Browser
) -> None:
    with pytest.raises(RuntimeError, match="передумали"):
        await announce_and_give_up(database)
    async with database.transaction() as session:
        await announce(session, [3, 2, 3])
        waiting = asyncio.create_task(browser.hear())
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting == [2, 3]


async def test_nothing_changed_is_said_to_nobody(database: Database, browser: Browser) -> None:
    async with database.transaction() as session:
        await announce(session, [])
        await announce(session, [7])
    assert await browser.hear() == [7]


async def test_a_batch_of_thousands_fits_into_one_notice(database: Database, browser: Browser) -> None:
    async with database.transaction() as session:
        await announce(session, range(10**12, 10**12 + 2000))
    assert len(await browser.hear()) == live.MOST_IDS


async def test_all_browsers_hear_and_those_that_left_are_forgotten(channel: Live, browser: Browser) -> None:
    second = channel.subscribe()
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0)
    await say(channel, "[5]")
    assert await waiting == await browser.hear() == [5]
    await second.aclose()  # type: ignore[attr-defined]
    assert len(channel._browsers) == 1


async def test_a_browser_that_does_not_keep_up_costs_no_memory(channel: Live, browser: Browser) -> None:
    for number in range(WAITING_CHANGES + 20):
        channel._tell(f"[{number}]")
    heard = [await browser.hear() for _ in range(WAITING_CHANGES)]
    assert heard[-1] == [WAITING_CHANGES - 1]


async def test_a_notice_that_is_none_of_ours_is_passed_over(channel: Live, browser: Browser) -> None:
    await say(channel, "привет")
    await say(channel, "[6]")
    assert await browser.hear() == [6]


async def test_a_lost_connection_is_made_again(
    channel: Live, browser: Browser, database: Database, postgres_url: str
) -> None:
    lost = await listening(postgres_url)
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
    await listening(postgres_url, other_than=lost)
    await say(channel, "[8]")
    assert await browser.hear() == [8]


async def test_stopping_what_never_listened_is_nothing() -> None:
    await Live("postgresql://127.0.0.1:1/nowhere").stop()
