"""The worker: every stored delivery is handled, whatever becomes of Redis and of the process."""

import asyncio
import gc
import os
import pickle
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import create_pool

from app import embedded, jobs, rounds, worker
from app.appeals.models import Appeal
from app.db import Database, SchemaIsStale
from app.embedded import Embedded
from app.intake.models import InboxEvent
from app.jobs import Queue, redis_settings
from app.main import create_app
from app.public_pages.models import PublicPage
from app.resources import NotConfigured, Resources
from app.sandbox.vk_stand_in import VkStandIn
from app.sla.models import Clock
from app.sla.service import UnknownCode
from app.vault import create_key_file, open_vault
from app.worker import Solo, build_worker, run_worker
from tests.conftest import GROUP, NOW, VK
from tests.office import ROAD, actions, only, opened, rows

SOON_SECONDS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("valkey")


def start_valkey(folder: Path) -> Embedded:
    return embedded.start(folder, needs_database=False, needs_redis=True)


@pytest.fixture(scope="module")
def valkey(folder: Path) -> Iterator[str]:
    servers = start_valkey(folder)
    yield servers.redis_url
    servers.stop()


@pytest.fixture
async def connected(resources: Resources, valkey: str, page: PublicPage) -> AsyncIterator[Resources]:
    """With a real queue and a VKontakte that tells names."""
    redis = await create_pool(redis_settings(valkey))
    await redis.flushall()
    await redis.aclose()
    stand_in = VkStandIn()
    stand_in.add_community(GROUP, page.name, access_token="community-token")
    stand_in.add_user(100000002, "Анна", "Примерова")
    queue = Queue(valkey)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app)) as client:
        yield replace(
            resources,
            settings=resources.settings.model_copy(update={"redis_url": valkey}),
            database=Database(resources.database.engine, queue),
            http=client,
        )
    await queue.close()


@asynccontextmanager
async def citizens_of(resources: Resources, page: PublicPage) -> AsyncIterator[VK]:
    """VKontakte in front of a web process with these resources."""
    app = create_app(resources.settings, resources)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield VK(client, resources, page)
    await app.state.webhooks.close()


async def burst(resources: Resources) -> None:
    """A worker that works off what is queued and ends."""
    one = build_worker(resources, is_burst=True)
    await one.async_run()
    await one.close()


async def test_a_stored_delivery_is_nudged_drained_and_named_by_a_real_worker(
    connected: Resources, page: PublicPage
) -> None:
    async with citizens_of(connected, page) as vk:
        assert (await vk.comment(ROAD, 1)).text == "ok"
    await connected.database.queue.close()
    redis = await create_pool(redis_settings(connected.settings.redis_url))
    assert await redis.zcard("arq:queue") == 1
    await burst(connected)
    assert (await only(connected, Appeal)).text == ROAD
    await connected.database.queue.close()  # the nudge for names, left by the drain
    await burst(connected)
    assert (await only(connected, Appeal)).author_name == "Анна Примерова"
    assert await redis.zcard("arq:queue") == 0
    await redis.aclose()


async def test_a_delivery_stored_while_redis_was_away_is_found_by_the_workers_own_look(
    connected: Resources, page: PublicPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CLOSE_SECONDS", 0.01)
    away = replace(connected, database=Database(connected.database.engine, Queue("unix:///nowhere")))
    async with citizens_of(away, page) as vk:
        assert (await vk.comment(ROAD, 1)).text == "ok"
    await away.database.queue.close()
    assert await rows(connected, Appeal) == []
    await burst(connected)
    assert (await only(connected, Appeal)).text == ROAD


class Bomb:
    """A pickle that leaves a trace when somebody opens it."""

    def __init__(self, trace: str) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (self.trace,)


async def test_a_pickle_in_the_queue_is_not_opened_and_stops_nobody(
    connected: Resources, page: PublicPage, tmp_path: Path
) -> None:
    redis = await create_pool(redis_settings(connected.settings.redis_url))
    await redis.set("arq:job:bomb", pickle.dumps({"f": "drain_inbox", "a": Bomb(str(tmp_path / "trace"))}))
    await redis.zadd("arq:queue", {"bomb": 1})
    async with citizens_of(connected, page) as vk:
        await vk.comment(ROAD, 1)
    await burst(connected)
    assert not (tmp_path / "trace").exists()
    assert await redis.zcard("arq:queue") == 0
    assert len(await rows(connected, Appeal)) == 1
    await redis.aclose()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # arq drops its connections when Redis goes away
async def test_a_running_worker_survives_the_loss_of_redis_and_ends_when_told(
    resources: Resources, page: PublicPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis stops under it, comes back, and SIGTERM ends it as systemd would."""
    monkeypatch.setattr(worker, "RECONNECT_SECONDS", 0.05)
    monkeypatch.setattr(jobs, "CLOSE_SECONDS", 0.01)
    servers = start_valkey(folder / "own")
    settings = resources.settings.model_copy(update={"redis_url": servers.redis_url})
    create_key_file(settings)
    sealing = replace(resources, settings=settings, vault=open_vault(settings))  # with the key that the worker reads
    async with resources.database.transaction() as session:
        stored = await session.get_one(PublicPage, page.id)
        stored.credentials = sealing.vault.seal(resources.vault.open(stored.credentials))
    async with citizens_of(sealing, page) as vk:
        running = asyncio.create_task(run_worker(settings))
        await vk.comment(ROAD, 1)
        await appeals_open(resources, 1)
        servers.stop()
        await vk.comment(ROAD, 2)
        await asyncio.sleep(0.3)
        assert not running.done()
        servers = start_valkey(folder / "own")
        await appeals_open(resources, 2)
    await asyncio.sleep(0.3)  # what was begun at the start is done
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, SOON_SECONDS)
    servers.stop()
    forget_signals()
    gc.collect()


def forget_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)


async def appeals_open(resources: Resources, count: int) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while len(await rows(resources, Appeal)) < count:  # noqa: ASYNC110  the worker is another process in real life
            await asyncio.sleep(0.05)


async def test_a_job_cancelled_by_the_loss_of_redis_does_not_end_the_worker(connected: Resources) -> None:
    one = build_worker(connected)
    one.tasks["job"] = asyncio.create_task(asyncio.sleep(SOON_SECONDS))
    await asyncio.sleep(0)
    await worker._close(one)
    assert one.tasks == {}


async def test_a_worker_told_to_stop_while_redis_is_away_stops(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key_file(resources.settings)
    waiting = asyncio.Event()

    async def away(worker: object) -> None:
        waiting.set()

    monkeypatch.setattr(worker, "_work", away)
    running = asyncio.create_task(run_worker(resources.settings))
    await asyncio.wait_for(waiting.wait(), SOON_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, worker.RECONNECT_SECONDS)
    forget_signals()


async def test_a_worker_told_to_stop_while_it_starts_stops(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(SOON_SECONDS)

    create_key_file(resources.settings)
    monkeypatch.setattr(worker, "require_current_schema", slow)
    await asyncio.wait_for(run_worker(resources.settings), SOON_SECONDS)
    forget_signals()


async def test_a_worker_refuses_tables_that_it_was_not_written_for(resources: Resources) -> None:
    empty = resources.settings.database_url.replace("/appeals?", "/postgres?")
    settings = resources.settings.model_copy(update={"database_url": empty})
    create_key_file(settings)
    with pytest.raises(SchemaIsStale):
        await run_worker(settings)
    with pytest.raises(NotConfigured):
        await run_worker(settings.model_copy(update={"redis_url": ""}))
    with pytest.raises(UnknownCode):
        await run_worker(resources.settings.model_copy(update={"policy": "никакая"}))
    forget_signals()


async def test_a_job_runs_until_nothing_is_left_and_once_more_when_nudged_meanwhile() -> None:
    batches, calls = [3, 2, 0, 0], 0

    async def work(resources: Resources) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            assert await solo({"resources": resources}) == 0  # a nudge meanwhile
        return batches.pop(0)

    solo = Solo(work)
    assert await solo({"resources": None}) == 5
    assert (calls, batches) == (4, [])


async def test_a_job_that_failed_runs_again_at_the_next_nudge() -> None:
    outcomes: list[int | Exception] = [RuntimeError("сломалось"), 1, 0]

    async def work(resources: Resources) -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    solo = Solo(work)
    with pytest.raises(RuntimeError):
        await solo({"resources": None})
    assert await solo({"resources": None}) == 1


async def test_the_crons_sweep_breaches_and_forget_what_is_too_old(
    resources: Resources, vk: VK, monkeypatch: pytest.MonkeyPatch
) -> None:
    appeal = await opened(vk)
    late = NOW + timedelta(days=60)
    monkeypatch.setattr(rounds, "utc_now", lambda: late)
    assert await rounds.sweep(resources) == 1
    assert "breached" in await actions(resources)
    assert (await only(resources, Clock)).breached_at == appeal.next_due_at
    await rounds.tidy(resources)
    assert (await only(resources, InboxEvent)).payload is None
    assert await rounds.drain(resources) == await rounds.deliver(resources) == 0
