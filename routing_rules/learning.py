"""Cells that history proposes: where people send a topic of a municipality, if nearly always to one body.

The counts are handed in. What is proposed is judged by the lower end of Wilson's interval for a share (E. B. Wilson,
1927): 3 of 3 proves less than 94 of 97.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from routing_rules.evaluation import RuleSet
from routing_rules.model import Facts
from routing_rules.territory import is_territory_code, territory_path

NORMAL_95 = 1.96
LEAST_COUNT = 10
LEAST_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of `total` appeals on a topic in a territory, people sent `count` to this department."""

    topic: str
    territory: str
    department: str
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Hint:
    """A cell worth adding: `now` decides today, `at_least` is the share that history proves."""

    evidence: Evidence
    now: str
    rule: str
    at_least: float


def propose(
    rules: RuleSet, found: Iterable[Evidence], least_count: int = LEAST_COUNT, least_share: float = LEAST_SHARE
) -> tuple[Hint, ...]:
    """Hints that would change a decision, the ones that would mend most first."""
    known = {entry.code for entry in rules.departments}
    hints = []
    for one in found:
        at_least = wilson_lower(one.count, one.total)
        if one.total < least_count or at_least < least_share or one.department not in known:
            continue
        if not is_territory_code(one.territory):
            continue
        today = rules.decide(_certain(rules, one))
        if today.department != one.department and today.layer != "exception":
            hints.append(Hint(one, today.department, today.rule, at_least))
    return tuple(sorted(hints, key=lambda hint: (-hint.evidence.count, hint.evidence.topic, hint.evidence.territory)))


def wilson_lower(count: int, total: int, z: float = NORMAL_95) -> float:
    """The lower end of Wilson's interval for a share; 0 when nothing was counted."""
    if total == 0:
        return 0.0
    share = count / total
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (share + z * z / (2 * total) - spread) / (1 + z * z / total)


def _certain(rules: RuleSet, one: Evidence) -> Facts:
    label = rules.label(one.topic)
    group = label.group if label else None
    return Facts(
        "", "", "", None, territory_path(one.territory), one.topic, 1.0, group, float(group is not None), None, 0.0, 1,
        "", None,
    )  # fmt: skip
