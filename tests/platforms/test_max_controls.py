"""The part of the MAX stand-in that MAX does not have: citizens, views and orders over HTTP."""

from collections.abc import AsyncIterator

import pytest

from tests.platforms.max_room import CHANNEL, CITIZEN, NEIGHBOUR, Room, control, max_room, see


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with max_room() as room:
        yield room


async def test_citizens_write_over_http_and_are_told_the_keys_that_the_parser_gives(room: Room) -> None:
    await control(room, "pages", page="600000050", name="Поликлиника", access_token="other-token")
    await control(room, "users", user_id="500000007", first_name="Ольга", last_name="Примерова")
    _, post = await control(room, "posts", page=CHANNEL, text="Приём граждан")
    _, comment = await control(
        room, "comments", page=CHANNEL, post=post["post"], user_id="500000007", text="Когда приём?"
    )
    _, reply = await control(
        room, "comments", page=CHANNEL, post=post["post"], user_id=CHANNEL, text="Во вторник",
        reply_to=comment["comment"],
    )  # fmt: skip
    await control(room, "comments", page=CHANNEL, action="edit", comment=comment["comment"], text="А когда приём?")
    await control(room, "comments", page=CHANNEL, action="delete", comment=reply["comment"])
    (shown,) = (await see(room, "feed", page=CHANNEL))["posts"][0]["comments"]
    assert (shown["id"], shown["name"], shown["text"]) == (comment["key"], "Ольга Примерова", "А когда приём?")
    assert [(one["id"], one["is_page"], one["is_deleted"], one["text"]) for one in shown["replies"]] == [
        (reply["key"], True, True, "")
    ]


async def test_dialogs_are_led_over_http(room: Room) -> None:
    who = {"page": CHANNEL, "user_id": NEIGHBOUR}
    await control(room, "messages", **who, action="start")
    _, message = await control(room, "messages", **who, text="Нет тепла")
    _, other = await control(room, "messages", **who, text="Ау")
    await control(room, "messages", **who, action="edit", message=message["message"], text="Нет тепла второй день")
    await control(room, "messages", **who, action="delete", message=other["message"])
    await control(room, "messages", **who, action="block")
    (said,) = (await see(room, "dialog", page=CHANNEL, user_id=NEIGHBOUR))["messages"]
    assert (said["id"], said["from_id"], said["text"], said["is_page"]) == (
        message["key"],
        NEIGHBOUR,
        "Нет тепла второй день",
        False,
    )
    assert said["date"] == int(room.clock.seconds())
    assert (await room.types())[-1] == "bot_stopped"
    await control(room, "messages", **who, text="Снова я")
    assert (await room.types())[-2:] == ["bot_started", "message_created"]


async def test_a_bot_alone_takes_messages_and_has_no_posts(room: Room) -> None:
    await control(room, "pages", page="600000050", name="Поликлиника", access_token="other-token")
    assert (await control(room, "messages", page="600000050", user_id=CITIZEN, text="Нет талонов"))[0] == 200
    assert await see(room, "feed", page="600000050") == {"posts": []}
    assert (await control(room, "posts", page="600000050", text="Пост"))[0] == 400


async def test_orders_that_make_no_sense_are_refused(room: Room) -> None:
    assert (await control(room, "comments", page=CHANNEL, post="mid.other", user_id=CITIZEN, text="Когда?"))[0] == 400
    assert (await control(room, "messages", page="-1", user_id=CITIZEN, text="Ау"))[0] == 400
    assert (await control(room, "messages", page=CHANNEL, user_id="не число", text="Ау"))[0] == 422
    assert (await control(room, "users", name="Ольга"))[0] == 422
    assert (await room.client.get("/stand-in/feed")).status_code == 400
    assert (await control(room, "rights", page=CHANNEL, permissions=None))[0] == 200
