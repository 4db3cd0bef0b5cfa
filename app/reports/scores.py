"""How good judgements are, from counts: precision and recall, calibration, trust by threshold, drift. Pure.

Nothing is made up of nothing: a share of an empty set is None, never 100 %.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

CUTS: Final = 100
"""Probabilities are counted in hundredths."""
_STEP: Final = 10
DRIFTED: Final = 0.2
"""From this index on a population is commonly held to have shifted (below 0.1: it has not)."""
MOST_NOISE: Final = 0.05
_LEAST_SHARE: Final = 1e-4  # an empty class would make the index infinite


def share(part: float, whole: float) -> float | None:
    """A share 0…1; None of nothing."""
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Pair:
    """How often the model said one label and people chose another, or the same one."""

    judged: str
    chosen: str
    count: int


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One label: how often it was judged, how often chosen by people, how often both."""

    label: str
    judged: int
    chosen: int
    right: int

    @property
    def precision(self) -> float | None:
        """Of what was judged so, the share that people left so."""
        return share(self.right, self.judged)

    @property
    def recall(self) -> float | None:
        """Of what people call so, the share that was judged so."""
        return share(self.right, self.chosen)


def class_scores(pairs: Iterable[Pair]) -> list[ClassScore]:
    """Every label that was judged or chosen, those that people choose most first."""
    judged: Counter[str] = Counter()
    chosen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for pair in pairs:
        judged[pair.judged] += pair.count
        chosen[pair.chosen] += pair.count
        if pair.judged == pair.chosen:
            right[pair.judged] += pair.count
    scores = [ClassScore(label, judged[label], chosen[label], right[label]) for label in {*judged, *chosen}]
    return sorted(scores, key=lambda one: (-one.chosen, -one.judged, one.label))


def confusions(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs where people disagreed, the most frequent first."""
    return sorted((one for one in pairs if one.judged != one.chosen), key=lambda one: (-one.count, one.judged))


@dataclass(frozen=True, slots=True)
class Bin:
    """Judgements of one hundredth of probability: how many, how many of them right, the sum of their probabilities."""

    hundredth: int
    count: int
    right: int = 0
    promised: float = 0.0


@dataclass(frozen=True, slots=True)
class CalibrationPoint:
    """Judgements of a tenth of probability: promised and kept."""

    low: int
    count: int
    promised: float
    kept: float


def calibration(bins: Iterable[Bin]) -> list[CalibrationPoint]:
    """Tenths that hold anything, the lowest first; probability 1 belongs to the last tenth."""
    tenths: dict[int, list[Bin]] = {}
    for one in bins:
        tenths.setdefault(min(one.hundredth, CUTS - 1) // _STEP, []).append(one)
    return [_tenth(number, tenths[number]) for number in sorted(tenths)]


def _tenth(number: int, bins: Sequence[Bin]) -> CalibrationPoint:
    count = sum(one.count for one in bins)
    kept = sum(one.right for one in bins) / count
    return CalibrationPoint(number * _STEP, count, sum(one.promised for one in bins) / count, kept)


def calibration_error(points: Sequence[CalibrationPoint]) -> float | None:
    """Mean distance between promised and kept, weighted by counts (ECE over ten bins)."""
    distance = sum(one.count * abs(one.promised - one.kept) for one in points)
    return share(distance, sum(one.count for one in points))


@dataclass(frozen=True, slots=True)
class Trust:
    """What a threshold would do: share of all appeals at or above it, and share right of those people have judged."""

    threshold: int
    coverage: float | None
    covered: int
    precision: float | None
    checked: int


def trust_line(checked: Iterable[Bin], everything: Iterable[Bin]) -> list[Trust]:
    """The line for thresholds of 0, 0.01 … 1: coverage over `everything`, precision over what was `checked`."""
    right, seen, covered = _from_above(checked, everything)
    return [
        Trust(at, share(covered[at], covered[0]), covered[at], share(right[at], seen[at]), seen[at])
        for at in range(CUTS + 1)
    ]


def _from_above(checked: Iterable[Bin], everything: Iterable[Bin]) -> tuple[list[int], list[int], list[int]]:
    counts = [[0] * (CUTS + 2) for _ in range(3)]
    for one in checked:
        counts[0][one.hundredth] += one.right
        counts[1][one.hundredth] += one.count
    for one in everything:
        counts[2][one.hundredth] += one.count
    for column in counts:
        for at in range(CUTS, -1, -1):
            column[at] += column[at + 1]
    return counts[0], counts[1], counts[2]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a distribution has moved; `noise` is what as many appeals would show by chance alone."""

    index: float
    noise: float

    @property
    def is_enough(self) -> bool:
        """Whether there are enough appeals for the index to mean anything."""
        return self.noise <= MOST_NOISE

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should look."""
        return self.is_enough and self.index > DRIFTED


def drift(before: Mapping[str, int], now: Mapping[str, int]) -> Drift | None:
    """Population stability index of two counted distributions, Σ (q − p) ln(q / p); None where one is empty.

    Its expectation under no drift is (classes − 1)(1/n + 1/m): B. Yurdakul, Statistical Properties of PSI, 2018.
    """
    before_n, now_n = sum(before.values()), sum(now.values())
    if not before_n or not now_n:
        return None
    index = 0.0
    for label in {*before, *now}:
        p = max(before.get(label, 0) / before_n, _LEAST_SHARE)
        q = max(now.get(label, 0) / now_n, _LEAST_SHARE)
        index += (q - p) * log(q / p)
    return Drift(index, (len({*before, *now}) - 1) * (1 / before_n + 1 / now_n))
