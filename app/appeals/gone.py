"""What stands where a citizen's words stood, and what people are told of it. Pure."""

from enum import StrEnum
from typing import Any, Protocol

from app.appeals.models import Appeal


class Why(StrEnum):
    """Why the words and the name are gone from an appeal."""

    TERM = "term"  # kept as long as the setting `personal_data_days` says
    REQUEST = "request"  # the citizen has asked for it


REASONS = {Why.TERM: "по сроку хранения", Why.REQUEST: "по просьбе жителя"}
WORDS_GONE = "Слова удалены"


def in_place_of_words(why: Why) -> str:
    """«[удалено по сроку хранения]»."""
    return f"[удалено {REASONS[why]}]"


def reason_of(appeal: Appeal) -> str:
    """Why the words are gone, as a part of a sentence; empty while they are there."""
    return REASONS[Why(appeal.depersonalised_why)] if appeal.depersonalised_why else ""


class Told(Protocol):
    """Details of a line of history; None for what is missing."""

    def __getitem__(self, name: str) -> Any: ...


def words_gone(told: Told) -> str:
    """The journal's sentence of the removal."""
    return f"Слова и имя жителя удалены {REASONS.get(told['why'], '')}".rstrip()


def change_too_late(told: Told) -> str:
    """The journal's sentence of an edit, deletion or restoration that came after it."""
    changes = {"edit": "исправил", "delete": "удалил", "restore": "вернул"}
    change = changes.get(told["change"], "изменил")
    return f"Автор {change} сообщение, слов которого здесь уже нет: новые не приняты"
