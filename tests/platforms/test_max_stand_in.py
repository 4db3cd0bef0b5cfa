"""The stand-in of MAX behaves as MAX documents it, and misbehaves when told to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sandbox.max_stand_in import MaxStandIn
from app.sandbox.max_webhooks import RETRY_DELAYS_SECONDS
from app.sandbox.max_world import MaxError
from tests.platforms.max_room import (
    BOT,
    CALLBACK_URL,
    CHANNEL,
    CITIZEN,
    NEIGHBOUR,
    PAGE,
    SECRET,
    TOKEN,
    Clock,
    Receiver,
    Room,
    answering,
    control,
    max_messenger,
    max_room,
    see,
)

AUTHORISED = {"Authorization": TOKEN}
HOUR = 3600


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with max_room() as room:
        yield room


async def api(room: Room, verb: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
    answer = await room.client.request(verb, path, params=params, json=body, headers=AUTHORISED)
    return answer.status_code, answer.json()


async def test_what_citizens_do_is_told_and_what_the_bot_does_is_not(room: Room) -> None:
    comment = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    room.stand_in.edit(CHANNEL, comment.mid, "Когда включат горячую воду?")
    room.stand_in.delete(CHANNEL, comment.mid)
    room.stand_in.start_bot(CHANNEL, NEIGHBOUR)
    message = room.stand_in.message(CHANNEL, NEIGHBOUR, "Нет тепла")
    room.stand_in.edit(CHANNEL, message.mid, "Нет тепла второй день")
    room.stand_in.delete(CHANNEL, message.mid)
    room.stand_in.stop_bot(CHANNEL, NEIGHBOUR)
    room.stand_in.edit(CHANNEL, room.post, "График (уточнён)")
    await api(room, "POST", "/messages", {"text": "Здравствуйте"}, user_id=CITIZEN)
    await api(room, "POST", f"/messages/{room.post}/comments", {"text": "Здравствуйте"})
    assert await room.types() == [
        "message_created", "message_created", "comment_created", "comment_edited", "comment_removed", "bot_started",
        "message_created", "message_edited", "message_removed", "bot_stopped", "message_edited",
    ]  # fmt: skip
    assert {headers["X-Max-Bot-Api-Secret"] for headers in room.receiver.headers} == {SECRET}


async def test_everything_that_it_tells_is_understood(room: Room) -> None:
    root = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    by_hand = room.stand_in.comment(CHANNEL, room.post, CHANNEL, "Завтра", reply_to=root.mid)
    await room.stand_in.settle()
    bodies = [httpx.Request("POST", CALLBACK_URL, json=body).content for body in room.receiver.bodies]
    understood = [one for body in bodies for one in max_messenger.parse(PAGE, body)]
    keys = [getattr(one, "key", None) for one in understood]
    assert keys[-2:] == [root.mid, by_hand.mid]
    assert [getattr(one, "is_own", None) for one in understood[-2:]] == [False, True]
    assert understood[-1].reply_to_key == root.mid  # type: ignore[union-attr]


async def test_comments_are_told_under_the_names_that_the_bot_hears(room: Room) -> None:
    room.stand_in.add_page(CHANNEL, "Администрация", access_token=TOKEN, comments_as=("comment", "message"))
    room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    assert (await room.types())[-2:] == ["comment_created", "message_created"]


async def test_a_bot_without_the_right_to_read_hears_nothing_of_the_channel(room: Room) -> None:
    room.stand_in.set_rights(CHANNEL, ["write"])
    room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда включат воду?")
    room.stand_in.set_rights(CHANNEL, None)
    assert (await room.types())[-2:] == ["bot_admin_permissions_changed", "bot_admin_permissions_changed"]
    assert (await api(room, "GET", f"/messages/{room.post}/comments"))[0] == 403


async def test_an_update_is_repeated_until_it_is_answered_200_and_given_up_after_the_last_repeat(room: Room) -> None:
    await room.stand_in.settle()
    room.receiver.answers = [httpx.Response(204), httpx.ConnectError("refused"), httpx.Response(200)]
    room.stand_in.message(CHANNEL, CITIZEN, "Ау")
    await room.stand_in.settle()
    assert len(room.receiver.bodies[2:]) == 3
    assert room.stand_in.world.pending == []
    room.receiver.answers = [httpx.Response(500)] * 3
    room.stand_in.message(CHANNEL, CITIZEN, "Ау")
    await room.stand_in.settle()
    assert len(room.stand_in.webhooks.deliveries.given_up) == 1
    room.stand_in.message(CHANNEL, CITIZEN, "Ау")
    await room.stand_in.settle()
    assert room.stand_in.world.pending == []


def test_pauses_between_repeats_are_those_of_the_reference() -> None:
    assert RETRY_DELAYS_SECONDS[:3] == (60.0, 150.0, 375.0)
    assert len(RETRY_DELAYS_SECONDS) == 10


async def test_who_acknowledges_nothing_for_eight_hours_is_unsubscribed_and_a_success_begins_them_anew(
    room: Room,
) -> None:
    await room.stand_in.settle()
    for hours, is_heard in ((7, True), (7, True), (8, False)):
        room.receiver.answers = [httpx.Response(500)] * 3
        room.stand_in.message(CHANNEL, CITIZEN, "Ау")
        await room.stand_in.settle()
        room.clock.pass_by(hours * HOUR)
        listed = (await api(room, "GET", "/subscriptions"))[1]["subscriptions"]
        assert bool(listed) is is_heard
        room.stand_in.message(CHANNEL, CITIZEN, "Слышно?")
        await room.stand_in.settle()
    heard = len(room.receiver.bodies)
    room.stand_in.message(CHANNEL, CITIZEN, "Ау")
    await room.stand_in.settle()
    assert len(room.receiver.bodies) == heard


async def test_updates_come_twice_and_out_of_order_on_command(room: Room) -> None:
    await room.stand_in.settle()
    told = len(room.receiver.bodies)
    assert (await control(room, "webhook-faults", doubled=1, mixed_up=1))[0] == 200
    for text in ("первое", "второе", "третье"):
        room.stand_in.message(CHANNEL, CITIZEN, text)
        await room.stand_in.settle()
    texts = [body["message"]["body"]["text"] for body in room.receiver.bodies[told:]]
    assert texts == ["второе", "второе", "первое", "третье"]


async def test_the_world_survives_a_restart_with_what_was_not_acknowledged(tmp_path: Path) -> None:
    file, receiver, clock = tmp_path / "max.json", Receiver(), Clock()
    async with answering(receiver.handle) as client:
        before = MaxStandIn(file, client=client, now=clock.now, retry_delays_seconds=(HOUR,))
        before.add_page(CHANNEL, "Примерск", access_token=TOKEN, callback_url=CALLBACK_URL, secret=SECRET)
        post = before.add_post(CHANNEL, "График")
        await before.aclose()
        assert receiver.bodies == []
        after = MaxStandIn(file, client=client, now=clock.now, retry_delays_seconds=())
        await after.start()
        await after.settle()
        comment = after.comment(CHANNEL, post.mid, CITIZEN, "Когда?")
        await after.aclose()
    assert receiver.types[:1] == ["message_created"]
    assert receiver.headers[0]["X-Max-Bot-Api-Secret"] == SECRET
    assert [one["id"] for one in after.feed(CHANNEL)["posts"][0]["comments"]] == [comment.mid]
    assert comment.seq > post.seq


async def test_a_wrong_token_and_one_in_the_query_are_refused(room: Room) -> None:
    for headers, params in (({"Authorization": "other"}, {}), ({}, {"access_token": TOKEN})):
        answer = await room.client.get("/me", headers=headers, params=params)
        assert (answer.status_code, answer.json()["code"]) == (401, "verify.token")
    assert (await api(room, "GET", "/me"))[1]["user_id"] == int(BOT)


async def test_the_bot_has_thirty_calls_a_second_and_two_messages_a_chat(room: Room) -> None:
    room.stand_in.message(CHANNEL, NEIGHBOUR, "Нет тепла")
    told = [await api(room, "POST", "/messages", {"text": "Раз"}, user_id=CITIZEN) for _ in range(3)]
    assert [status for status, _ in told] == [200, 200, 429]
    dialog = room.stand_in.world.pages[CHANNEL].dialogs[int(CITIZEN)]
    assert (await api(room, "POST", "/messages", {"text": "Раз"}, chat_id=dialog))[0] == 429
    assert (await api(room, "POST", "/messages", {"text": "Раз"}, user_id=NEIGHBOUR))[0] == 200
    asked = [await api(room, "GET", "/me") for _ in range(28)]
    assert [status for status, _ in asked] == [200] * 27 + [429]
    room.clock.pass_by(1)
    assert (await api(room, "POST", "/messages", {"text": "Раз"}, chat_id=dialog))[0] == 200


@pytest.mark.parametrize(
    ("body", "params", "status"),
    [
        ({"text": "я" * 4001}, {"user_id": CITIZEN}, 400),
        ({"text": " "}, {"user_id": CITIZEN}, 400),
        ({"text": "Раз"}, {}, 400),
        ({"text": "Раз"}, {"user_id": "не число"}, 400),
        ({"text": "Раз"}, {"user_id": NEIGHBOUR}, 403),
        ({"text": "Раз"}, {"chat_id": "1"}, 404),
        ({"text": "Раз", "link": {"type": "reply", "mid": "mid.other"}}, {"user_id": CITIZEN}, 404),
        ({"text": "Раз", "link": {"type": "other"}}, {"user_id": CITIZEN}, 400),
        (["Раз"], {"user_id": CITIZEN}, 400),
    ],
)
async def test_what_cannot_be_sent_is_refused_in_the_words_of_max(
    room: Room, body: Any, params: dict[str, str], status: int
) -> None:
    told, refusal = await api(room, "POST", "/messages", body, **params)
    assert told == status
    assert set(refusal) == {"code", "message"}


async def test_a_message_cannot_be_linked_to_a_comment_nor_a_comment_to_one_under_another_post(room: Room) -> None:
    comment = room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда?")
    linked = {"text": "Завтра", "link": {"type": "reply", "mid": comment.mid}}
    assert (await api(room, "POST", "/messages", linked, user_id=CITIZEN))[0] == 400
    other = room.stand_in.add_post(CHANNEL, "Другое").mid
    assert (await api(room, "POST", f"/messages/{other}/comments", linked))[0] == 404
    assert (await api(room, "POST", f"/messages/{comment.mid}/comments", linked))[0] == 404
    room.clock.pass_by(1)
    assert (await api(room, "POST", f"/messages/{room.post}/comments", linked))[0] == 200


async def test_where_comments_are_switched_off_nobody_comments_and_the_bot_gets_an_internal_error(room: Room) -> None:
    room.stand_in.world.pages[CHANNEL].has_comments = False
    with pytest.raises(MaxError):
        room.stand_in.comment(CHANNEL, room.post, CITIZEN, "Когда?")
    assert (await api(room, "POST", f"/messages/{room.post}/comments", {"text": "Раз"}))[0] == 500


async def test_lists_are_newest_first_and_bounded_by_count_and_time(room: Room) -> None:
    moments = []
    for number in range(4):
        room.clock.pass_by(10)
        moments.append(room.stand_in.comment(CHANNEL, room.post, CITIZEN, str(number)).date)
    room.stand_in.delete(CHANNEL, room.stand_in.comment(CHANNEL, room.post, CITIZEN, "удалён").mid)
    path = f"/messages/{room.post}/comments"
    _, listed = await api(room, "GET", path, after=moments[1], before=moments[2], count=1)
    assert [one["body"]["text"] for one in listed["messages"]] == ["2"]
    assert (await api(room, "GET", path, count=101))[0] == 400
    _, posts = await api(room, "GET", "/messages", chat_id=CHANNEL)
    assert [one["body"]["mid"] for one in posts["messages"]] == [room.post]
    assert "sender" not in posts["messages"][0]
    _, one = await api(room, "GET", "/messages", message_ids=room.post)
    assert one == posts
    assert (await api(room, "GET", "/messages", chat_id=1))[0] == 403


async def test_a_subscription_can_be_ended(room: Room) -> None:
    assert (await api(room, "DELETE", "/subscriptions", url=CALLBACK_URL))[1] == {"success": True}
    assert (await api(room, "GET", "/subscriptions"))[1] == {"subscriptions": []}


async def test_faults_are_shown_as_ordered_before_the_deed_or_after_it(room: Room) -> None:
    assert (await control(room, "misbehave", method="sendMessage", error_code=503))[0] == 200
    assert (await api(room, "POST", "/messages", {"text": "Раз"}, user_id=CITIZEN))[0] == 503
    assert room.stand_in.calls("sendMessage") == []
    room.stand_in.misbehave(method="sendMessage", http_status=502, is_done=True)
    lost = await room.client.post("/messages", params={"user_id": CITIZEN}, json={"text": "Два"}, headers=AUTHORISED)
    assert (lost.status_code, lost.text) == (502, "played on command")
    (call,) = await see(room, "calls", method="sendMessage")
    assert (call["body"]["text"], call["page"]) == ("Два", CHANNEL)
    room.stand_in.misbehave(http_status=500, times=9)
    await room.client.delete("/stand-in/misbehave")
    assert (await api(room, "GET", "/me"))[0] == 200
