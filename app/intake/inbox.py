"""The durable inbox: many webhooks share one commit (group commit), and none is acknowledged before it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from prometheus_client import Counter, Histogram

from app.db import Database
from app.errors import Unavailable
from app.jobs import Job
from app.lane import Lane

log = structlog.get_logger()
STORED = Counter("appeals_inbox_stored_total", "Deliveries stored", ["outcome"])
STORED_NEW, STORED_REPEATED = STORED.labels("new"), STORED.labels("repeated")
BATCH_ROWS = Histogram(
    "appeals_inbox_batch_rows", "Deliveries in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
MOST_ROWS = 256

# unnest beats executemany and COPY for this width; a repeated delivery is dropped by the unique key.
INSERT = """
    INSERT INTO inbox_event (page_id, delivery_key, event_type, payload, received_at, next_attempt_at, state, attempts)
    SELECT page_id, delivery_key, event_type, payload, received_at, received_at, 'received', 0
    FROM unnest(%(page_ids)s::bigint[], %(keys)s::text[], %(types)s::text[], %(payloads)s::bytea[],
                %(times)s::timestamptz[]) AS new (page_id, delivery_key, event_type, payload, received_at)
    ON CONFLICT (page_id, delivery_key) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One authenticated delivery to keep; `payload` is sealed already."""

    page_id: int
    delivery_key: str
    event_type: str
    payload: bytes
    received_at: datetime


Waiting = tuple[NewEvent, asyncio.Future[None]]


class Inbox:
    """Stores deliveries. While one commit is on its way to the disk, the next batch gathers."""

    def __init__(self, database: Database) -> None:
        self._queue = database.queue
        self._lane = Lane(database.engine.url)
        self._waiting: list[Waiting] = []
        self._flusher: asyncio.Task[None] | None = None

    async def store(self, event: NewEvent) -> None:
        """Return once the event is on disk, or was there before. Raises Unavailable."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, stored))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await stored

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
            try:
                await self._write_all(batch)
            except Exception as error:  # whatever happened, nobody may wait forever or hear "ok"
                log.exception("inbox_write_failed", error=type(error).__name__)
                _refuse(batch)

    async def _write_all(self, batch: list[Waiting]) -> None:
        try:
            await self._write([event for event, _ in batch])
        except (psycopg.DataError, psycopg.IntegrityError):
            if len(batch) == 1:
                raise
            for one in batch:  # one bad row must fail alone
                await self._write_one(one)
            return
        for _, stored in batch:
            if not stored.done():
                stored.set_result(None)

    async def _write_one(self, one: Waiting) -> None:
        try:
            await self._write_all([one])
        except psycopg.Error as error:
            log.error("inbox_row_refused", error=type(error).__name__, page_id=one[0].page_id)
            _refuse([one])

    async def _write(self, events: list[NewEvent]) -> None:
        values = {
            "page_ids": [event.page_id for event in events],
            "keys": [event.delivery_key for event in events],
            "types": [event.event_type for event in events],
            "payloads": [event.payload for event in events],
            "times": [event.received_at for event in events],
        }
        new_rows = await self._lane.execute(INSERT, values)
        self._queue.nudge(Job.DRAIN_INBOX)
        BATCH_ROWS.observe(len(events))
        STORED_NEW.inc(new_rows)
        STORED_REPEATED.inc(len(events) - new_rows)

    async def close(self) -> None:
        """Wait for the last commit and give the connection back."""
        if self._flusher is not None:
            await self._flusher
        await self._lane.close()


def _refuse(batch: list[Waiting]) -> None:
    for _, stored in batch:
        if not stored.done():
            stored.set_exception(Unavailable("База данных недоступна, повторите доставку позже"))
