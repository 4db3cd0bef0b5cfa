"""What deliveries do to one message, in every order. Pure."""

from datetime import UTC, datetime, timedelta

import pytest

from app.appeals.models import Message
from app.intake.changes import Change, apply
from app.platforms.incoming import Action, Attachment, IncomingMessage, Kind

AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
PHOTO = Attachment("photo", "https://example.test/a.jpg")


def incoming(action: Action, text: str = "", **extra: object) -> IncomingMessage:
    values: dict[str, object] = {"sent_at": None if action is Action.DELETE else AT, **extra}
    return IncomingMessage(action, Kind.COMMENT, "wall", "wall:731", "731", text=text, **values)  # type: ignore[arg-type]


def play(*deliveries: IncomingMessage) -> tuple[Message, list[Change]]:
    """Apply deliveries one after another, a minute apart."""
    message: Message | None = None
    changes = []
    for minute, one in enumerate(deliveries):
        message, change = apply(message, one, 1, "vk", AT + timedelta(minutes=minute))
        changes.append(change)
    assert message is not None
    return message, changes


def test_a_new_message_is_created() -> None:
    message, changes = play(incoming(Action.NEW, "яма", attachments=(PHOTO,)))
    assert changes == [Change.CREATED]
    assert (message.text, message.key, message.edited_at) == ("яма", "wall:731", None)
    assert message.attachments[0]["url"] == PHOTO.url


def test_a_repeated_message_changes_nothing() -> None:
    assert play(incoming(Action.NEW, "яма"), incoming(Action.NEW, "яма"))[1] == [Change.CREATED, Change.NONE]


def test_an_edit_keeps_the_first_words() -> None:
    message, changes = play(incoming(Action.NEW, "яма"), incoming(Action.EDIT, "яма!"), incoming(Action.EDIT, "яма!!"))
    assert changes == [Change.CREATED, Change.EDITED, Change.EDITED]
    assert (message.text, message.original_text) == ("яма!!", "яма")


def test_an_edit_that_comes_first_creates_and_the_late_creation_does_not_set_it_back() -> None:
    message, changes = play(incoming(Action.EDIT, "яма!"), incoming(Action.NEW, "яма"))
    assert changes == [Change.CREATED, Change.NONE]
    assert message.text == "яма!"
    assert message.edited_at == AT


def test_an_older_edit_is_dropped() -> None:
    newer = incoming(Action.EDIT, "новее", edited_at=AT + timedelta(hours=2))
    older = incoming(Action.EDIT, "старее", edited_at=AT + timedelta(hours=1))
    message, changes = play(incoming(Action.NEW, "яма"), newer, older)
    assert changes[-1] is Change.NONE
    assert message.text == "новее"


def test_an_edit_without_difference_changes_nothing() -> None:
    assert play(incoming(Action.NEW, "яма"), incoming(Action.EDIT, "яма"))[1][-1] is Change.NONE


def test_an_added_photo_is_an_edit() -> None:
    message, changes = play(incoming(Action.NEW, "яма"), incoming(Action.EDIT, "яма", attachments=(PHOTO,)))
    assert changes[-1] is Change.EDITED
    assert len(message.attachments) == 1


def test_a_deletion_marks_and_a_second_one_does_nothing() -> None:
    message, changes = play(incoming(Action.NEW, "яма"), incoming(Action.DELETE), incoming(Action.DELETE))
    assert changes == [Change.CREATED, Change.DELETED, Change.NONE]
    assert message.deleted_at == AT + timedelta(minutes=1)
    assert message.text == "яма"


def test_a_deletion_that_comes_first_is_remembered() -> None:
    message, changes = play(incoming(Action.DELETE), incoming(Action.NEW, "яма"))
    assert changes == [Change.NONE, Change.NONE]
    assert message.deleted_at == AT
    assert message.text == "яма"


@pytest.mark.parametrize("action", [Action.RESTORE])
def test_a_restoration_brings_the_current_words(action: Action) -> None:
    message, changes = play(incoming(Action.NEW, "яма"), incoming(Action.DELETE), incoming(action, "яма снова"))
    assert changes == [Change.CREATED, Change.DELETED, Change.RESTORED]
    assert message.deleted_at is None
    assert message.text == "яма снова"


def test_a_restoration_after_a_deletion_that_came_first_creates() -> None:
    message, changes = play(incoming(Action.DELETE), incoming(Action.RESTORE, "яма"))
    assert changes == [Change.NONE, Change.CREATED]
    assert message.deleted_at is None


def test_a_restoration_of_what_stands_changes_nothing() -> None:
    assert play(incoming(Action.NEW, "яма"), incoming(Action.RESTORE, "яма"))[1][-1] is Change.NONE


def piece(part: str, text: str = "", action: Action = Action.NEW, url: str = "") -> IncomingMessage:
    photo = Attachment("photo", url or f"https://example.test/{part}.jpg", part=part)
    return incoming(action, text, part=part, attachments=(photo,))


def parts_of(message: Message) -> list[str]:
    return [attachment["part"] for attachment in message.attachments]


def test_pieces_of_one_message_are_gathered_in_any_order() -> None:
    message, changes = play(piece("10"), piece("9", "Фото ямы"), piece("11"))
    assert changes == [Change.CREATED, Change.GATHERED, Change.GATHERED]
    assert (message.text, parts_of(message)) == ("Фото ямы", ["9", "10", "11"])
    assert (message.edited_at, message.original_text) == (None, None)


def test_a_piece_that_comes_twice_is_there_once() -> None:
    message, changes = play(piece("9", "Фото ямы"), piece("9", "Фото ямы"))
    assert changes == [Change.CREATED, Change.NONE]
    assert parts_of(message) == ["9"]


def test_an_edited_piece_leaves_the_others_and_the_words_alone() -> None:
    edited = piece("10", action=Action.EDIT, url="https://example.test/better.jpg")
    message, changes = play(piece("9", "Фото ямы"), piece("10"), edited)
    assert changes[-1] is Change.EDITED
    assert message.text == "Фото ямы"
    assert [one["url"] for one in message.attachments] == [
        "https://example.test/9.jpg",
        "https://example.test/better.jpg",
    ]
