"""Danger in a citizen's words: when the alarm is raised, what is kept of it, what it does to the appeal. Pure.

An alarm is never lowered by the program: only a person says that there is no danger, and only new words of danger
overrule the person.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from app.appeals.models import Appeal
from classifier.emergency import Alarm, alarm_of
from classifier.phrases import Found
from classifier.severity import GRAVEST, severity_of

BY_MODEL: Final = "жизнь"
"""The theme of an alarm that no word raised: the model sees topics of the gravest kind."""
MOST_WORDS: Final = 20
THEME_NAMES: Final = {
    "пожар": "пожар", "газ": "газ", "обрушение": "обрушение", "жизнь": "опасность для жизни",
    "самоубийство": "самоубийство", "ребёнок": "ребёнок в опасности",
}  # fmt: skip
Stored = dict[str, Any]


def alarm_in(appeal: Appeal) -> Stored | None:
    """The alarm that was raised over this appeal, dismissed or not."""
    found: Stored | None = appeal.judgement.get("alarm")
    return found


def take_notice(appeal: Appeal, alarm: Alarm, text: str, now: datetime, *, is_new_message: bool = False) -> bool:
    """Raise the alarm over the appeal, or add to it what `text` says; whether it rose. It is never lowered here.

    Words that a person has dismissed rise again only in a new message.
    """
    stored = alarm_in(appeal)
    if not alarm.is_raised:
        return False
    is_dismissed = stored is not None and stored["dismissed"] is not None
    known = [] if stored is None or (is_dismissed and is_new_message) else stored["words"]
    new = _unknown(_words(alarm.found, text), known)
    if stored is not None and not new:
        return False
    before = stored["words"] if stored and not is_dismissed else []
    words = [*before, *new][:MOST_WORDS]
    themes = list(dict.fromkeys(word["theme"] for word in words)) or [BY_MODEL]
    appeal.judgement = appeal.judgement | {
        "alarm": {
            "themes": themes, "words": words, "grave_probability": alarm.grave_probability, "at": now.isoformat(),
            "dismissed": None, "held_by": appeal.assignee_id,
        }
    }  # fmt: skip
    appeal.danger = themes_text(themes)
    weigh(appeal)
    return True


def weigh(appeal: Appeal) -> None:
    """Severity by topic and danger. What may be about a life is no talk."""
    appeal.severity = GRAVEST if appeal.danger else severity_of(appeal.topic or "")
    appeal.is_talk = appeal.is_talk and not appeal.danger


def _words(found: Sequence[Found], text: str) -> Iterator[Stored]:
    for one in found:
        yield {"theme": one.theme, "text": _quoted(one.places, text)}


def _quoted(places: Sequence[tuple[int, int]], text: str) -> str:
    """The words of a phrase as they stand in the text, what is left out between them as an ellipsis."""
    said = text[slice(*places[0])]
    for (_, end), (start, stop) in pairwise(places):
        said += (" " if not text[end:start].strip() else " … ") + text[start:stop]
    return said


def _unknown(words: Iterator[Stored], known: Collection[Stored]) -> list[Stored]:
    told = {_key(word) for word in known}
    new: dict[tuple[str, str], Stored] = {}
    for word in words:
        if _key(word) not in told:
            new.setdefault(_key(word), word)
    return list(new.values())


def _key(word: Mapping[str, str]) -> tuple[str, str]:
    return word["theme"], word["text"].casefold()


def themes_text(themes: Sequence[str]) -> str:
    """«пожар, ребёнок в опасности»."""
    return ", ".join(THEME_NAMES.get(theme, theme) for theme in themes)


def places_of_danger(text: str) -> list[tuple[int, int]]:
    """Where a text speaks of danger, for marking it."""
    return sorted({place for found in alarm_of(text).found for place in found.places})
