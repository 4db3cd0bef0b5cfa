"""A page of MAX is connected, watched, and asked for comments that no webhook told."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.platforms.base import PolledDelivery, SendFailed
from app.platforms.incoming import Attachment, IncomingMessage
from app.platforms.max_comments import poll_comments
from app.platforms.max_events import EVENT_TYPES
from app.platforms.max_messenger import SECRET_HEADER
from tests.platforms.max_room import (
    CALLBACK_URL,
    CHANNEL,
    CITIZEN,
    CREDENTIALS,
    MAX_URL,
    NEVER,
    PAGE,
    RETRY,
    SECRET,
    Room,
    answering,
    max_messenger,
    max_room,
)

SAMPLES = Path(__file__).parent / "max" / "api"


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with max_room() as room:
        yield room


async def problem(client: httpx.AsyncClient, url: str = CALLBACK_URL) -> str | None:
    return await max_messenger.connection_problem(client, MAX_URL, CREDENTIALS, url)


async def test_a_subscription_is_asked_for_as_documented() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"success": True})

    expected = json.loads((SAMPLES / "api_request_subscribe.json").read_bytes())
    async with answering(handle) as client:
        await max_messenger.connect(client, "https://platform-api2.max.ru", CREDENTIALS, expected["body"]["url"])
    assert f"{requests[0].method} {requests[0].url}" == expected["_http"].split("  ")[0]
    assert json.loads(requests[0].content) == expected["body"]


async def test_a_connected_page_hears_every_event_with_its_secret(room: Room) -> None:
    room.stand_in.world.pages[CHANNEL].subscriptions.clear()
    assert "подписки нет" in (await problem(room.client) or "")
    for _ in range(2):
        await max_messenger.connect(room.client, MAX_URL, CREDENTIALS, CALLBACK_URL)
    assert await problem(room.client) is None
    assert len(room.stand_in.world.pages[CHANNEL].subscriptions) == 1
    room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    assert (await room.types())[-1] == "comment_created"
    assert room.receiver.headers[-1][SECRET_HEADER] == SECRET


async def test_a_subscription_to_a_part_of_the_events_is_a_problem_that_names_the_rest(room: Room) -> None:
    (subscription,) = room.stand_in.world.pages[CHANNEL].subscriptions
    subscription.update_types = [name for name in EVENT_TYPES if name != "comment_removed"]
    assert "нет: comment_removed" in (await problem(room.client) or "")
    assert "подписки нет" in (await problem(room.client, CALLBACK_URL + "-other") or "")


@pytest.mark.parametrize("secret", ["", "1234", "с кириллицей", "a" * 257])
async def test_a_secret_that_max_would_not_take_is_refused_with_what_it_takes(room: Room, secret: str) -> None:
    with pytest.raises(SendFailed, match="от 5 до 256") as refusal:
        await max_messenger.connect(room.client, MAX_URL, replace(CREDENTIALS, secret=secret), CALLBACK_URL)
    assert refusal.value.kind is NEVER


async def test_an_address_that_max_cannot_call_is_refused_with_its_words(room: Room) -> None:
    for address in ("http://appeals.test/webhooks/max/key", "https://appeals.test:8443/webhooks/max/key"):
        with pytest.raises(SendFailed, match="https on port 443") as refusal:
            await max_messenger.connect(room.client, MAX_URL, CREDENTIALS, address)
        assert refusal.value.kind is NEVER


async def test_an_outage_says_nothing_of_the_connection(room: Room) -> None:
    room.stand_in.misbehave(http_status=502)
    with pytest.raises(SendFailed) as refusal:
        await problem(room.client)
    assert refusal.value.kind is RETRY


async def polled(room: Room, cursor: str) -> tuple[list[PolledDelivery], str]:
    found = await poll_comments(room.client, MAX_URL, CREDENTIALS, cursor, room.clock.at)
    return list(found.deliveries), found.cursor


async def test_the_first_round_asks_for_nothing_old_and_the_next_brings_what_came_since(room: Room) -> None:
    room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Старый комментарий")
    room.clock.pass_by(3600)
    none, cursor = await polled(room, "")
    room.clock.pass_by(300)
    comment = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    room.stand_in.comment(CHANNEL, room.post, CHANNEL, "Сказано от имени канала")
    (found,), later = await polled(room, cursor)
    assert none == []
    assert int(later) - int(cursor) == 300_000
    (message,) = max_messenger.parse(PAGE, found.body)
    assert isinstance(message, IncomingMessage)
    assert (message.key, message.post_external_id, message.author_name) == (comment.mid, room.post, "Анна Примерова")


async def test_a_polled_comment_is_the_delivery_that_the_webhook_brought(room: Room) -> None:
    _, cursor = await polled(room, "")
    room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    await room.stand_in.settle()
    (found,), _ = await polled(room, cursor)
    body = json.dumps(room.receiver.bodies[-1]).encode()
    pushed = max_messenger.authenticate(CREDENTIALS, {SECRET_HEADER: SECRET}, body)
    assert (pushed.event_type, pushed.key) == (found.event_type, found.key)


async def test_a_bot_without_a_channel_is_not_asked_for_comments(room: Room) -> None:
    alone = replace(CREDENTIALS, external_id="600000001")
    found = await max_messenger.poll(room.client, MAX_URL, alone, "1", room.clock.at)
    assert found.deliveries == ()
    assert room.stand_in.calls() == []


async def test_a_file_is_fetched_from_where_max_says(room: Room) -> None:
    photo = Attachment("photo", "https://i.example.test/i?r=photo")
    found = await max_messenger.file_address(room.client, MAX_URL, CREDENTIALS, photo)
    assert found is not None
    assert found.url == photo.url
    assert await max_messenger.file_address(room.client, MAX_URL, CREDENTIALS, Attachment("geo")) is None
