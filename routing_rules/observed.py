"""Checks against what the world knows: which rules matched, which departments work. The facts are handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from routing_rules.evaluation import RuleSet
from routing_rules.model import PAGE_OWNER, Mode, Problem
from routing_rules.parser import DEPARTMENTS, MATRIX, RULES

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Observed:
    """Facts about a rule set that has been at work.

    `hits`: how often each rule decided, or in the shadow would have decided, within the last `days`; only of rules that
    were in force all that time. `known`: departments that the office has, `closed`: those of them that work no more,
    `unreached`: those that nothing could be delivered to.
    """

    days: int
    hits: Mapping[str, int]
    known: frozenset[str]
    closed: frozenset[str]
    unreached: frozenset[str]


def departments_named(rules: RuleSet) -> dict[str, tuple[str, int]]:
    """Codes of the departments that decide anything, each with the first file and line that names it."""
    found = {rules.tables.default: (RULES, 0)}
    for rule in rules.tables.exceptions:
        if rule.mode in (Mode.ACTIVE, Mode.SHADOW):
            found.setdefault(rule.department, (RULES, rule.line))
    for cell in rules.tables.cells:
        for code in (cell.department, *cell.co_departments):
            found.setdefault(code, (MATRIX, cell.line))
    found.pop(PAGE_OWNER, None)
    return found


def unknown_to_the_office(rules: RuleSet, observed: Observed) -> Iterator[Problem]:
    """Departments that the rule set describes and the office does not have: their appeals could go nowhere."""
    named = departments_named(rules)
    for entry in rules.departments:
        if entry.code not in observed.known:
            file, line = named.get(entry.code, (DEPARTMENTS, 0))
            yield Problem(file, line, f"Ведомства «{entry.short_name}» ({entry.code}) нет в справочнике")


def closed_departments(rules: RuleSet, observed: Observed) -> Iterator[Problem]:
    """Departments that work no more and still get appeals."""
    for code, (file, line) in departments_named(rules).items():
        if code in observed.closed:
            yield Problem(file, line, f"Ведомство «{rules.names.department(code)}» ({code}) больше не работает")


def unreached_departments(rules: RuleSet, observed: Observed) -> Iterator[Problem]:
    """Departments that would get appeals and hear nothing of them."""
    names = [rules.names.department(code) for code in departments_named(rules) if code in observed.unreached]
    if names:
        yield Problem(DEPARTMENTS, 0, f"Нет рабочего способа доставки: {_some(names)}", is_warning=True)


def idle_exceptions(rules: RuleSet, observed: Observed) -> Iterator[Problem]:
    """Exceptions that decided nothing although they could have."""
    for rule in rules.tables.exceptions:
        if rule.mode in (Mode.ACTIVE, Mode.SHADOW) and observed.hits.get(rule.id) == 0:
            message = f"Исключение {rule.id} «{rule.name}» не сработало ни разу за {observed.days} дней"
            yield Problem(RULES, rule.line, message, is_warning=True)


def idle_cells(rules: RuleSet, observed: Observed) -> Iterator[Problem]:
    """Cells that decided nothing: one remark, since most of a region's topics are rare."""
    idle = [cell.id for cell in rules.tables.cells if observed.hits.get(cell.id) == 0]
    if idle:
        message = f"Ячейки, не сработавшие ни разу за {observed.days} дней: {_some(idle)}"
        yield Problem(MATRIX, 0, message, is_warning=True)


def _some(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" и ещё {rest}" if rest > 0 else "")


OBSERVED_CHECKS: tuple[Callable[[RuleSet, Observed], Iterator[Problem]], ...] = (
    unknown_to_the_office,
    closed_departments,
    unreached_departments,
    idle_exceptions,
    idle_cells,
)
