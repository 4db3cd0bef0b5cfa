"""What differs between two rule sets, in words that whoever keeps the tables understands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from routing_rules.case import Case
from routing_rules.checks import TERRITORY_CONDITION
from routing_rules.conditions import CONDITIONS
from routing_rules.evaluation import RuleSet
from routing_rules.matrix import Address, group_cells_by_address
from routing_rules.model import Cell, ExceptionRule, Facts, Mode
from routing_rules.naming import share
from routing_rules.territory import territory_path
from routing_rules.words import Words

Sign = Literal["add", "change", "remove"]
MODE_NAMES = {Mode.DRAFT: "черновик", Mode.SHADOW: "в тени", Mode.ACTIVE: "действует", Mode.EXPIRED: "истекло"}
NOWHERE = Facts("", "", "", None, (), None, 0.0, None, 0.0, None, 0.0, 1, "", "@")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its subject, what was and what is (either may be empty), and what else is worth knowing."""

    sign: Sign
    subject: str
    before: str = ""
    after: str = ""
    more: str = ""

    def __str__(self) -> str:
        values = {
            "add": f": {self.after}",
            "remove": f": {self.before}, теперь нет" if self.before else ": теперь нет",
            "change": f": было {self.before}, стало {self.after}",
        }[self.sign]
        return f"{self.subject}{values}{f'. {self.more}' * bool(self.more)}"


def differences(old: RuleSet, new: RuleSet) -> tuple[Change, ...]:
    """Every difference that may change a decision or its words, cells first."""
    return (*_cells(old, new), *_exceptions(old, new), *_settings(old, new), *_names(old, new))


def touched_rules(old: RuleSet, new: RuleSet) -> tuple[str, ...]:
    """Ids of the new rules that may decide and that the old set has not, or has otherwise; exceptions first."""
    rules = {rule.id: replace(rule, line=0) for rule in old.tables.exceptions}
    cells = {cell.id: replace(cell, line=0) for cell in old.tables.cells}
    able = [rule for rule in new.tables.exceptions if rule.mode is Mode.ACTIVE]
    touched = [rule.id for rule in able if rules.get(rule.id) != replace(rule, line=0)]
    return (*touched, *(cell.id for cell in new.tables.cells if cells.get(cell.id) != replace(cell, line=0)))


def _cells(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    was, now = group_cells_by_address(old.tables.cells), group_cells_by_address(new.tables.cells)
    for address in dict.fromkeys([*was, *now]):
        before = _bodies(old, was.get(address, ()))
        after = _bodies(new, now.get(address, ()))
        subject = cell_subject(new if address in now else old, address)
        if not before:
            yield Change("add", subject, "", after, _decided_by(old, address, "Раньше решала", "Раньше решал человек"))
        elif not after:
            yield Change("remove", subject, before, "", _decided_by(new, address, "Теперь решает", "Решит человек"))
        elif before != after:
            yield Change("change", subject, before, after)


def cell_subject(rules: RuleSet, address: Address) -> str:
    """An address as people say it: «Тема «Ямы», Тарский район»."""
    topic = f"Тема «{address.topic}»" if address.topic else ""
    group = f"группа «{address.group}»" if address.group else ""
    parts = [part for part in (topic, group) if part] or ["любая тема"]
    parts.append(rules.names.territory(address.territory))
    if address.sphere:
        parts.append(f"сфера {address.sphere}")
    if address.page:
        parts.append(f"страница {address.page}")
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _bodies(rules: RuleSet, cells: Iterable[Cell]) -> str:
    return ", ".join(bodies_of(rules, cell.department, cell.co_departments) for cell in cells)


def bodies_of(rules: RuleSet, department: str, co_departments: Iterable[str]) -> str:
    """«Минтранс, соисполнитель Город»"""
    beside = "".join(f", соисполнитель {rules.names.department(code)}" for code in co_departments)
    return f"«{rules.names.department(department)}»{beside}"


def _decided_by(rules: RuleSet, address: Address, verb: str, nobody: str) -> str:
    territory = territory_path(address.territory) if address.territory else ()
    facts = replace(NOWHERE, territory=territory, page=address.page, sphere=address.sphere or None)
    found = rules.candidates(Case(facts, (address.topic,) if address.topic else (), address.group or None))
    if not found:
        return nobody
    return f"{verb} строка {found[0].id} ({rules.names.cell(found[0])})"


def _exceptions(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    was = {rule.id: rule for rule in old.tables.exceptions}
    now = {rule.id: rule for rule in new.tables.exceptions}
    for rule_id in dict.fromkeys([*was, *now]):
        before, after = was.get(rule_id), now.get(rule_id)
        if before is None and after is not None:
            yield Change("add", _title(after), "", _verdict(new, after), after.reason)
        elif after is None and before is not None:
            yield Change("remove", _title(before), _verdict(old, before))
        elif before is not None and after is not None:
            yield from _changes_of(old, new, before, after)
    common_before = [rule_id for rule_id in was if rule_id in now]
    common_after = [rule_id for rule_id in now if rule_id in was]
    if common_before != common_after:
        yield Change("change", "Порядок исключений", ", ".join(common_before), ", ".join(common_after))


def _changes_of(old: RuleSet, new: RuleSet, before: ExceptionRule, after: ExceptionRule) -> Iterator[Change]:
    was, now = _fields(old, before), _fields(new, after)
    for name in dict.fromkeys([*was, *now]):
        if was.get(name) != now.get(name):
            yield Change("change", f"{_title(after)}, {name}", was.get(name, "нет"), now.get(name, "нет"))


def _fields(rules: RuleSet, rule: ExceptionRule) -> dict[str, str]:
    fields = {
        "название": rule.name,
        "режим": MODE_NAMES[rule.mode],
        "ведомство": f"«{rules.names.department(rule.department)}»",
        "владелец": rule.owner,
        "причина": rule.reason,
        "действует по": f"{rule.expires:%d.%m.%Y}" if rule.expires else "бессрочно",
    }
    for prefix, conditions in (("условие", rule.when), ("оговорка", rule.unless)):
        for name, value in conditions.items():
            fields[f"{prefix} «{CONDITIONS[name].title}»"] = value_text(rules, name, value)
    return fields


def value_text(rules: RuleSet, condition: str, value: Any) -> str:
    """The value of a condition as managers read it."""
    if condition == TERRITORY_CONDITION:
        return ", ".join(rules.names.territory(code) for code in sorted(value))
    if isinstance(value, Words):
        return ", ".join([*sorted(value.exact), *(f"{stem}*" for stem in value.stems), *value.phrases])
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, bool):
        return "да" if value else "нет"
    return f"{value:g}".replace(".", ",") if isinstance(value, float) else str(value)


def _title(rule: ExceptionRule) -> str:
    return f"Исключение {rule.id} «{rule.name}»"


def _verdict(rules: RuleSet, rule: ExceptionRule) -> str:
    return f"{MODE_NAMES[rule.mode]}, «{rules.names.department(rule.department)}»"


def _settings(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    was, now = old.tables, new.tables
    yield from _compared(
        {
            "Порог темы": share(was.thresholds.topic),
            "Порог группы": share(was.thresholds.group),
            "По умолчанию": f"«{old.names.department(was.default)}»",
            "Площадки": ", ".join(sorted(was.platforms)),
            "Сферы": ", ".join(sorted(was.spheres)),
        },
        {
            "Порог темы": share(now.thresholds.topic),
            "Порог группы": share(now.thresholds.group),
            "По умолчанию": f"«{new.names.department(now.default)}»",
            "Площадки": ", ".join(sorted(now.platforms)),
            "Сферы": ", ".join(sorted(now.spheres)),
        },
    )


def _names(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    was, now = old.tables, new.tables
    yield from _compared(
        {f"Ведомство {one.code}": f"«{one.name}» ({one.short_name}, {one.kind})" for one in was.departments},
        {f"Ведомство {one.code}": f"«{one.name}» ({one.short_name}, {one.kind})" for one in now.departments},
    )
    yield from _compared(
        {f"Территория {one.code}": one.name for one in was.territories},
        {f"Территория {one.code}": one.name for one in now.territories},
    )
    yield from _compared(
        {f"Метка «{one.name}»": _meaning(one.group, one.table_topic) for one in was.labels},
        {f"Метка «{one.name}»": _meaning(one.group, one.table_topic) for one in now.labels},
    )


def _meaning(group: str, topic: str) -> str:
    return f"тема «{topic}» группы «{group}»" if topic else f"решает группа «{group}»"


def _compared(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*was, *now]):
        if name not in was:
            yield Change("add", name, "", now[name])
        elif name not in now:
            yield Change("remove", name, was[name])
        elif was[name] != now[name]:
            yield Change("change", name, was[name], now[name])
