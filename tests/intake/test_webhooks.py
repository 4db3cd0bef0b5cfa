"""The webhook endpoint: authenticated, durable, de-duplicated, honest about failure."""

import asyncio
import json

import httpx
import psycopg
import pytest
from sqlalchemy import func, select, text

from app import lane
from app.errors import Unavailable
from app.intake.inbox import Inbox, NewEvent
from app.intake.models import InboxEvent
from app.jobs import Job
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import seal_credentials, webhook_path
from app.resources import Resources
from tests.conftest import GROUP, NOW, SECRET, VK, comment


async def stored(resources: Resources) -> int:
    async with resources.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(InboxEvent)) or 0


async def test_a_comment_is_acknowledged_with_plain_ok_and_stored_sealed(vk: VK, resources: Resources) -> None:
    answer = await vk.comment("Когда починят дорогу?", 731)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["content-type"].startswith("text/plain")
    async with resources.database.transaction() as session:
        event = (await session.scalars(select(InboxEvent))).one()
    assert event.payload is not None
    assert "дорогу".encode() not in event.payload
    assert "дорогу" in json.loads(resources.vault.open(event.payload))["object"]["text"]
    assert resources.database.queue.nudges == [Job.DRAIN_INBOX]  # type: ignore[attr-defined]


async def test_the_handshake_is_answered_and_not_stored(vk: VK, resources: Resources) -> None:
    answer = await vk.deliver({"type": "confirmation", "group_id": GROUP})
    assert (answer.status_code, answer.text) == (200, "confirm-me")
    assert await stored(resources) == 0


async def test_a_repeated_delivery_is_acknowledged_and_stored_once(vk: VK, resources: Resources) -> None:
    event = vk.event("wall_reply_new", comment("яма", 1))
    answers = await asyncio.gather(*(vk.deliver(event) for _ in range(20)))
    assert {answer.text for answer in answers} == {"ok"}
    assert await stored(resources) == 1


async def test_many_deliveries_at_once_are_all_stored(vk: VK, resources: Resources) -> None:
    events = [vk.event("wall_reply_new", comment("яма", number)) for number in range(600)]
    answers = await asyncio.gather(*(vk.deliver(event) for event in events))
    assert {answer.status_code for answer in answers} == {200}
    assert await stored(resources) == 600


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{broken", 400),
        (b"[]", 400),
        (b"", 400),
        (b'{"type": 5}', 400),
        (json.dumps({"type": "wall_reply_new", "group_id": GROUP, "secret": "wrong", "object": {}}).encode(), 403),
        (json.dumps({"type": "wall_reply_new", "group_id": GROUP, "object": {}}).encode(), 403),
        (json.dumps({"type": "wall_reply_new", "group_id": 5, "secret": SECRET, "object": {}}).encode(), 403),
        (b" " * (1024 * 1024 + 1), 413),
    ],
)
async def test_bad_deliveries_are_refused_with_a_reason_and_nothing_is_stored(
    client: httpx.AsyncClient, page: PublicPage, resources: Resources, body: bytes, status: int
) -> None:
    answer = await client.post(webhook_path(page), content=body)
    assert answer.status_code == status
    assert answer.text
    assert await stored(resources) == 0


async def test_a_long_body_without_a_declared_length_is_refused(client: httpx.AsyncClient, page: PublicPage) -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(20):
            yield b" " * 65536

    assert (await client.post(webhook_path(page), content=chunks())).status_code == 413


@pytest.mark.parametrize("path", ["/webhooks/vk/unknown", "/webhooks/myspace/unknown", "/webhooks/vk/%00"])
async def test_unknown_pages_and_platforms_are_404(client: httpx.AsyncClient, page: PublicPage, path: str) -> None:
    assert (await client.post(path, content=b"{}")).status_code == 404
    assert (await client.post(path, content=b"{}")).status_code == 404


async def test_a_page_key_of_another_platform_is_unknown(client: httpx.AsyncClient, page: PublicPage) -> None:
    assert (await client.post(f"/webhooks/ok/{page.key}", content=b"{}")).status_code == 404


async def test_a_new_secret_works_at_once(vk: VK, resources: Resources) -> None:
    assert (await vk.comment("яма", 1)).status_code == 200
    async with resources.database.transaction() as session:
        page = await session.get_one(PublicPage, vk.page.id)
        page.credentials = seal_credentials(resources.vault, Credentials(str(GROUP), "rotated", "c", "t"))
    event = vk.event("wall_reply_new", comment("яма", 2), secret="rotated")
    await asyncio.sleep(1.1)  # a page is read again at most once a second
    assert (await vk.deliver(event)).status_code == 200


async def test_database_down_is_503_with_retry_after(vk: VK, app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await vk.comment("яма", 1)).status_code == 200

    async def fail(self: Inbox, events: list[NewEvent]) -> None:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(Inbox, "_write", fail)
    answer = await vk.comment("яма", 2)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_one_bad_row_fails_alone(resources: Resources, page: PublicPage) -> None:
    inbox = Inbox(resources.database)
    good = [NewEvent(page.id or 0, f"key-{number}", "wall_reply_new", b"x", NOW) for number in range(5)]
    orphan = NewEvent(999_999, "key", "wall_reply_new", b"x", NOW)
    results = await asyncio.gather(*(inbox.store(event) for event in [*good, orphan]), return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] * 5 + [Unavailable]
    assert await stored(resources) == 5
    await inbox.close()


async def test_a_lost_connection_is_made_anew_and_nobody_notices(vk: VK, resources: Resources) -> None:
    assert (await vk.comment("яма", 1)).status_code == 200
    async with resources.database.transaction() as session:
        killed = await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE '%INSERT INTO inbox_event%' AND pid <> pg_backend_pid()"
            )
        )
        assert killed.all()
    assert (await vk.comment("яма", 2)).status_code == 200
    assert await stored(resources) == 2


async def test_a_statement_without_end_is_given_up(
    resources: Resources, page: PublicPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "ANSWER_SECONDS", 0.2)
    slow = lane.Lane(resources.database.engine.url)
    with pytest.raises(TimeoutError):
        await slow.execute("SELECT pg_sleep(5)", {})
    assert await slow.execute("SELECT 1", {}) == 1
    await slow.close()
