"""Our answers to VKontakte, against the stand-in over HTTP and against single strange answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, Limit, OutgoingMessage, SendFailed, SentMessage
from app.platforms.incoming import Attachment, Kind, PageIdentity
from app.platforms.vk import VK
from app.platforms.vk_api import fetch_full_text
from app.platforms.vk_errors import REMEDIES
from app.sandbox.vk_stand_in import VkStandIn

GROUP, CITIZEN = 200_000_001, 100_000_002
VK_URL = "http://vk.test"
SAMPLES = Path(__file__).parent / "vk" / "api"
vk = VK()
PAGE = PageIdentity(str(GROUP))

RETRY, STOP, HANDS, NEVER = (
    FailureKind.RETRY,
    FailureKind.PAGE_STOPPED,
    FailureKind.HANDS_NEEDED,
    FailureKind.PERMANENT,
)
# Every code of the error table of the specification, with its action and the least wait.
SPECIFIED: dict[int, tuple[FailureKind, float]] = {
    1: (RETRY, 1),
    10: (RETRY, 1),
    5: (STOP, 0),
    27: (STOP, 0),
    28: (STOP, 0),
    6: (RETRY, 1),
    9: (RETRY, 60),
    14: (HANDS, 0),
    15: (NEVER, 0),
    17: (HANDS, 0),
    18: (NEVER, 0),
    29: (RETRY, 3600),
    100: (NEVER, 0),
    203: (NEVER, 0),
    211: (NEVER, 0),
    212: (NEVER, 0),
    213: (NEVER, 0),
    222: (HANDS, 0),
    223: (RETRY, 60),
    900: (NEVER, 0),
    901: (NEVER, 0),
    902: (NEVER, 0),
    914: (NEVER, 0),
    910: (NEVER, 0),
    950: (NEVER, 0),
    912: (NEVER, 0),
    911: (NEVER, 0),
    917: (NEVER, 0),
    945: (NEVER, 0),
    946: (NEVER, 0),
    1012: (NEVER, 0),
}
COMMENT = OutgoingMessage(
    Kind.COMMENT,
    "wall",
    "Здравствуйте! Ремонт запланирован на май.",
    "answer-000123",
    str(CITIZEN),
    post_external_id="700",
)
PRIVATE = OutgoingMessage(Kind.MESSAGE, "message", "Здравствуйте! Заявка принята.", "answer-000124", str(CITIZEN))


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


async def failure(client: httpx.AsyncClient, credentials: Credentials, message: OutgoingMessage) -> SendFailed:
    with pytest.raises(SendFailed) as refusal:
        await vk.send(client, VK_URL, credentials, message)
    return refusal.value


def form_of(request: httpx.Request) -> dict[str, str]:
    return dict(httpx.QueryParams(request.content.decode()))


async def sent_with(
    credentials: Credentials, message: OutgoingMessage, response: Any
) -> tuple[SentMessage, httpx.Request]:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=response)

    async with answering(handle) as client:
        return await vk.send(client, VK_URL + "/", credentials, message), requests[0]


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


async def test_a_comment_is_asked_for_as_documented(credentials: Credentials) -> None:
    answer = replace(COMMENT, reply_to_external_id="731", idempotency_key="6f1d2c3b-answer-000123")
    sent, request = await sent_with(credentials, answer, sample("api_response_wall_createComment"))
    documented = sample("api_request_wall_createComment")["form"]
    assert form_of(request) == {name: str(value) for name, value in documented.items()}
    assert request.url == f"{VK_URL}/method/wall.createComment"
    assert request.headers["Authorization"] == "Bearer community-token"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent == SentMessage("733", "wall:733")


async def test_a_private_message_is_asked_for_as_documented(credentials: Credentials) -> None:
    answer = replace(PRIVATE, author_external_id="100000001")
    sent, request = await sent_with(credentials, answer, sample("api_response_messages_send_peer_ids"))
    form, documented = form_of(request), sample("api_request_messages_send")["form"]
    assert 0 < int(form.pop("random_id")) < 2**31
    assert form == {name: str(value) for name, value in documented.items() if name != "random_id"}
    assert sent == SentMessage("5014", "message:100000001:19")


async def test_an_answer_to_a_chat_goes_to_the_chat(credentials: Credentials) -> None:
    response = {"response": [{"peer_id": 2000000001, "message_id": 0, "conversation_message_id": 9}]}
    answer = replace(PRIVATE, post_external_id="2000000001")
    sent, request = await sent_with(credentials, answer, response)
    assert form_of(request)["peer_ids"] == "2000000001"
    assert sent == SentMessage("2000000001_9", "message:2000000001:9")


async def test_the_bare_number_of_the_older_response_is_understood(credentials: Credentials) -> None:
    sent, _ = await sent_with(credentials, PRIVATE, sample("api_response_messages_send_peer_id"))
    assert sent == SentMessage("5014", f"message:{CITIZEN}:id5014")


async def test_a_refusal_for_one_recipient_is_a_refusal(credentials: Credentials) -> None:
    with pytest.raises(SendFailed) as refusal:
        await sent_with(credentials, PRIVATE, sample("api_response_messages_send_peer_ids_error"))
    assert (refusal.value.kind, refusal.value.code) == (NEVER, "901")
    assert "публичный ответ" in refusal.value.reason


@pytest.mark.parametrize(
    ("place", "method", "container", "owner"),
    [
        ("photo", "photos.createComment", "photo_id", {"owner_id": "-200000001", "reply_to_comment": "55"}),
        ("video", "video.createComment", "video_id", {"owner_id": "-200000001", "reply_to_comment": "55"}),
        ("market", "market.createComment", "item_id", {"owner_id": "-200000001", "reply_to_comment": "55"}),
        ("board", "board.createComment", "topic_id", {"group_id": "200000001"}),
    ],
)
async def test_other_places_are_answered_with_the_administrators_token(
    credentials: Credentials, place: str, method: str, container: str, owner: dict[str, str]
) -> None:
    answer = replace(COMMENT, place=place, post_external_id="9001", reply_to_external_id="55")
    sent, request = await sent_with(credentials, answer, {"response": 58})
    assert request.url.path == f"/method/{method}"
    assert request.headers["Authorization"] == "Bearer administrator-token"
    common = {"message": answer.text, "from_group": "1", "guid": answer.idempotency_key, "v": "5.199"}
    assert form_of(request) == {**common, **owner, container: "9001"}
    assert sent == SentMessage("58", "board:9001:58" if place == "board" else f"{place}:58")


@pytest.mark.parametrize("place", ["photo", "video", "market", "board"])
async def test_without_the_administrators_token_a_person_is_asked(credentials: Credentials, place: str) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        refusal = await failure(client, replace(credentials, user_token=""), replace(COMMENT, place=place))
    assert refusal.kind is HANDS
    assert "ключом администратора" in refusal.reason


@pytest.mark.parametrize("change", [{"place": "moon"}, {"post_external_id": None}])
async def test_a_comment_that_hangs_nowhere_is_for_a_person(credentials: Credentials, change: dict[str, Any]) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        assert (await failure(client, credentials, replace(COMMENT, **change))).kind is HANDS


@pytest.mark.parametrize("message", [COMMENT, PRIVATE])
async def test_a_page_without_a_token_is_stopped(credentials: Credentials, message: OutgoingMessage) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        assert (await failure(client, replace(credentials, access_token=""), message)).kind is STOP


async def test_a_token_that_no_header_can_hold_stops_the_page(credentials: Credentials) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        assert (await failure(client, replace(credentials, access_token="ключ"), COMMENT)).kind is STOP


@pytest.mark.parametrize(("text", "code"), [("", "100"), (" \n", "100"), ("я" * 4097, "914")])
async def test_an_impossible_text_is_not_even_sent(credentials: Credentials, text: str, code: str) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        refusal = await failure(client, credentials, replace(COMMENT, text=text))
    assert (refusal.kind, refusal.code) == (NEVER, code)


def test_every_error_of_the_specification_has_a_remedy() -> None:
    assert set(SPECIFIED) <= set(REMEDIES)


@pytest.mark.parametrize("code", sorted(SPECIFIED))
async def test_an_error_of_the_api_leads_to_its_action(credentials: Credentials, code: int) -> None:
    error = {"error_code": code, "error_msg": "Some words", "request_params": []}
    async with answering(lambda _: httpx.Response(200, json={"error": error})) as client:
        refusal = await failure(client, credentials, COMMENT)
    kind, least_wait = SPECIFIED[code]
    assert refusal.kind is kind
    assert refusal.retry_after_seconds >= least_wait
    assert (refusal.code, refusal.method) == (str(code), "wall.createComment")
    assert refusal.is_of_page is (code in (9, 29))  # flood control and daily limits hold the page, not one answer
    assert str(code) in refusal.reason
    assert "Some words" in refusal.reason


@pytest.mark.parametrize(("error", "code"), [({"error_code": 4242}, "4242"), ({}, ""), ({"error_code": "x"}, "")])
async def test_an_unlisted_error_is_for_a_person_to_judge(credentials: Credentials, error: Any, code: str) -> None:
    async with answering(lambda _: httpx.Response(200, json={"error": error})) as client:
        refusal = await failure(client, credentials, COMMENT)
    assert (refusal.kind, refusal.code) == (NEVER, code)


async def test_a_refused_administrators_token_does_not_stop_the_page(credentials: Credentials) -> None:
    async with answering(lambda _: httpx.Response(200, json={"error": {"error_code": 5}})) as client:
        refusal = await failure(client, credentials, replace(COMMENT, place="photo"))
    assert (refusal.kind, refusal.code) == (HANDS, "5")


@pytest.mark.parametrize(
    ("response", "least_wait"),
    [
        (httpx.Response(500), 1),
        (httpx.Response(502, text="bad gateway"), 1),
        (httpx.Response(429, headers={"Retry-After": "90"}), 90),
        (httpx.Response(404), 60),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), 60),
        (httpx.Response(200, text="<html>"), 1),
        (httpx.Response(200, json=[]), 1),
        (httpx.Response(200, json={}), 1),
        (httpx.Response(200, json={"response": None}), 1),
        (httpx.Response(200, json={"response": {"comment_id": "x"}}), 1),
    ],
)
async def test_an_answer_that_is_not_vks_is_tried_again(
    credentials: Credentials, response: httpx.Response, least_wait: float
) -> None:
    async with answering(lambda _: response) as client:
        refusal = await failure(client, credentials, COMMENT)
    assert refusal.kind is RETRY
    assert refusal.retry_after_seconds >= least_wait


@pytest.mark.parametrize("response", [[], [5], [{"message_id": 0}], {}, "x", 0])
async def test_a_senseless_response_to_a_message_is_tried_again(credentials: Credentials, response: Any) -> None:
    with pytest.raises(SendFailed) as refusal:
        await sent_with(credentials, PRIVATE, {"response": response})
    assert refusal.value.kind is RETRY


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.InvalidURL])
async def test_a_broken_connection_is_tried_again(credentials: Credentials, error: type[Exception]) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise error("https://api.vk.test?access_token=community-token")

    async with answering(break_off) as client:
        refusal = await failure(client, credentials, COMMENT)
    assert (refusal.kind, refusal.code) == (RETRY, "network")
    assert "token" not in refusal.reason


async def test_a_comment_arrives_once_however_often_it_is_sent(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    root = stand_in.comment(GROUP, CITIZEN, "Когда починят дорогу?", post_id=700)
    answer = replace(COMMENT, reply_to_external_id=str(root.id))
    sent = [await vk.send(vk_client, VK_URL, credentials, answer) for _ in range(3)]
    assert len(set(sent)) == 1
    (post,) = stand_in.feed(GROUP)["posts"]
    assert [reply["text"] for reply in post["comments"][0]["replies"]] == [answer.text]


async def test_a_lost_answer_is_repaired_by_sending_again(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")
    stand_in.misbehave(method="messages.send", http_status=504, is_done=True)
    assert (await failure(vk_client, credentials, PRIVATE)).kind is RETRY
    sent = await vk.send(vk_client, VK_URL, credentials, PRIVATE)
    assert sent.key == f"message:{CITIZEN}:2"
    assert [call["is_repeat"] for call in stand_in.calls("messages.send")] == [False, True]
    assert len(stand_in.dialog(GROUP, CITIZEN)["messages"]) == 2


async def test_our_own_answer_comes_back_under_the_key_that_was_promised(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    root = stand_in.comment(GROUP, CITIZEN, "Когда починят дорогу?", post_id=700)
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")
    answer = replace(COMMENT, reply_to_external_id=str(root.id))
    comment = await vk.send(vk_client, VK_URL, credentials, answer)
    private = await vk.send(vk_client, VK_URL, credentials, PRIVATE)
    await stand_in.settle()
    echoes = {
        message.key: message
        for body in receiver.bodies
        for message in vk.parse(PAGE, json.dumps(body).encode())
        if message.is_own
    }
    assert set(echoes) == {comment.key, private.key}
    assert echoes[comment.key].reply_to_key == f"wall:{root.id}"
    assert echoes[private.key].own_idempotency_key == vk.echoed_idempotency_key(PRIVATE.idempotency_key)
    for body in receiver.bodies:
        assert vk.authenticate(credentials, {}, json.dumps(body).encode()).key


@pytest.mark.parametrize(
    ("error_code", "kind"), [(6, RETRY), (14, HANDS), (901, NEVER), (5, STOP), (29, RETRY), (9, RETRY)]
)
async def test_an_ordered_error_is_seen_as_in_life(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient, error_code: int, kind: FailureKind
) -> None:
    stand_in.misbehave(method="wall.createComment", error_code=error_code)
    assert (await failure(vk_client, credentials, COMMENT)).kind is kind
    assert (await vk.send(vk_client, VK_URL, credentials, COMMENT)).key.startswith("wall:")


async def test_the_twenty_first_answer_within_a_second_is_told_to_wait(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    instants = iter([0.04 * number for number in range(100)])
    stand_in.api._monotonic = lambda: next(instants)
    outcomes = []
    for number in range(21):
        try:
            await vk.send(vk_client, VK_URL, credentials, replace(COMMENT, idempotency_key=f"a-{number}"))
            outcomes.append("sent")
        except SendFailed as refusal:
            outcomes.append(refusal.code)
    assert outcomes == ["sent"] * 20 + ["6"]


@pytest.mark.parametrize("place", ["photo", "video", "market", "board"])
async def test_the_administrators_token_has_a_slower_limit_of_its_own(place: str) -> None:
    assert vk.limits(replace(COMMENT, place=place)) == (Limit("user", 3.0),)
    assert vk.limits(COMMENT) == vk.limits(PRIVATE) == (Limit("", 20.0),)
    assert vk.limits(replace(COMMENT, place="moon")) == (Limit("", 20.0),)


async def test_a_photo_is_fetched_from_its_address(credentials: Credentials) -> None:
    photo, place = Attachment("photo", url="https://vk.example.test/w.jpg"), Attachment("geo")
    async with answering(lambda _: httpx.Response(500)) as client:
        source = await vk.file_address(client, VK_URL, credentials, photo)
        assert await vk.file_address(client, VK_URL, credentials, place) is None
    assert source is not None
    assert source.url == photo.url


async def test_a_stranger_cannot_be_written_to(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    refusal = await failure(vk_client, credentials, PRIVATE)
    assert (refusal.kind, refusal.code) == (NEVER, "901")


@pytest.mark.parametrize("code", [900, 901, 902])
async def test_a_citizen_who_refuses_messages_is_not_written_to(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient, code: int
) -> None:
    stand_in.message(GROUP, CITIZEN, "Здравствуйте")
    stand_in.refuse_messages(GROUP, CITIZEN, code)
    assert (await failure(vk_client, credentials, PRIVATE)).code == str(code)
    stand_in.refuse_messages(GROUP, CITIZEN, 0)
    assert (await vk.send(vk_client, VK_URL, credentials, PRIVATE)).external_id


async def test_closed_comments_are_a_permanent_refusal(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    stand_in.close_comments(GROUP, 700)
    assert (await failure(vk_client, credentials, COMMENT)).code == "213"


@pytest.mark.parametrize("place", ["photo", "video", "market", "board"])
async def test_a_comment_elsewhere_is_answered_and_comes_back(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any, place: str
) -> None:
    stand_in.add_post(GROUP, "Сквер", post_id=9001, place=place)
    comment = stand_in.comment(GROUP, CITIZEN, "Лавочка сломана", post_id=9001, place=place)
    answer = replace(COMMENT, place=place, post_external_id="9001", reply_to_external_id=str(comment.id))
    sent = await vk.send(vk_client, VK_URL, credentials, answer)
    assert await vk.send(vk_client, VK_URL, credentials, answer) == sent
    await stand_in.settle()
    keys = [vk.parse(PAGE, json.dumps(body).encode())[0].key for body in receiver.bodies]
    assert len(keys) == 2
    assert keys[1] == sent.key


async def test_names_of_people_and_communities_are_told(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient
) -> None:
    ids = [str(CITIZEN), "100000003", "555", f"-{GROUP}", "-1", "", "0", "мусор"]
    assert await vk.author_names(vk_client, VK_URL, credentials, ids) == {
        str(CITIZEN): "Анна Примерова",
        "100000003": "Пётр",
        f"-{GROUP}": "Администрация Примерска",
    }


async def test_thousands_of_names_are_asked_in_batches(credentials: Credentials) -> None:
    sizes: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        ids = form_of(request)["user_ids"].split(",")
        sizes.append(len(ids))
        return httpx.Response(200, json={"response": [{"id": int(i), "first_name": "И", "last_name": i} for i in ids]})

    async with answering(handle) as client:
        names = await vk.author_names(client, VK_URL, credentials, [str(n) for n in range(1, 2502)])
    assert sizes == [1000, 1000, 501]
    assert names["2501"] == "И 2501"


@pytest.mark.parametrize("response", [None, {}, [5, {}, {"id": 1}], {"groups": [{"id": 1}]}])
async def test_senseless_names_are_no_names(credentials: Credentials, response: Any) -> None:
    async with answering(lambda _: httpx.Response(200, json={"response": response})) as client:
        assert await vk.author_names(client, VK_URL, credentials, ["1", "-1"]) == {}


async def test_a_cropped_message_is_fetched_in_full(
    credentials: Credentials, stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Any
) -> None:
    stand_in.message(GROUP, CITIZEN, "ж" * 5000)
    await stand_in.settle()
    (message,) = vk.parse(PAGE, json.dumps(receiver.bodies[0]).encode())
    assert message.is_cropped
    assert len(message.text) < 5000
    assert await fetch_full_text(vk_client, VK_URL, credentials, str(CITIZEN), "1") == "ж" * 5000
    assert await fetch_full_text(vk_client, VK_URL, credentials, str(CITIZEN), "99") is None


@pytest.mark.parametrize("code", ["6", "14", "901"])
async def test_the_documented_error_bodies_are_read(credentials: Credentials, code: str) -> None:
    (path,) = SAMPLES.glob(f"api_error_{code}*.json")
    async with answering(lambda _: httpx.Response(200, content=path.read_bytes())) as client:
        assert (await failure(client, credentials, COMMENT)).code == code
