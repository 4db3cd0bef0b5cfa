"""What MAX tells: which deliveries are one event, which events are one message, whose words they are.

What each kind of event means is pinned by the fixtures of the contract test.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from app.platforms.base import WebhookRejected
from app.platforms.incoming import (
    Action,
    ContactChange,
    Ignored,
    IncomingMessage,
    Kind,
    PageIdentity,
    PageNotice,
    PagePost,
    PayloadNotUnderstood,
)
from app.platforms.max_delivery import delivery_key
from app.platforms.max_messenger import SECRET_HEADER
from tests.platforms.max_room import BOT, CREDENTIALS, PAGE, SECRET, max_messenger

FIXTURES = Path(__file__).parent / "max"
ALONE = PageIdentity(BOT)


def update(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def read(told: dict[str, Any], page: PageIdentity = PAGE) -> Any:
    (understood,) = max_messenger.parse(page, json.dumps(told).encode())
    return understood


def message_of(told: dict[str, Any], page: PageIdentity = PAGE) -> IncomingMessage:
    understood = read(told, page)
    assert isinstance(understood, IncomingMessage)
    return understood


@pytest.mark.parametrize("action", ["created", "edited", "removed"])
def test_a_comment_is_the_same_whether_it_is_told_as_comment_or_as_message(action: str) -> None:
    told = update(f"comment_{action}")
    assert read(told) == read({**told, "update_type": f"message_{action}"})
    assert read(told).kind is Kind.COMMENT


def test_a_removal_that_does_not_say_what_was_removed_finds_the_comment() -> None:
    told = {**update("comment_removed"), "update_type": "message_removed", "post_id": None}
    assert message_of(told).key == message_of(update("comment_created")).key


def test_the_post_is_found_wherever_it_is_named() -> None:
    told = update("comment_created")
    post = told["message"]["recipient"].pop("post_id")
    for place in (told, told["message"], told["message"]["recipient"]):
        place["post_id"] = post
        assert message_of({**told, "update_type": "message_created"}).post_external_id == post
        del place["post_id"]


def test_two_citizens_who_forward_the_same_post_have_sent_two_messages() -> None:
    first = update("message_created_forward")
    second = json.loads(json.dumps(first))
    second["message"]["sender"]["user_id"], second["message"]["recipient"]["chat_id"] = 500000002, 182182183
    assert message_of(first).key != message_of(second).key
    assert delivery_key(first) != delivery_key(second)
    assert message_of(first).text == message_of(second).text == "Во дворе дома 5 открыт люк"


@pytest.mark.parametrize("name", ["message_created_dialog", "message_created_group", "comment_created"])
def test_the_bot_that_is_the_page_speaks_for_it(name: str) -> None:
    told = update(name)
    told["message"]["sender"] = {"user_id": int(BOT), "first_name": "Бот", "is_bot": True}
    assert message_of(told, ALONE).is_own
    assert message_of(told, PAGE).is_own


def test_another_bot_of_a_group_speaks_for_itself_where_ours_is_known() -> None:
    told = update("message_created_group")
    told["message"]["sender"] = {"user_id": 600000077, "first_name": "Бот", "is_bot": True}
    assert not message_of(told, ALONE).is_own


def test_a_greeting_of_another_bot_answers_nobody_but_the_word_of_the_channel_does() -> None:
    assert message_of(update("comment_created_by_bot")).reply_to_external_id is None
    answer = message_of(update("comment_created_by_channel"))
    assert answer.is_own
    assert answer.thread_key == message_of(update("comment_created")).thread_key


def test_members_of_a_group_have_conversations_of_their_own_and_a_dialog_is_one() -> None:
    told = update("message_created_group")
    neighbour = json.loads(json.dumps(told))
    neighbour["message"]["sender"]["user_id"] = 500000009
    assert message_of(told).thread_key != message_of(neighbour).thread_key
    assert message_of(update("message_created_dialog")).thread_key == message_of(update("message_edited")).thread_key


def test_a_post_of_the_channel_is_no_message_and_its_edit_is_the_post_again() -> None:
    for name in ("message_created_channel_post", "message_edited_channel_post"):
        post = read(update(name))
        assert isinstance(post, PagePost)
        assert post.external_id == "mid.ffffbf9a7c1d2e4e019d496b34394b00"
    told = update("message_created_channel_post")
    del told["message"]["recipient"]["chat_type"]
    assert isinstance(read(told), PagePost)


def test_the_moment_of_an_edit_is_that_of_the_update_and_words_keep_theirs() -> None:
    edited = message_of(update("message_edited"))
    assert edited.action is Action.EDIT
    assert edited.edited_at is not None
    assert edited.sent_at == message_of(update("message_created_dialog")).sent_at
    assert edited.edited_at > (edited.sent_at or edited.edited_at)


def test_numbers_may_be_written_as_texts_and_what_is_optional_may_be_missing() -> None:
    told = update("message_created_dialog")
    told["timestamp"], told["message"]["timestamp"] = str(told["timestamp"]), None
    told["message"]["recipient"] = {"chat_id": "182182182", "chat_type": "dialog"}
    told["message"]["sender"] = {"user_id": "500000001"}
    told["message"]["body"] |= {"attachments": None, "markup": None, "text": None}
    message = message_of(told)
    assert (message.author_external_id, message.author_name, message.chat_external_id) == (
        "500000001",
        None,
        "182182182",
    )
    assert (message.text, message.sent_at) == ("", message_of(update("message_created_dialog")).sent_at)


@pytest.mark.parametrize("lost", ["mid", "sender", "timestamp", "message"])
def test_a_message_without_what_makes_it_one_is_not_understood(lost: str) -> None:
    told = update("message_created_dialog")
    message = told["message"]
    if lost == "timestamp":
        del told["timestamp"], message["timestamp"]
    else:
        del {"mid": message["body"], "sender": message, "message": told}[lost][lost]
    with pytest.raises(PayloadNotUnderstood, match=lost):
        read(told)


def test_ids_that_are_too_long_for_a_key_are_not_understood() -> None:
    told = update("comment_created")
    told["message"]["body"]["mid"] = "mid." + "f" * 200
    with pytest.raises(PayloadNotUnderstood, match="mid"):
        read(told)


def test_who_starts_the_bot_may_be_written_to_and_who_stops_it_or_removes_the_dialog_may_not() -> None:
    assert [read(update(name)).can_be_written for name in ("bot_started", "bot_stopped", "dialog_removed")] == [
        True,
        False,
        False,
    ]
    assert isinstance(read(update("bot_stopped_without_user")), ContactChange)


def test_rights_of_the_bot_in_another_chat_are_no_trouble_of_this_page() -> None:
    told = update("bot_admin_permissions_changed_no_admin")
    assert isinstance(read({**told, "chat_id": -1}), Ignored)
    assert isinstance(read(told, ALONE), PageNotice)
    assert isinstance(read({**told, "is_channel": False}, ALONE), Ignored)


def test_every_repeat_has_the_key_of_the_first_delivery_and_nothing_else_has() -> None:
    told = update("comment_created")
    key = delivery_key(told)
    assert delivery_key({**told, "user_locale": "ru"}) == key
    assert delivery_key({**told, "timestamp": told["timestamp"] + 1}) != key
    assert delivery_key({**told, "update_type": "message_created"}) != key
    started, stopped = update("bot_started"), update("dialog_removed")
    assert delivery_key(started) != delivery_key({**started, "user": {"user_id": 7}, "user_id": 7})
    assert delivery_key(started) != delivery_key(stopped)


def test_the_secret_stands_in_the_header_and_nowhere_else() -> None:
    body = (FIXTURES / "message_created_dialog.json").read_bytes()
    assert max_messenger.authenticate(CREDENTIALS, {SECRET_HEADER: SECRET}, body).acknowledgement.body == b""
    for headers in ({}, {SECRET_HEADER: ""}, {SECRET_HEADER: SECRET.lower()}, {SECRET_HEADER: "секрет"}):
        with pytest.raises(WebhookRejected) as refusal:
            max_messenger.authenticate(CREDENTIALS, headers, body)
        assert refusal.value.status == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"update_type": 7}', b'{"update_type": ""}'])
def test_what_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRejected) as refusal:
        max_messenger.authenticate(CREDENTIALS, {SECRET_HEADER: SECRET}, body)
    assert refusal.value.status == 400


def test_a_sample_is_replayed_with_the_secret_of_the_page() -> None:
    body = (FIXTURES / "comment_created.json").read_bytes()
    headers, proved = max_messenger.prove(CREDENTIALS, body)
    assert max_messenger.authenticate(CREDENTIALS, headers, proved).event_type == "comment_created"
    for nothing in (b"[]", b"no JSON", b"{}"):
        with pytest.raises(ValueError, match=r"JSON|события"):
            max_messenger.prove(CREDENTIALS, nothing)
