"""Layer of exceptions: the first active rule that matches wins.

Only rules whose most selective condition of equality holds are tested: an index by that condition's values finds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from routing_rules.conditions import CONDITIONS, Condition
from routing_rules.model import PAGE_OWNER, Case, ExceptionRule, Mode, Outcome

LOST_SHOWN = 3
_HOLDS, _NEVER_NEAR = "", "-"


class Verdict(NamedTuple):
    """What became of one exception: `note` completes the sentence of its step."""

    rule: ExceptionRule
    outcome: Outcome
    note: str


class CompiledException:
    """An exception with its conditions bound, the most selective one first."""

    __slots__ = ("key", "position", "rule", "unless", "when")

    def __init__(self, position: int, rule: ExceptionRule) -> None:
        names = [name for name in CONDITIONS if name in rule.when]
        self.position = position
        self.rule = rule
        self.key = names[0] if names and CONDITIONS[names[0]].seen else None
        self.when = bind(names, rule.when)
        self.unless = bind(rule.unless, rule.unless)

    def judge(self, case: Case) -> Verdict | None:
        """The verdict on a case, or None when the rule is nowhere near. Raises whatever a condition raises."""
        missed = self._missed(case)
        if missed == _NEVER_NEAR:
            return None
        if missed:
            return Verdict(self.rule, "lost", missed) if self.rule.mode is Mode.ACTIVE else None
        expires, today = self.rule.expires, case.facts.on
        if expires and today and today > expires:
            return Verdict(self.rule, "info", f"подошло бы, но действовало по {expires:%d.%m.%Y}")
        if self.rule.mode is Mode.SHADOW:
            return Verdict(self.rule, "info", "в теневом режиме: только отметка")
        return Verdict(self.rule, "won", "все условия выполнены")

    def _missed(self, case: Case) -> str:
        """Why the rule does not match; a rule whose key condition fails is not worth a word in the trace."""
        for position, (condition, wanted) in enumerate(self.when):
            if not condition.holds(case, wanted):
                return condition.otherwise if position and self.key else _NEVER_NEAR
        if any(condition.holds(case, wanted) for condition, wanted in self.unless):
            return "сработала оговорка «кроме»"
        if self.rule.department == PAGE_OWNER and not case.facts.page_department:
            return "у страницы нет ответственного ведомства"
        return _HOLDS


def bind(names: Iterable[str], values: Any) -> tuple[tuple[Condition, Any], ...]:
    """Conditions by name, each with the value wanted."""
    return tuple((CONDITIONS[name], values[name]) for name in names)


class ExceptionIndex:
    """All active and shadow exceptions, found by what they ask for."""

    def __init__(self, rules: Iterable[ExceptionRule]) -> None:
        live = [rule for rule in rules if rule.mode in (Mode.ACTIVE, Mode.SHADOW)]
        self._rules = [CompiledException(position, rule) for position, rule in enumerate(live)]
        self._always = [compiled.position for compiled in self._rules if compiled.key is None]
        self._dimensions = tuple(self._dimension(name) for name in CONDITIONS if self._keyed_by(name))

    def judge(self, case: Case) -> tuple[Verdict, ...]:
        """Verdicts in the order of the rules, up to the winner, which comes last; at most three that lost."""
        verdicts: list[Verdict] = []
        lost = 0
        for position in self._candidates(case):
            verdict = self._judge_one(self._rules[position], case)
            if verdict is None:
                continue
            if verdict.outcome == "lost":
                lost += 1
                if lost > LOST_SHOWN:
                    continue
            verdicts.append(verdict)
            if verdict.outcome == "won":
                break
        return tuple(verdicts)

    @staticmethod
    def _judge_one(compiled: CompiledException, case: Case) -> Verdict | None:
        try:
            return compiled.judge(case)
        except Exception as error:  # a rule may fail in ways nobody foresaw; the appeal must still arrive somewhere
            return Verdict(compiled.rule, "skipped", f"{type(error).__name__}: {error}")

    def _candidates(self, case: Case) -> list[int]:
        found = set(self._always)
        for seen, buckets, everyone in self._dimensions:
            try:
                for value in seen(case):
                    if value in buckets:
                        found.update(buckets[value])
            except Exception:  # the facts are broken: each rule that asks for them shall say so itself
                found.update(everyone)
        return sorted(found)

    def _keyed_by(self, name: str) -> list[CompiledException]:
        return [compiled for compiled in self._rules if compiled.key == name]

    def _dimension(self, name: str) -> tuple[Callable[[Case], Collection[str]], dict[str, list[int]], list[int]]:
        condition, rules = CONDITIONS[name], self._keyed_by(name)
        assert condition.seen  # noqa: S101 - a key condition is one that can be indexed
        assert condition.keys  # noqa: S101
        buckets: dict[str, list[int]] = defaultdict(list)
        for compiled in rules:
            for key in condition.keys(compiled.when[0][1]):
                buckets[key].append(compiled.position)
        return condition.seen, dict(buckets), [compiled.position for compiled in rules]


def sentence(verdict: Verdict, department: str) -> str:
    """What happened to the exception, for operators; `department` is the name of its destination."""
    rule, note = verdict.rule, verdict.note
    title = f"Исключение {rule.id} «{rule.name}»"
    match verdict.outcome:
        case "won":
            return f"{title} → {department}: {rule.reason}"
        case "skipped":
            return f"{title} пропущено из-за сбоя: {note}"
        case "info":
            return f"{title} → {department}: {note}"
    return f"{title} не подошло: {note}"
