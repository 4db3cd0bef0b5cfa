"""What lies beside the words of a message, as the card shows it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from app.appeals.models import Message
from app.files.models import FileState
from app.files.queries import Known, KnownFile

PICTURES = {"photo", "sticker", "graffiti", "gift"}
ATTACHMENT_NAMES = {
    "photo": "Фото", "sticker": "Наклейка", "graffiti": "Рисунок", "gift": "Подарок", "video": "Видео",
    "audio": "Аудио", "audio_message": "Голосовое сообщение", "doc": "Файл", "link": "Ссылка", "wall": "Запись",
    "poll": "Опрос", "market": "Товар", "story": "История", "geo": "Место на карте", "forwarded": "Пересланное",
    "animation": "Анимация", "video_note": "Видеосообщение", "contact": "Контакт", "checklist": "Список дел",
    "call": "Звонок", "keyboard": "Кнопки", "author_contact": "Как ответить", "service": "Рубрика",
    "consent": "Согласие",
}  # fmt: skip
LOADING = "загружается…"


@dataclass(frozen=True, slots=True)
class File:
    """Something beside the text. `address` is empty when there is none; a `thumbnail` is always our own.

    `note` says why there is no picture, or not yet.
    """

    kind: str
    name: str
    address: str
    thumbnail: str = ""
    note: str = ""
    place: str = ""


def files_beside(message: Message, known: Known) -> tuple[File, ...]:
    """The attachments by kind, numbered where a kind can come in numbers."""
    numbered = [(found, known.get((message.id or 0, position))) for position, found in enumerate(message.attachments)]
    return tuple(
        _file(found, file, number) for same in _by_kind(numbered) for number, (found, file) in enumerate(same, 1)
    )


Numbered = tuple[Mapping[str, Any], KnownFile | None]


def _by_kind(found: Iterable[Numbered]) -> Iterable[list[Numbered]]:
    return [list(same) for _, same in groupby(sorted(found, key=_kind), _kind)]


def _kind(one: Numbered) -> str:
    return str(one[0].get("kind") or "unknown")


def _file(found: Mapping[str, Any], file: KnownFile | None, number: int) -> File:
    kind, title = _kind((found, file)), str(found.get("title") or "")
    name = ATTACHMENT_NAMES.get(kind, "Вложение")
    given = str(found.get("url") or "")
    text = f"{name} {number}" if kind in PICTURES and (given or file) else name
    return File(
        kind=kind,
        name=f"{text}: {title}" if title else text,
        address=_address(given, file),
        thumbnail=_thumbnail(file),
        note=_note(file),
        place=_place(found),
    )


def _address(given: str, file: KnownFile | None) -> str:
    """Our own copy; the platform's address while there is none, unless we have refused to go there."""
    if file is None:
        return given
    return file.address or ("" if file.state is FileState.REFUSED else given)


def _thumbnail(file: KnownFile | None) -> str:
    """Nothing is shown from elsewhere: a browser that asks there tells who looks at what."""
    return file.thumbnail if file is not None else ""


def _note(file: KnownFile | None) -> str:
    if file is None or file.state is FileState.STORED:
        return ""
    return LOADING if file.state is FileState.PENDING else (file.reason or "").lower()


def _place(found: Mapping[str, Any]) -> str:
    latitude, longitude = found.get("latitude"), found.get("longitude")
    return f"{latitude:.5f}, {longitude:.5f}" if latitude is not None and longitude is not None else ""
