"""The stand-in of VKontakte keeps to VK's documented behaviour, and to what is ordered."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sandbox.vk_stand_in import VkStandIn
from app.sandbox.vk_webhooks import Webhooks
from app.sandbox.vk_world import VkError, World

GROUP, CITIZEN = 200_000_001, 100_000_002
CALLBACK_URL = "http://appeals.test/webhooks/vk/key"
SAMPLES = Path(__file__).parent / "vk" / "api"
PAGE = {"Authorization": "Bearer community-token"}
ADMINISTRATOR = {"Authorization": "Bearer administrator-token"}


async def call(client: httpx.AsyncClient, method: str, headers: dict[str, str] | None = None, **params: Any) -> Any:
    answer = await client.post(f"/method/{method}", data={"v": "5.199", **params}, headers=headers or PAGE)
    assert answer.status_code == 200
    return answer.json()


async def error_code(
    client: httpx.AsyncClient, method: str, headers: dict[str, str] | None = None, **params: Any
) -> int:
    return int((await call(client, method, headers, **params))["error"]["error_code"])


COMMENT = {"owner_id": -GROUP, "post_id": 700, "from_group": GROUP, "message": "Принято", "guid": "g-1"}


async def test_an_error_has_the_documented_shape_and_shows_no_token(vk_client: httpx.AsyncClient) -> None:
    answer = await call(vk_client, "messages.send", access_token="community-token", peer_id=5, random_id=0, message="x")
    documented = json.loads((SAMPLES / "api_error_901.json").read_bytes())["error"]
    assert answer["error"]["error_code"] == documented["error_code"]
    assert answer["error"]["error_msg"] == documented["error_msg"]
    shown = {item["key"]: item["value"] for item in answer["error"]["request_params"]}
    assert shown["method"] == "messages.send"
    assert shown["v"] == "5.199"
    assert "community-token" not in json.dumps(answer)


async def test_a_captcha_carries_its_picture(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    stand_in.misbehave(error_code=14, error_msg="Captcha needed")
    error = (await call(vk_client, "wall.createComment", **COMMENT))["error"]
    assert set(error) == set(json.loads((SAMPLES / "api_error_14_captcha.json").read_bytes())["error"])


async def test_the_version_is_required(vk_client: httpx.AsyncClient) -> None:
    answer = await vk_client.post("/method/users.get", data={"user_ids": "1"}, headers=PAGE)
    assert answer.json()["error"]["error_code"] == 8


async def test_a_json_body_is_not_read(vk_client: httpx.AsyncClient) -> None:
    answer = await vk_client.post("/method/users.get", json={"user_ids": "1", "v": "5.199"}, headers=PAGE)
    assert answer.json()["error"]["error_code"] == 8


async def test_an_unknown_method_is_error_3(vk_client: httpx.AsyncClient) -> None:
    assert await error_code(vk_client, "wall.teleport") == 3


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}, {"X": "y"}])
async def test_a_wrong_token_is_error_5(vk_client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert await error_code(vk_client, "users.get", headers, user_ids="1") == 5


async def test_the_token_may_be_a_parameter_and_the_body_multipart(vk_client: httpx.AsyncClient) -> None:
    params = {"v": "5.199", "user_ids": str(CITIZEN), "access_token": "community-token"}
    answer = await vk_client.post("/method/users.get", files={name: (None, value) for name, value in params.items()})
    assert answer.json()["response"][0]["first_name"] == "Анна"


@pytest.mark.parametrize("method", ["photos", "video", "market", "board"])
async def test_a_communitys_token_may_not_comment_elsewhere(vk_client: httpx.AsyncClient, method: str) -> None:
    assert await error_code(vk_client, f"{method}.createComment", owner_id=-GROUP, message="x") == 27


async def test_a_users_token_is_held_to_three_calls_a_second(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    instants = iter([0.0, 0.1, 0.2, 0.3, 1.05])
    stand_in.api._monotonic = lambda: next(instants)
    answers = [await call(vk_client, "users.get", ADMINISTRATOR, user_ids=CITIZEN) for _ in range(5)]
    assert [answer.get("error", {}).get("error_code") for answer in answers] == [None, None, None, 6, None]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"random_id": 1, "message": "x" * 9001, "peer_id": CITIZEN}, 914),
        ({"random_id": 1, "message": " ", "peer_id": CITIZEN}, 100),
        ({"message": "x", "peer_id": CITIZEN}, 100),
        ({"random_id": 1, "message": "x"}, 100),
        ({"random_id": 1, "message": "x", "peer_id": "everyone"}, 100),
        ({"random_id": 1, "message": "x", "peer_ids": "1,x"}, 100),
        ({"random_id": 1, "message": "x", "peer_ids": ",".join(["1"] * 101)}, 100),
    ],
)
async def test_a_senseless_message_is_refused(vk_client: httpx.AsyncClient, params: dict[str, Any], code: int) -> None:
    assert await error_code(vk_client, "messages.send", **params) == code


async def test_one_recipients_trouble_is_told_in_the_list(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")
    answer = await call(vk_client, "messages.send", peer_ids=f"{CITIZEN},5", random_id=7, message="Принято")
    first, second = answer["response"]
    assert (first["peer_id"], first["conversation_message_id"]) == (CITIZEN, 2)
    assert (second["message_id"], second["error"]["code"]) == (0, 901)


async def test_the_same_random_id_returns_the_same_message_and_zero_protects_nothing(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")

    async def send(random_id: int) -> int:
        answer = await call(vk_client, "messages.send", peer_id=CITIZEN, random_id=random_id, message="Принято")
        return int(answer["response"])

    assert await send(7) == await send(7)
    assert await send(0) != await send(0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"message": ""}, 100),
        ({"owner_id": -1}, 15),
        ({"owner_id": GROUP}, 15),
        ({"post_id": 1}, 212),
        ({"reply_to_comment": 12345}, 100),
    ],
)
async def test_a_senseless_comment_is_refused(vk_client: httpx.AsyncClient, change: dict[str, Any], code: int) -> None:
    assert await error_code(vk_client, "wall.createComment", **{**COMMENT, **change}) == code


async def test_threads_have_two_levels(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    root = stand_in.comment(GROUP, CITIZEN, "Когда?", post_id=700)
    reply = await call(vk_client, "wall.createComment", **COMMENT, reply_to_comment=root.id)
    assert reply["response"]["parents_stack"] == [root.id]
    further = stand_in.comment(GROUP, CITIZEN, "Спасибо", post_id=700, reply_to=reply["response"]["comment_id"])
    assert further.parents_stack == [root.id]
    assert further.reply_to_user == -GROUP


async def test_a_users_token_comments_as_the_user_unless_told_otherwise(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    own = {name: value for name, value in COMMENT.items() if name not in ("from_group", "guid")}
    await call(vk_client, "wall.createComment", ADMINISTRATOR, **own)
    (comment,) = stand_in.feed(GROUP)["posts"][0]["comments"]
    assert comment["from_id"] > 0


async def test_carried_out_calls_are_counted_without_tokens(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await call(vk_client, "wall.createComment", **COMMENT, access_token="community-token")
    await call(vk_client, "wall.createComment", **{**COMMENT, "message": "", "guid": "g-2"})
    calls = (await vk_client.get("/stand-in/calls", params={"method": "wall.createComment"})).json()
    assert [one["is_repeat"] for one in calls] == [False, True]
    assert calls[0]["params"]["message"] == "Принято"
    assert "community-token" not in json.dumps(calls)


async def test_faults_are_ordered_and_forgiven_over_http(vk_client: httpx.AsyncClient) -> None:
    order = {"method": "wall.createComment", "error_code": 6, "times": 2}
    assert (await vk_client.post("/stand-in/misbehave", json=order)).status_code == 200
    assert (await vk_client.post("/stand-in/misbehave", json={"http_status": 500, "times": 9})).status_code == 200
    assert [await error_code(vk_client, "wall.createComment", **COMMENT) for _ in range(2)] == [6, 6]
    answer = await vk_client.post("/method/users.get", data={"v": "5.199", "user_ids": CITIZEN}, headers=PAGE)
    assert answer.status_code == 500
    assert (await vk_client.delete("/stand-in/misbehave")).status_code == 200
    assert "response" in await call(vk_client, "wall.createComment", **COMMENT)


async def test_an_ordered_delay_delays(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    stand_in.misbehave(delay_seconds=0.05, is_done=True)
    stand_in.misbehave(delay_seconds=0.05)
    for _ in range(2):
        answer = await vk_client.post("/method/users.get", data={"v": "5.199", "user_ids": CITIZEN}, headers=PAGE)
        assert answer.elapsed.total_seconds() >= 0.05
        assert answer.json()["response"]


async def test_the_life_of_a_comment_is_told_to_the_page(
    vk_client: httpx.AsyncClient, stand_in: VkStandIn, receiver: Any
) -> None:
    deed = {"group_id": GROUP, "user_id": CITIZEN}
    created = await vk_client.post("/stand-in/comments", json={**deed, "post_id": 700, "text": "Яма"})
    number = created.json()["id"]
    await stand_in.settle()
    for action in ("edit", "delete", "restore"):
        changed = {**deed, "action": action, "comment_id": number, "text": "Большая яма"}
        assert (await vk_client.post("/stand-in/comments", json=changed)).status_code == 200
        await stand_in.settle()
    assert receiver.types == ["wall_reply_new", "wall_reply_edit", "wall_reply_delete", "wall_reply_restore"]
    assert len({body["event_id"] for body in receiver.bodies}) == 4
    first = receiver.bodies[0]
    assert (first["group_id"], first["v"], first["secret"]) == (GROUP, "5.199", "vkSecretExample123")
    assert set(receiver.bodies[2]["object"]) == {"id", "post_id", "owner_id", "deleter_id"}


async def test_a_reply_with_a_photo_tells_whom_and_what(stand_in: VkStandIn, receiver: Any) -> None:
    photo = {"type": "photo", "photo": {"id": 1, "owner_id": CITIZEN, "sizes": []}}
    root = stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    reply = stand_in.comment(GROUP, 77, "И у нас", post_id=700, reply_to=root.id, attachments=[photo])
    await stand_in.settle()
    told = next(body["object"] for body in receiver.bodies if body["object"]["id"] == reply.id)
    assert told["attachments"] == [photo]
    assert (told["reply_to_comment"], told["reply_to_user"]) == (root.id, CITIZEN)
    assert told["parents_stack"] == [root.id]


@pytest.mark.parametrize(("place", "fields"), [("photo", {"photo_id", "user_id"}), ("board", {"topic_id"})])
async def test_a_deletion_elsewhere_tells_where_it_was(
    stand_in: VkStandIn, receiver: Any, place: str, fields: set[str]
) -> None:
    stand_in.add_post(GROUP, "Сквер", post_id=9001, place=place)
    comment = stand_in.comment(GROUP, CITIZEN, "Лавочка", post_id=9001, place=place)
    stand_in.delete_comment(GROUP, comment.id, place=place)
    await stand_in.settle()
    assert fields <= set(receiver.bodies[-1]["object"])


async def test_private_messages_and_moderators_by_hand_are_told_to_the_page(
    vk_client: httpx.AsyncClient, stand_in: VkStandIn, receiver: Any
) -> None:
    deed = {"group_id": GROUP, "user_id": CITIZEN}
    geo = {"type": "point", "coordinates": {"latitude": 55.7, "longitude": 37.6}}
    orders = [
        {**deed, "text": "Нет света", "geo": geo},
        {**deed, "action": "edit", "conversation_message_id": 1, "text": "Нет света второй день"},
        {**deed, "moderator_id": 100_000_777, "text": "Передали"},
    ]
    for order in orders:
        assert (await vk_client.post("/stand-in/messages", json=order)).status_code == 200
        await stand_in.settle()
    assert receiver.types == ["message_new", "message_edit", "message_reply"]
    assert receiver.bodies[0]["object"]["message"]["geo"] == geo
    assert receiver.bodies[1]["object"]["update_time"]
    assert receiver.bodies[2]["object"]["admin_author_id"] == 100_000_777
    params = {"group_id": GROUP, "user_id": CITIZEN}
    dialog = (await vk_client.get("/stand-in/dialog", params=params)).json()
    assert [(m["text"], m["is_own"]) for m in dialog["messages"]] == [
        ("Нет света второй день", False),
        ("Передали", True),
    ]
    assert dialog["user"] == "Анна Примерова"


async def test_the_feed_shows_threads_and_hides_deleted_words(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    root = stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    stand_in.comment(GROUP, -GROUP, "Заделаем", post_id=700, reply_to=root.id)
    stand_in.delete_comment(GROUP, root.id)
    post = (await vk_client.get("/stand-in/feed", params={"group_id": GROUP})).json()["posts"][0]
    (shown,) = post["comments"]
    assert (shown["text"], shown["is_deleted"]) == ("", True)
    assert shown["replies"][0]["author"] == "Администрация Примерска"
    assert shown["replies"][0]["is_own"]


async def test_a_world_is_furnished_over_http(vk_client: httpx.AsyncClient) -> None:
    orders = [
        ("communities", {"group_id": 5, "name": "Школа", "access_token": "t5"}),
        ("users", {"user_id": 9, "first_name": "Ия"}),
        ("posts", {"group_id": 5, "text": "Кружки", "post_id": 3, "is_closed": True}),
        ("refusals", {"group_id": 5, "user_id": 9, "error_code": 902}),
    ]
    for path, order in orders:
        assert (await vk_client.post(f"/stand-in/{path}", json=order)).status_code == 200
    overview = (await vk_client.get("/stand-in")).json()
    assert {"id": 5, "name": "Школа"} in overview["communities"]
    assert {"id": 9, "name": "Ия"} in overview["users"]
    refused = await vk_client.post("/stand-in/comments", json={"group_id": 5, "user_id": 9, "post_id": 3, "text": "Эй"})
    assert refused.status_code == 400
    assert refused.json()["error_code"] == 213
    to_citizen = {"peer_id": 9, "random_id": 1, "message": "x"}
    assert await error_code(vk_client, "messages.send", {"Authorization": "Bearer t5"}, **to_citizen) == 902


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("comments", b"{"),
        ("comments", b'{"group_id": 200000001, "action": "explode"}'),
        ("messages", b'{"group_id": 200000001}'),
        ("misbehave", b'{"colour": 1}'),
        ("users", b"\xff"),
    ],
)
async def test_a_senseless_order_is_unprocessable(vk_client: httpx.AsyncClient, path: str, body: bytes) -> None:
    assert (await vk_client.post(f"/stand-in/{path}", content=body)).status_code == 422


async def test_a_senseless_question_is_refused(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    assert (await vk_client.get("/stand-in/feed")).status_code == 422
    assert (await vk_client.get("/stand-in/feed", params={"group_id": 1})).status_code == 400
    with pytest.raises(VkError):
        stand_in.edit_message(GROUP, CITIZEN, 5, "нет такого")


async def test_names_of_strangers_are_their_addresses(stand_in: VkStandIn) -> None:
    stand_in.comment(GROUP, 77, "Я тут впервые", post_id=700)
    stand_in.comment(GROUP, -88, "И мы", post_id=700)
    authors = [comment["author"] for comment in stand_in.feed(GROUP)["posts"][0]["comments"]]
    assert authors == ["id77", "club88"]


async def test_an_unacknowledged_event_is_repeated_with_its_id_and_a_counter(
    stand_in: VkStandIn, receiver: Any
) -> None:
    receiver.answers = [httpx.Response(500), httpx.Response(200, text="thanks")]
    stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    await stand_in.settle()
    assert len({body["event_id"] for body in receiver.bodies}) == 1
    assert [headers.get("X-Retry-Counter") for headers in receiver.headers] == [None, "1", "2"]
    assert stand_in.world.pending == {}


async def test_after_the_last_attempt_an_event_is_given_up(stand_in: VkStandIn, receiver: Any) -> None:
    receiver.answers = [httpx.Response(403)] * 9
    stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    await stand_in.settle()
    assert len(receiver.bodies) == 3
    assert stand_in.world.pending == {}


NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (503, "30", 30),
        (429, format_datetime(datetime(2026, 11, 22, 2, 1, tzinfo=UTC), usegmt=True), 60),
        (410, format_datetime(datetime(2026, 11, 23, tzinfo=UTC), usegmt=True), 3 * 3600),
        (503, format_datetime(datetime(2026, 11, 22, 1, 0, tzinfo=UTC), usegmt=True), 0),
        (503, "soon", 0),
        (503, "", 0),
        (500, "30", 0),
    ],
)
def test_retry_after_is_honoured_up_to_three_hours(status: int, retry_after: str, seconds: float) -> None:
    webhooks = Webhooks(World(), httpx.AsyncClient, lambda: NOW, lambda: None)
    answer = httpx.Response(status, headers={"Retry-After": retry_after})
    assert webhooks._asked_delay(answer) == seconds


@asynccontextmanager
async def saved_world(path: Path, receive: Any) -> AsyncIterator[VkStandIn]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(receive)) as client:
        stand_in = VkStandIn(path, client=client, retry_delays_seconds=(3600.0,))
        await stand_in.start()
        yield stand_in
        await stand_in.aclose()


async def test_a_restart_keeps_the_world_and_goes_on_delivering(tmp_path: Path, receiver: Any) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    path = tmp_path / "deep" / "world.json"
    async with saved_world(path, away) as before:
        before.add_community(GROUP, "Школа", access_token="t", callback_url="http://appeals.test/", secret="s")
        before.add_user(CITIZEN, "Анна")
        before.add_post(GROUP, "Кружки", post_id=700)
        before.comment(GROUP, CITIZEN, "Есть ли шахматы?", post_id=700)
        feed = before.feed(GROUP)
    async with saved_world(path, receiver.handle) as after:
        await after.settle()
        assert after.feed(GROUP) == feed
        after.add_post(GROUP, "Кружки и секции", post_id=700)
        assert len(after.feed(GROUP)["posts"]) == 1
    assert receiver.types == ["wall_reply_new"]
    assert list(path.parent.iterdir()) == [path]


async def test_an_event_for_a_vanished_server_is_dropped(stand_in: VkStandIn, receiver: Any) -> None:
    stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    stand_in.world.community(GROUP).servers.clear()
    await stand_in.settle()
    assert receiver.bodies == []
    assert stand_in.world.pending == {}


async def test_a_callback_server_is_registered_confirmed_and_subscribed(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    stand_in.world.community(GROUP).servers.clear()
    code = (await call(vk_client, "groups.getCallbackConfirmationCode", group_id=GROUP))["response"]["code"]
    receiver.answers = [httpx.Response(200, text=code)]
    server = {"group_id": GROUP, "url": "http://appeals.test/hook", "title": "appeals", "secret_key": "s"}
    number = (await call(vk_client, "groups.addCallbackServer", **server))["response"]["server_id"]
    await stand_in.settle()
    assert receiver.bodies == [{"type": "confirmation", "group_id": GROUP, "secret": "s"}]
    (listed,) = (await call(vk_client, "groups.getCallbackServers", group_id=GROUP))["response"]["items"]
    assert (listed["id"], listed["status"]) == (number, "ok")
    settings = {"group_id": GROUP, "server_id": number, "api_version": "5.199", "wall_reply_new": 1, "message_new": 0}
    assert (await call(vk_client, "groups.setCallbackSettings", **settings))["response"] == 1
    stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")
    await stand_in.settle()
    assert receiver.types == ["confirmation", "wall_reply_new"]
    new_code = (await call(vk_client, "groups.getCallbackConfirmationCode", group_id=GROUP))["response"]["code"]
    assert new_code != code


@pytest.mark.parametrize("answer", [httpx.Response(200, text="wrong"), httpx.Response(500, text="c0nf1rm")])
async def test_an_address_that_does_not_confirm_gets_nothing(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any, answer: httpx.Response
) -> None:
    stand_in.world.community(GROUP).servers.clear()
    receiver.answers = [answer]
    await call(vk_client, "groups.addCallbackServer", group_id=GROUP, url="http://appeals.test/hook", title="appeals")
    await stand_in.settle()
    (server,) = stand_in.world.community(GROUP).servers
    assert server.status == "failed"
    stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
    assert stand_in.world.pending == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": "x" * 15}, 100),
        ({"secret_key": "x" * 51}, 100),
        ({"url": ""}, 100),
        ({"url": "nowhere"}, 100),
        ({"group_id": 1}, 15),
    ],
)
async def test_a_senseless_callback_server_is_refused(
    vk_client: httpx.AsyncClient, change: dict[str, Any], code: int
) -> None:
    server = {"group_id": GROUP, "url": "http://appeals.test/hook", "title": "appeals", **change}
    assert await error_code(vk_client, "groups.addCallbackServer", **server) == code


async def test_an_edited_callback_server_is_checked_again(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    (server,) = stand_in.world.community(GROUP).servers
    receiver.answers = [httpx.Response(200, text="c0nf1rm")]
    address = {"group_id": GROUP, "url": "http://appeals.test/new", "title": "appeals", "secret_key": "s2"}
    assert (await call(vk_client, "groups.editCallbackServer", **address, server_id=1))["response"] == 1
    await stand_in.settle()
    assert (server.url, server.secret, server.status) == ("http://appeals.test/new", "s2", "ok")
    assert receiver.bodies == [{"type": "confirmation", "group_id": GROUP, "secret": "s2"}]
    assert await error_code(vk_client, "groups.editCallbackServer", **address, server_id=9) == 100
    assert await error_code(vk_client, "groups.editCallbackServer", **{**address, "url": "x"}, server_id=1) == 100


async def test_the_settings_of_a_callback_server_are_told(vk_client: httpx.AsyncClient) -> None:
    settings = (await call(vk_client, "groups.getCallbackSettings", group_id=GROUP, server_id=1))["response"]
    assert settings["api_version"] == "5.199"
    assert set(settings["events"].values()) == {1}
    await call(vk_client, "groups.setCallbackSettings", group_id=GROUP, server_id=1, message_new=0)
    settings = (await call(vk_client, "groups.getCallbackSettings", group_id=GROUP, server_id=1))["response"]
    assert [name for name, value in settings["events"].items() if not value] == ["message_new"]
    assert await error_code(vk_client, "groups.getCallbackSettings", group_id=GROUP, server_id=9) == 100


async def test_several_errors_in_a_row_switch_a_server_off(receiver: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(receiver.handle)) as client:
        stand_in = VkStandIn(client=client, retry_delays_seconds=(0.0,) * 9, stops_after_errors=3)
        community = stand_in.add_community(GROUP, "Школа", access_token="t", callback_url=CALLBACK_URL)
        stand_in.add_post(GROUP, "Кружки", post_id=700)
        receiver.answers = [httpx.Response(500), httpx.Response(500)]
        stand_in.comment(GROUP, CITIZEN, "Есть ли шахматы?", post_id=700)
        await stand_in.settle()
        assert (community.servers[0].status, len(receiver.bodies)) == ("ok", 3)  # two errors, then a success
        receiver.answers = [httpx.Response(500)] * 9
        stand_in.comment(GROUP, CITIZEN, "А шашки?", post_id=700)
        await stand_in.settle()
        assert (community.servers[0].status, len(receiver.bodies)) == ("failed", 6)
        stand_in.comment(GROUP, CITIZEN, "Ау", post_id=700)
        await stand_in.settle()
        assert len(receiver.bodies) == 6
        await stand_in.aclose()


async def test_events_come_twice_and_out_of_order_when_ordered(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    ordered = await vk_client.post("/stand-in/webhook-faults", json={"doubled": 1, "mixed_up": 2})
    assert ordered.json() == {"doubled": 1, "mixed_up": 2}
    for text in ("первое", "второе", "третье"):
        stand_in.comment(GROUP, CITIZEN, text, post_id=700)
    await stand_in.settle()
    assert [body["object"]["text"] for body in receiver.bodies] == ["третье", "третье", "второе", "первое"]
    assert len({body["event_id"] for body in receiver.bodies}) == 3


async def test_the_switch_off_is_ordered_over_http(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    assert (await vk_client.post("/stand-in/webhook-stop", json={"group_id": GROUP})).status_code == 200
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")
    await stand_in.settle()
    assert receiver.bodies == []


async def test_posts_photos_and_permissions_are_told_to_the_page(
    stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    for place in ("wall", "photo", "board"):
        order = {"group_id": GROUP, "text": "Сквер", "place": place, "is_told": True}
        assert (await vk_client.post("/stand-in/posts", json=order)).status_code == 200
    deed = {"group_id": GROUP, "user_id": CITIZEN}
    for action in ("block", "allow"):
        assert (await vk_client.post("/stand-in/messages", json={**deed, "action": action})).status_code == 200
        refused = await call(vk_client, "messages.send", peer_ids=CITIZEN, random_id=0, message="x")
        assert ("error" in refused["response"][0]) is (action == "block")
        await stand_in.settle()
    assert [kind for kind in receiver.types if kind != "message_reply"] == [
        "wall_post_new",
        "photo_new",
        "message_deny",
        "message_allow",
    ]


async def test_on_a_board_only_the_words_tell_whom_a_reply_answers(stand_in: VkStandIn, receiver: Any) -> None:
    stand_in.add_post(GROUP, "Вопросы о сквере", post_id=9001, place="board")
    asked = stand_in.comment(GROUP, CITIZEN, "Где урны?", post_id=9001, place="board")
    stand_in.comment(GROUP, -GROUP, "Поставим в мае", post_id=9001, place="board", reply_to=asked.id)
    await stand_in.settle()
    told = receiver.bodies[-1]["object"]
    assert told["text"] == f"[id{CITIZEN}:bp-{GROUP}_{asked.id}|Анна Примерова], Поставим в мае"
    assert not {"reply_to_comment", "reply_to_user", "parents_stack"} & set(told)


async def test_an_unreachable_address_is_not_confirmed(stand_in: VkStandIn) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    community = stand_in.world.community(GROUP)
    async with httpx.AsyncClient(transport=httpx.MockTransport(away)) as client:
        webhooks = Webhooks(stand_in.world, lambda: client, lambda: NOW, lambda: None)
        assert not await webhooks.confirm(community, community.servers[0])


async def test_ten_callback_servers_are_enough(stand_in: VkStandIn, vk_client: httpx.AsyncClient) -> None:
    servers = stand_in.world.community(GROUP).servers
    servers.extend(servers * 9)
    server = {"group_id": GROUP, "url": "http://appeals.test/hook", "title": "appeals"}
    assert await error_code(vk_client, "groups.addCallbackServer", **server) == 2000
    assert await error_code(vk_client, "groups.setCallbackSettings", group_id=GROUP, server_id=99) == 100


async def test_standing_alone_the_stand_in_starts_and_ends_with_its_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Any
) -> None:
    transport = httpx.MockTransport(receiver.handle)
    real = httpx.AsyncClient
    monkeypatch.setattr("app.sandbox.vk_stand_in.httpx.AsyncClient", lambda **_: real(transport=transport))
    stand_in = VkStandIn(tmp_path / "world.json")
    stand_in.add_community(GROUP, "Школа", access_token="t", callback_url="http://appeals.test/")
    stand_in.add_post(GROUP, "Кружки", post_id=700)
    async with stand_in.app.router.lifespan_context(stand_in.app):
        stand_in.comment(GROUP, CITIZEN, "Яма", post_id=700)
        await stand_in.settle()
    assert receiver.types == ["wall_reply_new"]
    assert "secret" not in receiver.bodies[0]
