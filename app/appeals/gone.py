"""What stands where a citizen's words stood, and what people are told of it. Pure."""

from enum import StrEnum

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
