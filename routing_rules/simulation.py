"""What another rule set would have done with the appeals of the past: who would have got what, and was that better?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from routing_rules.evaluation import RuleSet
from routing_rules.model import Facts

MOST_EXAMPLES = 5


class Past(NamedTuple):
    """An appeal of the past: its number, what the rules saw when it came, and the department that a person stood by
    in the end (None: no person ever did, so it proves nothing)."""

    id: int
    facts: Facts
    final: str | None


@dataclass(slots=True)
class Move:
    """Appeals that one department would have lost to another.

    `better` of them ended with the new one, `worse` with the old one. `examples` are numbers of appeals.
    """

    before: str
    after: str
    count: int = 0
    better: int = 0
    worse: int = 0
    examples: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """All that a simulation has counted.

    First-route accuracy is `agreed_before / decided` and `agreed_after / decided`. `to_desk` fell to the default only
    with the new rules, `from_desk` only with the old ones. `hits` counts what each new rule has decided, `failed` how
    often one broke while running.
    """

    total: int = 0
    moved: int = 0
    decided: int = 0
    agreed_before: int = 0
    agreed_after: int = 0
    to_desk: int = 0
    from_desk: int = 0
    moves: list[Move] = field(default_factory=list)
    load_before: Counter[str] = field(default_factory=Counter)
    load_after: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


class Simulation:
    """Takes appeals in as many portions as one likes; `outcome` is right after each of them."""

    def __init__(self, old: RuleSet, new: RuleSet) -> None:
        self._old, self._new = old, new
        self._moves: dict[tuple[str, str], Move] = {}
        self._counted = Outcome()

    def take(self, appeals: Iterable[Past]) -> None:
        """Route these appeals by both rule sets and count."""
        for appeal in appeals:
            self._take(appeal)

    @property
    def outcome(self) -> Outcome:
        """What has been counted so far; the largest moves first."""
        moves = sorted(self._moves.values(), key=lambda move: (-move.count, move.before, move.after))
        self._counted.moves = moves
        return self._counted

    def _take(self, appeal: Past) -> None:
        counted = self._counted
        was, now = self._old.decide(appeal.facts), self._new.decide(appeal.facts)
        counted.total += 1
        counted.load_before[was.department] += 1
        counted.load_after[now.department] += 1
        counted.hits[now.rule] += 1
        counted.to_desk += now.layer == "default" and was.layer != "default"
        counted.from_desk += was.layer == "default" and now.layer != "default"
        counted.failed.update(now.failed)
        if appeal.final is not None:
            counted.decided += 1
            counted.agreed_before += was.department == appeal.final
            counted.agreed_after += now.department == appeal.final
        if was.department != now.department:
            self._count_move(appeal, was.department, now.department)

    def _count_move(self, appeal: Past, before: str, after: str) -> None:
        self._counted.moved += 1
        move = self._moves.setdefault((before, after), Move(before, after))
        move.count += 1
        move.better += appeal.final == after
        move.worse += appeal.final == before
        if len(move.examples) < MOST_EXAMPLES:
            move.examples.append(appeal.id)


def simulate(old: RuleSet, new: RuleSet, appeals: Iterable[Past]) -> Outcome:
    """Route the same appeals by both rule sets, and count what would have changed."""
    simulation = Simulation(old, new)
    simulation.take(appeals)
    return simulation.outcome
