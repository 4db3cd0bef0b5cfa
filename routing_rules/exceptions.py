"""Layer of exceptions: the first active rule that matches wins.

A set of rules is a mask, an integer with one bit a rule, the first rule lowest. Each condition tells at once which
rules it does not keep back; what is left when all have spoken are the rules that match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_, or_
from typing import Any, NamedTuple

from routing_rules.case import Case
from routing_rules.conditions import CONDITIONS
from routing_rules.finders import Finder
from routing_rules.model import PAGE_OWNER, ExceptionRule, Mode, Outcome, Step
from routing_rules.naming import Names

LOST_SHOWN = 3


class Asked(NamedTuple):
    """A condition and the rules that set it; `keyed`: of these, the rules whose first, telling condition it is."""

    name: str
    find: Finder
    rules: int
    keyed: int


class Failed(NamedTuple):
    """Rules that could not be tested, and why."""

    rules: int
    error: Exception


@dataclass(slots=True)
class Judged:
    """What became of the exceptions.

    `holding`: for each condition, the rules that it does not keep back. `matched`: whose conditions hold, of which
    `unable` may not decide (shadows, those past their last day, those that failed). `before`: the rules before the
    winner, all of them if nobody won.
    """

    winner: ExceptionRule | None
    holding: list[int]
    matched: int
    unable: int
    before: int
    failed: list[Failed]


class ExceptionIndex:
    """All active and shadow exceptions, found by what they ask for."""

    def __init__(self, rules: Iterable[ExceptionRule], names: Names) -> None:
        self._rules = [rule for rule in rules if rule.mode in (Mode.ACTIVE, Mode.SHADOW)]
        self._names = names
        self._all = (1 << len(self._rules)) - 1
        self._active = _mask(rule.mode is Mode.ACTIVE for rule in self._rules)
        self._of_owner = _mask(rule.department == PAGE_OWNER for rule in self._rules)
        self._ending = _mask(rule.expires is not None for rule in self._rules)
        self._when = list(_asked([rule.when for rule in self._rules]))
        self._finders = [asked.find for asked in self._when]
        self._unless = list(_asked([rule.unless for rule in self._rules]))
        self._past: tuple[date | None, int] = (None, 0)

    def judge(self, case: Case) -> Judged:
        """The first rule that matches and may decide, and what is needed to say why. Never raises."""
        failed: list[Failed] = []
        holding = self._holding(case, failed)
        matched = reduce(and_, holding, self._all)
        if not matched:
            return Judged(None, holding, 0, 0, self._all, failed)
        matched &= ~self._refused(case, matched, failed)
        unable = matched & self._unable(case, failed)
        able = matched & ~unable
        if not able:
            return Judged(None, holding, matched, unable, self._all, failed)
        first = able & -able
        return Judged(self._rules[_position(first)], holding, matched, unable, first - 1, failed)

    def skipped(self, judged: Judged) -> tuple[str, ...]:
        """The rules that failed and would have come before the winner."""
        rules = reduce(or_, (failure.rules for failure in judged.failed), 0) & judged.unable & judged.before
        return tuple(self._rules[_position(bit)].id for bit in _bits(rules))

    def explain(self, case: Case, judged: Judged) -> Iterator[Step]:
        """Steps in the order of the rules, up to the winner's, which comes last; at most three that lost.

        A rule that lost is worth a word only if it decides at all and its first, telling condition held.
        """
        near = reduce(or_, (mask & asked.keyed for mask, asked in zip(judged.holding, self._when, strict=True)), 0)
        lost = _lowest(near & self._active & ~judged.matched & judged.before, LOST_SHOWN)
        for bit in _bits(judged.unable & judged.before | lost):
            rule = self._rules[_position(bit)]
            yield self._lost(rule, bit, judged, case) if bit & lost else self._unable_step(rule, bit, judged, case)
        if judged.winner:
            yield self._step(judged.winner, "won", f" → {{}}: {judged.winner.reason}", case)

    def _holding(self, case: Case, failed: list[Failed]) -> list[int]:
        try:
            return [find(case) for find in self._finders]
        except Exception:  # rules fail in ways nobody foresaw; the appeal must still arrive: which of them was it?
            return [_found(asked, case, failed, self._all) for asked in self._when]

    def _refused(self, case: Case, matched: int, failed: list[Failed]) -> int:
        """Of the rules whose conditions hold, those that an `unless` or a page without owner keeps back."""
        refused = 0 if case.owner else self._of_owner
        for asked in self._unless:
            if asked.rules & matched:
                refused |= asked.rules & _found(asked, case, failed, 0)
        return refused

    def _unable(self, case: Case, failed: list[Failed]) -> int:
        unable = self._all & ~self._active
        if self._ending and (today := case.facts.on):
            try:
                unable |= self._past_on(today)
            except Exception as error:  # likewise
                failed.append(Failed(self._ending, error))
        for failure in failed:
            unable |= failure.rules
        return unable

    def _past_on(self, today: date) -> int:
        """The rules past their last day; remembered for the day that was last asked for."""
        day, past = self._past
        if day != today:
            past = _mask(rule.expires is not None and rule.expires < today for rule in self._rules)
            self._past = (today, past)
        return past

    def _lost(self, rule: ExceptionRule, bit: int, judged: Judged, case: Case) -> Step:
        """A rule that nearly matched, and the first of its conditions that does not hold."""
        why = "сработала оговорка «кроме»"
        if self._of_owner & bit and not case.owner:
            why = "у страницы нет ответственного ведомства"
        for mask, asked in zip(judged.holding, self._when, strict=True):
            if not mask & bit:
                why = CONDITIONS[asked.name].otherwise
                break
        return self._step(rule, "lost", f" не подошло: {why}", case)

    def _unable_step(self, rule: ExceptionRule, bit: int, judged: Judged, case: Case) -> Step:
        """A rule that matched and may not decide."""
        for failure in judged.failed:
            if failure.rules & bit:
                error = f"{type(failure.error).__name__}: {failure.error}"
                return self._step(rule, "skipped", f" пропущено из-за сбоя: {error}", case)
        if rule.expires and case.facts.on and rule.expires < case.facts.on:
            past = f"подошло бы, но действовало по {rule.expires:%d.%m.%Y}"
            return self._step(rule, "info", f" → {{}}: {past}", case)
        return self._step(rule, "info", " → {}: в теневом режиме, только отметка", case)

    def _step(self, rule: ExceptionRule, outcome: Outcome, what: str, case: Case) -> Step:
        department = destination(rule.department, case)
        because = f"Исключение {rule.id} «{rule.name}»" + what.replace("{}", self._names.department(department), 1)
        return Step("exception", rule.id, outcome, department, because)


def destination(department: str, case: Case) -> str:
    """The department that a rule names, or the owner of the page where it says so."""
    return case.owner or department if department == PAGE_OWNER else department


def _asked(conditions: list[Mapping[str, Any]]) -> Iterator[Asked]:
    """The conditions that any rule sets, in the order of the table."""
    everyone = (1 << len(conditions)) - 1
    first = [next((name for name in CONDITIONS if name in of_rule), None) for of_rule in conditions]
    for name, condition in CONDITIONS.items():
        wanted = [(1 << at, of_rule[name]) for at, of_rule in enumerate(conditions) if name in of_rule]
        if wanted:
            rules = sum(bit for bit, _ in wanted)
            keyed = _mask(condition.is_telling and one == name for one in first)
            yield Asked(name, condition.finder(wanted, everyone & ~rules), rules, keyed)


def _found(asked: Asked, case: Case, failed: list[Failed], otherwise: int) -> int:
    try:
        return asked.find(case)
    except Exception as error:
        failed.append(Failed(asked.rules, error))
        return otherwise


def _mask(chosen: Iterable[bool]) -> int:
    return sum(1 << at for at, is_chosen in enumerate(chosen) if is_chosen)


def _position(bit: int) -> int:
    return bit.bit_length() - 1


def _bits(mask: int) -> Iterator[int]:
    """The bits of a mask, the lowest first."""
    while mask:
        bit = mask & -mask
        mask ^= bit
        yield bit


def _lowest(mask: int, most: int) -> int:
    """The lowest bits of a mask, so many at most."""
    rest = mask
    for _ in range(most):
        rest &= rest - 1
    return mask ^ rest
