"""Our reading of Telegram's updates agrees with aiogram's. Runs where aiogram is installed: `make peers`."""

from typing import Any

import pytest

from tests.peers.fixtures import Case, compared, seconds

types = pytest.importorskip("aiogram.types")
FILES = ("document", "video", "voice", "audio", "video_note", "sticker", "animation")


def read(delivery: dict[str, Any]) -> Any:
    update = types.Update.model_validate(delivery)
    return update.message or update.edited_message or update.channel_post or update.edited_channel_post


@pytest.fixture(params=compared("telegram", read), ids=lambda case: case[0])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_text_place_and_time_are_the_same(case: Case) -> None:
    _, theirs, ours = case
    assert ours["external_id"] == f"{theirs.chat.id}:{theirs.message_id}"
    assert ours.get("text", "") == (theirs.text or theirs.caption or "")
    assert seconds(ours["sent_at"]) == int(theirs.date.timestamp())
    is_private = theirs.chat.type == "private" or theirs.direct_messages_topic is not None
    assert ours["kind"] == ("message" if is_private else "comment")


def test_the_author_is_the_same(case: Case) -> None:
    _, theirs, ours = case
    author = theirs.sender_chat or theirs.from_user
    if author is not None and not ours.get("is_own"):
        assert ours["author_external_id"] == str(author.id)
        assert ours.get("author_name", "") == (author.title if theirs.sender_chat else author.full_name)


def test_files_are_the_same(case: Case) -> None:
    _, theirs, ours = case
    names = {one["file_id"] for one in ours.get("attachments", []) if one.get("file_id")}
    files = [
        getattr(theirs, kind) for kind in ("document", "video", "voice", "audio", "video_note", "sticker", "animation")
    ]
    expected = {file.file_id for file in files if file is not None}
    expected |= {theirs.photo[-1].file_id} if theirs.photo else set()
    assert names <= expected
    assert bool(names) == bool(expected)
