"""What only Telegram's webhooks do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.platforms.base import WebhookRejected
from app.platforms.incoming import (
    ContactChange,
    DiscussionMoved,
    Ignored,
    IncomingMessage,
    PageIdentity,
    PageNotice,
    PagePost,
    Parsed,
    PayloadNotUnderstood,
)
from app.platforms.telegram import SECRET_HEADER
from tests.platforms.telegram_room import CHANNEL, CREDENTIALS, GROUP, PAGE, SECRET, telegram

FIXTURES = Path(__file__).parent / "telegram"
HEADERS = {SECRET_HEADER: SECRET}
ANY_GROUP = PageIdentity(CHANNEL)
BOT_ONLY = PageIdentity("600000002")


def fixture(name: str) -> dict[str, Any]:
    update: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return update


def understood(update: Any, page: PageIdentity = PAGE) -> tuple[Parsed, ...]:
    return telegram.parse(page, json.dumps(update).encode())


def message_of(update: Any, page: PageIdentity = PAGE) -> IncomingMessage:
    (message,) = [one for one in understood(update, page) if isinstance(one, IncomingMessage)]
    return message


def refused(body: bytes, headers: dict[str, str] = HEADERS) -> int:
    with pytest.raises(WebhookRejected) as refusal:
        telegram.authenticate(CREDENTIALS, headers, body)
    return refusal.value.status


def test_an_update_is_acknowledged_with_an_empty_body() -> None:
    """Whatever Telegram finds in the body under "method" it carries out."""
    delivery = telegram.authenticate(CREDENTIALS, HEADERS, json.dumps(fixture("message_private")).encode())
    assert delivery.acknowledgement.body == b""
    assert (delivery.key, delivery.event_type) == ("850000001", "message")


@pytest.mark.parametrize("given", ["", SECRET[:-1], SECRET + "x", "секрет", SECRET.lower(), "\udcff"])
def test_only_the_exact_secret_is_let_in(given: str) -> None:
    assert refused(b"{}", {SECRET_HEADER: given}) == 403


def test_without_the_header_nothing_is_read() -> None:
    assert refused(b"not even JSON", {}) == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"message": {}}',
        b'{"update_id": null, "message": {}}',
        b'{"update_id": "x"}',
        b'{"update_id": NaN}',
        b'{"update_id": [1]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"update_id":1,"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_update_is_a_bad_request(body: bytes) -> None:
    assert refused(body) == 400


def test_an_update_of_an_unheard_of_kind_is_let_in_and_kept() -> None:
    delivery = telegram.authenticate(CREDENTIALS, HEADERS, b'{"update_id":"7","t\\u0000elepathy":{}}')
    assert (delivery.key, delivery.event_type) == ("7", "telepathy")
    assert telegram.authenticate(CREDENTIALS, HEADERS, b'{"update_id":7}').event_type == "unknown"
    assert (
        telegram.authenticate(CREDENTIALS, HEADERS, b'{"update_id":7,"poll":null,"message":{}}').event_type == "message"
    )


def test_a_sample_is_proved_as_telegram_would() -> None:
    body = (FIXTURES / "message_private.json").read_bytes()
    headers, proved = telegram.prove(CREDENTIALS, body)
    assert telegram.authenticate(CREDENTIALS, headers, proved).key == "850000001"
    for nothing in (b"[]", b"{}", b"{"):
        with pytest.raises(ValueError, match=r"нет номера|не объект|не JSON"):
            telegram.prove(CREDENTIALS, nothing)


def test_half_a_surrogate_pair_in_a_text_does_not_lose_the_message() -> None:
    update = fixture("message_private")
    update["message"]["text"] = "яма \ud83d на \x00дороге"
    assert telegram.authenticate(CREDENTIALS, HEADERS, json.dumps(update).encode()).event_type == "message"
    assert message_of(update).text == "яма \ufffd на дороге"


def test_numbers_written_as_text_are_numbers() -> None:
    update = fixture("discussion_comment")
    message = update["message"]
    message |= {"message_id": "5001", "date": "1795312800", "message_thread_id": "5000"}
    message["from"]["id"], message["chat"]["id"] = "700000001", GROUP
    assert understood(update) == understood(fixture("discussion_comment"))


def test_a_comment_names_its_post_where_it_replies_to_it_and_its_thread_everywhere() -> None:
    direct, below = message_of(fixture("discussion_comment")), message_of(fixture("discussion_comment_reply"))
    assert (direct.post_external_id, below.post_external_id) == ("321", None)
    assert direct.thread_external_id == below.thread_external_id == f"{GROUP}:5000"
    (post, _) = understood(fixture("discussion_comment"))
    assert post == understood(fixture("discussion_auto_forward"))[0]


def test_the_conversation_of_a_comment_goes_on_where_its_author_replies_to_it() -> None:
    root, update = message_of(fixture("discussion_comment")), fixture("discussion_comment_reply")
    assert message_of(update).thread_key != root.thread_key
    update["message"]["from"] = fixture("discussion_comment")["message"]["from"]
    assert message_of(update).thread_key == root.thread_key
    assert message_of(fixture("discussion_own_anonymous_admin")).thread_key == root.thread_key


@pytest.mark.parametrize("name", ["message_private", "discussion_comment"])
def test_a_message_keeps_its_key_when_edited(name: str) -> None:
    original = fixture(name)
    edited = {"update_id": 1, "edited_message": {**original["message"], "edit_date": 1795312999, "text": "иначе"}}
    assert message_of(edited).key == message_of(original).key
    assert message_of(edited).edited_at is not None


def test_pieces_of_an_album_are_one_message_with_two_parts() -> None:
    first, second = (message_of(fixture(f"discussion_comment_album_{one}")) for one in ("first", "second"))
    assert (first.key, first.thread_key) == (second.key, second.thread_key)
    assert {first.part, second.part} == {"5006", "5007"}
    assert [attachment.part for one in (first, second) for attachment in one.attachments] == ["5006", "5007"]
    assert message_of(fixture("discussion_comment_reply_to_album")).reply_to_key == first.key


@pytest.mark.parametrize("album", ["", "x" * 65, "альбом", 0.5, [], None])
def test_a_senseless_album_is_none(album: Any) -> None:
    update = fixture("message_private_photo")
    update["message"]["media_group_id"] = album
    assert message_of(update).part is None
    assert message_of(update).key == "message:700000001:102"


def test_own_words_are_known_whoever_of_the_page_speaks() -> None:
    own = [path.name.split(".")[0] for path in FIXTURES.glob("*_own*.expected.json")]
    assert len(own) == 7
    assert all(message_of(fixture(name)).is_own for name in own)


def test_a_bot_of_the_group_answers_nobody() -> None:
    """Its words must not close an appeal; a moderator's do."""
    machine, person = message_of(fixture("discussion_own_bot")), message_of(fixture("discussion_own_channel"))
    assert (machine.reply_to_external_id, machine.thread_key) == (None, None)
    assert person.reply_to_external_id == f"{GROUP}:5001"


def test_while_no_group_is_named_any_may_hold_the_channels_comments() -> None:
    named, unnamed = message_of(fixture("discussion_comment")), message_of(fixture("discussion_comment"), ANY_GROUP)
    assert named == unnamed
    assert message_of(fixture("discussion_comment_reply"), ANY_GROUP).thread_external_id == f"{GROUP}:5000"
    foreign = understood(fixture("discussion_comment_foreign_post"), ANY_GROUP)
    assert foreign == (Ignored("Комментарий под записью чужого канала."),)
    assert understood(fixture("discussion_migrated"), ANY_GROUP) == (Ignored("Служебное сообщение чата."),)


def test_a_page_that_is_only_a_bot_takes_private_messages_and_no_group_talk() -> None:
    assert message_of(fixture("message_private"), BOT_ONLY).text
    assert isinstance(understood(fixture("discussion_comment"), BOT_ONLY)[0], Ignored)


def test_a_bot_with_a_group_but_no_channel_believes_the_group() -> None:
    post, comment = understood(fixture("discussion_comment"), replace(BOT_ONLY, discussion_id=GROUP))
    assert isinstance(post, PagePost)
    assert isinstance(comment, IncomingMessage)
    assert message_of(fixture("discussion_own_under_post"), replace(BOT_ONLY, discussion_id=GROUP)).is_own


def test_a_channel_linked_to_another_group_takes_its_page_there() -> None:
    moved, post = understood(fixture("discussion_auto_forward_relinked"))
    assert moved == DiscussionMoved("-1001000000022")
    assert isinstance(post, PagePost)


def test_a_comment_of_old_shape_under_an_old_post_names_it() -> None:
    update = fixture("discussion_comment")
    update["message"]["reply_to_message"] = fixture("discussion_auto_forward_old_shape")["message"]
    assert message_of(update).post_external_id == "310"


def test_a_forward_that_does_not_name_its_post_still_has_a_thread() -> None:
    update = fixture("discussion_comment")
    del update["message"]["reply_to_message"]["forward_origin"]
    comment = message_of(update)
    assert (comment.post_external_id, comment.thread_external_id) == (None, f"{GROUP}:5000")
    forward = fixture("discussion_auto_forward")
    del forward["message"]["forward_origin"]
    with pytest.raises(PayloadNotUnderstood, match="forward_origin"):
        understood(forward)


def test_addresses_of_open_groups_and_of_closed_channels() -> None:
    update = fixture("discussion_comment_reply")
    update["message"]["chat"]["username"] = "primersk_chat"
    assert message_of(update).source_url == "https://t.me/primersk_chat/5002?thread=5000"
    post = fixture("channel_post")
    del post["channel_post"]["chat"]["username"]
    (parsed,) = understood(post)
    assert isinstance(parsed, PagePost)
    assert parsed.source_url == "https://t.me/c/1000000001/321"
    post["channel_post"]["chat"]["username"] = "../evil?"
    assert understood(post) == (parsed,)


def test_a_plain_group_has_no_addresses() -> None:
    update = fixture("discussion_comment_reply")
    update["message"]["chat"]["id"] = -5001
    assert message_of(update, PageIdentity(CHANNEL, "-5001")).source_url is None


def test_a_name_is_what_telegram_shows() -> None:
    update = fixture("message_private")
    update["message"]["from"] = {"id": 700000001, "username": "only_username"}
    assert message_of(update).author_name == "only_username"
    update["message"]["from"] = {"id": 700000001, "first_name": "Я" * 300, "last_name": 5}
    assert message_of(update).author_name == "Я" * 200
    update["message"]["from"] = {"id": 700000001}
    assert message_of(update).author_name is None


@pytest.mark.parametrize("text", ["/start", "/start ", "/start@primersk_bot"])
def test_a_mere_start_is_no_appeal_but_opens_the_contact(text: str) -> None:
    update = fixture("message_private_start")
    update["message"]["text"] = text
    contact, ignored = understood(update)
    assert isinstance(contact, ContactChange)
    assert contact.can_be_written
    assert isinstance(ignored, Ignored)


@pytest.mark.parametrize("text", ["/start помогите", "/started", "/help", "start"])
def test_more_words_are_a_message(text: str) -> None:
    update = fixture("message_private_start")
    update["message"]["text"] = text
    assert message_of(update).text == text


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("administrator", None),
        ("creator", None),
        ("left", "убрали"),
        ("restricted", "администратор"),
        ("", "назначьте"),
    ],
)
def test_the_bots_place_in_the_channel_is_told(status: str, problem: str | None) -> None:
    update = fixture("my_chat_member_channel_removed")
    update["my_chat_member"]["new_chat_member"]["status"] = status
    (notice,) = understood(update)
    assert isinstance(notice, PageNotice)
    assert (notice.problem is None) if problem is None else (problem in (notice.problem or ""))


REQUIRED = [
    ("message_private", "message", "message_id"),
    ("message_private", "message", "date"),
    ("message_private", "message", "chat"),
    ("discussion_comment", "message", "message_id"),
    ("discussion_comment", "message", "date"),
    ("channel_post", "channel_post", "message_id"),
    ("my_chat_member_blocked", "my_chat_member", "new_chat_member"),
]


@pytest.mark.parametrize(("name", "kind", "field"), REQUIRED)
@pytest.mark.parametrize("value", [None, "сегодня", [], 2**70, 0.5])
def test_a_missing_or_senseless_field_is_named_and_its_value_is_not(
    name: str, kind: str, field: str, value: Any
) -> None:
    update = fixture(name)
    update[kind][field] = value
    with pytest.raises(PayloadNotUnderstood, match=rf"\.{field}") as refusal:
        understood(update)
    assert "сегодня" not in str(refusal.value)


@pytest.mark.parametrize("content", ["x", 1, [], True])
def test_an_update_without_its_object_is_not_understood(content: Any) -> None:
    with pytest.raises(PayloadNotUnderstood, match="message"):
        understood({"update_id": 1, "message": content})


@pytest.mark.parametrize("body", [b"{", b"[]", b"7"])
def test_a_body_that_is_no_update_is_not_understood(body: bytes) -> None:
    with pytest.raises(PayloadNotUnderstood):
        telegram.parse(PAGE, body)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"location": {"latitude": 91, "longitude": 0}}, [("unknown", None, None)]),
        ({"location": {"latitude": 55, "longitude": True}}, [("unknown", None, None)]),
        ({"location": {"latitude": 55, "longitude": 37.5}}, [("geo", 55.0, None)]),
        ({"venue": {"title": "Сквер"}}, [("geo", None, "Сквер")]),
        ({"photo": []}, [("unknown", None, None)]),
        ({"photo": [5, {"file_id": ""}, {"file_id": "ф"}]}, [("unknown", None, None)]),
        ({"document": {"file_id": None, "file_name": 7}}, [("doc", None, None)]),
        ({"entities": [5, {"type": "text_link", "url": "javascript:x"}], "text": "тут"}, []),
    ],
)
def test_only_what_can_be_shown_becomes_an_attachment(content: dict[str, Any], expected: list[Any]) -> None:
    update = fixture("message_private")
    del update["message"]["text"]
    update["message"] |= content
    assert [(one.kind, one.latitude, one.title) for one in message_of(update).attachments] == expected


def test_a_forged_giant_has_a_bounded_number_of_attachments() -> None:
    update = fixture("message_private_link")
    update["message"]["entities"] *= 500
    assert len(message_of(update).attachments) == 50


def test_comments_by_service_accounts_or_nobody_are_not_appeals() -> None:
    update = fixture("discussion_comment")
    del update["message"]["from"]
    assert isinstance(understood(update)[-1], Ignored)
    direct = fixture("message_direct_to_channel")
    del direct["message"]["from"]
    assert isinstance(understood(direct)[-1], Ignored)
    notice = fixture("message_direct_to_channel")
    del notice["message"]["text"]
    notice["message"]["direct_message_price_changed"] = {"are_direct_messages_enabled": True}
    assert understood(notice) == (Ignored("Служебное сообщение чата."),)
