"""The conversation on a card: messages, our answers, notes and turning points in one order. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from app.appeals.history import TellsTime, sentence_of
from app.appeals.models import Answer, AnswerState, HistoryEntry, Message

PICTURES = {"photo", "sticker", "graffiti", "gift"}
ATTACHMENT_NAMES = {
    "photo": "Фото", "sticker": "Наклейка", "graffiti": "Рисунок", "gift": "Подарок", "video": "Видео",
    "audio": "Аудио", "audio_message": "Голосовое сообщение", "doc": "Файл", "link": "Ссылка", "wall": "Запись",
    "poll": "Опрос", "market": "Товар", "story": "История", "geo": "Место на карте", "forwarded": "Пересланное",
    "animation": "Анимация", "video_note": "Видеосообщение", "contact": "Контакт", "checklist": "Список дел",
    "call": "Звонок", "keyboard": "Кнопки", "author_contact": "Как ответить", "service": "Рубрика",
    "consent": "Согласие",
}  # fmt: skip
TURNING_POINTS = {"rerouted", "reopened", "confirmed", "closed", "breached", "answered_in_platform", "answer_cancelled"}

AnswerTone = Literal["wait", "good", "bad"]
_ON_ITS_WAY = (AnswerState.PENDING, AnswerState.SENDING)


@dataclass(frozen=True, slots=True)
class File:
    """Something beside the text. `address` is empty when the platform gave none."""

    kind: str
    name: str
    address: str
    is_picture: bool
    place: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the conversation; the template draws each kind in its own way."""

    kind: Literal["parent", "message", "answer", "note", "event"]
    at: datetime
    who: str
    text: str
    message: Message | None = None
    answer: Answer | None = None
    files: tuple[File, ...] = ()

    @property
    def tone(self) -> AnswerTone:
        """How the delivery of an answer stands."""
        state = self.answer.state if self.answer else ""
        if state == AnswerState.DELIVERED:
            return "good"
        return "wait" if state in _ON_ITS_WAY else "bad"

    @property
    def is_edited(self) -> bool:
        """Whether the author changed the words after they came."""
        message = self.message
        return message is not None and message.original_text is not None and message.original_text != message.text


def conversation(
    messages: Sequence[Message],
    above: Sequence[Message],
    answers: Sequence[Answer],
    history: Iterable[HistoryEntry],
    author: str,
    tell_time: TellsTime,
) -> list[Entry]:
    """All entries by time; what cannot be compared keeps the order given here."""
    echoes = {answer.echo_key for answer in answers} - {None}
    entries = [_message_entry("parent", message, "Комментарий выше") for message in above]
    entries += [_message_entry("message", one, author) for one in messages if one.key not in echoes]
    entries += [
        Entry("answer", answer.created_at, answer.author_label, answer.text, answer=answer) for answer in answers
    ]
    for entry in history:
        if entry.action == "noted":
            entries.append(Entry("note", entry.at, entry.actor, str(entry.details.get("text", ""))))
        elif entry.action in TURNING_POINTS:
            entries.append(Entry("event", entry.at, entry.actor, sentence_of(entry, tell_time)))
    return sorted(entries, key=lambda entry: entry.at)


def _message_entry(kind: Literal["parent", "message"], message: Message, author: str) -> Entry:
    own = "Модератор страницы" if message.is_own else author
    who = message.author_name or own
    return Entry(kind, message.sent_at or message.received_at, who, message.text, message, files=_files(message))


def _files(message: Message) -> tuple[File, ...]:
    return tuple(_file(found, number) for kind, same in _by_kind(message) for number, found in enumerate(same, 1))


def _by_kind(message: Message) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    kind_of: Callable[[dict[str, Any]], str] = lambda found: str(found.get("kind") or "unknown")  # noqa: E731
    return [(kind, list(same)) for kind, same in groupby(sorted(message.attachments, key=kind_of), kind_of)]


def _file(found: dict[str, Any], number: int) -> File:
    kind = str(found.get("kind") or "unknown")
    name = ATTACHMENT_NAMES.get(kind, "Вложение")
    is_picture = kind in PICTURES and bool(found.get("url"))
    title = str(found.get("title") or "")
    text = f"{name} {number}" if is_picture else name
    return File(kind, f"{text}: {title}" if title else text, str(found.get("url") or ""), is_picture, _place(found))


def _place(found: dict[str, Any]) -> str:
    latitude, longitude = found.get("latitude"), found.get("longitude")
    return f"{latitude:.5f}, {longitude:.5f}" if latitude is not None and longitude is not None else ""
