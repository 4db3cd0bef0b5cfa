"""The durable inbox: many webhooks share one commit (group commit), and none is acknowledged before it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.db import Database
from app.errors import Unavailable
from app.jobs import Job, enqueue

log = structlog.get_logger()
STORED = Counter("appeals_inbox_stored_total", "Deliveries stored", ["outcome"])
BATCH_ROWS = Histogram(
    "appeals_inbox_batch_rows", "Deliveries in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
MOST_ROWS = 256

# unnest beats executemany and COPY for this width; a repeated delivery is dropped by the unique key.
INSERT = text(
    """
    INSERT INTO inbox_event (page_id, delivery_key, event_type, payload, received_at, next_attempt_at, state, attempts)
    SELECT page_id, delivery_key, event_type, payload, received_at, received_at, 'received', 0
    FROM unnest(CAST(:page_ids AS bigint[]), CAST(:keys AS text[]), CAST(:types AS text[]), CAST(:payloads AS bytea[]),
                CAST(:times AS timestamptz[])) AS new (page_id, delivery_key, event_type, payload, received_at)
    ON CONFLICT (page_id, delivery_key) DO NOTHING
    """
)


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
        self._database = database
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
        except DBAPIError as error:
            if len(batch) == 1 or error.connection_invalidated or not _is_data_error(error):
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
        except SQLAlchemyError as error:
            log.error("inbox_row_refused", error=type(error).__name__, page_id=one[0].page_id)
            _refuse([one])

    async def _write(self, events: list[NewEvent]) -> None:
        async with self._database.transaction() as session:
            result = await session.execute(
                INSERT,
                {
                    "page_ids": [event.page_id for event in events],
                    "keys": [event.delivery_key for event in events],
                    "types": [event.event_type for event in events],
                    "payloads": [event.payload for event in events],
                    "times": [event.received_at for event in events],
                },
            )
            enqueue(session, Job.DRAIN_INBOX)
        new_rows: int = result.rowcount  # type: ignore[attr-defined]
        BATCH_ROWS.observe(len(events))
        STORED.labels("new").inc(new_rows)
        STORED.labels("repeated").inc(len(events) - new_rows)


def _is_data_error(error: DBAPIError) -> bool:
    """SQLSTATE classes 22 (data) and 23 (integrity): the row is wrong, not the server."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in {"22", "23"}


def _refuse(batch: list[Waiting]) -> None:
    for _, stored in batch:
        if not stored.done():
            stored.set_exception(Unavailable("База данных недоступна, повторите доставку позже"))
