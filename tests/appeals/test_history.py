"""The journal speaks Russian about everything that is written into it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.appeals.history import SENTENCES, lines_of, sentence_of
from app.appeals.models import HistoryEntry

APP = Path(__file__).parents[2] / "app"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
DETAILS = {
    "topic": "★ Вывоз мусора", "topic_group": "ЖКХ", "confidence": 0.641, "model_version": "m1", "rule": "ГО-7",
    "department": "omsk-city", "layer": "matrix", "rule_set_version": "omsk-1", "kind": "first_answer", "cycle": 2,
    "due_at": NOW.isoformat(), "from": NOW.isoformat(), "to": NOW.isoformat(), "because": "изменилась важность",
    "label_kind": "topic", "label": "Вывоз мусора", "reason": "spam", "text": "позвонил в отдел", "is_interim": True,
}  # fmt: skip


def entry(action: str, **details: object) -> HistoryEntry:
    return HistoryEntry(appeal_id=1, at=NOW, actor="Анна Л.", action=action, details=details)


def tell_time(at: datetime) -> str:
    return at.strftime("%d.%m %H:%M")


def test_every_action_that_the_program_writes_has_a_sentence() -> None:
    written = set()
    for path in APP.rglob("*.py"):
        code = path.read_text()
        written |= set(re.findall(r'record\(\s*[\w.]+,\s*[^"()]*?,\s*"(\w+)"', code))
        written |= set(re.findall(r'\(\s*"(label_\w+)", \{', code))  # an accepted or a corrected label
    assert written >= {"received", "taken", "rerouted", "answer_written", "answer_delivered", "closed"}
    assert written <= set(SENTENCES), written - set(SENTENCES)


@pytest.mark.parametrize("action", sorted(SENTENCES))
def test_a_sentence_is_russian_and_complete(action: str) -> None:
    sentence = sentence_of(entry(action, **DETAILS), tell_time)
    assert re.match(r"[А-ЯЁ]", sentence)
    assert "None" not in sentence
    assert "{" not in sentence


@pytest.mark.parametrize("action", sorted(SENTENCES))
def test_a_sentence_survives_missing_details(action: str) -> None:
    sentence = sentence_of(entry(action), tell_time)
    assert sentence
    assert "None" not in sentence


@pytest.mark.parametrize(
    ("action", "details", "expected"),
    [
        ("judged", {"topic": "★ Вывоз мусора", "confidence": 0.641, "model_version": "m1"},
         "Модель определила тему «Вывоз мусора», 64 % · модель m1"),
        ("rerouted", {"from": "Минздрав", "to": "Минтранс", "reason": "не наше"},
         "Передано: Минздрав → Минтранс · не наше. Срок прежний"),
        ("clock_started", {"kind": "first_answer", "due_at": NOW.isoformat()},
         "Пошёл срок первого ответа: до 23.11 06:00"),
        ("label_corrected", {"label_kind": "topic", "from": "Снег", "to": "Лёд"}, "Тема исправлена: «Снег» → «Лёд»"),
        ("answer_failed", {"reason": "комментарии закрыты"}, "Ответ не доставлен: комментарии закрыты"),
        ("closed", {"reason": "spam"}, "Закрыто: спам или брань"),
        ("closed", {"reason": "deleted"}, "Закрыто: автор удалил сообщение"),
    ],
)  # fmt: skip
def test_sentences_say_what_happened(action: str, details: dict[str, object], expected: str) -> None:
    assert sentence_of(entry(action, **details), tell_time) == expected


def test_an_action_of_a_newer_version_is_named_by_its_code() -> None:
    assert sentence_of(entry("teleported"), tell_time) == "Действие «teleported»"


def test_the_journal_shows_the_newest_first() -> None:
    lines = lines_of([entry("received"), entry("taken")], tell_time)
    assert [line.sentence for line in lines] == ["Взято в работу", "Сообщение получено"]
