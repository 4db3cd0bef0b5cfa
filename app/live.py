"""Changes told to browsers: PostgreSQL NOTIFY in, one listener a web process, one queue a browser.

NOTIFY travels with the commit, so nobody hears of what was rolled back, and Redis is not needed.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import libpq_url

log = structlog.get_logger()
CHANNEL = "appeals"
MOST_IDS = 500  # a NOTIFY payload holds 8,000 bytes
RECONNECT_SECONDS = 2.0
WAITING_CHANGES = 100


async def announce(session: AsyncSession, appeal_ids: Iterable[int]) -> None:
    """Tell every browser, once this transaction is committed, that these appeals changed."""
    ids = sorted(set(appeal_ids))[:MOST_IDS]
    if ids:
        await session.execute(
            text("SELECT pg_notify(:channel, :ids)"),
            {"channel": CHANNEL, "ids": json.dumps(ids, separators=(",", ":"))},
        )


class Live:
    """The listening end of one web process."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._browsers: set[asyncio.Queue[list[int] | None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; reconnects by itself."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_streams(self) -> None:
        """Let every subscription end: a server that stops waits for its open streams, and these never end."""
        for queue in self._browsers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def subscribe(self) -> AsyncIterator[list[int]]:
        """Lists of changed appeal ids, as they come. A browser that does not keep up misses some, not memory."""
        queue: asyncio.Queue[list[int] | None] = asyncio.Queue(WAITING_CHANGES)
        self._browsers.add(queue)
        try:
            while (ids := await queue.get()) is not None:
                yield ids
        finally:
            self._browsers.discard(queue)

    async def _listen(self) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(libpq_url(self._url), autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for notice in connection.notifies():
                        self._tell(notice.payload)
            except psycopg.Error as error:
                log.warning("live_disconnected", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _tell(self, payload: str) -> None:
        try:
            ids = json.loads(payload)
        except ValueError:  # anybody with access to the database may NOTIFY
            log.warning("live_not_understood")
            return
        for queue in self._browsers:
            if not queue.full():
                queue.put_nowait(ids)
