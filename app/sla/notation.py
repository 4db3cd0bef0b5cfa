"""How working hours and special days are written down: ``"09:00-13:00"``, ``off``, ``short``, ``working``.

Errors are ``ValueError`` with a clause in Russian; whoever reads the document names the calendar.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from app.sla import defaults
from app.sla.hours import Interval

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHORTER_BY_MINUTES = 60


def week(document: Mapping[str, Sequence[str]]) -> tuple[tuple[Interval, ...], ...]:
    if unknown := sorted(set(document) - set(WEEKDAYS)):
        raise ValueError(f"неизвестный день недели «{unknown[0]}», ожидается одно из {', '.join(WEEKDAYS)}.")
    return tuple(tuple(_interval(text) for text in document.get(day, ())) for day in WEEKDAYS)


def _interval(text: str) -> Interval:
    """Minutes of the day from ``"09:00-13:00"``; ``24:00`` may end a day."""
    found = re.fullmatch(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", text)
    if not found:
        raise ValueError(f"«{text}» не похоже на часы работы, ожидается вид «09:00-13:00».")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    return from_hour * 60 + from_minute, to_hour * 60 + to_minute


def official_days(code: str | None) -> dict[date, str]:
    if code is None:
        return {}
    if code != "ru":
        raise ValueError(f"производственный календарь «{code}» неизвестен, есть только «ru».")
    return {
        date.fromisoformat(f"{year}-{day}"): kind
        for year, kinds in defaults.production_calendar().items()
        for kind, days in kinds.items()
        for day in days
    }


def override(day: date, kind: str | Sequence[str], weekly: Sequence[tuple[Interval, ...]]) -> tuple[Interval, ...]:
    if not isinstance(kind, str):
        return tuple(_interval(text) for text in kind)
    if kind == "off":
        return ()
    # A day off made a working one has no hours of its own: it takes those of the working weekday before it.
    usual = next((hours for back in range(7) if (hours := weekly[(day.weekday() - back) % 7])), ())
    if kind == "working":
        return usual
    if kind == "short":
        return _shorter(usual)
    raise ValueError(f"{day:%d.%m.%Y}: неизвестный вид дня «{kind}», ожидается off, short, working или часы.")


def _shorter(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """The same day with an hour less at its end (Labour Code, art. 95)."""
    left = sum(b - a for a, b in intervals) - _SHORTER_BY_MINUTES
    result: list[Interval] = []
    for a, b in intervals:
        if left > 0:
            result.append((a, min(b, a + left)))
        left -= b - a
    return tuple(result)
