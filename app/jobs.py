"""Nudges for the worker. The row in PostgreSQL is the truth; losing every nudge loses nothing.

Jobs carry no payload. `enqueue` remembers a job on the session and `db.transaction` sends it after the commit.
"""

import asyncio
import json
from enum import StrEnum
from typing import Any

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from prometheus_client import Counter
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger()
NUDGES = Counter("appeals_nudges_total", "Nudges to the worker", ["job", "outcome"])
PENDING = "jobs_after_commit"
NUDGE_PAUSE_SECONDS = 0.02
AWAY_PAUSE_SECONDS = 2.0
MOST_WAITING = 1000
CLOSE_SECONDS = 1.0


class Job(StrEnum):
    """Every job; app/worker.py registers exactly these."""

    DRAIN_INBOX = "drain_inbox"
    DELIVER_ANSWERS = "deliver_answers"
    FETCH_AUTHORS = "fetch_authors"
    FETCH_TEXTS = "fetch_texts"
    POLL_PAGES = "poll_pages"
    WATCH_CONNECTIONS = "watch_connections"
    FETCH_FILES = "fetch_files"
    TELL_DEPARTMENTS = "tell_departments"
    SIMULATE_RULES = "simulate_rules"


def enqueue(session: AsyncSession, job: Job) -> None:
    """Remember to nudge the worker once this session's transaction is committed."""
    session.info.setdefault(PENDING, set()).add(job)


def dump(value: dict[str, Any]) -> bytes:
    """Jobs as JSON: a queue that someone else can write to must not carry pickles."""
    return json.dumps(value, default=str).encode()


def load(data: bytes) -> dict[str, Any]:
    """The reverse of `dump`."""
    value: dict[str, Any] = json.loads(data)
    return value


def redis_settings(url: str) -> RedisSettings:
    """Connection settings that fail fast: a webhook must never wait for Redis."""
    settings = RedisSettings.from_dsn(url)
    settings.conn_retries = 0
    return settings


class Queue:
    """The sending end. Connects when first needed, again after a failure, and never raises.

    Nudges of one kind that come together are sent as one: a worker told once looks at everything.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis: ArqRedis | None = None
        self._waiting: set[Job] = set()
        self._sender: asyncio.Task[None] | None = None

    def nudge(self, job: Job) -> None:
        """Tell the worker soon. If Redis is away the worker's own cron finds the rows later."""
        self._waiting.add(job)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_waiting())

    async def _send_waiting(self) -> None:
        while self._waiting:
            jobs, self._waiting = self._waiting, set()
            is_sent = [await self._push(job) for job in jobs]
            await asyncio.sleep(NUDGE_PAUSE_SECONDS if all(is_sent) else AWAY_PAUSE_SECONDS)

    async def _push(self, job: Job) -> bool:
        try:
            redis = await self._connect()
            # While no worker runs, nudges must not fill Redis; the first of them are as good as all.
            is_wanted = await redis.zcard(redis.default_queue_name) < MOST_WAITING
            if is_wanted:
                await redis.enqueue_job(job.value)
        except (RedisError, OSError) as error:
            NUDGES.labels(job.value, "failed").inc()
            log.warning("nudge_failed", job=job.value, error=type(error).__name__)
            return False
        NUDGES.labels(job.value, "sent" if is_wanted else "enough").inc()
        return True

    async def is_reachable(self) -> bool:
        """Whether Redis answers now."""
        try:
            await (await self._connect()).ping()
        except (RedisError, OSError):
            return False
        return True

    async def _connect(self) -> ArqRedis:
        if self._redis is None:
            settings = redis_settings(self._url)
            self._redis = await create_pool(settings, job_serializer=dump, job_deserializer=load)
        return self._redis

    async def close(self) -> None:
        """Send what waits, if that takes no longer than a moment, and give the connections back."""
        if self._sender is not None:
            await asyncio.wait({self._sender}, timeout=CLOSE_SECONDS)
            self._sender.cancel()
        if self._redis is not None:
            await self._redis.aclose()
