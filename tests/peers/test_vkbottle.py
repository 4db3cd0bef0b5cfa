"""Our reading of VKontakte's events agrees with vkbottle-types'. Runs where it is installed: `make peers`."""

from datetime import datetime
from typing import Any

import pytest

from tests.peers.fixtures import Case, compared, seconds

bot_events = pytest.importorskip("vkbottle_types.events.bot_events")
CLASSES = {
    "message_new": "MessageNew", "message_reply": "MessageReply", "message_edit": "MessageEdit",
    "wall_reply_new": "WallReplyNew", "wall_reply_edit": "WallReplyEdit", "wall_reply_restore": "WallReplyRestore",
    "photo_comment_new": "PhotoCommentNew", "photo_comment_edit": "PhotoCommentEdit",
    "video_comment_new": "VideoCommentNew", "video_comment_edit": "VideoCommentEdit",
    "market_comment_new": "MarketCommentNew", "board_post_new": "BoardPostNew", "board_post_edit": "BoardPostEdit",
}  # fmt: skip


def read(delivery: dict[str, Any]) -> Any:
    if delivery["type"] not in CLASSES:
        return None
    event = getattr(bot_events, CLASSES[delivery["type"]]).model_validate(delivery)
    return getattr(event.object, "message", None) or event.object


@pytest.fixture(params=compared("vk", read), ids=lambda case: case[0])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_text_author_and_time_are_the_same(case: Case) -> None:
    _, theirs, ours = case
    at = theirs.date
    assert ours.get("text", "") == (theirs.text or "")
    assert ours["author_external_id"] == str(theirs.from_id)
    assert seconds(ours["sent_at"]) == int(at.timestamp() if isinstance(at, datetime) else at)
    if ours["kind"] == "comment":
        assert ours["external_id"] == str(theirs.id)
    else:
        assert ours["key"] == f"message:{theirs.peer_id}:{theirs.conversation_message_id}"


def test_nothing_beside_the_text_is_lost(case: Case) -> None:
    _, theirs, ours = case
    more = len(getattr(theirs, "fwd_messages", None) or []) + bool(getattr(theirs, "geo", None))
    assert len(ours.get("attachments", [])) >= len(getattr(theirs, "attachments", None) or []) + more
