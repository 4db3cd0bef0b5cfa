"""The conditions an exception may set: one function each, and the table that names them.

A condition reads its value from the rule set (typed, refused with a Russian sentence) and makes a finder that tells of
all rules at once which of them it lets pass. The order of the table is the order of selectivity. Cost is bounded:
look-ups and one pass over the text; nothing of a rule is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from routing_rules.case import Case
from routing_rules.finders import Finder, Wanted, by_value, by_values, by_word, one_by_one
from routing_rules.territory import is_territory_code, territory_path
from routing_rules.words import Words, words_of

MOST_EARLIER = 100
MOST_EARLIER_DAYS = 365
DAY_MINUTES = 24 * 60
WEEKDAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
_HOURS = re.compile(r"([01]?\d|2[0-4]):(\d\d)\s*[-–]\s*([01]?\d|2[0-4]):(\d\d)", re.ASCII)


class Earlier(NamedTuple):
    """At least so many earlier appeals within so many days."""

    times: int
    days: int

    def __str__(self) -> str:
        return f"{self.times} за {self.days} дн."

    def covers(self, other: Earlier) -> bool:
        """Whether whoever wrote as often as the other asks wrote as often as this asks."""
        return self.times <= other.times and self.days >= other.days


class Hours(NamedTuple):
    """A span of the day in minutes from midnight; its end is not in it."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start // 60:02}:{self.start % 60:02}–{self.end // 60:02}:{self.end % 60:02}"

    def hold(self, minute: int) -> bool:
        """Whether this minute is in the span."""
        return self.start <= minute < self.end if self.start < self.end else not self.end <= minute < self.start

    def covers(self, other: Hours) -> bool:
        """Whether every minute of the other span is in this one."""
        return all(self.hold(minute) for minute in range(DAY_MINUTES) if other.hold(minute))


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the table: `title` names it to managers, `finder` makes a finder of what the rules want and of the
    mask of those that want nothing. `covers(a, b)`: whenever b holds, a holds too (used to find unreachable rules).

    `is_telling`: a rule of which this holds and another condition does not is worth a word in the trace.
    """

    title: str
    read: Callable[[object], Any]
    finder: Callable[[Wanted, int], Finder]
    covers: Callable[[Any, Any], bool]
    otherwise: str
    is_telling: bool = False


platform = attrgetter("facts.platform")
"""The platform of the message: vk, ok, max, telegram, viber."""
kind = attrgetter("facts.kind")
"""`comment` or `message` (private)."""
page = attrgetter("facts.page")
"""The official page, by its id on the platform."""
sphere = attrgetter("facts.sphere")
"""The sphere of the page: health, education…"""
topic = attrgetter("topics")
"""The believed topic, by its label or by its name in the matrix."""
topic_group = attrgetter("group")
"""The believed topic group."""
territory = attrgetter("facts.territory")
"""The place or any territory that contains it."""


def severity_at_least(case: Case, wanted: int) -> bool:
    """Severity of the topic, 1–5, is this or higher."""
    return case.facts.severity >= wanted


def confidence_at_least(case: Case, wanted: float) -> bool:
    """Confidence of the topic, 0…1, is this or higher."""
    return case.facts.topic_confidence >= wanted


def confidence_below(case: Case, wanted: float) -> bool:
    """Confidence of the topic, 0…1, is lower than this."""
    return case.facts.topic_confidence < wanted


def earlier_appeals_at_least(case: Case, wanted: Earlier) -> bool:
    """The author wrote so many appeals within so many days before this one."""
    return sum(days < wanted.days for days in case.facts.earlier) >= wanted.times


def weekday(case: Case) -> str | None:
    """The day of the week on which the citizen wrote."""
    return None if case.facts.at is None else WEEKDAYS[case.facts.at.weekday()]


def hours(case: Case, wanted: Hours) -> bool:
    """The citizen wrote at this time of day; a span may reach over midnight."""
    return case.facts.at is not None and wanted.hold(60 * case.facts.at.hour + case.facts.at.minute)


def is_working_day(case: Case, wanted: bool) -> bool:
    """The citizen wrote on a working day, or on a day off."""
    return case.facts.is_working_day is wanted


def _read_names(value: object) -> frozenset[str]:
    """One name or a list of names: any of them will do."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("нужна строка или непустой список строк")
    return frozenset(" ".join(name.split()) for name in names)


def _read_kinds(value: object) -> frozenset[str]:
    kinds = _read_names(value)
    if not kinds <= {"comment", "message"}:
        raise ValueError("бывает только comment (комментарий) и message (личное сообщение)")
    return kinds


def _read_territories(value: object) -> frozenset[str]:
    codes = _read_names(value)
    for code in sorted(codes):
        if not is_territory_code(code):
            raise ValueError(f"«{code}» не похоже на код ОКТМО: нужно 8 или 11 цифр")
    return codes


def _read_words(value: object) -> Words:
    return words_of(_read_names(value))


def _read_severity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 5:
        raise ValueError("нужно целое число от 1 до 5")
    return value


def _read_share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("нужно число от 0 до 1")
    return float(value)


def _read_weekdays(value: object) -> frozenset[str]:
    days = _read_names(value)
    if not days <= set(WEEKDAYS):
        raise ValueError(f"дни недели пишут так: {', '.join(WEEKDAYS)}")
    return days


def _read_hours(value: object) -> Hours:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("нужны часы вида 18:00-09:00")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    span = Hours(60 * start_hour + start_minute, 60 * end_hour + end_minute)
    if start_minute > 59 or end_minute > 59 or max(span) > DAY_MINUTES or span.start % DAY_MINUTES == span.end:
        raise ValueError("часы идут от 00:00 до 24:00, начало и конец различны")
    return span


def _read_yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("нужно true или false")
    return value


def _read_earlier(value: object) -> Earlier:
    """`{count = 3, days = 30}`"""
    if not isinstance(value, dict) or set(value) != {"count", "days"}:
        raise ValueError("нужна таблица вида {count = 3, days = 30}")
    count, days = value["count"], value["days"]
    if any(isinstance(number, bool) or not isinstance(number, int) for number in (count, days)):
        raise ValueError("count и days: нужны целые числа")
    if not 1 <= count <= MOST_EARLIER or not 1 <= days <= MOST_EARLIER_DAYS:
        raise ValueError(f"count бывает от 1 до {MOST_EARLIER}, days от 1 до {MOST_EARLIER_DAYS}")
    return Earlier(count, days)


def _territories_cover(general: frozenset[str], narrow: frozenset[str]) -> bool:
    return all(not general.isdisjoint(territory_path(code)) for code in narrow)


def _one_of(
    title: str,
    seen: Callable[[Case], str | None],
    otherwise: str,
    read: Callable[[object], frozenset[str]] = _read_names,
) -> Condition:
    """A condition of equality: what is seen in the case is one of the wanted names."""
    return Condition(
        title=title,
        read=read,
        finder=by_value(seen),
        covers=frozenset.issuperset,
        otherwise=otherwise,
        is_telling=True,
    )


def _any_of(
    title: str,
    seen: Callable[[Case], Collection[str]],
    otherwise: str,
    read: Callable[[object], frozenset[str]] = _read_names,
    covers: Callable[[frozenset[str], frozenset[str]], bool] = frozenset.issuperset,
) -> Condition:
    """A condition of equality: something seen in the case is one of the wanted names."""
    return Condition(
        title=title,
        read=read,
        finder=by_values(seen),
        covers=covers,
        otherwise=otherwise,
        is_telling=True,
    )


CONDITIONS: dict[str, Condition] = {
    "page": _one_of("страница", page, "другая страница"),
    "topic": _any_of("тема", topic, "тема другая или ниже порога"),
    "words": Condition("слова", _read_words, by_word, Words.cover, "в тексте нет нужных слов", is_telling=True),
    "topic_group": _one_of("группа тем", topic_group, "группа тем другая или ниже порога"),
    "territory": _any_of("территория", territory, "другая территория", _read_territories, _territories_cover),
    "sphere": _one_of("сфера", sphere, "страница другой сферы"),
    "platform": _one_of("площадка", platform, "другая площадка"),
    "kind": _one_of("вид", kind, "другой вид сообщения", _read_kinds),
    "severity_at_least": Condition(
        "важность от", _read_severity, one_by_one(severity_at_least), int.__le__, "важность ниже", is_telling=True
    ),
    "confidence_at_least": Condition(
        "уверенность от", _read_share, one_by_one(confidence_at_least), float.__le__, "уверенность ниже"
    ),
    "confidence_below": Condition(
        "уверенность ниже", _read_share, one_by_one(confidence_below), float.__ge__, "уверенность выше"
    ),
    "earlier_appeals_at_least": Condition(
        "писал раньше", _read_earlier, one_by_one(earlier_appeals_at_least), Earlier.covers, "автор писал реже"
    ),
    "weekday": _one_of("день недели", weekday, "другой день недели", _read_weekdays),
    "hours": Condition("часы", _read_hours, one_by_one(hours), Hours.covers, "другое время суток"),
    "is_working_day": Condition(
        "рабочий день", _read_yes_or_no, one_by_one(is_working_day), bool.__eq__, "день по календарю другой"
    ),
}
