"""The stand-in of Viber keeps to Viber's documented behaviour, and to what is ordered."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.incoming import IncomingMessage, PageIdentity
from app.platforms.viber import Viber
from app.sandbox.viber_stand_in import ViberStandIn
from tests.platforms.viber_world import CITIZEN, CREDENTIALS, PAGE, TOKEN, WEBHOOK_URL, viber_world
from tests.platforms.viber_world import Viber as World

SAMPLES = Path(__file__).parent / "viber" / "api"
MESSAGE: dict[str, Any] = {"receiver": CITIZEN, "type": "text", "text": "Принято", "sender": {"name": "Школа"}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with viber_world() as world:
        yield world


async def call(world: World, method: str, content: Any = None, token: str = TOKEN) -> Any:
    answer = await world.client.post(f"/pa/{method}", json=content or {}, headers={"X-Viber-Auth-Token": token})
    assert answer.status_code == 200
    return answer.json()


async def order(world: World, path: str, **deed: Any) -> Any:
    answer = await world.client.post(f"/stand-in/{path}", json=deed)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_answer_and_an_error_have_the_documented_shape(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    taken, refused = await call(world, "send_message", MESSAGE), await call(world, "send_message", {})
    assert set(taken) == set(json.loads((SAMPLES / "api_response_send_message.json").read_bytes()))
    assert set(refused) == set(json.loads((SAMPLES / "api_error_12.json").read_bytes()))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"receiver": ""}, 4),
        ({"type": None}, 4),
        ({"text": ""}, 4),
        ({"sender": {}}, 4),
        ({"sender": "Школа"}, 4),
        ({"sender": {"name": "x" * 29}}, 3),
        ({"text": "x" * 7001}, 3),
        ({"text": "x" * 31_000}, 3),
        ({"tracking_data": "x" * 4001}, 3),
        ({"type": "picture"}, 3),
        ({"receiver": "nobody"}, 5),
        ({"min_api_version": 11}, 13),
        ({"min_api_version": "x"}, 0),
    ],
)
async def test_a_senseless_message_is_refused(world: World, change: dict[str, Any], status: int) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    assert (await call(world, "send_message", {**MESSAGE, **change}))["status"] == status


async def test_the_token_may_stand_in_the_body_and_must_be_right(world: World) -> None:
    assert (await call(world, "get_account_info", {"auth_token": TOKEN}, token=""))["id"] == PAGE
    assert (await call(world, "get_account_info", token="wrong"))["status"] == 2
    assert TOKEN not in json.dumps(world.stand_in.calls())


async def test_a_body_that_is_no_object_is_bad_data(world: World) -> None:
    headers = {"X-Viber-Auth-Token": TOKEN}
    for body in (b"[]", b"{", b"\xff"):
        answer = await world.client.post("/pa/send_message", content=body, headers=headers)
        assert answer.json()["status"] == 3
    assert (await world.client.post("/pa/teleport", headers=headers)).status_code == 404


async def test_without_a_webhook_nothing_is_sent(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    assert (await call(world, "set_webhook", {"url": ""}))["status"] == 0
    assert (await call(world, "send_message", MESSAGE))["status"] == 10


@pytest.mark.parametrize(("content", "status"), [({}, 4), ({"url": "nowhere"}, 1)])
async def test_a_senseless_webhook_is_refused(world: World, content: Any, status: int) -> None:
    assert (await call(world, "set_webhook", content))["status"] == status
    assert world.stand_in.world.account(PAGE).webhook == WEBHOOK_URL


async def test_every_callback_is_signed_and_let_in_by_our_adapter(world: World) -> None:
    stand_in, viber = world.stand_in, Viber()
    await call(world, "set_webhook", {"url": WEBHOOK_URL})
    stand_in.open_conversation(PAGE, CITIZEN)
    stand_in.message(PAGE, CITIZEN, "Нет света")
    await call(world, "send_message", MESSAGE)
    stand_in.break_device(CITIZEN, "no space")
    await call(world, "send_message", MESSAGE)
    stand_in.block(PAGE, CITIZEN)
    stand_in.subscribe(PAGE, CITIZEN)
    await stand_in.settle()
    assert sorted(world.receiver.types) == sorted(
        ["webhook", "conversation_started", "message", "delivered", "failed", "unsubscribed", "subscribed"]
    )
    keys = {viber.authenticate(CREDENTIALS, dict(r.headers), r.content).key for r in world.receiver.requests}
    assert len(keys) == 7


async def test_only_chosen_callbacks_come_but_messages_always(world: World) -> None:
    await call(world, "set_webhook", {"url": WEBHOOK_URL, "event_types": ["failed"]})
    world.stand_in.open_conversation(PAGE, CITIZEN)
    world.stand_in.message(PAGE, CITIZEN, "Нет света")
    await call(world, "send_message", MESSAGE)
    world.stand_in.block(PAGE, CITIZEN)
    await world.stand_in.settle()
    assert sorted(world.receiver.types) == ["message", "unsubscribed", "webhook"]


async def test_a_callback_is_repeated_with_its_token_until_answered(world: World) -> None:
    world.receiver.statuses = [500, 404]
    world.stand_in.message(PAGE, CITIZEN, "Нет света")
    await world.stand_in.settle()
    assert len(world.receiver.requests) == 3
    assert len({event["message_token"] for event in world.receiver.events}) == 1


async def test_citizens_act_and_pages_are_founded_over_http(world: World) -> None:
    await order(world, "pages", page="pa:2", name="Школа", access_token="t2", callback_url=WEBHOOK_URL)
    await order(world, "users", user_id="a+/=", first_name="Ия")
    content = {"type": "picture", "media": "https://dl-media.example.test/p.jpg"}
    written = await order(world, "messages", page="pa:2", user_id="a+/=", text="Яма", extra=content)
    for action in ("open", "subscribe", "block"):
        assert await order(world, "messages", page="pa:2", user_id="a+/=", action=action) == {"message": "", "key": ""}
    await world.stand_in.settle()
    told = next(r.content for r in world.receiver.requests if b'"event":"message"' in r.content)
    message = Viber().parse(PageIdentity("pa:2"), told)[0]
    assert isinstance(message, IncomingMessage)
    assert (message.key, message.external_id) == (written["key"], written["message"])
    assert (message.author_name, message.attachments[0].url) == ("Ия", content["media"])
    params = {"page": "pa:2", "user_id": "a+/="}
    (shown,) = (await world.client.get("/stand-in/dialog", params=params)).json()["messages"]
    assert (shown["text"], shown["is_page"], shown["name"]) == ("Яма", False, "Ия")
    assert (await world.client.get("/stand-in/feed", params={"page": "pa:2"})).json()["posts"] == []


async def test_faults_are_ordered_and_ended_over_http(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    await order(world, "misbehave", method="send_message", error_code=7, times=2)
    assert [(await call(world, "send_message", MESSAGE))["status"] for _ in range(3)] == [7, 7, 0]
    await order(world, "misbehave", http_status=503, delay_seconds=0.01, is_done=True, times=9)
    answer = await world.client.post("/pa/send_message", json=MESSAGE, headers={"X-Viber-Auth-Token": TOKEN})
    assert answer.status_code == 503
    assert (await world.client.delete("/stand-in/misbehave")).status_code == 200
    assert (await call(world, "get_account_info"))["status"] == 0
    assert len((await world.client.get("/stand-in/calls", params={"method": "send_message"})).json()) == 2


async def test_callbacks_come_twice_and_out_of_order_when_ordered(world: World) -> None:
    await order(world, "webhook-faults", doubled=1, mixed_up=1)
    for text in ("первое", "второе"):
        await order(world, "messages", page=PAGE, user_id=CITIZEN, text=text)
    await world.stand_in.settle()
    assert [event["message"]["text"] for event in world.receiver.events] == ["второе", "второе", "первое"]


async def test_a_dropped_webhook_gets_nothing(world: World) -> None:
    await order(world, "webhook-stop", page=PAGE)
    world.stand_in.message(PAGE, CITIZEN, "Нет света")
    await world.stand_in.settle()
    assert world.receiver.requests == []
    assert (await call(world, "get_account_info"))["webhook"] == ""


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("messages", b"{", 422),
        ("messages", b'{"page": "pa:1000000001", "user_id": "x"}', 400),
        ("messages", b'{"page": "pa:9", "user_id": "x"}', 400),
        ("messages", b'{"page": "pa:1000000001", "user_id": "x", "action": "edit"}', 400),
        ("messages", b'{"page": "pa:1000000001", "user_id": "x", "action": "explode"}', 422),
        ("posts", b"{}", 400),
        ("comments", b"{}", 400),
        ("users", b"\xff", 422),
    ],
)
async def test_a_senseless_order_is_refused(world: World, path: str, body: bytes, status: int) -> None:
    assert (await world.client.post(f"/stand-in/{path}", content=body)).status_code == status


async def test_a_senseless_question_is_refused(world: World) -> None:
    assert (await world.client.get("/stand-in/feed")).status_code == 422
    assert (await world.client.get("/stand-in/feed", params={"page": "pa:9"})).status_code == 400


async def test_a_restart_keeps_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = httpx.AsyncClient
    away = httpx.MockTransport(lambda request: httpx.Response(200))
    monkeypatch.setattr("app.sandbox.viber_stand_in.httpx.AsyncClient", lambda **_: real(transport=away))
    before = ViberStandIn(tmp_path / "viber.json")
    before.add_page(PAGE, "Школа", access_token="t", callback_url=WEBHOOK_URL)
    before.add_user(CITIZEN, "Анна")
    async with before.app.router.lifespan_context(before.app):
        token = before.message(PAGE, CITIZEN, "Есть ли шахматы?").token
        await before.settle()
    after = ViberStandIn(tmp_path / "viber.json")
    assert after.dialog(PAGE, CITIZEN) == before.dialog(PAGE, CITIZEN)
    assert after.world.new_token() > token
