"""Intake against a plain FastAPI + SQLModel endpoint, interleaved on one database; then the drain."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import func, select, text

from app.db import driver_url
from app.intake.models import InboxEvent
from app.intake.service import drain_batch
from app.platforms.base import Credentials
from app.public_pages.service import add_page, webhook_path
from app.resources import open_resources
from app.settings import Settings
from app.time import utc_now
from app.worker import spare_collections
from tests.bench.load import Outcome, fire

GROUP, SECRET = 200000900, "bench-secret"
ROUNDS = 3
SECONDS = 4.0
DRAIN_EVENTS = 4000
KEEP_SOME = text("DELETE FROM inbox_event WHERE id NOT IN (SELECT id FROM inbox_event ORDER BY id LIMIT :most)")


@contextmanager
def server(port: int, target: str, environment: dict[str, str], *, is_factory: bool) -> Iterator[None]:
    """One uvicorn process, ready."""
    arguments = [
        sys.executable,
        "-m",
        "uvicorn",
        target,
        "--port",
        str(port),
        "--log-level",
        "error",
        "--no-access-log",
    ]
    process = subprocess.Popen([*arguments, *(["--factory"] if is_factory else [])], env={**os.environ, **environment})
    try:
        for _ in range(150):
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(10)


async def _prepare(settings: Settings) -> str:
    async with open_resources(settings) as resources, resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="vk", credentials=Credentials(str(GROUP), SECRET, "c", "t"),
            name="Замеры", territory_code="52701000", now=utc_now(),
        )  # fmt: skip
        return webhook_path(page)


async def _drain(settings: Settings) -> tuple[float, float]:
    """Events a second through parse, judge, route and store; and SQL statements an event."""
    async with open_resources(settings) as resources:
        async with resources.database.transaction() as session:
            await session.execute(KEEP_SOME, {"most": DRAIN_EVENTS})
            waiting = await session.scalar(select(func.count()).select_from(InboxEvent)) or 0
        statements = _count_statements(resources.database.engine.sync_engine)
        await drain_batch(resources, utc_now())  # warm: caches, plans
        spare_collections()  # as a worker does
        statements.clear()
        done, started = 0, time.perf_counter()
        while count := await drain_batch(resources, utc_now()):
            done += count
        seconds = time.perf_counter() - started
        assert done + resources.settings.drain_batch_size == waiting, "the drain must handle every event"
        return done / seconds, len(statements) / done


def _count_statements(engine: Any) -> list[str]:
    from sqlalchemy import event

    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda c, cur, statement, *rest: statements.append(statement))
    return statements


def _median(outcomes: list[Outcome], name: str) -> float:
    return float(statistics.median(getattr(outcome, name) for outcome in outcomes))


def run(settings: Settings, port: int) -> dict[str, dict[str, Any]]:
    """Three interleaved rounds; medians."""
    path = asyncio.run(_prepare(settings))
    environment = {
        "BENCH_DATABASE_URL": driver_url(settings.database_url),
        "APPEALS_DATABASE_URL": settings.database_url,
        "APPEALS_REDIS_URL": settings.redis_url,
        "APPEALS_DATA_DIR": str(settings.data_dir),
    }
    ours: list[Outcome] = []
    plain: list[Outcome] = []
    bare: list[Outcome] = []
    with (
        server(port, "app.main:create_app", environment, is_factory=True),
        server(port + 1, "tests.bench.reference_app:app", environment, is_factory=False),
    ):
        counts = dict.fromkeys(("ours", "plain", "bare"), 300)
        for number in range(ROUNDS + 1):  # the first round warms up and tells how many requests fill the time
            for name, outcomes, target, where in (
                ("plain", plain, "/plain", port + 1),
                ("ours", ours, path, port),
                ("bare", bare, "/bare", port + 1),
            ):
                outcome = fire(where, target, counts[name], GROUP, SECRET)
                counts[name] = int(outcome.requests_per_second * SECONDS)
                if number:
                    outcomes.append(outcome)
    assert not any(outcome.failed for outcome in (*ours, *plain)), "every request must be answered with 200"
    rate, reference = _median(ours, "requests_per_second"), _median(plain, "requests_per_second")
    nothing_stored = _median(bare, "requests_per_second")
    slowest, slowest_reference = _median(ours, "p99_ms"), _median(plain, "p99_ms")
    drained, statements = asyncio.run(_drain(settings))
    return {
        "intake_requests_per_second": entry(rate, "requests/s", reference, goal=8),
        "intake_share_of_route_without_storing": entry(rate / nothing_stored, "share", None, goal=0.33),
        "intake_p99_ms": entry(slowest, "ms", slowest_reference, goal=100),
        "drain_appeals_per_second": entry(drained, "appeals/s", None, goal=400),
        "drain_statements_per_appeal": entry(statements, "statements", None, goal=1),
    }


def entry(value: float, unit: str, reference: float | None, *, goal: float) -> dict[str, Any]:
    """One line of build/bench.json."""
    ratio = value / reference if reference else None
    return {"value": value, "unit": unit, "reference": reference, "ratio": ratio, "goal": goal}
