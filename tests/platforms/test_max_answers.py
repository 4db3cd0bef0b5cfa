"""Our answers to MAX, against the stand-in over HTTP and against single strange answers."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, Limit, Repeat, SentMessage
from app.platforms.splitting import split_text
from tests.platforms.max_room import (
    CHANNEL,
    CITIZEN,
    COMMENT,
    CREDENTIALS,
    DIALOG,
    HANDS,
    MAX_URL,
    NEIGHBOUR,
    NEVER,
    PRIVATE,
    RETRY,
    STOP,
    TOKEN,
    UNKNOWN,
    Room,
    always,
    answering,
    breaking,
    failure,
    max_messenger,
    max_room,
)

SAMPLES = Path(__file__).parent / "max" / "api"


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with max_room() as room:
        yield room


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def error(code: str, message: str = "") -> dict[str, str]:
    return {"code": code, "message": message}


async def documented(message: Any, name: str) -> None:
    """Send and compare the request with the sample."""
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=sample("api_response_send_message"))

    async with answering(handle) as client:
        sent = await max_messenger.send(client, "https://platform-api2.max.ru/", CREDENTIALS, message)
    expected = sample(name)
    assert f"{requests[0].method} {requests[0].url}" == expected["_http"].split("  ")[0]
    assert json.loads(requests[0].content) == expected["body"]
    assert requests[0].headers["Authorization"] == TOKEN
    assert sent == SentMessage("mid.000000000adf429c019d47b1ce460abc", "mid.000000000adf429c019d47b1ce460abc")


async def test_a_private_answer_is_asked_for_as_documented() -> None:
    reply_to = "mid.000000000adf429c019d47b1ce4600ff"
    await documented(replace(PRIVATE, chat_external_id=None, reply_to_external_id=reply_to), "api_request_send_message")


async def test_an_answer_to_a_comment_is_asked_for_as_documented() -> None:
    await documented(COMMENT, "api_request_send_comment")


async def test_an_answer_goes_to_the_dialog_or_where_that_is_unknown_to_the_person(room: Room) -> None:
    sent = await max_messenger.send(room.client, MAX_URL, CREDENTIALS, PRIVATE)
    room.clock.pass_by(1)
    other = replace(PRIVATE, chat_external_id=None, text="Слесарь придёт завтра.")
    await max_messenger.send(room.client, MAX_URL, CREDENTIALS, other)
    said = room.stand_in.dialog(CHANNEL, CITIZEN)["messages"]
    assert [(one["text"], one["is_page"]) for one in said[1:]] == [(PRIVATE.text, True), (other.text, True)]
    assert sent.external_id == sent.key == said[1]["id"]


async def test_an_answer_stands_under_the_comment_that_it_answers(room: Room) -> None:
    comment = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    answer = replace(COMMENT, post_external_id=room.post, reply_to_external_id=comment.mid)
    sent = await max_messenger.send(room.client, MAX_URL, CREDENTIALS, answer)
    (asked,) = room.stand_in.feed(CHANNEL)["posts"][0]["comments"]
    assert [(one["id"], one["text"], one["is_page"]) for one in asked["replies"]] == [(sent.key, COMMENT.text, True)]


async def test_a_forward_that_has_no_id_of_its_own_is_answered_without_naming_it() -> None:
    bodies: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json=sample("api_response_send_message"))

    async with answering(handle) as client:
        forward = replace(PRIVATE, reply_to_external_id="forward:7261505f4a5c11a9cbc2f1acce0a67d3")
        await max_messenger.send(client, MAX_URL, CREDENTIALS, forward)
    assert bodies[0]["link"] is None


@pytest.mark.parametrize(
    ("status", "content", "kind", "code"),
    [
        (401, sample("api_error_401"), STOP, "verify.token"),
        (403, error("verify.token"), STOP, "verify.token"),
        (401, "", STOP, "http-401"),
        (403, error("access.denied", "bot stopped"), NEVER, "access.denied"),
        (404, error("not.found"), NEVER, "not.found"),
        (400, error("proto.payload", "text: size"), NEVER, "proto.payload"),
        (405, error("not.allowed"), NEVER, "not.allowed"),
        (415, error("media.type"), NEVER, "media.type"),
        (422, error("errors.something"), NEVER, "errors.something"),
        (422, sample("api_error_comment_edit_timeout"), NEVER, "comments.timeout_exceeded"),
        (400, sample("api_error_attachment_not_ready"), RETRY, "attachment.not.ready"),
        (409, error("conflict"), NEVER, "conflict"),
        (429, error("too.many.requests"), RETRY, "too.many.requests"),
        (429, "", RETRY, "http-429"),
        (503, error("service.unavailable"), RETRY, "service.unavailable"),
        (503, "<html>", RETRY, "http-503"),
        (500, error("internal.error"), UNKNOWN, "internal.error"),
        (502, "<html>", UNKNOWN, "http-502"),
        (504, "", UNKNOWN, "http-504"),
        (302, "", RETRY, "http-302"),
        (410, "<html>", RETRY, "http-410"),
        (200, "<html>", UNKNOWN, "not-understood"),
        (200, {"message": {"body": None}}, UNKNOWN, "not-understood"),
        (200, {"success": False, "message": "no"}, NEVER, "http-200"),
    ],
)
async def test_every_error_says_what_to_do(status: int, content: Any, kind: FailureKind, code: str) -> None:
    async with always(status, content) as client:
        refusal = await failure(client, PRIVATE)
    assert (refusal.kind, refusal.code) == (kind, code)
    assert refusal.reason.endswith((".", content.get("message", ".") if isinstance(content, dict) else "."))
    assert (refusal.retry_after_seconds >= 1) is (kind in (RETRY, UNKNOWN))


async def test_a_person_who_stopped_the_bot_can_be_answered_in_public() -> None:
    async with always(403, error("access.denied")) as client:
        assert "публичный ответ" in (await failure(client, PRIVATE)).reason


async def test_flood_makes_the_page_wait_as_long_as_max_asks() -> None:
    async with always(429, error("too.many.requests"), **{"Retry-After": "7"}) as client:
        refusal = await failure(client, PRIVATE)
    assert (refusal.retry_after_seconds, refusal.is_of_page) == (7.0, True)
    async with always(503, error("service.unavailable")) as client:
        refusal = await failure(client, PRIVATE)
    assert (refusal.retry_after_seconds, refusal.is_of_page) == (1.0, False)


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (httpx.ConnectError("refused"), RETRY),
        (httpx.ConnectTimeout("slow"), RETRY),
        (httpx.PoolTimeout("busy"), RETRY),
        (httpx.UnsupportedProtocol("ftp"), RETRY),
        (httpx.ReadTimeout("slow"), UNKNOWN),
        (httpx.WriteTimeout("slow"), UNKNOWN),
        (httpx.ReadError("reset"), UNKNOWN),
        (httpx.RemoteProtocolError("closed"), UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_what_certainly_did_not_leave_is_tried_again_and_the_rest_is_in_doubt(
    broken: Exception, kind: FailureKind
) -> None:
    async with breaking(broken) as client:
        assert (await failure(client, PRIVATE)).kind is kind


@pytest.mark.parametrize("token", ["", "ключ", "two words", "line\nbreak"])
async def test_a_token_that_can_be_none_stops_the_page_before_anything_is_sent(token: str) -> None:
    async with breaking(AssertionError("nothing may be sent")) as client:
        refusal = await failure(client, PRIVATE, Credentials(CHANNEL, access_token=token))
    assert refusal.kind is STOP


async def test_long_and_empty_answers_are_refused_here_and_at_the_limit_taken_there(room: Room) -> None:
    for text in ("", " \n", "я" * 4001, "🙂" * 2001):
        assert (await failure(room.client, replace(PRIVATE, text=text))).kind is NEVER
    await max_messenger.send(room.client, MAX_URL, CREDENTIALS, replace(PRIVATE, text="я" * 4000))
    assert room.stand_in.dialog(CHANNEL, CITIZEN)["messages"][-1]["text"] == "я" * 4000


async def test_a_long_answer_goes_in_parts_that_max_takes(room: Room) -> None:
    parts = split_text("Сообщаем 🙂. " * 900, max_messenger.text_limit, max_messenger.text_length)
    for part in parts:
        await max_messenger.send(room.client, MAX_URL, CREDENTIALS, replace(PRIVATE, text=part))
        room.clock.pass_by(1)
    assert [one["text"] for one in room.stand_in.dialog(CHANNEL, CITIZEN)["messages"][1:]] == parts
    assert len(parts) == 3


async def test_a_comment_without_a_post_needs_hands() -> None:
    async with breaking(AssertionError("nothing may be sent")) as client:
        for post in (None, "../subscriptions"):
            assert (await failure(client, replace(COMMENT, post_external_id=post))).kind is HANDS


def test_limits_are_those_of_the_bot_and_of_each_chat() -> None:
    assert max_messenger.limits(PRIVATE) == (Limit("", 30), Limit(f"chat:{DIALOG}", 2))
    assert max_messenger.limits(replace(PRIVATE, chat_external_id=None))[1].key == f"chat:user:{CITIZEN}"
    assert max_messenger.limits(COMMENT) == max_messenger.limits(replace(COMMENT, post_external_id="mid.other"))
    assert max_messenger.repeat is Repeat.LOOKED_UP


async def test_the_third_message_of_a_second_is_refused_and_taken_a_second_later(room: Room) -> None:
    for number in (1, 2):
        await max_messenger.send(room.client, MAX_URL, CREDENTIALS, replace(PRIVATE, text=f"Часть {number}"))
    third = replace(PRIVATE, text="Часть 3")
    assert (await failure(room.client, third)).kind is RETRY
    room.clock.pass_by(1)
    await max_messenger.send(room.client, MAX_URL, CREDENTIALS, third)
    assert len(room.stand_in.dialog(CHANNEL, CITIZEN)["messages"]) == 4


async def test_who_never_wrote_or_stopped_the_bot_is_out_of_reach(room: Room) -> None:
    stranger = replace(PRIVATE, author_external_id=NEIGHBOUR, chat_external_id=None)
    assert (await failure(room.client, stranger)).kind is NEVER
    room.stand_in.stop_bot(CHANNEL, CITIZEN)
    assert (await failure(room.client, PRIVATE)).kind is NEVER


async def test_a_bot_without_rights_and_a_comment_that_is_gone_are_told_apart_from_outages(room: Room) -> None:
    comment = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    answer = replace(COMMENT, post_external_id=room.post, reply_to_external_id=comment.mid)
    room.stand_in.set_rights(CHANNEL, ["read_all_messages"])
    assert (await failure(room.client, answer)).code == "access.denied"
    room.stand_in.set_rights(CHANNEL, ["read_all_messages", "write"])
    room.stand_in.delete(CHANNEL, comment.mid)
    assert (await failure(room.client, answer)).code == "not.found"
