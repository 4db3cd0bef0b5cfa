"""Our answers to Telegram, against the stand-in over HTTP and against single strange answers."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.base import FileSource, Limit, OutgoingMessage, Repeat, SendFailed, SentMessage
from app.platforms.incoming import Attachment
from app.platforms.telegram_errors import REMEDIES, remedy_for
from app.sandbox.telegram_stand_in import TelegramStandIn
from tests.platforms.telegram_room import (
    CALLBACK_URL,
    CHANNEL,
    CITIZEN,
    COMMENT,
    CREDENTIALS,
    GROUP,
    HANDS,
    NEIGHBOUR,
    NEVER,
    PRIVATE,
    RETRY,
    STOP,
    TELEGRAM_URL,
    TOKEN,
    UNKNOWN,
    Receiver,
    failure,
    telegram,
)

SAMPLES = Path(__file__).parent / "telegram" / "api"


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


def refusing(code: int, description: str = "Some words", **parameters: Any) -> httpx.AsyncClient:
    body = {"ok": False, "error_code": code, "description": description}
    return answering(lambda _: httpx.Response(code, json=body | ({"parameters": parameters} if parameters else {})))


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


async def sent_with(message: OutgoingMessage, response: Any) -> tuple[SentMessage, httpx.Request]:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=response)

    async with answering(handle) as client:
        return await telegram.send(client, TELEGRAM_URL + "/", CREDENTIALS, message), requests[0]


@pytest.fixture
async def stand_in() -> AsyncIterator[TelegramStandIn]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(Receiver().handle))
    instants = iter(range(0, 1_000_000, 60))
    stand_in = TelegramStandIn(client=client, monotonic=lambda: next(instants), retry_delays_seconds=(0.0,))
    stand_in.add_page(CHANNEL, "Администрация Примерска", access_token=TOKEN, discussion_id=GROUP)
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    stand_in.add_user(NEIGHBOUR, "Пётр")
    yield stand_in
    await stand_in.aclose()
    await client.aclose()


@pytest.fixture
async def client(stand_in: TelegramStandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app)) as client:
        yield client


def commented(stand_in: TelegramStandIn, text: str = "А инвентарь дадут?") -> OutgoingMessage:
    """An answer to a comment that has just been written."""
    post = stand_in.add_post(CHANNEL, "Завтра субботник")
    comment = stand_in.comment(CHANNEL, str(post.id), CITIZEN, text)
    return replace(COMMENT, reply_to_external_id=f"{GROUP}:{comment.id}", post_external_id=str(post.id))


async def test_a_comment_is_answered_as_documented() -> None:
    sent, request = await sent_with(COMMENT, sample("api_response_ok"))
    documented = sample("api_request_sendMessage_reply")["body"]
    assert json.loads(request.content) == {**documented, "text": COMMENT.text}
    assert str(request.url) == f"{TELEGRAM_URL}/bot{TOKEN}/sendMessage"
    assert sent == SentMessage(f"{GROUP}:5004", f"post:{GROUP}:5004")


async def test_a_private_message_is_sent_as_documented() -> None:
    result = {"message_id": 7, "chat": {"id": int(CITIZEN)}}
    sent, request = await sent_with(PRIVATE, {"ok": True, "result": result})
    body = json.loads(request.content)
    assert body == {"chat_id": int(CITIZEN), "text": PRIVATE.text, "link_preview_options": {"is_disabled": True}}
    assert sent == SentMessage(f"{CITIZEN}:7", f"message:{CITIZEN}:7")


async def test_a_private_message_to_the_channel_is_answered_in_its_topic() -> None:
    answer = replace(PRIVATE, chat_external_id="-1001000000003:700000001", reply_to_external_id="-1001000000003:40")
    sent, request = await sent_with(answer, {"ok": True, "result": {"message_id": 42}})
    body = json.loads(request.content)
    assert (body["chat_id"], body["direct_messages_topic_id"]) == (-1001000000003, 700000001)
    assert body["reply_parameters"]["message_id"] == 40
    assert sent.key == "message:-1001000000003:42"


async def test_whoever_writes_in_the_name_of_a_channel_cannot_be_written_to_privately() -> None:
    async with refusing(500) as client:
        refusal = await failure(client, replace(PRIVATE, author_external_id="-1001000000088"))
    assert (refusal.kind, "публично" in refusal.reason) == (NEVER, True)


async def test_a_group_that_has_moved_is_answered_where_it_is_now_and_under_no_stranger() -> None:
    answer = replace(COMMENT, reply_to_external_id="-5001:17")
    _, request = await sent_with(answer, sample("api_response_ok"))
    body = json.loads(request.content)
    assert body["chat_id"] == int(GROUP)
    assert "reply_parameters" not in body


async def test_without_a_named_group_the_comments_own_is_answered() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=sample("api_response_ok"))

    async with answering(handle) as client:
        await telegram.send(client, TELEGRAM_URL, replace(CREDENTIALS, discussion_id=""), COMMENT)
    assert json.loads(requests[0].content)["chat_id"] == int(GROUP)


async def test_an_answer_to_no_comment_is_for_a_person() -> None:
    async with refusing(500) as client:
        assert (await failure(client, replace(COMMENT, reply_to_external_id=None))).kind is HANDS


def test_a_length_is_counted_as_telegram_counts_it() -> None:
    assert telegram.text_length("яма") == 3
    assert telegram.text_length("🕳️") == 3
    assert telegram.repeat is Repeat.SHOWN_TWICE


@pytest.mark.parametrize("text", ["", " \n", "я" * 4097, "🕳" * 2049])
async def test_an_impossible_text_is_not_even_sent(text: str) -> None:
    async with refusing(500) as client:
        refusal = await failure(client, replace(COMMENT, text=text))
    assert (refusal.kind, refusal.code) == (NEVER, "400")


def test_limits_are_the_bots_the_chats_and_the_groups() -> None:
    assert telegram.limits(PRIVATE) == (Limit("", 30.0), Limit(f"chat:{CITIZEN}", 1.0))
    assert telegram.limits(replace(PRIVATE, chat_external_id="7"))[1].key == "chat:7"
    assert telegram.limits(COMMENT) == (Limit("", 30.0), Limit(f"chat:{GROUP}", 20 / 60))


@pytest.mark.parametrize("token", ["", "ключ", "a/../b", "a b", "600000002:AA?x"])
async def test_a_token_that_no_address_can_hold_stops_the_page(token: str) -> None:
    async with refusing(500) as client:
        refusal = await failure(client, COMMENT, replace(CREDENTIALS, access_token=token))
    assert refusal.kind is STOP


@pytest.mark.parametrize(
    ("code", "description", "kind", "advice"),
    [
        (401, "Unauthorized", STOP, "токен"),
        (404, "Not Found", STOP, "токен"),
        (403, "Forbidden: bot was blocked by the user", NEVER, "заблокировал"),
        (403, "Forbidden: user is deactivated", NEVER, "удалена"),
        (403, "Forbidden: bot can't initiate conversation with a user", NEVER, "не писал"),
        (403, "Forbidden: bots can't send messages to bots", NEVER, "боту"),
        (403, "Forbidden: bot was kicked from the supergroup chat", NEVER, "верните"),
        (403, "Forbidden: bot is not a member of the supergroup chat", NEVER, "верните"),
        (403, "Forbidden: the group chat was deleted", NEVER, "новой"),
        (403, "Forbidden: whatever", NEVER, "другой способ"),
        (400, "Bad Request: message is too long", NEVER, "сократите"),
        (400, "Bad Request: message text is empty", NEVER, "Пустой"),
        (400, "Bad Request: chat not found", NEVER, "не находит"),
        (400, "Bad Request: message to be replied not found", NEVER, "больше нет"),
        (400, "Bad Request: REPLY_MESSAGE_ID_INVALID", NEVER, "больше нет"),
        (400, "Bad Request: message thread not found", NEVER, "больше нет"),
        (400, "Bad Request: not enough rights to send text messages to the chat", NEVER, "права"),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN", NEVER, "права"),
        (400, "Bad Request: whatever", NEVER, "администратору"),
        (409, "Conflict: terminated by other getUpdates request", NEVER, "ещё одна программа"),
        (413, "Request Entity Too Large", NEVER, "велик"),
        (418, "I'm a teapot", NEVER, "справочнике"),
        (500, "Internal Server Error", UNKNOWN, "проверьте"),
        (502, "Bad Gateway", UNKNOWN, "проверьте"),
    ],
)
async def test_a_refusal_leads_to_its_action(code: int, description: str, kind: Any, advice: str) -> None:
    async with refusing(code, description) as client:
        refusal = await failure(client, COMMENT)
    assert (refusal.kind, refusal.code, refusal.method) == (kind, str(code), "sendMessage")
    assert advice.casefold() in refusal.reason.casefold()
    if code < 500:
        assert description in refusal.reason


def test_every_remedy_can_be_reached() -> None:
    assert [remedy_for(one.code, one.words) for one in REMEDIES] == list(REMEDIES)


async def test_flood_control_holds_the_whole_page_for_as_long_as_it_says() -> None:
    body = sample("api_error_429")
    async with answering(lambda _: httpx.Response(429, json=body)) as client:
        refusal = await failure(client, COMMENT)
    assert (refusal.kind, refusal.retry_after_seconds, refusal.is_of_page) == (RETRY, 14, True)
    async with answering(lambda _: httpx.Response(429, headers={"Retry-After": "90"})) as client:
        assert (await failure(client, COMMENT)).retry_after_seconds == 90
    async with refusing(429) as client:
        assert (await failure(client, COMMENT)).retry_after_seconds >= 1


async def test_a_supergroup_is_told_with_its_new_number() -> None:
    body = sample("api_error_400_migrate")
    async with answering(lambda _: httpx.Response(400, json=body)) as client:
        refusal = await failure(client, COMMENT)
    assert (refusal.kind, refusal.discussion_id) == (RETRY, "-1001000000002")


async def test_the_documented_refusal_is_read() -> None:
    body = sample("api_error_403")
    async with answering(lambda _: httpx.Response(403, json=body)) as client:
        assert "заблокировал" in (await failure(client, PRIVATE)).reason


async def test_a_proxy_that_quotes_the_address_tells_no_token() -> None:
    async with refusing(400, f"Bad Request: https://api.telegram.org/bot{TOKEN}/sendMessage") as client:
        assert "…/sendMessage" in (await failure(client, COMMENT)).reason


@pytest.mark.parametrize(
    ("response", "kind", "least_wait"),
    [
        (httpx.Response(500, text="oops"), UNKNOWN, 1),
        (httpx.Response(502, text="bad gateway"), UNKNOWN, 1),
        (httpx.Response(504), UNKNOWN, 1),
        (httpx.Response(404, text="no such page"), RETRY, 60),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), RETRY, 60),
        (httpx.Response(200, text="<html>"), UNKNOWN, 1),
        (httpx.Response(200, json=[]), UNKNOWN, 1),
        (httpx.Response(200, json={"ok": True}), UNKNOWN, 1),
        (httpx.Response(200, json={"ok": True, "result": True}), UNKNOWN, 1),
        (httpx.Response(200, json={"ok": True, "result": {"message_id": "x"}}), UNKNOWN, 1),
    ],
)
async def test_an_answer_that_is_not_telegrams_may_have_been_a_yes(
    response: httpx.Response, kind: Any, least_wait: float
) -> None:
    async with answering(lambda _: response) as client:
        refusal = await failure(client, COMMENT)
    assert refusal.kind is kind
    assert refusal.retry_after_seconds >= least_wait


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError, RETRY),
        (httpx.ConnectTimeout, RETRY),
        (httpx.PoolTimeout, RETRY),
        (httpx.InvalidURL, RETRY),
        (httpx.ReadTimeout, UNKNOWN),
        (httpx.WriteTimeout, UNKNOWN),
        (httpx.ReadError, UNKNOWN),
        (httpx.RemoteProtocolError, UNKNOWN),
    ],
)
async def test_only_what_has_never_left_is_tried_again(error: type[Exception], kind: Any) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise error(f"cannot reach {request.url}")

    async with answering(break_off) as client:
        refusal = await failure(client, COMMENT)
    assert (refusal.kind, refusal.code) == (kind, "network")


async def test_an_answer_arrives_under_its_comment(stand_in: TelegramStandIn, client: httpx.AsyncClient) -> None:
    answer = commented(stand_in)
    sent = await telegram.send(client, TELEGRAM_URL, CREDENTIALS, answer)
    (post,) = stand_in.feed(CHANNEL)["posts"]
    (reply,) = post["comments"][0]["replies"]
    assert (reply["text"], reply["is_page"], reply["id"]) == (answer.text, True, sent.external_id)


async def test_an_answer_to_a_deleted_comment_arrives_all_the_same(
    stand_in: TelegramStandIn, client: httpx.AsyncClient
) -> None:
    answer = commented(stand_in)
    stand_in.delete(CHANNEL, answer.reply_to_external_id or "")
    assert (await telegram.send(client, TELEGRAM_URL, CREDENTIALS, answer)).external_id.startswith(GROUP)


async def test_a_lost_answer_is_unknown_and_was_sent(stand_in: TelegramStandIn, client: httpx.AsyncClient) -> None:
    stand_in.message(CHANNEL, CITIZEN, "Здравствуйте")
    stand_in.misbehave(method="sendMessage", http_status=504, is_done=True)
    assert (await failure(client, PRIVATE)).kind is UNKNOWN
    assert [one["text"] for one in stand_in.dialog(CHANNEL, CITIZEN)["messages"]] == ["Здравствуйте", PRIVATE.text]


async def test_nobody_is_written_to_who_does_not_want_it(stand_in: TelegramStandIn, client: httpx.AsyncClient) -> None:
    assert "не писал" in (await failure(client, PRIVATE)).reason
    stand_in.message(CHANNEL, CITIZEN, "Здравствуйте")
    stand_in.block(CHANNEL, CITIZEN)
    assert "заблокировал" in (await failure(client, PRIVATE)).reason
    stand_in.message(CHANNEL, CITIZEN, "Передумала")
    assert (await telegram.send(client, TELEGRAM_URL, CREDENTIALS, PRIVATE)).external_id
    stand_in.world.users[int(CITIZEN)].is_deactivated = True
    assert "удалена" in (await failure(client, PRIVATE)).reason


async def test_a_group_that_shuts_the_bot_out_is_told(stand_in: TelegramStandIn, client: httpx.AsyncClient) -> None:
    answer = commented(stand_in)
    stand_in.world.page(CHANNEL).is_closed = True
    assert "права" in (await failure(client, answer)).reason
    stand_in.remove_bot(CHANNEL)
    assert "верните" in (await failure(client, answer)).reason


async def test_after_a_move_the_answer_finds_the_new_group(
    stand_in: TelegramStandIn, client: httpx.AsyncClient
) -> None:
    answer = commented(stand_in)
    stand_in.move_group(CHANNEL, "-1001000000012")
    refusal = await failure(client, answer)
    assert (refusal.kind, refusal.discussion_id) == (RETRY, "-1001000000012")
    moved = replace(CREDENTIALS, discussion_id=refusal.discussion_id)
    assert (await telegram.send(client, TELEGRAM_URL, moved, answer)).external_id.startswith("-1001000000012:")


async def test_a_second_message_within_a_second_is_told_to_wait(
    stand_in: TelegramStandIn, client: httpx.AsyncClient
) -> None:
    stand_in.message(CHANNEL, CITIZEN, "Здравствуйте")
    instants = iter([0.0, 0.4, 1.1])
    stand_in.api._monotonic = lambda: next(instants)
    await telegram.send(client, TELEGRAM_URL, CREDENTIALS, PRIVATE)
    refusal = await failure(client, PRIVATE)
    assert (refusal.kind, refusal.retry_after_seconds, refusal.is_of_page) == (RETRY, 1, True)
    await telegram.send(client, TELEGRAM_URL, CREDENTIALS, PRIVATE)


@pytest.mark.parametrize(("code", "kind"), [(429, RETRY), (401, STOP), (403, NEVER), (500, UNKNOWN)])
async def test_an_ordered_error_is_seen_as_in_life(
    stand_in: TelegramStandIn, client: httpx.AsyncClient, code: int, kind: Any
) -> None:
    stand_in.message(CHANNEL, CITIZEN, "Здравствуйте")
    stand_in.misbehave(method="sendMessage", error_code=code)
    assert (await failure(client, PRIVATE)).kind is kind
    assert (await telegram.send(client, TELEGRAM_URL, CREDENTIALS, PRIVATE)).external_id


async def test_the_webhook_is_asked_for_as_documented() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"ok": True, "result": True, "description": "Webhook was set"})

    async with answering(handle) as client:
        await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, "https://hooks.primersk.example/telegram/1")
    assert json.loads(requests[0].content) == sample("api_request_setWebhook")["body"]


@pytest.mark.parametrize("secret", ["", "с кириллицей", "a b", "x" * 257])
async def test_a_secret_that_telegram_would_not_take_is_told_at_once(secret: str) -> None:
    async with refusing(500) as client:
        with pytest.raises(SendFailed, match="Секрет") as refusal:
            await telegram.connect(client, TELEGRAM_URL, replace(CREDENTIALS, secret=secret), CALLBACK_URL)
    assert refusal.value.kind is NEVER


async def test_an_address_that_telegram_refuses_is_told_with_what_to_do(client: httpx.AsyncClient) -> None:
    with pytest.raises(SendFailed, match="HTTPS") as refusal:
        await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, "http://127.0.0.1:8000/webhooks/telegram/key")
    assert refusal.value.kind is NEVER


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectError])
async def test_what_may_be_repeated_is_only_tried_again(error: type[Exception]) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise error("away")

    async with answering(break_off) as client:
        with pytest.raises(SendFailed) as refusal:
            await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL)
    assert refusal.value.kind is RETRY


async def problem(client: httpx.AsyncClient) -> str | None:
    return await telegram.connection_problem(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL)


async def test_a_connection_is_sound_until_its_webhook_is_gone(
    stand_in: TelegramStandIn, client: httpx.AsyncClient
) -> None:
    assert "не подключён" in (await problem(client) or "")
    await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL)
    assert await problem(client) is None
    await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL + "2")
    assert "другой адрес" in (await problem(client) or "")


async def test_updates_that_are_not_asked_for_are_missed(client: httpx.AsyncClient, stand_in: TelegramStandIn) -> None:
    await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL)
    stand_in.world.page(CHANNEL).webhook.allowed_updates = ["message"]
    assert "не все" in (await problem(client) or "")


@pytest.mark.parametrize(
    ("waiting", "age", "words"),
    [(0, 60, None), (3, 60, "502"), (3, 3 * 3600, None), (150, 3 * 3600, "150"), (99, None, None), (100, None, "100")],
)
async def test_what_waits_after_a_fresh_error_or_in_a_heap_is_a_problem(
    stand_in: TelegramStandIn, waiting: int, age: int | None, words: str | None
) -> None:
    info: dict[str, Any] = {"url": CALLBACK_URL, "pending_update_count": waiting}
    if age is not None:
        failed_at = int(stand_in._now().timestamp()) - age
        info |= {"last_error_date": failed_at, "last_error_message": "Wrong response from the webhook: 502 Bad Gateway"}
    async with answering(lambda _: httpx.Response(200, json={"ok": True, "result": info})) as client:
        found = await problem(client)
    assert (found is None) if words is None else (words in (found or ""))


async def test_a_file_is_found_and_fetched(stand_in: TelegramStandIn, client: httpx.AsyncClient) -> None:
    file_id = stand_in.add_file("photos/file_0.jpg", b"picture")
    attachment = Attachment("photo", file_id=file_id)
    source = await telegram.file_address(client, TELEGRAM_URL, CREDENTIALS, attachment)
    assert source == FileSource(f"{TELEGRAM_URL}/file/bot{TOKEN}/photos/file_0.jpg")
    assert TOKEN not in repr(source)
    assert (await client.get(source.url)).content == b"picture"


async def test_what_has_no_file_has_no_address(stand_in: TelegramStandIn, client: httpx.AsyncClient) -> None:
    for attachment in (Attachment("geo"), Attachment("photo", file_id="unknown")):
        assert await telegram.file_address(client, TELEGRAM_URL, CREDENTIALS, attachment) is None


@pytest.mark.parametrize(
    "result",
    [
        {},
        [],
        {"file_path": "videos/file_1.mp4", "file_size": 21 * 1024 * 1024},
        {"file_path": "/var/lib/telegram-bot-api/file"},
        {"file_path": "../../secret"},
        {"file_path": 7},
    ],
)
async def test_an_address_beyond_the_bots_own_files_is_none(result: Any) -> None:
    async with answering(lambda _: httpx.Response(200, json={"ok": True, "result": result})) as client:
        assert await telegram.file_address(client, TELEGRAM_URL, CREDENTIALS, Attachment("doc", file_id="x")) is None


async def test_a_file_that_is_too_big_has_no_address_and_an_outage_is_no_answer() -> None:
    async with refusing(400, "Bad Request: file is too big") as client:
        assert await telegram.file_address(client, TELEGRAM_URL, CREDENTIALS, Attachment("doc", file_id="x")) is None
    async with refusing(401, "Unauthorized") as client:
        with pytest.raises(SendFailed):
            await telegram.file_address(client, TELEGRAM_URL, CREDENTIALS, Attachment("doc", file_id="x"))
