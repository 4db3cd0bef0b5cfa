"""Our Odnoklassniki keep to what theirs document, and misbehave when told to."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.ok import Odnoklassniki
from app.platforms.ok_api import Session
from app.sandbox.ok_stand_in import OkStandIn
from app.sandbox.ok_world import OkError
from tests.conftest import NOW
from tests.ok_city import CITIZEN, CREDENTIALS, GROUP, OK_URL, WEBHOOK_URL, City, ok_city

SESSION = Session("APPKEY", "app-secret", "administrator-token")


@pytest.fixture
async def city() -> AsyncIterator[City]:
    async with ok_city() as city:
        yield city


async def rest(city: City, method: str, session: Session = SESSION, **params: str) -> Any:
    """A signed call, as anybody may make it."""
    signed = {**params, "method": method, "application_key": session.app_key, "format": "json"}
    form = {**signed, "sig": session.signature(signed), "access_token": session.token}
    return (await city.client.post(f"{OK_URL}/fb.do", data=form)).json()


async def control(city: City, path: str, **deed: Any) -> Any:
    return (await city.client.post(f"{OK_URL}/stand-in/{path}", json=deed)).json()


async def test_a_message_is_delivered_as_documented(city: City) -> None:
    message = city.stand_in.message(GROUP, CITIZEN, "Здравствуйте, не работает лифт")
    await city.stand_in.settle()
    (body,) = city.bodies()
    assert body == {
        "webhookType": "MESSAGE_CREATED",
        "sender": {"name": "Анна Примерова", "user_id": f"user:{CITIZEN}"},
        "recipient": {"chat_id": message.chat},
        "message": {"text": "Здравствуйте, не работает лифт", "seq": 1, "mid": message.mid},
        "timestamp": int(NOW.timestamp() * 1000),
    }


async def test_what_is_not_acknowledged_is_delivered_again_until_it_is(city: City) -> None:
    city.answers += [httpx.Response(500), httpx.Response(204)]
    city.stand_in.message(GROUP, CITIZEN, "Лифт")
    await city.stand_in.settle()
    assert len(city.delivered) == 3


async def test_webhooks_come_twice_and_out_of_order_when_told_so(city: City) -> None:
    assert await control(city, "webhook-faults", doubled=1, mixed_up=1) == {"doubled": 1, "mixed_up": 1}
    for text in ("один", "два"):
        city.stand_in.message(GROUP, CITIZEN, text)
    await city.stand_in.settle()
    assert [body["message"]["text"] for body in city.bodies()] == ["два", "два", "один"]


async def test_a_webhook_that_fails_for_eight_hours_is_unsubscribed(city: City) -> None:
    city.answers += [httpx.Response(500)] * 9
    city.stand_in.message(GROUP, CITIZEN, "Лифт")
    await city.stand_in.settle()
    city.wait(hours=7)
    city.stand_in.message(GROUP, CITIZEN, "Свет")
    await city.stand_in.settle()
    assert len(city.delivered) == 6
    city.wait(hours=2)
    city.stand_in.message(GROUP, CITIZEN, "Вода")
    await city.stand_in.settle()
    assert len(city.delivered) == 6
    problem = await Odnoklassniki().connection_problem(city.client, OK_URL, CREDENTIALS, WEBHOOK_URL)
    assert problem is not None


async def test_a_webhook_that_answers_again_stays(city: City) -> None:
    city.answers += [httpx.Response(500)] * 3
    city.stand_in.message(GROUP, CITIZEN, "Лифт")
    await city.stand_in.settle()
    city.wait(hours=7)
    city.stand_in.message(GROUP, CITIZEN, "Свет")
    await city.stand_in.settle()
    city.wait(hours=7)
    city.stand_in.message(GROUP, CITIZEN, "Вода")
    await city.stand_in.settle()
    assert [body["message"]["text"] for body in city.bodies()][-2:] == ["Свет", "Вода"]


async def test_an_address_that_nobody_answers_is_unsubscribed_too(city: City) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail)) as nowhere:
        clock = [NOW]
        stand_in = OkStandIn(client=nowhere, now=lambda: clock[0], retry_delays_seconds=())
        stand_in.add_page(GROUP, "Примерск", access_token="t", callback_url=WEBHOOK_URL)
        stand_in.message(GROUP, CITIZEN, "Лифт")
        await stand_in.settle()
        clock[0] += timedelta(hours=9)
        stand_in.message(GROUP, CITIZEN, "Свет")
        assert stand_in.world.group(GROUP).subscriptions == []
        await stand_in.aclose()


@pytest.mark.parametrize(
    ("session", "code"),
    [
        (Session("APPKEY", "app-secret", "wrong"), 103),
        (Session("WRONG", "app-secret", "administrator-token"), 101),
        (Session("APPKEY", "wrong", "administrator-token"), 104),
    ],
)
async def test_a_call_with_wrong_keys_is_refused(city: City, session: Session, code: int) -> None:
    assert (await rest(city, "discussions.getList", session))["error_code"] == code


async def test_expired_keys_are_refused_by_both_interfaces(city: City) -> None:
    city.stand_in.expire_tokens(GROUP)
    assert (await rest(city, "discussions.getList"))["error_code"] == 102
    answer = await city.client.get(f"{OK_URL}/graph/me/subscriptions?access_token=group-token")
    assert answer.json()["error_code"] == 102


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("discussions.unheardOf", {}, 3),
        ("discussions.getComments", {}, 100),
        ("discussions.getComments", {"discussionId": "1"}, 300),
        ("discussions.getComments", {"discussionId": "156000000000001", "anchor": "x"}, 100),
        ("discussions.getComment", {"discussionId": "156000000000001", "comment_id": "x"}, 300),
        ("discussions.addDiscussionComment", {"entityId": "156000000000001", "comment": "x"}, 100),
        ("users.getInfo", {"uids": ",".join(map(str, range(101)))}, 100),
    ],
)
async def test_senseless_calls_are_refused(city: City, method: str, params: dict[str, str], code: int) -> None:
    assert (await rest(city, method, **params))["error_code"] == code


@pytest.mark.parametrize("text", ["", "ж" * 4097])
async def test_texts_that_are_empty_or_too_long_are_refused(city: City, text: str) -> None:
    said = city.stand_in.message(GROUP, CITIZEN, "Лифт")
    body = {"recipient": {"chat_id": said.chat}, "message": {"text": text}}
    answer = await city.client.post(f"{OK_URL}/graph/{said.chat}/messages?access_token=group-token", json=body)
    assert answer.json()["error_code"] == 100
    comment = {"entityId": city.post, "entityType": "GROUP_TOPIC", "comment": text, "as_admin": "true"}
    assert (await rest(city, "discussions.addDiscussionComment", **comment))["error_code"] == 100


@pytest.mark.parametrize(
    "body", [b"{broken", b"[]", b"{}", b'{"recipient": {"chat_id": "chat:C9"}, "message": {"text": "x"}}']
)
async def test_a_message_to_nobody_is_refused(city: City, body: bytes) -> None:
    answer = await city.client.post(f"{OK_URL}/graph/me/messages?access_token=group-token", content=body)
    assert answer.json()["error_code"] in (100, 300)


async def test_without_as_admin_the_administrator_speaks_for_himself(city: City) -> None:
    await rest(city, "discussions.addDiscussionComment", entityId=city.post, entityType="GROUP_TOPIC", comment="Я сам")
    (comment,) = city.stand_in.feed(GROUP)["posts"][0]["comments"]
    assert not comment["is_page"]


async def test_a_webhook_can_be_taken_back(city: City) -> None:
    url = f"{OK_URL}/graph/me/unsubscribe?access_token=group-token"
    assert (await city.client.post(url, json={"url": WEBHOOK_URL})).json() == {"success": True}
    assert (await city.client.post(url, json={"url": WEBHOOK_URL})).json() == {"success": False}
    wrong = await city.client.post(f"{OK_URL}/graph/me/subscribe?access_token=group-token", json={"url": "ftp://x"})
    assert wrong.json()["error_code"] == 100


async def test_removed_comments_are_shown_only_to_who_asks_for_them(city: City) -> None:
    comment = city.comment("Лифт")
    city.stand_in.delete_comment(GROUP, comment.id)
    asked = {"discussionId": city.post, "discussionType": "GROUP_TOPIC"}
    assert (await rest(city, "discussions.getComments", **asked))["comments"] == []
    shown = await rest(city, "discussions.getComments", includeRemoved="true", **asked)
    assert [one["type"] for one in shown["comments"]] == ["REMOVED_MESSAGE"]


async def test_a_world_survives_a_restart(tmp_path: Path) -> None:
    first = OkStandIn(tmp_path / "ok.json")
    first.add_page(GROUP, "Примерск", access_token="t")
    post = first.add_post(GROUP, "Запись").id
    comment = first.comment(GROUP, post, CITIZEN, "Лифт")
    first.message(GROUP, CITIZEN, "Свет")
    await first.aclose()
    second = OkStandIn(tmp_path / "ok.json")
    assert second.feed(GROUP)["posts"][0]["comments"][0]["id"] == comment.id
    assert [message["text"] for message in second.dialog(GROUP, CITIZEN)["messages"]] == ["Свет"]
    await second.aclose()


async def test_a_whole_town_is_played_over_http(city: City) -> None:
    page = {"page": "7001", "name": "Школа", "access_token": "s", "user_token": "u", "app_key": "k", "app_secret": "z"}
    assert await control(city, "pages", **page) == {"page": "7001"}
    await control(city, "users", user_id="5801", first_name="Иван", last_name="Примеров")
    post = (await control(city, "posts", page="7001", text="Линейка"))["post"]
    comment = await control(city, "comments", page="7001", post=post, user_id="5801", text="Во сколько?")
    assert comment["key"] == f"post:{comment['comment']}"
    by_hand = {"page": "7001", "post": post, "user_id": "7001", "text": "В девять", "reply_to": comment["comment"]}
    await control(city, "comments", **by_hand)
    await control(city, "comments", page="7001", action="edit", comment=comment["comment"], text="Когда?")
    gone = await control(city, "comments", page="7001", post=post, user_id="5801", text="Лишнее")
    await control(city, "comments", page="7001", action="delete", comment=gone["comment"])
    message = await control(city, "messages", page="7001", user_id="5801", text="Добрый день")
    assert message["key"] == f"message:{message['message']}"
    feed = (await city.client.get(f"{OK_URL}/stand-in/feed?page=7001")).json()
    asked, removed = feed["posts"][0]["comments"]
    assert (asked["text"], asked["name"], asked["from_id"]) == ("Когда?", "Иван Примеров", "5801")
    assert (asked["replies"][0]["text"], asked["replies"][0]["is_page"]) == ("В девять", True)
    assert (removed["is_deleted"], removed["text"]) == (True, "")
    dialog = (await city.client.get(f"{OK_URL}/stand-in/dialog?page=7001&user_id=5801")).json()
    assert [(one["text"], one["is_page"]) for one in dialog["messages"]] == [("Добрый день", False)]
    await control(city, "messages", page="7001", user_id="5801", action="block")
    closed = (await control(city, "posts", page="7001", text="Без обсуждения", is_closed=True))["post"]
    assert (await control(city, "comments", page="7001", post=closed, user_id="5801", text="?"))["error_code"] == 456
    assert await control(city, "webhook-stop", page="7001") == {"page": "7001"}


async def test_faults_are_ordered_counted_and_called_off_over_http(city: City) -> None:
    assert await control(city, "misbehave", method="subscriptions", http_status=503, times=2) == {"times": 2}
    url = f"{OK_URL}/graph/me/subscriptions?access_token=group-token"
    assert (await city.client.get(url)).status_code == 503
    await city.client.delete(f"{OK_URL}/stand-in/misbehave")
    assert (await city.client.get(url)).status_code == 200
    (call,) = (await city.client.get(f"{OK_URL}/stand-in/calls?method=subscriptions")).json()
    assert (call["method"], call["page"]) == ("subscriptions", GROUP)
    assert "group-token" not in json.dumps(call)


@pytest.mark.parametrize(
    ("path", "deed", "status"),
    [
        ("comments", {"page": "1"}, 400),
        ("messages", {"page": GROUP, "user_id": "1", "action": "edit"}, 400),
        ("messages", {"page": GROUP, "user_id": 5}, 422),
        ("comments", {"page": GROUP, "action": "shout"}, 422),
    ],
)
async def test_senseless_orders_are_refused(city: City, path: str, deed: dict[str, Any], status: int) -> None:
    assert (await city.client.post(f"{OK_URL}/stand-in/{path}", json=deed)).status_code == status


async def test_a_view_of_nothing_is_refused(city: City) -> None:
    assert (await city.client.get(f"{OK_URL}/stand-in/feed")).status_code == 422
    assert (await city.client.get(f"{OK_URL}/stand-in/feed?page=1")).status_code == 400


async def test_an_empty_comment_and_an_answer_to_nothing_cannot_be_written(city: City) -> None:
    with pytest.raises(OkError, match="empty"):
        city.comment(" ")
    with pytest.raises(OkError, match="not found"):
        city.comment("Ответ", reply_to="nothing")
