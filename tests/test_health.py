"""What machines ask: alive, ready, measured."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import db
from app.db import Database
from app.jobs import Queue
from app.resources import Resources


class Reachable(Queue):
    """A queue whose Redis answers."""

    async def is_reachable(self) -> bool:
        return True


async def readiness(app: FastAPI, client: httpx.AsyncClient, resources: Resources) -> tuple[int, dict[str, Any]]:
    app.state.resources = resources
    answer = await client.get("/readyz")
    return answer.status_code, answer.json()


async def test_the_process_is_alive(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_every_part_is(app: FastAPI, client: httpx.AsyncClient, resources: Resources) -> None:
    database = Database(resources.database.engine, Reachable("unix:///nowhere"))
    status, body = await readiness(app, client, replace(resources, database=database))
    assert status == 200
    assert body == {"status": "ready", "checks": {"database": True, "schema": True, "redis": True, "model": True}}


async def test_it_is_not_ready_without_redis(app: FastAPI, client: httpx.AsyncClient, resources: Resources) -> None:
    database = Database(resources.database.engine, Queue("unix:///nowhere"))
    status, body = await readiness(app, client, replace(resources, database=database))
    assert (status, body["status"]) == (503, "not ready")
    assert body["checks"] == {"database": True, "schema": True, "redis": False, "model": True}


@pytest.mark.parametrize(
    ("url", "is_up"), [("postgresql://127.0.0.1:1/appeals", False), ("/postgres?", True)], ids=["dead", "not migrated"]
)
async def test_it_is_not_ready_without_a_migrated_database(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources, url: str, is_up: bool
) -> None:
    address = resources.settings.database_url.replace("/appeals?", url) if url.startswith("/") else url
    engine = db.create_engine(address, 1)
    status, body = await readiness(
        app, client, replace(resources, database=Database(engine, Reachable("unix:///nowhere")))
    )
    await engine.dispose()
    assert status == 503
    assert (body["checks"]["database"], body["checks"]["schema"]) == (is_up, False)


async def test_prometheus_reads_what_is_measured(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for name in (
        "appeals_webhooks_total",
        "appeals_webhook_seconds",
        "appeals_inbox_batch_rows",
        "appeals_events_total",
    ):
        assert f"# TYPE {name}" in answer.text.replace("_created", "")
