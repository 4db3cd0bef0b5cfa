"""Nudges: sent together, as JSON, and never in anybody's way."""

import asyncio
import json
import pickle
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis, create_pool

from app import embedded, jobs
from app.jobs import NUDGES, Job, Queue, dump, load, redis_settings


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    servers = embedded.start(tmp_path_factory.mktemp("valkey"), needs_database=False, needs_redis=True)
    yield servers.redis_url
    servers.stop()


@pytest.fixture
async def redis(valkey: str) -> AsyncIterator[ArqRedis]:
    pool = await create_pool(redis_settings(valkey))
    await pool.flushall()
    yield pool
    await pool.aclose()


@pytest.fixture
async def queue(valkey: str, redis: ArqRedis) -> AsyncIterator[Queue]:
    queue = Queue(valkey)
    yield queue
    await queue.close()


async def sent(redis: ArqRedis) -> list[dict[str, object]]:
    """What lies in the queue, as it lies there."""
    return [json.loads(await redis.get(f"arq:job:{name.decode()}")) for name in await redis.zrange("arq:queue", 0, -1)]


async def test_nudges_of_one_kind_that_come_together_are_one(queue: Queue, redis: ArqRedis) -> None:
    for job in (Job.DRAIN_INBOX, Job.DELIVER_ANSWERS, Job.DRAIN_INBOX, Job.DRAIN_INBOX):
        queue.nudge(job)
    await queue.close()
    assert sorted(str(job["f"]) for job in await sent(redis)) == ["deliver_answers", "drain_inbox"]


async def test_a_nudge_during_the_sending_of_another_is_sent_too(
    queue: Queue, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, begun, may_end = queue._push, asyncio.Event(), asyncio.Event()

    async def slow(job: Job) -> bool:
        begun.set()
        await may_end.wait()
        return await push(job)

    monkeypatch.setattr(queue, "_push", slow)
    queue.nudge(Job.DRAIN_INBOX)
    await begun.wait()
    queue.nudge(Job.DRAIN_INBOX)
    may_end.set()
    await queue.close()
    assert len(await sent(redis)) == 2


async def test_without_a_worker_nudges_do_not_fill_redis(
    queue: Queue, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_WAITING", 3)
    for _ in range(5):
        assert await queue._push(Job.DRAIN_INBOX)
    assert len(await sent(redis)) == 3


async def test_jobs_travel_as_json_without_payload(queue: Queue, redis: ArqRedis) -> None:
    queue.nudge(Job.FETCH_AUTHORS)
    await queue.close()
    (job,) = await sent(redis)
    assert (job["f"], job["a"], job["k"]) == ("fetch_authors", [], {})


def test_a_pickle_is_not_read() -> None:
    assert load(dump({"f": "drain_inbox", "a": ["ё"]})) == {"f": "drain_inbox", "a": ["ё"]}
    with pytest.raises(ValueError):
        load(pickle.dumps({"f": "drain_inbox"}))


async def test_redis_away_is_counted_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jobs, "CLOSE_SECONDS", 0.05)
    queue = Queue(f"unix://{tmp_path}/nowhere.sock")
    failed = NUDGES.labels("drain_inbox", "failed")
    before = failed._value.get()
    queue.nudge(Job.DRAIN_INBOX)
    await asyncio.sleep(0.05)
    assert failed._value.get() == before + 1
    assert not await queue.is_reachable()
    await queue.close()


async def test_redis_that_comes_later_is_used_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis: ArqRedis, valkey: str
) -> None:
    """The socket appears after the first nudge has failed."""
    monkeypatch.setattr(jobs, "AWAY_PAUSE_SECONDS", 0.01)
    queue = Queue(f"unix://{tmp_path}/later.sock")
    queue.nudge(Job.DRAIN_INBOX)
    await queue.close()
    (tmp_path / "later.sock").symlink_to(valkey.removeprefix("unix://"))
    queue.nudge(Job.DELIVER_ANSWERS)
    await queue.close()
    assert [job["f"] for job in await sent(redis)] == ["deliver_answers"]


async def test_a_connection_that_breaks_is_made_again(queue: Queue, redis: ArqRedis) -> None:
    assert await queue.is_reachable()
    await redis.client_kill_filter(_type="normal", skipme=True)
    queue.nudge(Job.DRAIN_INBOX)
    await asyncio.sleep(0.1)
    queue.nudge(Job.DELIVER_ANSWERS)
    await queue.close()
    assert "deliver_answers" in [job["f"] for job in await sent(redis)]


async def test_closing_what_was_never_used_is_nothing() -> None:
    await Queue("unix:///nowhere").close()


def test_settings_of_the_connection_fail_fast() -> None:
    assert redis_settings("redis://127.0.0.1:6379/2").conn_retries == 0
    assert redis_settings("redis://127.0.0.1:6379/2").database == 2
