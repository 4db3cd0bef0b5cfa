"""The stand-in of Telegram keeps to Telegram's documented behaviour, and to what is ordered."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.incoming import ContactChange, IncomingMessage, PagePost
from app.platforms.telegram import SECRET_HEADER
from app.sandbox.telegram_stand_in import TelegramStandIn
from app.sandbox.telegram_webhooks import RETRY_DELAYS_SECONDS
from app.sandbox.telegram_world import TelegramError
from tests.platforms.telegram_room import (
    CALLBACK_URL,
    CHANNEL,
    CITIZEN,
    CREDENTIALS,
    GROUP,
    NEIGHBOUR,
    PAGE,
    SECRET,
    TELEGRAM_URL,
    TOKEN,
    Receiver,
    telegram,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    """The time of Telegram's world."""

    def __init__(self) -> None:
        self.now = NOON
        self.instants: Iterator[float] = iter(range(0, 1_000_000, 60))

    def monotonic(self) -> float:
        return next(self.instants)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def founded(receiver: Receiver, clock: Clock, state_file: Path | None = None) -> TelegramStandIn:
    return TelegramStandIn(
        state_file,
        client=httpx.AsyncClient(transport=httpx.MockTransport(receiver.handle)),
        now=lambda: clock.now,
        monotonic=clock.monotonic,
        retry_delays_seconds=(0.0, 0.0),
    )


def furnish(stand_in: TelegramStandIn) -> None:
    stand_in.add_page(
        CHANNEL,
        "Администрация Примерска",
        access_token=TOKEN,
        discussion_id=GROUP,
        username="primersk_example",
        callback_url=CALLBACK_URL,
        secret=SECRET,
    )
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    stand_in.add_user(NEIGHBOUR, "Пётр")


@pytest.fixture
async def stand_in(receiver: Receiver, clock: Clock) -> AsyncIterator[TelegramStandIn]:
    stand_in = founded(receiver, clock)
    furnish(stand_in)
    yield stand_in
    await stand_in.aclose()


@pytest.fixture
async def client(stand_in: TelegramStandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app), base_url=TELEGRAM_URL) as client:
        yield client


async def call(client: httpx.AsyncClient, method: str, token: str = TOKEN, **params: Any) -> Any:
    return (await client.post(f"/bot{token}/{method}", json=params)).json()


async def order(client: httpx.AsyncClient, path: str, **deed: Any) -> Any:
    answer = await client.post(f"/stand-in/{path}", json=deed)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(receiver: Receiver) -> list[Any]:
    return [item for body in receiver.bodies for item in telegram.parse(PAGE, json.dumps(body).encode())]


async def test_the_life_of_a_comment_is_told_to_the_page_but_its_deletion_is_not(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    post = (await order(client, "posts", page=CHANNEL, text="Завтра субботник"))["post"]
    await stand_in.settle()
    made = await order(client, "comments", page=CHANNEL, post=post, user_id=CITIZEN, text="А инвентарь?")
    await stand_in.settle()
    deed = {"page": CHANNEL, "comment": made["comment"]}
    assert await order(client, "comments", **deed, action="edit", text="А инвентарь дадут?") == made
    assert await order(client, "comments", **deed, action="delete") == made
    await stand_in.settle()
    assert receiver.kinds == ["channel_post", "message", "message", "edited_message"]
    comments = [one for one in told(receiver) if isinstance(one, IncomingMessage)]
    assert [(one.key, one.text, one.post_external_id) for one in comments] == [
        (made["key"], "А инвентарь?", post),
        (made["key"], "А инвентарь дадут?", post),
    ]
    assert comments[0].author_name == "Анна Примерова"
    assert comments[0].external_id == made["comment"]
    assert {one.external_id for one in told(receiver) if isinstance(one, PagePost)} == {post}
    (shown,) = (await client.get("/stand-in/feed", params={"page": CHANNEL})).json()["posts"][0]["comments"]
    assert (shown["text"], shown["is_deleted"]) == ("", True)


async def test_every_update_proves_itself_and_has_a_number_of_its_own(
    stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    stand_in.message(CHANNEL, CITIZEN, "Нет света")
    stand_in.message(CHANNEL, CITIZEN, "Второй день")
    await stand_in.settle()
    keys = {
        telegram.authenticate(CREDENTIALS, dict(headers.items()), json.dumps(body).encode()).key
        for headers, body in zip(receiver.headers, receiver.bodies, strict=True)
    }
    assert len(keys) == 2
    assert receiver.headers[0][SECRET_HEADER] == SECRET


async def test_private_messages_and_the_blocked_bot_are_told(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    made = await order(client, "messages", page=CHANNEL, user_id=CITIZEN, text="Нет света")
    deed = {"page": CHANNEL, "user_id": CITIZEN, "message": made["message"]}
    await order(client, "messages", **deed, action="edit", text="Нет света второй день")
    await order(client, "messages", **deed, action="block")
    await stand_in.settle()
    first, edit, change = told(receiver)
    assert (first.key, first.text, edit.key, edit.text) == (
        made["key"],
        "Нет света",
        made["key"],
        "Нет света второй день",
    )
    assert change == ContactChange(CITIZEN, False, NOON, "Анна Примерова")
    await order(client, "messages", **deed, action="delete")
    view = (await client.get("/stand-in/dialog", params={"page": CHANNEL, "user_id": CITIZEN})).json()
    assert [(one["id"], one["is_deleted"]) for one in view["messages"]] == [(made["message"], True)]


async def test_replies_own_words_and_foreign_channels_look_as_in_telegram(
    stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    post = str(stand_in.add_post(CHANNEL, "Завтра субботник").id)
    stand_in.add_user("-1001000000088", "Жители Садовой")
    root = stand_in.comment(CHANNEL, post, CITIZEN, "А инвентарь?")
    answered = {"reply_to": f"{GROUP}:{root.id}"}
    for author in (NEIGHBOUR, GROUP, CHANNEL, "-1001000000088"):
        stand_in.comment(CHANNEL, post, author, f"Пишет {author}", **answered)
    await stand_in.settle()
    comments = {one.author_external_id: one for one in told(receiver) if isinstance(one, IncomingMessage)}
    assert {author: one.is_own for author, one in comments.items()} == {
        CITIZEN: False,
        NEIGHBOUR: False,
        GROUP: True,
        CHANNEL: True,
        "-1001000000088": False,
    }
    assert {one.reply_to_external_id for one in comments.values()} == {None, f"{GROUP}:{root.id}"}
    (thread,) = stand_in.feed(CHANNEL)["posts"][0]["comments"]
    assert [one["name"] for one in thread["replies"]] == [
        "Пётр",
        "Администрация Примерска",
        "Администрация Примерска",
        "Жители Садовой",
    ]


async def test_an_album_comes_in_pieces_under_one_key(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    keys = set()
    for number in range(2):
        photo = [{"file_id": stand_in.add_file(f"photos/{number}.jpg", b"x"), "width": 9, "height": 9}]
        extra = {"photo": photo, "media_group_id": "135"}
        text = "" if number else "Свалка"
        keys.add((await order(client, "messages", page=CHANNEL, user_id=CITIZEN, text=text, extra=extra))["key"])
    await stand_in.settle()
    first, second = told(receiver)
    assert {first.key, second.key} == keys
    assert (first.text, second.text, first.part != second.part) == ("Свалка", "", True)


async def test_updates_come_twice_and_out_of_order_on_command(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    assert await order(client, "webhook-faults", doubled=1) == {"doubled": 1, "mixed_up": 0}
    stand_in.message(CHANNEL, CITIZEN, "раз")
    await stand_in.settle()
    await order(client, "webhook-faults", mixed_up=1)
    stand_in.message(CHANNEL, CITIZEN, "два")
    stand_in.message(CHANNEL, CITIZEN, "три")
    await stand_in.settle()
    assert [one.text for one in told(receiver)] == ["раз", "раз", "три", "два"]
    assert stand_in.world.page(CHANNEL).pending == {}


async def test_what_is_not_acknowledged_is_repeated_and_the_trouble_can_be_read(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    receiver.answers = [httpx.ConnectError("away"), httpx.Response(502), httpx.Response(204)]
    stand_in.message(CHANNEL, CITIZEN, "Нет света")
    await stand_in.settle()
    assert len({body["update_id"] for body in receiver.bodies}) == 1
    assert len(receiver.bodies) == 3
    info = (await call(client, "getWebhookInfo"))["result"]
    assert (info["url"], info["pending_update_count"]) == (CALLBACK_URL, 0)
    assert info["last_error_message"] == "Wrong response from the webhook: 502 Bad Gateway"
    assert RETRY_DELAYS_SECONDS[:4] == (0, 2, 4, 8)
    assert sum(RETRY_DELAYS_SECONDS) == pytest.approx(24 * 3600, rel=0.01)


async def test_an_unreachable_address_is_noted(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    receiver.answers = [httpx.ConnectError("away")] * 3
    stand_in.message(CHANNEL, CITIZEN, "Нет света")
    await stand_in.settle()
    info = (await call(client, "getWebhookInfo"))["result"]
    assert (info["pending_update_count"], info["last_error_message"]) == (1, "Connection refused")


async def test_a_new_webhook_gets_what_has_waited(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    await call(client, "deleteWebhook")
    stand_in.message(CHANNEL, CITIZEN, "Нет света")
    assert (await call(client, "getWebhookInfo"))["result"]["pending_update_count"] == 1
    await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL + "2")
    await stand_in.settle()
    assert [one.text for one in told(receiver)] == ["Нет света"]
    receiver.answers = [httpx.Response(500)] * 3
    stand_in.message(CHANNEL, CITIZEN, "Второй день")
    await stand_in.settle()
    await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL)
    await stand_in.settle()
    assert stand_in.world.page(CHANNEL).pending == {}
    stand_in.message(CHANNEL, CITIZEN, "Третий")
    await call(client, "setWebhook", url=CALLBACK_URL, drop_pending_updates=True)
    assert stand_in.world.page(CHANNEL).pending == {}


async def test_a_day_later_an_update_is_dropped(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, clock: Clock
) -> None:
    await call(client, "deleteWebhook")
    stand_in.message(CHANNEL, CITIZEN, "Нет света")
    clock.now += timedelta(hours=24, seconds=1)
    assert (await call(client, "getWebhookInfo"))["result"]["pending_update_count"] == 0


async def test_an_address_that_is_gone_for_23_hours_loses_the_webhook(
    stand_in: TelegramStandIn, receiver: Receiver, clock: Clock
) -> None:
    webhook = stand_in.world.page(CHANNEL).webhook
    for hours, status in ((0, 410), (24, 503), (1, 410), (22, 410), (1, 410)):
        assert webhook.url == CALLBACK_URL
        clock.now += timedelta(hours=hours)
        receiver.answers = [httpx.Response(status)] * 99
        stand_in.message(CHANNEL, CITIZEN, "Ау")
        await stand_in.settle()
    assert webhook.url == ""


async def test_a_method_in_the_answer_is_carried_out_and_an_empty_one_orders_nothing(
    stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    receiver.answers = [httpx.Response(200, json={"method": "sendMessage", "text": "!"}), httpx.Response(200, json=[])]
    for _ in range(3):
        stand_in.message(CHANNEL, CITIZEN, "Ау")
        await stand_in.settle()
    assert stand_in.webhooks.commands == ["sendMessage"]


async def test_only_updates_that_were_asked_for_come(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, receiver: Receiver
) -> None:
    await call(client, "setWebhook", url=CALLBACK_URL, allowed_updates=["message"])
    stand_in.block(CHANNEL, CITIZEN)
    stand_in.message(CHANNEL, CITIZEN, "Передумала")
    await stand_in.settle()
    assert receiver.kinds == ["message"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"url": "http://appeals.test/"}, "HTTPS"),
        ({"url": CALLBACK_URL, "secret_token": "с кириллицей"}, "unallowed"),
        ({"url": CALLBACK_URL, "max_connections": 101}, "max_connections"),
    ],
)
async def test_a_senseless_webhook_is_refused(client: httpx.AsyncClient, params: dict[str, Any], words: str) -> None:
    answer = await call(client, "setWebhook", **params)
    assert (answer["ok"], answer["error_code"], words in answer["description"]) == (False, 400, True)


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"chat_id": 700000001}, "Bad Request: message text is empty"),
        ({"chat_id": 700000001, "text": "я" * 4097}, "Bad Request: message is too long"),
        ({"text": "x"}, "Bad Request: chat_id is empty"),
        ({"chat_id": 1, "text": "x"}, "Bad Request: chat not found"),
        ({"chat_id": -5, "text": "x"}, "Bad Request: chat not found"),
        ({"chat_id": 700000002, "text": "x"}, "Forbidden: bot can't initiate conversation with a user"),
        (
            {"chat_id": 700000001, "text": "x", "reply_parameters": {"message_id": 999}},
            "Bad Request: message to be replied not found",
        ),
    ],
)
async def test_a_senseless_message_is_refused(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, params: dict[str, Any], description: str
) -> None:
    stand_in.message(CHANNEL, CITIZEN, "Здравствуйте")
    answer = await call(client, "sendMessage", **params)
    assert (answer["ok"], answer["description"]) == (False, description)


async def test_strangers_and_unknown_methods_are_refused(client: httpx.AsyncClient) -> None:
    assert (await call(client, "getMe", "wrong"))["error_code"] == 401
    assert (await call(client, "teleport"))["error_code"] == 404
    assert (await client.get("/file/botwrong/photos/0.jpg")).status_code == 404
    assert (await client.post(f"/bot{TOKEN}/getMe", content=b"[", headers={"Content-Type": "application/json"})).json()[
        "error_code"
    ] == 400


async def test_parameters_may_come_in_any_way(client: httpx.AsyncClient, stand_in: TelegramStandIn) -> None:
    stand_in.message(CHANNEL, CITIZEN, "Здравствуйте")
    params = {"chat_id": CITIZEN, "text": "Принято"}
    for answer in (
        await client.get(f"/bot{TOKEN}/sendMessage", params=params),
        await client.post(f"/bot{TOKEN}/sendMessage", data=params),
    ):
        assert answer.json()["result"]["text"] == "Принято"
    assert (await call(client, "getMe"))["result"]["is_bot"] is True
    assert (await call(client, "getChat", chat_id=CHANNEL))["result"]["linked_chat_id"] == int(GROUP)


async def test_thirty_messages_a_second_are_enough_and_twenty_a_minute_for_a_group(
    client: httpx.AsyncClient, stand_in: TelegramStandIn, clock: Clock
) -> None:
    clock.instants = iter([0.01 * number for number in range(100)])
    codes = []
    for number in range(31):
        user = str(700000100 + number)
        stand_in.add_user(user, "Житель")
        stand_in.message(CHANNEL, user, "Здравствуйте")
        codes.append((await call(client, "sendMessage", chat_id=int(user), text="Принято")).get("error_code"))
    assert codes == [None] * 30 + [429]
    clock.instants = iter([100 + 1.5 * number for number in range(100)])
    answers = [await call(client, "sendMessage", chat_id=int(GROUP), text="Принято") for _ in range(21)]
    assert [answer["ok"] for answer in answers] == [True] * 20 + [False]
    assert answers[-1]["parameters"] == {"retry_after": 30}


async def test_carried_out_calls_are_counted_without_secrets(
    client: httpx.AsyncClient, stand_in: TelegramStandIn
) -> None:
    await telegram.connect(client, TELEGRAM_URL, CREDENTIALS, CALLBACK_URL)
    await call(client, "sendMessage", chat_id=1, text="x")
    calls = (await client.get("/stand-in/calls", params={"method": "setWebhook"})).json()
    assert [(one["method"], one["page"]) for one in calls] == [("setWebhook", CHANNEL)]
    assert SECRET not in json.dumps(calls)
    assert TOKEN not in json.dumps(calls)
    assert stand_in.calls("sendMessage") == []


async def test_faults_are_ordered_and_forgiven_over_http(client: httpx.AsyncClient) -> None:
    await order(client, "misbehave", method="getMe", error_code=429)
    await order(client, "misbehave", http_status=500, times=9)
    await order(client, "misbehave", delay_seconds=0.01, is_done=True)
    flood = await call(client, "getMe")
    assert (flood["error_code"], flood["parameters"]) == (429, {"retry_after": 1})
    assert (await client.post(f"/bot{TOKEN}/getMe", json={})).status_code == 500
    assert (await client.delete("/stand-in/misbehave")).status_code == 200
    await order(client, "misbehave", delay_seconds=0.01, is_done=True)
    assert (await call(client, "getMe"))["ok"] is True


async def test_a_world_is_furnished_over_http(client: httpx.AsyncClient, stand_in: TelegramStandIn) -> None:
    await order(client, "pages", page="600000055", name="Бот школы", access_token="600000055:AA")
    await order(client, "users", user_id="9", first_name="Ия")
    await order(client, "messages", page="600000055", user_id="9", text="Есть ли шахматы?")
    assert (await client.get("/stand-in/feed", params={"page": "600000055"})).json()["posts"] == []
    refused = await client.post(
        "/stand-in/comments", json={"page": "600000055", "post": "1", "user_id": "9", "text": "Эй"}
    )
    assert (refused.status_code, refused.json()["error_code"]) == (400, 400)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("comments", b"{"),
        ("comments", b'{"page": "-1001000000001", "action": "explode"}'),
        ("messages", b'{"page": "-1001000000001"}'),
        ("misbehave", b'{"colour": 1}'),
        ("users", b"\xff"),
        ("users", b'{"user_id": "me", "first_name": "x"}'),
    ],
)
async def test_a_senseless_order_is_unprocessable(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    assert (await client.post(f"/stand-in/{path}", content=body)).status_code == 422


async def test_a_senseless_question_is_refused(client: httpx.AsyncClient, stand_in: TelegramStandIn) -> None:
    assert (await client.get("/stand-in/feed")).status_code == 400
    assert (await client.get("/stand-in/feed", params={"page": "1"})).status_code == 400
    with pytest.raises(TelegramError):
        stand_in.edit(CHANNEL, f"{GROUP}:5", "нет такого")


async def test_a_restart_keeps_the_world_and_goes_on_delivering(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    path = tmp_path / "deep" / "telegram.json"
    before = founded(receiver, clock, path)
    furnish(before)
    receiver.answers = [httpx.ConnectError("away")] * 3
    before.message(CHANNEL, CITIZEN, "Нет света")
    await before.settle()
    await before.aclose()
    after = founded(receiver, clock, path)
    async with after.app.router.lifespan_context(after.app):
        await after.settle()
        assert after.dialog(CHANNEL, CITIZEN) == before.dialog(CHANNEL, CITIZEN)
    assert [one.text for one in told(receiver)] == ["Нет света"] * 4
    assert list(path.parent.iterdir()) == [path]


async def test_standing_alone_the_stand_in_delivers_with_a_client_of_its_own(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    real = httpx.AsyncClient
    transport = httpx.MockTransport(receiver.handle)
    monkeypatch.setattr("app.sandbox.telegram_stand_in.httpx.AsyncClient", lambda **_: real(transport=transport))
    stand_in = TelegramStandIn()
    furnish(stand_in)
    async with stand_in.app.router.lifespan_context(stand_in.app):
        stand_in.message(CHANNEL, CITIZEN, "Нет света")
        await stand_in.settle()
    assert receiver.kinds == ["message"]
