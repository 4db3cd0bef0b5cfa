"""Our answers to Viber, against the stand-in over HTTP and against single strange answers."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.platforms import viber_api
from app.platforms.base import Credentials, FailureKind, OutgoingMessage, Repeat, SendFailed, SentMessage
from app.platforms.incoming import Attachment, Kind
from app.platforms.splitting import split_text
from app.platforms.viber import EVENT_TYPES, Viber
from app.platforms.viber_errors import REMEDIES
from tests.platforms.viber_world import CITIZEN, CREDENTIALS, PAGE, VIBER_URL, WEBHOOK_URL, viber_world
from tests.platforms.viber_world import Viber as World

SAMPLES = Path(__file__).parent / "viber" / "api"
viber = Viber()
RETRY, STOP, NEVER, UNKNOWN = (
    FailureKind.RETRY,
    FailureKind.PAGE_STOPPED,
    FailureKind.PERMANENT,
    FailureKind.UNKNOWN,
)
ANSWER = OutgoingMessage(Kind.MESSAGE, "message", "Здравствуйте! Заявка принята.", "answer-000124", CITIZEN)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with viber_world() as world:
        yield world


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


async def failure(
    client: httpx.AsyncClient, message: OutgoingMessage = ANSWER, credentials: Credentials = CREDENTIALS
) -> SendFailed:
    with pytest.raises(SendFailed) as refusal:
        await viber.send(client, VIBER_URL, credentials, message)
    return refusal.value


async def test_an_answer_is_asked_for_as_documented() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=sample("api_response_send_message"))

    documented = sample("api_request_send_message")["body"]
    answer = replace(ANSWER, idempotency_key=documented["tracking_data"])
    async with answering(handle) as client:
        sent = await viber.send(client, VIBER_URL + "/", CREDENTIALS, answer)
    (request,) = requests
    asked = json.loads(request.content)
    assert request.url == f"{VIBER_URL}/pa/send_message"
    assert request.headers["X-Viber-Auth-Token"] == CREDENTIALS.access_token
    assert asked.pop("sender") == {"name": "Официальный ответ"}
    assert asked == {name: value for name, value in documented.items() if name != "sender"}
    assert sent == SentMessage("5912661846655238999", "message:5912661846655238999")


async def test_an_answer_goes_to_the_conversation_if_that_is_named() -> None:
    receivers: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        receivers.append(json.loads(request.content)["receiver"])
        return httpx.Response(200, json={"status": 0})

    async with answering(handle) as client:
        sent = await viber.send(client, VIBER_URL, CREDENTIALS, replace(ANSWER, chat_external_id="chat"))
    assert receivers == ["chat"]
    assert sent.external_id == ANSWER.idempotency_key  # taken, though Viber did not tell its number


def test_a_repeat_would_be_shown_twice() -> None:
    assert viber.repeat is Repeat.SHOWN_TWICE


# Every status of the specification with what is done about it.
SPECIFIED = dict.fromkeys((1, *range(3, 25)), NEVER) | {2: STOP, 12: RETRY}


def test_every_status_of_the_specification_has_a_remedy() -> None:
    assert set(SPECIFIED) == set(REMEDIES)


@pytest.mark.parametrize("status", sorted(SPECIFIED))
async def test_a_status_leads_to_its_action(status: int) -> None:
    told = {"status": status, "status_message": "Some words"}
    async with answering(lambda _: httpx.Response(200, json=told)) as client:
        refusal = await failure(client)
    assert refusal.kind is SPECIFIED[status]
    assert (refusal.code, refusal.method, refusal.is_of_page) == (str(status), "send_message", False)
    assert f"Код Viber {status}: Some words" in refusal.reason
    assert refusal.retry_after_seconds == (3600 if status == 12 else 0)


@pytest.mark.parametrize("status", [12, 6])
async def test_the_documented_error_bodies_are_read(status: int) -> None:
    async with answering(lambda _: httpx.Response(200, json=sample(f"api_error_{status}"))) as client:
        assert (await failure(client)).code == str(status)


@pytest.mark.parametrize("told", [{"status": 77}, {"status": "77", "status_message": ["x"]}])
async def test_an_unlisted_status_is_for_a_person_to_judge(told: Any) -> None:
    async with answering(lambda _: httpx.Response(200, json=told)) as client:
        refusal = await failure(client)
    assert (refusal.kind, refusal.code) == (NEVER, "77")


@pytest.mark.parametrize(
    ("response", "kind", "least_wait"),
    [
        (httpx.Response(500), UNKNOWN, 0),
        (httpx.Response(503, headers={"Retry-After": "90"}), RETRY, 90),
        (httpx.Response(429), RETRY, 1),
        (httpx.Response(404), RETRY, 60),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), RETRY, 60),
        (httpx.Response(502, text="bad gateway"), UNKNOWN, 0),
        (httpx.Response(504), UNKNOWN, 0),
        (httpx.Response(200, text="<html>"), UNKNOWN, 0),
        (httpx.Response(200, json=[]), UNKNOWN, 0),
        (httpx.Response(200, json={"status": None}), UNKNOWN, 0),
    ],
)
async def test_an_answer_that_is_not_vibers_is_repeated_only_if_nothing_was_taken(
    response: httpx.Response, kind: FailureKind, least_wait: float
) -> None:
    async with answering(lambda _: response) as client:
        refusal = await failure(client)
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
        (httpx.WriteError, UNKNOWN),
        (httpx.RemoteProtocolError, UNKNOWN),
    ],
)
async def test_a_connection_broken_after_sending_leaves_the_fate_unknown(
    error: type[Exception], kind: FailureKind
) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise error("https://chatapi.viber.test?token=4453b6ac")

    async with answering(break_off) as client:
        refusal = await failure(client)
    assert (refusal.kind, refusal.code) == (kind, "network")
    assert "4453b6ac" not in refusal.reason


@pytest.mark.parametrize("token", ["", "ключ"])
async def test_a_page_without_a_usable_token_is_stopped(token: str) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        assert (await failure(client, credentials=replace(CREDENTIALS, access_token=token))).kind is STOP


@pytest.mark.parametrize(("text", "code"), [("", "4"), (" \n", "4"), ("я" * 7001, "3"), ("😀" * 3501, "3")])
async def test_an_impossible_text_is_not_even_sent(text: str, code: str) -> None:
    async with answering(lambda _: httpx.Response(500)) as client:
        refusal = await failure(client, replace(ANSWER, text=text))
    assert (refusal.kind, refusal.code) == (NEVER, code)


@pytest.mark.parametrize("signs", ["я", "ж\u0301", "a", "😀", '"', "\n\n\na", "\x01", "漢", "\ud83d"])
async def test_the_longest_part_of_any_signs_fits_into_a_request(signs: str) -> None:
    text = max(split_text(signs * 9000, viber.text_limit, viber.text_length), key=viber.text_length)
    sizes: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sizes.append(len(request.content))
        return httpx.Response(200, json={"status": 0, "message_token": 1})

    async with answering(handle) as client:
        await viber.send(client, VIBER_URL, CREDENTIALS, replace(ANSWER, text=text, idempotency_key="k" * 64))
    assert viber_api.REQUEST_LIMIT_BYTES // 5 < sizes[0] <= viber_api.REQUEST_LIMIT_BYTES
    assert len(viber_api.SENDER_NAME) <= 28


async def test_an_answer_arrives_at_the_citizen(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте, нет отопления")
    sent = await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)
    messages = world.stand_in.dialog(PAGE, CITIZEN)["messages"]
    assert [(message["text"], message["is_page"]) for message in messages] == [
        ("Здравствуйте, нет отопления", False),
        (ANSWER.text, True),
    ]
    assert messages[1]["id"] == sent.external_id


async def test_a_lost_answer_is_unknown_and_was_sent_once(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    world.stand_in.misbehave(method="send_message", http_status=504, is_done=True)
    refusal = await failure(world.client)
    assert refusal.kind is UNKNOWN
    assert "проверьте" in refusal.reason
    assert len(world.stand_in.calls("send_message")) == 1


async def test_who_never_wrote_or_has_blocked_the_bot_cannot_be_written_to(world: World) -> None:
    assert (await failure(world.client)).code == "6"
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    assert await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)
    world.stand_in.block(PAGE, CITIZEN)
    refusal = await failure(world.client)
    assert (refusal.kind, refusal.code) == (NEVER, "6")
    assert "отписался" in refusal.reason


async def test_the_hundred_and_first_message_waits_for_a_reply_or_an_hour(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    for _ in range(100):
        await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)
    refusal = await failure(world.client)
    assert (refusal.kind, refusal.code) == (RETRY, "12")
    world.monotonic[0] += refusal.retry_after_seconds
    assert await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)
    world.monotonic[0] += 1
    for _ in range(99):
        await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)
    assert (await failure(world.client)).code == "12"
    world.stand_in.message(PAGE, CITIZEN, "Спасибо")
    assert await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)


@pytest.mark.parametrize("status", [2, 7, 12, 24])
async def test_an_ordered_status_is_seen_as_in_life(world: World, status: int) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    world.stand_in.misbehave(method="send_message", error_code=status)
    assert (await failure(world.client)).kind is SPECIFIED[status]
    assert await viber.send(world.client, VIBER_URL, CREDENTIALS, ANSWER)


async def test_a_wrong_token_is_refused_by_the_stand_in(world: World) -> None:
    refusal = await failure(world.client, credentials=replace(CREDENTIALS, access_token="wrong"))
    assert (refusal.kind, refusal.code) == (STOP, "2")


async def test_a_page_is_connected_with_every_event_that_matters(world: World) -> None:
    world.stand_in.drop_webhook(PAGE)
    assert "не знает адреса" in (await problem(world) or "")
    await viber.connect(world.client, VIBER_URL, CREDENTIALS, WEBHOOK_URL)
    documented = sample("api_request_set_webhook")["body"]
    (call,) = world.stand_in.calls("set_webhook")
    assert call["params"] == {**documented, "url": WEBHOOK_URL}
    assert world.receiver.types == ["webhook"]
    assert await problem(world) is None


async def problem(world: World) -> str | None:
    return await viber.connection_problem(world.client, VIBER_URL, CREDENTIALS, WEBHOOK_URL)


async def test_another_address_and_missing_events_are_problems(world: World) -> None:
    account = world.stand_in.world.account(PAGE)
    account.webhook = "https://elsewhere.test/"
    assert "другой адрес" in (await problem(world) or "")
    account.webhook, account.event_types = WEBHOOK_URL, list(EVENT_TYPES[1:])
    assert await problem(world) == "Viber не присылает часть событий: delivered."


async def test_the_documented_account_is_read() -> None:
    told = sample("api_response_get_account_info")
    async with answering(lambda _: httpx.Response(200, json=told)) as client:
        assert await viber.connection_problem(client, VIBER_URL, CREDENTIALS, told["webhook"]) is None


async def test_an_address_that_viber_does_not_take_is_told(world: World) -> None:
    world.receiver.statuses = [403]
    with pytest.raises(SendFailed) as refusal:
        await viber.connect(world.client, VIBER_URL, CREDENTIALS, WEBHOOK_URL)
    assert (refusal.value.kind, refusal.value.code) == (NEVER, "1")


@pytest.mark.parametrize("response", [httpx.Response(504), httpx.Response(200, text="?")])
async def test_connecting_may_be_repeated_when_its_fate_is_unknown(response: httpx.Response) -> None:
    async with answering(lambda _: response) as client:
        with pytest.raises(SendFailed) as refusal:
            await viber.connect(client, VIBER_URL, CREDENTIALS, WEBHOOK_URL)
    assert refusal.value.kind is RETRY


async def test_a_photo_is_fetched_from_its_address() -> None:
    photo = Attachment("photo", url="https://dl-media.example.test/p.jpg")
    async with answering(lambda _: httpx.Response(500)) as client:
        source = await viber.file_address(client, VIBER_URL, CREDENTIALS, photo)
    assert source is not None
    assert source.url == photo.url


async def test_our_request_holds_plain_utf_8(world: World) -> None:
    world.stand_in.message(PAGE, CITIZEN, "Здравствуйте")
    await viber.send(world.client, VIBER_URL, CREDENTIALS, replace(ANSWER, text="ж" * 7000))
    assert world.stand_in.dialog(PAGE, CITIZEN)["messages"][-1]["text"] == "ж" * 7000
    assert viber.text_length("ж" * 7000) == 7000
    assert len(msgspec.json.encode("ж")) == 4
