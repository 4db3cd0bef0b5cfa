"""Our answers to Odnoklassniki, against the stand-in over HTTP and against single strange answers."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, Repeat, SendFailed, SentMessage
from app.platforms.incoming import Kind
from app.platforms.ok import Odnoklassniki
from app.platforms.ok_api import Session
from app.platforms.ok_errors import REMEDIES
from tests.conftest import NOW
from tests.ok_city import CITIZEN, CREDENTIALS, GROUP, NEIGHBOUR, OK_URL, WEBHOOK_URL, City, ok_city

SAMPLES = Path(__file__).parent / "ok" / "api"
RETRY, STOP, HANDS, NEVER, DOUBT = (
    FailureKind.RETRY,
    FailureKind.PAGE_STOPPED,
    FailureKind.HANDS_NEEDED,
    FailureKind.PERMANENT,
    FailureKind.UNKNOWN,
)
# code -> what becomes of a private answer, of a comment
SPECIFIED: dict[int, tuple[FailureKind, FailureKind]] = {
    1: (DOUBT, DOUBT),
    2: (DOUBT, DOUBT),
    9999: (DOUBT, DOUBT),
    7: (RETRY, RETRY),
    8: (RETRY, RETRY),
    11: (RETRY, RETRY),
    9: (RETRY, RETRY),
    10: (NEVER, HANDS),
    50: (NEVER, HANDS),
    200: (NEVER, HANDS),
    100: (NEVER, NEVER),
    3: (NEVER, NEVER),
    4: (NEVER, NEVER),
    101: (HANDS, HANDS),
    102: (STOP, HANDS),
    103: (STOP, HANDS),
    104: (HANDS, HANDS),
    105: (HANDS, HANDS),
    210: (HANDS, HANDS),
    300: (NEVER, NEVER),
    453: (STOP, HANDS),
    454: (HANDS, HANDS),
    455: (NEVER, NEVER),
    456: (NEVER, NEVER),
}
CHAT = "chat:C3ecb9d02a600"
PRIVATE = OutgoingMessage(
    Kind.MESSAGE, "message", "Здравствуйте! Заявка принята.", "answer-1", f"user:{CITIZEN}", chat_external_id=CHAT
)
COMMENT = OutgoingMessage(
    Kind.COMMENT, "post", "Здравствуйте! Ремонт в мае.", "answer-2", CITIZEN, post_external_id="156000000000001"
)
ok = Odnoklassniki()


def answering(answer: Callable[[httpx.Request], httpx.Response] | Any) -> httpx.AsyncClient:
    handle = answer if callable(answer) else lambda _: httpx.Response(200, json=answer)
    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    return handle


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


async def failure(client: httpx.AsyncClient, message: OutgoingMessage, credentials: Credentials = CREDENTIALS) -> Any:
    with pytest.raises(SendFailed) as refusal:
        await ok.send(client, OK_URL, credentials, message)
    return refusal.value


async def sent_with(message: OutgoingMessage, answer: Any) -> tuple[SentMessage, httpx.Request]:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=answer)

    async with answering(handle) as client:
        return await ok.send(client, OK_URL + "/", CREDENTIALS, message), requests[0]


@pytest.fixture
async def city() -> AsyncIterator[City]:
    async with ok_city() as city:
        yield city


def private(city: City, text: str = PRIVATE.text) -> OutgoingMessage:
    """An answer in the chat that a citizen has begun."""
    said = city.stand_in.message(GROUP, CITIZEN, "Не горит фонарь")
    return replace(PRIVATE, text=text, chat_external_id=said.chat, reply_to_external_id=said.mid)


def reply(city: City) -> OutgoingMessage:
    """An answer under a citizen's comment."""
    comment = city.comment("Когда починят дорогу?")
    return replace(COMMENT, post_external_id=city.post, reply_to_external_id=comment.id)


async def test_a_private_answer_is_asked_for_as_documented() -> None:
    documented = sample("api_request_send_message")["body"]
    answer = replace(PRIVATE, reply_to_external_id=documented["message"]["reply_to"])
    sent, request = await sent_with(answer, {"message_id": "mid:C3ecb9d02a600.1"})
    assert json.loads(request.content) == documented
    assert request.url.path == f"/graph/{CHAT}/messages"
    assert request.url.params["access_token"] == "group-token"
    assert request.headers["Content-Type"] == "application/json;charset=utf-8"
    assert sent == SentMessage("mid:C3ecb9d02a600.1", "message:mid:C3ecb9d02a600.1")


async def test_a_person_without_a_known_chat_is_written_to_by_his_id() -> None:
    answer = replace(PRIVATE, chat_external_id=None)
    documented = {"success": [True], "chat_ids": ["chat:C401b13206b00"]}
    sent, request = await sent_with(answer, documented)
    assert json.loads(request.content)["recipient"] == {"user_ids": [f"user:{CITIZEN}"]}
    assert request.url.path == "/graph/me/messages"
    assert sent.key == "message:answer:answer-1"


async def test_a_person_who_has_forbidden_messages_is_told_of_in_words() -> None:
    documented = sample("api_response_send_message_user_ids")
    refused = {name: values[1:] for name, values in documented.items()}
    async with answering(refused) as client:
        refusal = await failure(client, replace(PRIVATE, chat_external_id=None))
    assert refusal.kind is NEVER
    assert "не разрешил" in refusal.reason


async def test_a_comment_is_asked_for_as_documented_and_signed() -> None:
    answer = replace(COMMENT, reply_to_external_id="Y29tbWVudA==")
    sent, request = await sent_with(answer, "MTM5Nw==")
    form = dict(httpx.QueryParams(request.content.decode()))
    documented = sample("api_request_addDiscussionComment")["form"]
    assert set(form) == set(documented)
    assert form["as_admin"] == documented["as_admin"]
    assert form["entityType"] == documented["entityType"]
    assert request.url == f"{OK_URL}/fb.do"
    assert form["sig"] != form["access_token"]
    assert sent == SentMessage("MTM5Nw==", "post:MTM5Nw==")


def test_a_signature_is_made_as_documented() -> None:
    """The sum was made by hand: md5("application_key=KEYmethod=x" + md5("TOKENSECRET"))."""
    params = {"method": "x", "application_key": "KEY"}
    assert Session("KEY", "SECRET", "TOKEN").signature(params) == "005aed0dea71a99787032ddb18a5c013"


@pytest.mark.parametrize("answer", ["c1", {"comment_id": "c1"}, {"id": "c1"}, {"comment": {"id": "c1"}}])
async def test_the_id_of_a_comment_is_found_whatever_the_shape(answer: Any) -> None:
    sent, _ = await sent_with(COMMENT, answer)
    assert sent == SentMessage("c1", "post:c1")


@pytest.mark.parametrize(
    "answer",
    [
        {"message_id": "mid:1"},
        {"mid": "mid:1"},
        {"message": {"mid": "mid:1"}},
        {"success": [True], "message_ids": ["mid:1"]},
    ],
)
async def test_the_id_of_a_message_is_found_whatever_the_shape(answer: Any) -> None:
    sent, _ = await sent_with(PRIVATE, answer)
    assert sent == SentMessage("mid:1", "message:mid:1")


@pytest.mark.parametrize("message", [PRIVATE, COMMENT], ids=["private", "comment"])
@pytest.mark.parametrize("answer", [None, [], {}, {"comment": {}}, {"message": "x"}, 0, True])
async def test_an_answer_that_is_not_understood_leaves_us_in_doubt(message: OutgoingMessage, answer: Any) -> None:
    async with answering(lambda _: httpx.Response(200, json=answer)) as client:
        assert (await failure(client, message)).kind is DOUBT


@pytest.mark.parametrize("code", SPECIFIED)
async def test_each_error_has_its_consequence(city: City, code: int) -> None:
    for message, kind in zip((private(city), reply(city)), SPECIFIED[code], strict=True):
        city.stand_in.misbehave(error_code=code, error_msg="TOLD : in words")
        refusal = await failure(city.client, message)
        assert (refusal.kind, refusal.code) == (kind, str(code))
        assert str(code) in refusal.reason
        assert any("а" <= letter <= "я" for letter in refusal.reason.lower())


def test_every_error_that_we_know_is_specified() -> None:
    assert set(SPECIFIED) == set(REMEDIES)


@pytest.mark.parametrize(("code", "least"), [(7, 60), (8, 60), (11, 600)])
async def test_flood_control_holds_the_whole_page(city: City, code: int, least: float) -> None:
    city.stand_in.misbehave(error_code=code)
    refusal = await failure(city.client, private(city))
    assert refusal.is_of_page
    assert refusal.retry_after_seconds >= least


async def test_the_documented_error_body_stops_the_page() -> None:
    async with answering(sample("api_error")) as client:
        refusal = await failure(client, PRIVATE)
    assert (refusal.kind, refusal.code) == (STOP, "102")


async def test_an_unknown_error_is_for_a_person_to_read(city: City) -> None:
    city.stand_in.misbehave(error_code=777, error_msg="NEWS : unheard of")
    refusal = await failure(city.client, private(city))
    assert refusal.kind is NEVER
    assert "unheard of" in refusal.reason


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_outage_leaves_us_in_doubt(city: City, status: int) -> None:
    city.stand_in.misbehave(http_status=status)
    assert (await failure(city.client, private(city))).kind is DOUBT


@pytest.mark.parametrize(("status", "is_of_page"), [(429, True), (404, False), (302, False)])
async def test_a_refusal_without_words_is_tried_later(status: int, is_of_page: bool) -> None:
    async with answering(lambda _: httpx.Response(status, headers={"Retry-After": "90"})) as client:
        refusal = await failure(client, PRIVATE)
    assert (refusal.kind, refusal.is_of_page) == (RETRY, is_of_page)
    assert refusal.retry_after_seconds == 90


async def test_an_error_object_counts_whatever_the_status() -> None:
    async with answering(lambda _: httpx.Response(401, json={"error_code": 103, "error_msg": "x"})) as client:
        assert (await failure(client, PRIVATE)).kind is STOP


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.PoolTimeout("no")])
async def test_what_has_not_left_is_simply_sent_again(error: Exception) -> None:
    async with answering(raising(error)) as client:
        assert (await failure(client, COMMENT)).kind is RETRY


@pytest.mark.parametrize("error", [httpx.ReadTimeout("no"), httpx.ReadError("no"), httpx.RemoteProtocolError("no")])
async def test_a_time_out_after_sending_leaves_us_in_doubt(error: Exception) -> None:
    for message in (PRIVATE, COMMENT):
        async with answering(raising(error)) as client:
            assert (await failure(client, message)).kind is DOUBT


@pytest.mark.parametrize(
    ("changes", "message", "kind"),
    [
        ({"access_token": ""}, PRIVATE, STOP),
        ({"user_token": ""}, COMMENT, HANDS),
        ({"app_key": ""}, COMMENT, HANDS),
        ({"app_secret": ""}, COMMENT, HANDS),
    ],
)
async def test_a_missing_key_is_asked_for(changes: dict[str, str], message: OutgoingMessage, kind: FailureKind) -> None:
    async with answering(raising(AssertionError("nothing may be sent"))) as client:
        refusal = await failure(client, message, replace(CREDENTIALS, **changes))
    assert refusal.kind is kind
    assert "впишите" in refusal.reason


@pytest.mark.parametrize("text", ["", " \n", "ж" * 4097])
async def test_what_cannot_be_sent_is_refused_before_the_platform_does(text: str) -> None:
    async with answering(raising(AssertionError("nothing may be sent"))) as client:
        assert (await failure(client, replace(PRIVATE, text=text))).kind is NEVER


async def test_a_comment_without_its_topic_is_for_a_person() -> None:
    async with answering({}) as client:
        assert (await failure(client, replace(COMMENT, post_external_id=None))).kind is HANDS


async def test_tokens_appear_in_no_error_and_no_log(city: City, caplog: pytest.LogCaptureFixture) -> None:
    secrets = ("group-token", "administrator-token", "app-secret")
    with caplog.at_level(logging.WARNING):
        for message in (private(city), reply(city)):
            for fault in ({"http_status": 500}, {"error_code": 102}):
                city.stand_in.misbehave(**fault)
                refusal = await failure(city.client, message)
                assert not [
                    secret for secret in secrets if secret in f"{refusal!r} {refusal.reason} {refusal.__cause__!r}"
                ]
    assert not [secret for secret in secrets if secret in caplog.text]
    assert not [secret for secret in secrets if secret in json.dumps(city.stand_in.calls())]
    assert "app-secret" not in repr(Session("key", "app-secret", "token"))


async def test_answers_arrive_where_people_read_them(city: City) -> None:
    first, second = private(city), reply(city)
    await ok.send(city.client, OK_URL, CREDENTIALS, first)
    sent = await ok.send(city.client, OK_URL, CREDENTIALS, second)
    (_, said) = city.stand_in.dialog(GROUP, CITIZEN)["messages"]
    assert (said["text"], said["is_page"]) == (first.text, True)
    (answer,) = city.stand_in.feed(GROUP)["posts"][0]["comments"][0]["replies"]
    assert (answer["id"], answer["text"], answer["is_page"]) == (sent.external_id, second.text, True)


async def test_a_citizen_who_has_blocked_the_group_cannot_be_written_to(city: City) -> None:
    answer = private(city)
    city.stand_in.block(GROUP, CITIZEN)
    assert (await failure(city.client, answer)).kind is NEVER


async def test_closed_comments_and_topics_that_are_gone_end_an_answer(city: City) -> None:
    answer = reply(city)
    city.stand_in.close_comments(GROUP, city.post)
    assert "открыты ли комментарии" in (await failure(city.client, answer)).reason
    city.stand_in.remove_post(GROUP, city.post)
    assert (await failure(city.client, answer)).code == "300"


async def test_an_answer_that_arrived_unheard_is_found(city: City) -> None:
    assert ok.repeat is Repeat.LOOKED_UP
    for answer, method in ((private(city), "messages.send"), (reply(city), "discussions.addDiscussionComment")):
        since = city.now
        assert await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, since) is None
        city.stand_in.misbehave(method=method, http_status=502, is_done=True)
        assert (await failure(city.client, answer)).kind is DOUBT
        found = await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, since)
        (call,) = city.stand_in.calls(method)
        told = call["response"] if isinstance(call["response"], str) else call["response"]["message_id"]
        assert found is not None
        assert found.external_id == told


async def test_other_words_other_people_and_other_times_are_not_our_answer(city: City) -> None:
    message, comment = private(city), reply(city)
    city.stand_in.message(GROUP, CITIZEN, message.text)  # the citizen himself
    city.comment(comment.text, NEIGHBOUR, reply_to=comment.reply_to_external_id or "")
    city.comment(comment.text, GROUP)  # by hand, under nobody
    await ok.send(city.client, OK_URL, CREDENTIALS, replace(message, text="Другое"))
    for answer in (message, comment):
        assert await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, city.now) is None
        await ok.send(city.client, OK_URL, CREDENTIALS, answer)
        assert await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, city.now) is not None
        later = city.now + timedelta(minutes=5)
        assert await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, later) is None


async def test_an_answer_is_found_behind_many_later_words(city: City) -> None:
    message, comment, since = private(city), reply(city), city.now
    await ok.send(city.client, OK_URL, CREDENTIALS, message)
    await ok.send(city.client, OK_URL, CREDENTIALS, comment)
    for number in range(250):
        city.wait(seconds=1)
        city.stand_in.message(GROUP, CITIZEN, f"Ещё {number}")
        city.comment(f"Ещё {number}")
    for answer in (message, comment):
        assert await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, since) is not None
        assert await ok.find_sent(city.client, OK_URL, CREDENTIALS, replace(answer, text="Нет"), since) is None


async def test_a_look_up_without_end_tells_nothing(city: City) -> None:
    answer = reply(city)
    for number in range(1100):
        city.comment(f"Ещё {number}")
    with pytest.raises(SendFailed) as refusal:
        await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, city.now)
    assert refusal.value.kind is DOUBT


async def test_a_look_up_that_fails_is_tried_again_and_one_without_a_chat_is_for_a_person(city: City) -> None:
    answer = private(city)
    city.stand_in.misbehave(http_status=500)
    with pytest.raises(SendFailed) as refusal:
        await ok.find_sent(city.client, OK_URL, CREDENTIALS, answer, NOW)
    assert refusal.value.kind is RETRY
    with pytest.raises(SendFailed) as refusal:
        await ok.find_sent(city.client, OK_URL, CREDENTIALS, replace(answer, chat_external_id=None), NOW)
    assert refusal.value.kind is DOUBT


@pytest.mark.parametrize("answer", [{}, [], {"messages": None}])
async def test_a_look_up_that_is_not_understood_proves_nothing(answer: Any) -> None:
    async with answering(lambda _: httpx.Response(200, json=answer)) as client:
        with pytest.raises(SendFailed) as refusal:
            await ok.find_sent(client, OK_URL, CREDENTIALS, PRIVATE, NOW)
    assert refusal.value.kind is RETRY


async def test_names_are_told_with_and_without_the_name_of_their_kind(city: City) -> None:
    ids = [CITIZEN, f"user:{NEIGHBOUR}", f"group:{GROUP}", "user:999", "", "мусор"]
    assert await ok.author_names(city.client, OK_URL, CREDENTIALS, ids) == {
        CITIZEN: "Анна Примерова",
        f"user:{NEIGHBOUR}": "Пётр",
    }


async def test_many_names_are_asked_for_in_batches() -> None:
    sizes: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        uids = httpx.QueryParams(request.content.decode())["uids"].split(",")
        sizes.append(len(uids))
        return httpx.Response(200, json=[{"uid": uid, "name": f"Имя {uid}"} for uid in uids])

    async with answering(handle) as client:
        names = await ok.author_names(client, OK_URL, CREDENTIALS, [str(number) for number in range(1, 251)])
    assert sizes == [100, 100, 50]
    assert names["250"] == "Имя 250"


async def test_connecting_subscribes_once_and_a_lost_subscription_is_noticed(city: City) -> None:
    city.stand_in.unsubscribe(GROUP)
    problem = await ok.connection_problem(city.client, OK_URL, CREDENTIALS, WEBHOOK_URL)
    assert problem is not None
    assert "отписан" in problem
    for _ in range(2):
        await ok.connect(city.client, OK_URL, CREDENTIALS, WEBHOOK_URL)
    assert await ok.connection_problem(city.client, OK_URL, CREDENTIALS, WEBHOOK_URL) is None
    (known,) = city.stand_in.world.group(GROUP).subscriptions
    assert known.url == WEBHOOK_URL


async def test_subscribing_is_asked_for_as_documented() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        name = "api_response_subscribe" if request.method == "POST" else "api_response_subscriptions"
        return httpx.Response(200, json=sample(name))

    url = sample("api_request_subscribe")["body"]["url"]
    async with answering(handle) as client:
        await ok.connect(client, OK_URL, CREDENTIALS, url)
        assert await ok.connection_problem(client, OK_URL, CREDENTIALS, url) is None
    assert json.loads(requests[0].content) == sample("api_request_subscribe")["body"]
    assert [request.url.path for request in requests] == ["/graph/me/subscribe", "/graph/me/subscriptions"]


@pytest.mark.parametrize("answer", [{"success": False}, {}, []])
async def test_a_refused_subscription_is_told(answer: Any) -> None:
    async with answering(lambda _: httpx.Response(200, json=answer)) as client:
        with pytest.raises(SendFailed, match="не подключили"):
            await ok.connect(client, OK_URL, CREDENTIALS, WEBHOOK_URL)


async def test_subscriptions_that_are_not_understood_are_no_proof(city: City) -> None:
    async with answering(lambda _: httpx.Response(200, json={})) as client:
        with pytest.raises(SendFailed):
            await ok.connection_problem(client, OK_URL, CREDENTIALS, WEBHOOK_URL)
