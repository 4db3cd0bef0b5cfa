"""What only Viber's callbacks do."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from app.platforms.base import Credentials, WebhookRejected
from app.platforms.incoming import (
    Attachment,
    ContactChange,
    Ignored,
    IncomingMessage,
    PageIdentity,
    PayloadNotUnderstood,
)
from app.platforms.viber import SIGNATURE_HEADER, Viber
from tests.platforms.viber_world import CREDENTIALS, PAGE, TOKEN

FIXTURES = Path(__file__).parent / "viber"
viber = Viber()
IDENTITY = PageIdentity(PAGE)


def fixture(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return event


def body_of(event: Any) -> bytes:
    return json.dumps(event).encode()


def signed(body: bytes, token: str = TOKEN) -> dict[str, str]:
    return {SIGNATURE_HEADER: hmac.new(token.encode(), body, hashlib.sha256).hexdigest()}


def key_of(event: Any) -> str:
    body = body_of(event)
    return viber.authenticate(CREDENTIALS, signed(body), body).key


def message_of(event: Any) -> IncomingMessage:
    (message,) = viber.parse(IDENTITY, body_of(event))
    assert isinstance(message, IncomingMessage)
    return message


def test_the_check_of_the_address_is_answered_with_200_and_nothing() -> None:
    body = body_of(fixture("webhook"))
    delivery = viber.authenticate(CREDENTIALS, signed(body), body)
    assert delivery.handshake is not None
    assert delivery.handshake.body == b""
    with pytest.raises(WebhookRejected):
        viber.authenticate(CREDENTIALS, {}, body)


@pytest.mark.parametrize("change", ["", "0" * 64, "подпись", "\ud800", "short"])
def test_only_the_exact_signature_is_let_in(change: str) -> None:
    body = body_of(fixture("message_text"))
    with pytest.raises(WebhookRejected) as refusal:
        viber.authenticate(CREDENTIALS, {SIGNATURE_HEADER: change}, body)
    assert refusal.value.status == 403


def test_the_signature_is_of_the_raw_bytes() -> None:
    body = body_of(fixture("message_text"))
    assert viber.authenticate(CREDENTIALS, signed(body), body).event_type == "message"
    with pytest.raises(WebhookRejected):
        viber.authenticate(CREDENTIALS, signed(body), body + b" ")


def test_a_page_without_a_token_takes_nothing_even_signed_with_nothing() -> None:
    body = body_of(fixture("message_text"))
    with pytest.raises(WebhookRejected):
        viber.authenticate(Credentials(PAGE), signed(body, ""), body)


def test_a_sample_is_proven_for_the_page_that_it_is_replayed_to() -> None:
    other, sample = Credentials("pa:2", access_token="another"), body_of(fixture("message_text"))
    headers, body = viber.prove(other, sample)
    assert viber.authenticate(other, headers, body).key == key_of(fixture("message_text"))
    with pytest.raises(ValueError, match="типа события"):
        viber.prove(other, b"{}")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"event": ""}', b'{"event": 7}', b"\xff"])
def test_what_is_no_callback_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(WebhookRejected) as refusal:
        viber.authenticate(CREDENTIALS, signed(body), body)
    assert refusal.value.status == 400


def test_what_became_of_one_answer_are_different_deliveries() -> None:
    assert len({key_of(fixture(name)) for name in ("delivered", "seen", "failed")}) == 3


def test_a_token_is_kept_to_the_last_digit_as_number_and_as_text() -> None:
    event = fixture("message_text")
    assert key_of(event) == f"message:{event['message_token']}"
    assert key_of({**event, "message_token": str(event["message_token"])}) == key_of(event)
    assert message_of(event).external_id == str(event["message_token"])


def test_a_callback_without_a_token_is_known_by_its_content() -> None:
    event = fixture("event_without_token")
    assert key_of(event) == key_of(dict(event)) != key_of({**event, "timestamp": 1})


@pytest.mark.parametrize(("flag", "expected"), [(True, True), (False, False), (1, True), (0, False)])
def test_who_opens_a_conversation_can_be_written_to_if_subscribed(flag: Any, expected: bool) -> None:
    (contact,) = viber.parse(IDENTITY, body_of({**fixture("conversation_started"), "subscribed": flag}))
    assert isinstance(contact, ContactChange)
    assert contact.can_be_written is expected


def test_an_answer_that_failed_on_the_device_is_told_with_its_reason() -> None:
    event = {**fixture("failed"), "desc": "нет\x00 места " + "x" * 1000}
    (told,) = viber.parse(IDENTITY, body_of(event))
    assert isinstance(told, Ignored)
    assert "не показан на устройстве жителя: нет места" in told.reason
    assert len(told.reason) < 300


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "picture", "media": "javascript:x"}, [Attachment("photo")]),
        ({"type": "location", "location": {"lat": 91, "lon": 0}}, [Attachment("geo")]),
        ({"type": "location", "location": {"lat": True, "lon": 0}}, [Attachment("geo")]),
        ({"type": "location", "location": {"lat": "nan", "lon": "inf"}}, [Attachment("geo")]),
        ({"type": "location"}, [Attachment("geo")]),
        ({"type": "contact"}, [Attachment("contact")]),
        (
            {"type": "contact", "contact": {"phone_number": "+79990000000"}},
            [Attachment("contact", title="+79990000000")],
        ),
        (
            {"type": "x" * 500, "media": "https://m.example.test/1"},
            [Attachment("x" * 40, url="https://m.example.test/1")],
        ),
        ({"type": None}, []),
        ({}, []),
    ],
)
def test_odd_contents_become_modest_attachments(message: Any, expected: list[Attachment]) -> None:
    assert list(message_of({**fixture("message_text"), "message": message}).attachments) == expected


def test_a_name_longer_than_the_register_holds_is_cut() -> None:
    event = fixture("message_text")
    event["sender"]["name"] = "Я" * 500
    assert message_of(event).author_name == "Я" * 200


@pytest.mark.parametrize("timestamp", [None, 0, -1, "вчера", 10**17, 1.5])
def test_a_time_beyond_the_calendar_is_no_time(timestamp: Any) -> None:
    assert message_of({**fixture("message_text"), "timestamp": timestamp}).sent_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"sender": None},
        {"sender": {}},
        {"sender": {"id": ""}},
        {"sender": {"id": ["x"]}},
        {"sender": {"id": "x" * 101}},
        {"message": None},
        {"message": {"type": "text", "text": 5}},
        {"message_token": None},
        {"message_token": 2**70},
    ],
)
def test_what_a_message_cannot_do_without_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadNotUnderstood):
        viber.parse(IDENTITY, body_of({**fixture("message_text"), **change}))


def test_an_author_whose_id_is_a_number_is_an_author() -> None:
    assert message_of({**fixture("message_text"), "sender": {"id": 77}}).author_external_id == "77"


def test_a_body_that_is_no_json_is_not_understood() -> None:
    with pytest.raises(PayloadNotUnderstood):
        viber.parse(IDENTITY, b"{")
