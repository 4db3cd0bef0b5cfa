"""The rules applied the plain way: every exception in order, then every cell. The oracle of the indexed engine, in the
tests, and its reference in the bench; written apart from the engine, from docs/routing.md alone.
"""

import re
from typing import Any, NamedTuple

from routing_rules import Facts, Mode
from routing_rules.model import Cell, ExceptionRule, Tables


class Plain(NamedTuple):
    department: str
    rule: str
    layer: str
    lost: tuple[str, ...]


class Seen(NamedTuple):
    """A case: facts, believed labels, the words of the text."""

    facts: Facts
    topics: tuple[str, ...]
    group: str | None
    words: list[str]


class PlainLoop:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.labels = {label.name: label for label in tables.labels}

    def decide(self, facts: Facts) -> Plain:
        seen = self.see(facts)
        cells = self.covering(seen)
        for rule in self.tables.exceptions:
            if rule.mode is Mode.ACTIVE and matches(rule, seen):
                return Plain(target(rule.department, facts), rule.id, "exception", tuple(c.id for c in cells[:1]))
        if cells:
            lost = tuple(cell.id for cell in cells[1:4])
            return Plain(target(cells[0].department, facts), cells[0].id, "matrix", lost)
        return Plain(self.tables.default, "default", "default", ())

    def see(self, facts: Facts) -> Seen:
        least = self.tables.thresholds
        topics: tuple[str, ...] = ()
        group = facts.topic_group if facts.group_confidence >= least.group else None
        if facts.topic is not None and facts.topic_confidence >= least.topic:
            topics = (facts.topic,)
            if label := self.labels.get(facts.topic):
                group = label.group
                if label.table_topic and label.table_topic != facts.topic:
                    topics = (facts.topic, label.table_topic)
        return Seen(facts, topics, group, re.findall(r"\w+", facts.text.lower().replace("ё", "е")))

    def covering(self, seen: Seen) -> list[Cell]:
        if not seen.topics and seen.group is None:
            return []
        found = [(rank, cell) for cell in self.tables.cells if (rank := specificity(cell, seen)) is not None]
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [cell for _, cell in found]


def specificity(cell: Cell, seen: Seen) -> tuple[int, ...] | None:
    """How specific the cell is for this case: deeper topic, then deeper territory, then page or sphere; None: no."""
    facts = seen.facts
    if cell.topic and cell.topic not in seen.topics:
        return None
    if cell.group and cell.group != seen.group:
        return None
    if cell.territory and cell.territory not in facts.territory:
        return None
    if (cell.page and cell.page != facts.page) or (cell.sphere and cell.sphere != facts.sphere):
        return None
    if cell.department == "@page" and not facts.page_department:
        return None
    return (
        len(seen.topics) - seen.topics.index(cell.topic) if cell.topic else 0,
        1 if cell.group else 0,
        facts.territory.index(cell.territory) + 1 if cell.territory else 0,
        2 if cell.page else 1 if cell.sphere else 0,
    )


def matches(rule: ExceptionRule, seen: Seen) -> bool:
    if rule.expires and seen.facts.on and seen.facts.on > rule.expires:
        return False
    if rule.department == "@page" and not seen.facts.page_department:
        return False
    return all(holds(name, wanted, seen) for name, wanted in rule.when.items()) and not any(
        holds(name, wanted, seen) for name, wanted in rule.unless.items()
    )


def holds(name: str, wanted: Any, seen: Seen) -> bool:
    return bool(compare(name, wanted, seen))


def compare(name: str, wanted: Any, seen: Seen) -> Any:
    facts = seen.facts
    match name:
        case "platform" | "kind" | "page" | "sphere":
            return getattr(facts, name) in wanted
        case "topic":
            return any(topic in wanted for topic in seen.topics)
        case "topic_group":
            return seen.group in wanted
        case "territory":
            return any(code in wanted for code in facts.territory)
        case "severity_at_least":
            return facts.severity >= wanted
        case "confidence_at_least":
            return facts.topic_confidence >= wanted
        case "confidence_below":
            return facts.topic_confidence < wanted
        case "weekday":
            return facts.at is not None and ["пн", "вт", "ср", "чт", "пт", "сб", "вс"][facts.at.weekday()] in wanted
        case "hours":
            return facts.at is not None and is_between(facts.at.hour * 60 + facts.at.minute, *wanted)
        case "is_working_day":
            return facts.is_working_day == wanted
        case "earlier_appeals_at_least":
            return len([days for days in facts.earlier if days < wanted.days]) >= wanted.times
        case "words":
            return any(is_one_of(word, wanted) for word in seen.words) or any(
                f" {phrase} " in f" {' '.join(seen.words)} " for phrase in wanted.phrases
            )
    raise AssertionError(f"no condition {name}")


def is_between(minute: int, start: int, end: int) -> bool:
    if start > end:
        return minute >= start or minute < end
    return start <= minute < end


def is_one_of(word: str, wanted: Any) -> bool:
    return word in wanted.exact or any(word.startswith(stem) for stem in wanted.stems)


def target(department: str, facts: Facts) -> str:
    return (facts.page_department or "") if department == "@page" else department
