"""What Odnoklassniki tell, by webhook and when asked, beside what the contract test proves of every platform."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.platforms.base import Credentials, WebhookRejected
from app.platforms.incoming import IncomingMessage, PageIdentity, PayloadNotUnderstood
from app.platforms.ok import Odnoklassniki
from tests.platforms.test_contract import is_storable, plain, replace_somewhere

FIXTURES = Path(__file__).parent / "ok"
POLLED = sorted(path for path in (FIXTURES / "polled").glob("*.json") if not path.name.endswith(".expected.json"))
GROUP = "70000000000001"
PAGE = PageIdentity(GROUP)
CREDENTIALS = Credentials(GROUP, access_token="group-key")
ok = Odnoklassniki()


def parsed(event: dict[str, Any], page: PageIdentity = PAGE) -> Any:
    (understood,) = ok.parse(page, json.dumps(event).encode())
    return understood


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return event


@pytest.mark.parametrize("event", POLLED, ids=lambda path: path.stem)
def test_what_was_asked_for_is_understood_as_expected(event: Path) -> None:
    expected = json.loads(event.with_suffix(".expected.json").read_text())
    assert plain(ok.parse(PAGE, event.read_bytes())) == expected


@pytest.mark.parametrize("event", POLLED, ids=lambda path: path.stem)
def test_what_we_ask_for_ourselves_is_refused_as_a_webhook(event: Path) -> None:
    with pytest.raises(WebhookRejected) as refusal:
        ok.authenticate(CREDENTIALS, {}, event.read_bytes())
    assert refusal.value.status == 403


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_a_field_holds_a_comment_is_storable_or_one_error(data: st.DataObject) -> None:
    event = json.loads(data.draw(st.sampled_from(POLLED)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        event = replace_somewhere(event, data)
    try:
        understood = plain(ok.parse(PAGE, json.dumps(event).encode()))
    except PayloadNotUnderstood as refusal:
        understood = [{"text": str(refusal)}]
    for message in understood:
        assert is_storable(message)
        for name in ("key", "external_id", "thread_key", "author_external_id", "author_name", "post_external_id"):
            assert len(message.get(name) or "") <= 200


@pytest.mark.parametrize("body", [b"{broken", b"", b"[]", b'"text"', b'{"webhookType": 5}', b'{"webhookType": ["x"]}'])
def test_what_is_no_event_is_refused_as_broken(body: bytes) -> None:
    with pytest.raises(WebhookRejected) as refusal:
        ok.authenticate(CREDENTIALS, {}, body)
    assert refusal.value.status == 400


def test_a_delivery_is_known_by_its_message_and_acknowledged_with_nothing() -> None:
    event = sample("message_created")
    delivery = ok.authenticate(CREDENTIALS, {}, json.dumps(event).encode())
    assert (delivery.event_type, delivery.acknowledgement.body) == ("MESSAGE_CREATED", b"")
    assert delivery.key == f"MESSAGE_CREATED:{event['message']['mid']}"
    later = ok.authenticate(CREDENTIALS, {}, json.dumps({**event, "timestamp": 1}).encode())
    assert later.key == delivery.key


def test_a_press_of_a_button_is_no_repeat_of_the_message_under_which_it_stands() -> None:
    message = json.dumps(sample("message_created")).encode()
    press = json.dumps(sample("message_callback")).encode()
    assert ok.authenticate(CREDENTIALS, {}, message).key != ok.authenticate(CREDENTIALS, {}, press).key


def test_a_page_without_a_confirmation_string_keeps_the_check_of_an_application() -> None:
    delivery = ok.authenticate(CREDENTIALS, {}, b'{"webhookType": "CONFIRMATION"}')
    assert delivery.handshake is None
    assert "проверка адреса" in parsed({"webhookType": "CONFIRMATION"}).reason


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "message"),
        ({"webhookType": "MESSAGE_CREATED", "recipient": {"chat_id": "chat:C1"}}, "message"),
        ({"message": {"mid": "mid:1"}}, "sender"),
        ({"message": {"mid": "mid:1"}, "sender": {"user_id": ""}}, "sender.user_id"),
        ({"message": {"mid": "m" * 129}, "sender": {"user_id": "user:1"}}, "message.mid"),
        ({"message": {"mid": "mid:1", "text": ["x"]}, "sender": {"user_id": "user:1"}}, "message.text"),
        ({"webhookType": "COMMENT", "discussion": {"id": "1"}, "comment": {"text": "x"}}, "comment.id"),
        ({"webhookType": "COMMENT", "discussion": {"id": "1"}, "comment": {"id": "c1"}}, "comment.author_id"),
        ({"webhookType": "COMMENT", "comment": {"id": "c1"}}, "discussion.id"),
        ({"webhookType": "TOPIC"}, "discussion.id"),
    ],
)
def test_what_cannot_be_understood_is_named(event: dict[str, Any], field: str) -> None:
    with pytest.raises(PayloadNotUnderstood, match=field):
        parsed(event)


def test_a_page_entered_with_the_name_of_its_kind_knows_its_own_words() -> None:
    page = PageIdentity(f"group:{GROUP}")
    event = json.loads((FIXTURES / "polled" / "comment_own.json").read_bytes())
    comment: IncomingMessage = parsed(event, page)
    assert comment.is_own
    assert comment.source_url == f"https://ok.ru/group/{GROUP}/topic/156000000000001"


def test_a_very_long_thread_has_a_name_that_fits_and_tells_it_from_others() -> None:
    def thread(root: str) -> str:
        comment = {"id": "c" * 128, "author_id": "1" * 60, "reply_to_comment_id": "p" * 128}
        event = {"webhookType": "COMMENT", "discussion": {"id": "9" * 60}, "comment": comment, "root": root}
        return str(parsed(event).thread_key)

    assert len(thread("r" * 128)) <= 200
    assert thread("r" * 128) != thread("s" * 128)
