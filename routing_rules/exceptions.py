"""Layer of exceptions: the first active rule that matches wins.

Only rules whose most selective condition holds are tested: an index over that condition's values finds them. The steps
of the trace are made once, with the rule: a decision only collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from routing_rules.case import Case
from routing_rules.conditions import CONDITIONS, Finder
from routing_rules.model import PAGE_OWNER, ExceptionRule, Mode, Outcome, Step
from routing_rules.naming import Names

LOST_SHOWN = 3

Test = tuple[Callable[[Case, Any], bool], Any, Step | None]
"""Whether a condition holds, the value wanted, and the step to show if it does not."""


class CompiledException:
    """An exception with its conditions bound. Its key, the most selective condition, is left to the index."""

    __slots__ = ("_names", "_rest", "_unless", "_unless_step", "_won_step", "key", "rule")

    def __init__(self, rule: ExceptionRule, names: Names) -> None:
        order = [name for name in CONDITIONS if name in rule.when]
        self.rule = rule
        self.key = order[0] if order and CONDITIONS[order[0]].index else None
        self._names = names
        self._rest: list[Test] = [
            (CONDITIONS[name].holds, rule.when[name], self._lost(CONDITIONS[name].otherwise))
            for name in order
            if name != self.key
        ]
        self._unless: list[Test] = [(CONDITIONS[name].holds, value, None) for name, value in rule.unless.items()]
        self._unless_step = self._lost("сработала оговорка «кроме»")
        self._won_step = self._step("won", rule.reason, rule.department)

    def judge(self, case: Case) -> Step | None:
        """The step that says what became of a rule whose key condition holds; None: nothing worth a word.

        Raises whatever a condition raises.
        """
        for holds, wanted, step in self._rest:
            if not holds(case, wanted):
                return step
        for holds, wanted, _ in self._unless:
            if holds(case, wanted):
                return self._unless_step
        return self._matched(case.owner, case.facts.on)

    def skipped(self, error: Exception) -> Step:
        """The step of a rule that failed while running."""
        return self._step("skipped", f"{type(error).__name__}: {error}", self.rule.department)

    def _matched(self, owner: str | None, today: date | None) -> Step | None:
        department = self.rule.department
        if department == PAGE_OWNER:
            if owner is None:
                return self._lost("у страницы нет ответственного ведомства")
            department = owner
        if self.rule.expires and today and today > self.rule.expires:
            return self._step("info", f"подошло бы, но действовало по {self.rule.expires:%d.%m.%Y}", department)
        if self.rule.mode is Mode.SHADOW:
            return self._step("info", "в теневом режиме, только отметка", department)
        is_fixed = self.rule.department != PAGE_OWNER
        return self._won_step if is_fixed else self._step("won", self.rule.reason, department)

    def _lost(self, why: str) -> Step | None:
        """A rule is worth a word in the trace only if it decides at all and its first, telling condition held."""
        is_near = self.key is not None and self.rule.mode is Mode.ACTIVE
        return self._step("lost", why, self.rule.department) if is_near else None

    def _step(self, outcome: Outcome, note: str, department: str) -> Step:
        title = f"Исключение {self.rule.id} «{self.rule.name}»"
        target = self._names.department(department)
        because = {
            "won": f"{title} → {target}: {note}",
            "info": f"{title} → {target}: {note}",
            "lost": f"{title} не подошло: {note}",
            "skipped": f"{title} пропущено из-за сбоя: {note}",
        }[outcome]
        return Step("exception", self.rule.id, outcome, department, because)


class ExceptionIndex:
    """All active and shadow exceptions, found by what they ask for."""

    def __init__(self, rules: Iterable[ExceptionRule], names: Names) -> None:
        live = [rule for rule in rules if rule.mode in (Mode.ACTIVE, Mode.SHADOW)]
        self._rules = [CompiledException(rule, names) for rule in live]
        self._always = [position for position, compiled in enumerate(self._rules) if compiled.key is None]
        self._finders = tuple(finder for name in CONDITIONS if (finder := self._finder(name)))

    def judge(self, case: Case) -> list[Step]:
        """Steps in the order of the rules, up to the winner's, which comes last; at most three that lost."""
        steps: list[Step] = []
        lost = 0
        positions, broken = self._candidates(case)
        for position in positions:
            compiled = self._rules[position]
            try:
                step = compiled.judge(case) if position not in broken else compiled.skipped(broken[position])
            except Exception as error:  # rules fail in ways nobody foresaw; the appeal must still arrive somewhere
                step = compiled.skipped(error)
            if step is None:
                continue
            if step.outcome == "lost":
                lost += 1
                if lost > LOST_SHOWN:
                    continue
            steps.append(step)
            if step.outcome == "won":
                break
        return steps

    def _candidates(self, case: Case) -> tuple[list[int], dict[int, Exception]]:
        """Positions of the rules whose key condition holds, or could not be tested: these with the error."""
        found = set(self._always)
        broken: dict[int, Exception] = {}
        for find, everyone in self._finders:
            try:
                found.update(find(case))
            except Exception as error:  # likewise
                broken.update(dict.fromkeys(everyone, error))
        return sorted(found | broken.keys() if broken else found), broken

    def _finder(self, name: str) -> tuple[Finder, list[int]] | None:
        index = CONDITIONS[name].index
        rules = {at: compiled.rule for at, compiled in enumerate(self._rules) if compiled.key == name}
        if not index or not rules:
            return None
        return index((at, rule.when[name]) for at, rule in rules.items()), list(rules)
