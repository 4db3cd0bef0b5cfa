"""What is wrong with a rule set that can be read: each check is one function that yields problems in Russian."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from routing_rules.case import Case
from routing_rules.conditions import CONDITIONS
from routing_rules.evaluation import RuleSet
from routing_rules.matrix import group_cells_by_address
from routing_rules.model import ExceptionRule, Facts, Mode, Problem
from routing_rules.observed import OBSERVED_CHECKS, Observed
from routing_rules.parser import CROSSWALK, MATRIX, RULES, TERRITORIES

TERRITORY_CONDITION = "territory"


def check(rules: RuleSet, today: date, observed: Observed | None = None) -> tuple[Problem, ...]:
    """All problems, in the order of the checks; if none but warnings are left, the rule set may be published.

    With `observed`, what the world knows of the rules and their departments is looked at too.
    """
    found: list[Problem] = []
    for one in CHECKS:
        found += one(rules, today)
    if observed is not None:
        for other in OBSERVED_CHECKS:
            found += other(rules, observed)
    return tuple(found)


def ties(rules: RuleSet, today: date) -> Iterator[Problem]:
    """Two cells with one address: nothing tells which of them is more specific."""
    for cells in group_cells_by_address(rules.tables.cells).values():
        if len(cells) > 1:
            ids = ", ".join(cell.id for cell in cells)
            bodies = ", ".join(dict.fromkeys(rules.names.department(cell.department) for cell in cells))
            message = f"Ничья: {ids} ({rules.names.cell(cells[0])}) → {bodies}. Уточните тему, территорию или страницу"
            yield Problem(MATRIX, cells[-1].line, message)


def unreachable_exceptions(rules: RuleSet, today: date) -> Iterator[Problem]:
    """An exception that can never win, because of itself or because an earlier one takes all of its cases."""
    earlier: list[ExceptionRule] = []
    for rule in rules.tables.exceptions:
        if rule.mode not in (Mode.ACTIVE, Mode.SHADOW):
            continue
        if contradicts_itself(rule):
            yield Problem(RULES, rule.line, f"Исключение {rule.id} недостижимо: его условия противоречат друг другу")
        for other in earlier:
            if takes_all_of(other, rule):
                message = f"Исключение {rule.id} недостижимо: всё, что ему подходит, раньше забирает {other.id}"
                yield Problem(RULES, rule.line, message)
                break
        if rule.mode is Mode.ACTIVE:
            earlier.append(rule)


def takes_all_of(general: ExceptionRule, narrow: ExceptionRule) -> bool:
    """Whether every case of `narrow` is a case of `general`; in doubt, no."""
    if general.expires and (narrow.expires is None or narrow.expires > general.expires):
        return False
    wider = all(
        name in narrow.when and CONDITIONS[name].covers(value, narrow.when[name])
        for name, value in general.when.items()
    )
    return wider and all(
        name in narrow.unless and CONDITIONS[name].covers(narrow.unless[name], value)
        for name, value in general.unless.items()
    )


def contradicts_itself(rule: ExceptionRule) -> bool:
    """Whether no case can ever satisfy the conditions."""
    when = rule.when
    if when.get("confidence_at_least", 0.0) >= when.get("confidence_below", 1.1):
        return True
    return any(name in when and CONDITIONS[name].covers(value, when[name]) for name, value in rule.unless.items())


def unknown_names(rules: RuleSet, today: date) -> Iterator[Problem]:
    """Topics, groups, territories, platforms and spheres that nothing else knows: most often a misprint."""
    known = _known_names(rules)
    for cell in rules.tables.cells:
        values = {"territory": cell.territory, "sphere": cell.sphere, "topic": cell.topic, "topic_group": cell.group}
        for name, value in values.items():
            if value and name in known and value not in known[name]:
                yield Problem(MATRIX, cell.line, f"{cell.id}: {_TITLES[name]} «{value}» нигде не описана")
    for rule in rules.tables.exceptions:
        for conditions in (rule.when, rule.unless):
            for name in (name for name in conditions if name in known):
                for value in sorted(conditions[name] - known[name]):
                    yield Problem(RULES, rule.line, f"{rule.id}: {_TITLES[name]} «{value}» нигде не описана")


def unknown_parents(rules: RuleSet, today: date) -> Iterator[Problem]:
    """Territories whose parent is not in the tree."""
    codes = {territory.code for territory in rules.tables.territories}
    for territory in rules.tables.territories:
        if territory.parent and territory.parent not in codes:
            message = f"У территории «{territory.name}» нет родителя {territory.parent} в таблице"
            yield Problem(TERRITORIES, 0, message)


def labels_without_cell(rules: RuleSet, today: date) -> Iterator[Problem]:
    """Crosswalk rows that lead to a topic the matrix does not have."""
    topics = {cell.topic for cell in rules.tables.cells}
    for label in rules.tables.labels:
        if label.table_topic and label.table_topic not in topics:
            message = f"Метка «{label.name}» ведёт к теме «{label.table_topic}», которой нет в матрице"
            yield Problem(CROSSWALK, 0, message)


def cells_without_owner(rules: RuleSet, today: date) -> Iterator[Problem]:
    """Topic × territory and group × territory that would fall to the desk although the label is believed."""
    topics = tuple(label.name for label in rules.tables.labels)
    groups = tuple(dict.fromkeys(label.group for label in rules.tables.labels))
    return labels_without_owner(rules, topics, groups)


def expired_but_active(rules: RuleSet, today: date) -> Iterator[Problem]:
    """Exceptions past their last day that still decide."""
    for rule in rules.tables.exceptions:
        if rule.mode in (Mode.ACTIVE, Mode.SHADOW) and rule.expires and rule.expires < today:
            message = f"Исключение {rule.id} «{rule.name}» истекло {rule.expires:%d.%m.%Y}, но всё ещё {rule.mode}"
            yield Problem(RULES, rule.line, message)


def labels_without_owner(rules: RuleSet, topics: Iterable[str], groups: Iterable[str]) -> Iterator[Problem]:
    """For labels of a classifier: those that lead to no department in some territory of the rule set."""
    for topic in topics:
        label = rules.label(topic)
        subject = (label.path, label.group) if label else ((topic,), None)
        yield from _without_owner(rules, f"Тема «{topic}»", *subject)
    for group in groups:
        yield from _without_owner(rules, f"Группа «{group}»", (), group)


def _without_owner(rules: RuleSet, title: str, topics: tuple[str, ...], group: str | None) -> Iterator[Problem]:
    missing = [
        rules.names.territory(path[-1]) if path else "вся территория"
        for path in _territory_paths(rules)
        if not rules.candidates(Case(_facts_in(path), topics, group))
    ]
    if missing:
        yield Problem(MATRIX, 0, f"{title} без ответственного: {', '.join(missing)}")


def _territory_paths(rules: RuleSet) -> list[tuple[str, ...]]:
    """From the root of the tree to each territory; one empty path if there is no tree."""
    parents = {territory.code: territory.parent for territory in rules.tables.territories}
    paths = []
    for code in parents:
        path = [code]
        while (parent := parents.get(path[0], "")) and parent not in path:
            path.insert(0, parent)
        paths.append(tuple(path))
    return paths or [()]


def _facts_in(path: tuple[str, ...]) -> Facts:
    return Facts("", "", "", None, path, None, 0.0, None, 0.0, None, 0.0, 1, "", None)


def _known_names(rules: RuleSet) -> Mapping[str, frozenset[Any]]:
    """What a condition may name; a kind of name that the rule set does not list is not checked."""
    tables = rules.tables
    topics = {cell.topic for cell in tables.cells}
    groups = {cell.group for cell in tables.cells}
    known = {
        "topic": topics | {label.name for label in tables.labels} if tables.labels else set(),
        "topic_group": groups | {label.group for label in tables.labels} if tables.labels else set(),
        TERRITORY_CONDITION: {territory.code for territory in tables.territories},
        "platform": tables.platforms,
        "sphere": tables.spheres,
    }
    return {name: frozenset(values) for name, values in known.items() if values}


_TITLES = {
    "topic": "тема",
    "topic_group": "группа",
    TERRITORY_CONDITION: "территория",
    "platform": "площадка",
    "sphere": "сфера",
}

CHECKS: tuple[Callable[[RuleSet, date], Iterator[Problem]], ...] = (
    ties,
    unreachable_exceptions,
    unknown_names,
    unknown_parents,
    labels_without_cell,
    cells_without_owner,
    expired_but_active,
)
