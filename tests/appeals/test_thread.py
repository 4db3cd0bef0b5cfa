"""The conversation: what is in it, in which order, and what lies beside the words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.appeals.attached import File
from app.appeals.models import Answer, AnswerState, HistoryEntry, Message
from app.appeals.thread import Entry, conversation
from app.files.models import FileState
from app.files.queries import KnownFile

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def message(text: str = "Яма", minutes: int = 0, **values: Any) -> Message:
    at = NOW + timedelta(minutes=minutes)
    plain = {"page_id": 1, "platform": "vk", "kind": "comment", "place": "wall", "key": f"wall:{minutes}"}
    return Message(**{**plain, "external_id": "1", "text": text, "sent_at": at, "received_at": at, **values})


def answer(minutes: int, state: str = AnswerState.PENDING, **values: Any) -> Answer:
    return Answer(
        appeal_id=1, page_id=1, kind="comment", place="wall", text="Починим", author_label="Анна", state=state,
        recipient_external_id="1", idempotency_key="k", next_attempt_at=NOW,
        created_at=NOW + timedelta(minutes=minutes), **values,
    )  # fmt: skip


def entry(action: str, minutes: int, **details: Any) -> HistoryEntry:
    return HistoryEntry(appeal_id=1, at=NOW + timedelta(minutes=minutes), actor="Анна", action=action, details=details)


def told(messages: Any = (), answers: Any = (), history: Any = (), above: Any = (), files: Any = None) -> list[Entry]:
    return conversation(messages, above, answers, history, "Ирина К.", str, files or {})


def test_everything_is_in_the_order_of_time() -> None:
    history = [entry("noted", 2, text="звонил"), entry("rerouted", 4, **{"from": "А", "to": "Б"}), entry("judged", 5)]
    entries = told([message(minutes=1), message(minutes=5)], [answer(3)], history, [message("Выше")])
    assert [one.kind for one in entries] == ["parent", "message", "note", "answer", "event", "message"]
    assert [one.who for one in entries[:2]] == ["Комментарий выше", "Ирина К."]


def test_our_answer_that_came_back_as_an_echo_is_shown_once() -> None:
    echo = message("Починим", minutes=4, is_own=True)
    assert [one.kind for one in told([echo], [answer(3, AnswerState.DELIVERED, echo_key=echo.key)])] == ["answer"]


def test_a_moderators_answer_by_hand_is_named() -> None:
    assert told([message("Сделали", is_own=True)])[0].who == "Модератор страницы"


@pytest.mark.parametrize(
    ("state", "tone"),
    [("pending", "wait"), ("sending", "wait"), ("delivered", "good"), ("failed", "bad"), ("hands_needed", "bad"),
     ("unknown", "bad")],
)  # fmt: skip
def test_the_tone_of_an_answer_follows_its_delivery(state: str, tone: str) -> None:
    assert told(answers=[answer(0, state)])[0].tone == tone


def test_an_edit_counts_only_when_the_words_changed() -> None:
    assert told([message("Яма", original_text="Ямы")])[0].is_edited
    assert not told([message("Яма", original_text="Яма")])[0].is_edited
    assert not told(answers=[answer(0)])[0].is_edited


def test_pictures_files_and_places_are_told_apart_and_named() -> None:
    attachments = [
        {"kind": "photo", "url": "https://example.org/1.jpg"},
        {"kind": "doc", "url": "https://example.org/a.pdf", "title": "Акт"}, {"kind": "photo"},
        {"kind": "geo", "latitude": 54.98, "longitude": 73.37}, {"kind": "hologram"},
    ]  # fmt: skip
    files = {file.name: file for file in told([message(attachments=attachments)])[0].files}
    assert files["Фото 1"] == File("photo", "Фото 1", "https://example.org/1.jpg")  # a link, not a picture from there
    assert not files["Фото"].thumbnail
    assert files["Файл: Акт"].address == "https://example.org/a.pdf"
    assert files["Место на карте"].place == "54.98000, 73.37000"
    assert "Вложение" in files


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (KnownFile(FileState.PENDING), File("photo", "Фото 1", "https://example.org/1.jpg", note="загружается…")),
        (KnownFile(FileState.FAILED, "Нет её"), File("photo", "Фото 1", "https://example.org/1.jpg", note="нет её")),
        (KnownFile(FileState.REFUSED, "Чужая сеть"), File("photo", "Фото 1", "", note="чужая сеть")),
        (KnownFile(FileState.STORED, None, "ab", "image/png", 9, True),
         File("photo", "Фото 1", "/files/ab", "/files/ab/thumbnail")),
        (KnownFile(FileState.STORED, None, "ab", "application/pdf", 9), File("photo", "Фото 1", "/files/ab")),
    ],
)  # fmt: skip
def test_a_file_is_shown_as_far_as_it_has_come(known: KnownFile, shown: File) -> None:
    carrying = message(id=5, attachments=[{"kind": "photo", "url": "https://example.org/1.jpg"}])
    assert told([carrying], files={(5, 0): known})[0].files == (shown,)
