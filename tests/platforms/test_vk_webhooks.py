"""What only VKontakte's webhooks do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.platforms.base import Credentials, WebhookRejected
from app.platforms.incoming import Action, Ignored, IncomingMessage, PageIdentity, PayloadNotUnderstood
from app.platforms.vk import VK

FIXTURES = Path(__file__).parent / "vk"
vk = VK()
PAGE = PageIdentity("200000001")


def fixture(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return event


def body_of(event: Any) -> bytes:
    return json.dumps(event).encode()


def message_of(event: Any) -> IncomingMessage:
    (message,) = vk.parse(PAGE, body_of(event))
    assert isinstance(message, IncomingMessage)
    return message


def refused(credentials: Credentials, body: bytes) -> WebhookRejected:
    with pytest.raises(WebhookRejected) as refusal:
        vk.authenticate(credentials, {}, body)
    return refusal.value


def test_the_address_check_is_answered_with_the_confirmation_string(credentials: Credentials) -> None:
    delivery = vk.authenticate(credentials, {}, (FIXTURES / "confirmation.json").read_bytes())
    assert delivery.handshake is not None
    assert delivery.handshake.body == b"c0nf1rm"
    assert delivery.handshake.media_type == "text/plain"


def test_the_address_check_may_carry_the_secret_but_no_other(credentials: Credentials) -> None:
    check = {**fixture("confirmation"), "secret": "vkSecretExample123"}
    assert vk.authenticate(credentials, {}, body_of(check)).handshake is not None
    assert refused(credentials, body_of({**check, "secret": "other"})).status == 403
    assert refused(credentials, body_of({**check, "secret": 7})).status == 403


def test_the_address_check_of_another_community_is_refused(credentials: Credentials) -> None:
    assert refused(credentials, body_of({"type": "confirmation", "group_id": 1})).status == 403


def test_without_a_confirmation_string_the_address_check_is_refused(credentials: Credentials) -> None:
    assert refused(replace(credentials, confirmation=""), body_of(fixture("confirmation"))).status == 403


def test_an_event_is_acknowledged_with_plain_ok(credentials: Credentials) -> None:
    delivery = vk.authenticate(credentials, {}, body_of(fixture("wall_reply_new")))
    assert delivery.acknowledgement.body == b"ok"
    assert delivery.acknowledgement.media_type == "text/plain"
    assert delivery.event_type == "wall_reply_new"
    assert delivery.key == fixture("wall_reply_new")["event_id"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"type"',
        b"{}",
        b'{"type": ""}',
        b'{"type": 5, "group_id": 200000001}',
        b'{"type": "wall_reply_new", "group_id": NaN}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type":"x","object":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type":"x","group_id":' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_event_is_a_bad_request(credentials: Credentials, body: bytes) -> None:
    assert refused(credentials, body).status == 400


@pytest.mark.parametrize("secret", [None, "", 0, True, [], {}, "vkSecretExample12", "секрет", "\ud800"])
def test_only_the_exact_secret_is_let_in(credentials: Credentials, secret: Any) -> None:
    assert refused(credentials, body_of({**fixture("wall_reply_new"), "secret": secret})).status == 403


@pytest.mark.parametrize("group_id", [None, 1, -200000001, "", "club200000001", [200000001], 2e8, True])
def test_another_community_is_refused(credentials: Credentials, group_id: Any) -> None:
    assert refused(credentials, body_of({**fixture("wall_reply_new"), "group_id": group_id})).status == 403


def test_a_secret_in_cyrillic_is_compared_like_any_other(credentials: Credentials) -> None:
    cyrillic = replace(credentials, secret="Пароль")
    assert vk.authenticate(cyrillic, {}, body_of({**fixture("wall_reply_new"), "secret": "Пароль"}))


def test_a_delivery_without_an_event_id_is_known_by_its_content(credentials: Credentials) -> None:
    event = {key: value for key, value in fixture("wall_reply_new").items() if key != "event_id"}
    edited = {**event, "object": {**event["object"], "text": "иначе"}}
    first, repeat, other = (vk.authenticate(credentials, {}, body_of(e)).key for e in (event, dict(event), edited))
    assert first == repeat != other
    assert vk.authenticate(credentials, {}, body_of({**event, "type": "wall_reply_edit"})).key != first


@pytest.mark.parametrize("event_id", ["", "x" * 1000, "с кириллицей", "a\x00b", None, [], {"a": 1}])
def test_an_event_id_that_is_no_fit_key_still_gives_one(credentials: Credentials, event_id: Any) -> None:
    key = vk.authenticate(credentials, {}, body_of({**fixture("wall_reply_new"), "event_id": event_id})).key
    assert key.startswith("sha256:")
    assert len(key) <= 200


def test_a_numeric_event_id_is_a_key(credentials: Credentials) -> None:
    assert vk.authenticate(credentials, {}, body_of({**fixture("wall_reply_new"), "event_id": 77})).key == "77"


def test_an_unheard_of_event_is_let_in(credentials: Credentials) -> None:
    delivery = vk.authenticate(credentials, {}, body_of({**fixture("unknown_event"), "type": "x\x00" * 100}))
    assert len(delivery.event_type) == 64
    assert "\x00" not in delivery.event_type


def test_half_a_surrogate_pair_in_a_text_does_not_lose_the_comment(credentials: Credentials) -> None:
    event = fixture("wall_reply_new")
    event["object"]["text"] = "яма \ud83d на \x00дороге"
    assert vk.authenticate(credentials, {}, body_of(event)).event_type == "wall_reply_new"
    assert message_of(event).text == "яма \ufffd на дороге"


def test_numbers_written_as_text_are_numbers(credentials: Credentials) -> None:
    event = fixture("wall_reply_new_in_thread")
    event["group_id"] = str(event["group_id"])
    event["object"] |= {"id": "732", "from_id": "100000003", "date": "1795312860", "parents_stack": ["731"]}
    assert vk.authenticate(credentials, {}, body_of(event))
    assert message_of(event) == message_of(fixture("wall_reply_new_in_thread"))


@pytest.mark.parametrize("prefix", ["wall_reply", "photo_comment", "video_comment", "market_comment", "board_post"])
def test_a_comment_has_one_key_from_writing_to_restoration(prefix: str) -> None:
    messages = [message_of(fixture(f"{prefix}_{action}")) for action in ("new", "edit", "delete", "restore")]
    assert len({message.key for message in messages}) == 1
    assert [message.action for message in messages] == [Action.NEW, Action.EDIT, Action.DELETE, Action.RESTORE]


def test_keys_of_different_places_differ_though_numbers_are_equal() -> None:
    events = [fixture(f"{prefix}_delete") for prefix in ("wall_reply", "photo_comment", "video_comment", "board_post")]
    for event in events:
        event["object"]["id"] = 55
    assert len({message_of(event).key for event in events}) == len(events)


def test_a_market_comment_without_its_item_is_the_same_comment() -> None:
    assert message_of(fixture("market_comment_new_without_item")).key == message_of(fixture("market_comment_new")).key


def test_a_private_message_keeps_its_key_when_edited() -> None:
    assert message_of(fixture("message_new")).key == message_of(fixture("message_edit")).key


def test_a_follow_up_in_the_thread_belongs_to_the_conversation_of_its_author() -> None:
    root = message_of(fixture("wall_reply_new"))
    event = fixture("wall_reply_new_in_thread")
    event["object"] |= {"from_id": 100000002}
    assert message_of(event).thread_key == root.thread_key
    event["object"] |= {"from_id": 100000009}
    assert message_of(event).thread_key != root.thread_key


def test_the_pages_answer_belongs_to_the_conversation_of_the_person_it_answers() -> None:
    assert message_of(fixture("wall_reply_new_own")).thread_key == message_of(fixture("wall_reply_new")).thread_key


def test_a_message_in_its_old_shape_without_wrapping_is_understood() -> None:
    event = fixture("message_new")
    wrapped = message_of(event)
    event["object"] = event["object"]["message"]
    assert message_of(event) == wrapped


@pytest.mark.parametrize(
    ("text", "post", "person"),
    [
        ("[post91|Анна], здравствуйте", "91", None),
        (" [id5:bp-200000001_91|Анна], здравствуйте", "91", "5"),
        ("[id5:bp200000001_91|Анна], здравствуйте", "91", "5"),
        ("[id5|Анна], здравствуйте", None, "5"),
        ("[club7:bp-200000001_91|Школа], здравствуйте", "91", "-7"),
        ("Здравствуйте, [post91|Анна]", None, None),
        ("[post91 Анна]", None, None),
        ("[post0|Анна]", None, None),
        ("[id" + "9" * 30 + "|Анна]", None, None),
        ("[https://vk.com/id5|Анна]", None, None),
    ],
)
def test_on_a_board_the_mention_at_the_beginning_tells_whom_the_page_answers(
    text: str, post: str | None, person: str | None
) -> None:
    event = fixture("board_post_new_own")
    event["object"]["text"] = text
    message = message_of(event)
    assert message.reply_to_external_id == post
    assert message.reply_to_key == (f"board:47000001:{post}" if post else None)
    assert message.thread_key == (f"board:47000001:{post or 98}:{person}" if person else None)
    assert message.text == text


def test_the_pages_answer_on_a_board_belongs_to_the_conversation_of_the_person_it_answers() -> None:
    assert (
        message_of(fixture("board_post_new_own_reply")).thread_key == message_of(fixture("board_post_new")).thread_key
    )


def test_a_mention_means_nothing_where_vk_itself_tells_whom_one_answers() -> None:
    event = fixture("wall_reply_new_own_root")
    event["object"]["text"] = "[id5:bp-200000001_91|Анна], здравствуйте"
    assert (message_of(event).reply_to_external_id, message_of(event).thread_key) == (None, None)


@pytest.mark.parametrize("post_type", ["suggest", "postpone"])
def test_what_is_not_published_is_no_post(post_type: str) -> None:
    event = fixture("wall_post_new")
    event["object"]["post_type"] = post_type
    (told,) = vk.parse(PAGE, body_of(event))
    assert isinstance(told, Ignored)


REQUIRED = [
    ("message_deny", "user_id"),
    ("message_allow", "user_id"),
    ("wall_post_new", "id"),
    ("photo_new", "id"),
    ("wall_reply_new", "id"),
    ("wall_reply_new", "from_id"),
    ("wall_reply_new", "date"),
    ("wall_reply_delete", "id"),
    ("board_post_new", "topic_id"),
    ("board_post_delete", "topic_id"),
    ("message_reply", "peer_id"),
    ("message_reply", "conversation_message_id"),
    ("message_reply", "from_id"),
    ("message_reply", "date"),
]


@pytest.mark.parametrize(("name", "field"), REQUIRED)
@pytest.mark.parametrize("value", [None, "сегодня", {}, 2**70, 0.5])
def test_a_missing_or_senseless_field_is_named_and_its_value_is_not(name: str, field: str, value: Any) -> None:
    event = fixture(name)
    event["object"][field] = value
    with pytest.raises(PayloadNotUnderstood, match=f"object.{field}") as refusal:
        vk.parse(PAGE, body_of(event))
    assert "сегодня" not in str(refusal.value)


@pytest.mark.parametrize("date", [0, -5, 253_402_300_800, 10**18])
def test_a_time_beyond_the_calendar_is_not_understood(date: int) -> None:
    event = fixture("wall_reply_new")
    event["object"]["date"] = date
    with pytest.raises(PayloadNotUnderstood, match="date"):
        vk.parse(PAGE, body_of(event))


def test_a_text_that_is_no_text_is_not_understood() -> None:
    event = fixture("wall_reply_new")
    event["object"]["text"] = 5
    with pytest.raises(PayloadNotUnderstood, match=r"object\.text"):
        vk.parse(PAGE, body_of(event))


@pytest.mark.parametrize("content", [None, [], "x", 1])
def test_an_event_without_an_object_is_not_understood(content: Any) -> None:
    with pytest.raises(PayloadNotUnderstood, match="object"):
        vk.parse(PAGE, body_of({**fixture("wall_reply_new"), "object": content}))


def test_a_body_that_is_no_json_is_not_understood() -> None:
    with pytest.raises(PayloadNotUnderstood):
        vk.parse(PAGE, b"{")


@pytest.mark.parametrize(
    ("geo", "expected"),
    [
        ({"coordinates": {"latitude": 91, "longitude": 0}}, []),
        ({"coordinates": {"latitude": True, "longitude": 0}}, []),
        ({"coordinates": {"latitude": 55, "longitude": 37.5}}, [("geo", 55.0, 37.5, None)]),
        ({"coordinates": "55.75 37.61", "place": {"title": "Сквер"}}, [("geo", None, None, "Сквер")]),
        ("nowhere", []),
    ],
)
def test_only_real_places_become_attachments(geo: Any, expected: list[Any]) -> None:
    event = fixture("message_new")
    event["object"]["message"] |= {"geo": geo, "attachments": []}
    found = [(a.kind, a.latitude, a.longitude, a.title) for a in message_of(event).attachments]
    assert found == expected


def test_a_forged_giant_has_a_bounded_number_of_attachments() -> None:
    event = fixture("message_new")
    event["object"]["message"] |= {"attachments": [{"type": "photo"}] * 500, "fwd_messages": [{}, 5] * 100}
    assert len(message_of(event).attachments) == 50
