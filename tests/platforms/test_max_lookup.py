"""An answer to MAX of unknown fate is looked up: found where it arrived, and only there."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from app.platforms.base import OutgoingMessage, SendFailed
from tests.platforms.max_room import (
    CHANNEL,
    CITIZEN,
    COMMENT,
    COMMENT_ID,
    CREDENTIALS,
    MAX_URL,
    NEIGHBOUR,
    POST,
    PRIVATE,
    RETRY,
    UNKNOWN,
    Room,
    always,
    breaking,
    failure,
    max_messenger,
    max_room,
)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with max_room() as room:
        yield room


@pytest.mark.parametrize("fault", [{"http_status": 500}, {"error_code": 500}, {"http_status": 504}])
async def test_an_answer_that_arrived_although_its_confirmation_was_lost_is_found(
    room: Room, fault: dict[str, int]
) -> None:
    comment = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    answer = replace(COMMENT, post_external_id=room.post, reply_to_external_id=comment.mid)
    for message in (PRIVATE, answer):
        since = room.clock.at
        assert await max_messenger.find_sent(room.client, MAX_URL, CREDENTIALS, message, since) is None
        room.stand_in.misbehave(is_done=True, **fault)
        assert (await failure(room.client, message)).kind is UNKNOWN
        found = await max_messenger.find_sent(room.client, MAX_URL, CREDENTIALS, message, since)
        assert found is not None
        assert room.stand_in.world.pages[CHANNEL].message(found.external_id).text == message.text


async def test_what_did_not_arrive_is_not_found(room: Room) -> None:
    room.stand_in.misbehave(http_status=502)
    assert (await failure(room.client, PRIVATE)).kind is UNKNOWN
    assert await max_messenger.find_sent(room.client, MAX_URL, CREDENTIALS, PRIVATE, room.clock.at) is None


async def test_the_same_words_of_a_citizen_of_yesterday_or_under_another_comment_are_not_our_answer(room: Room) -> None:
    await max_messenger.send(room.client, MAX_URL, CREDENTIALS, PRIVATE)
    first = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    second = room.stand_in.comment(CHANNEL, room.post, NEIGHBOUR, "А когда тепло?")
    answer = replace(COMMENT, post_external_id=room.post, reply_to_external_id=first.mid)
    await max_messenger.send(room.client, MAX_URL, CREDENTIALS, answer)
    room.stand_in.comment(CHANNEL, room.post, NEIGHBOUR, answer.text, reply_to=second.mid)
    to_second = replace(answer, reply_to_external_id=second.mid)
    assert await max_messenger.find_sent(room.client, MAX_URL, CREDENTIALS, to_second, room.clock.at) is None
    room.clock.pass_by(24 * 3600)
    room.stand_in.message(CHANNEL, CITIZEN, PRIVATE.text)
    for message in (PRIVATE, answer):
        assert await max_messenger.find_sent(room.client, MAX_URL, CREDENTIALS, message, room.clock.at) is None


async def test_an_answer_is_found_among_hundreds_of_newer_comments(room: Room) -> None:
    since = room.clock.at
    answer = replace(COMMENT, post_external_id=room.post, reply_to_external_id=None)
    sent = await max_messenger.send(room.client, MAX_URL, CREDENTIALS, answer)
    for number in range(230):
        room.clock.pass_by(1)
        room.stand_in.comment(CHANNEL, room.post, NEIGHBOUR, f"Комментарий {number}")
    assert await max_messenger.find_sent(room.client, MAX_URL, CREDENTIALS, answer, since) == sent
    assert len(room.stand_in.calls("getComments")) == 3


async def doubt(client: httpx.AsyncClient, message: OutgoingMessage, room: Room) -> SendFailed:
    with pytest.raises(SendFailed) as refusal:
        await max_messenger.find_sent(client, MAX_URL, CREDENTIALS, message, room.clock.at)
    return refusal.value


async def test_where_max_cannot_show_it_the_answer_stays_in_doubt(room: Room) -> None:
    assert (await doubt(room.client, replace(PRIVATE, chat_external_id=None), room)).kind is UNKNOWN
    for _ in range(100):
        room.stand_in.message(CHANNEL, CITIZEN, "Ау")
    assert (await doubt(room.client, PRIVATE, room)).kind is UNKNOWN
    async with always(200, {"messages": None}) as client:
        assert (await doubt(client, COMMENT, room)).kind is UNKNOWN
    busy = {"body": {"mid": COMMENT_ID, "text": "Ау"}, "timestamp": int(room.clock.seconds() * 1000)}
    async with always(200, {"messages": [busy] * 100}) as client:
        assert (await doubt(client, COMMENT, room)).kind is UNKNOWN
    async with always(500, {"code": "internal.error", "message": ""}) as client:
        assert (await doubt(client, COMMENT, room)).kind is RETRY
    async with breaking(httpx.ReadTimeout("slow")) as client:
        assert (await doubt(client, replace(COMMENT, post_external_id=POST), room)).kind is RETRY
