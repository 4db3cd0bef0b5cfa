"""Champion against challenger on the newest labels that neither has seen: paired bootstrap. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier import Judge
from classifier.dataset import UNLABELLED, Corpus

MAIN_KIND: Final = "topic"
RESAMPLES: Final = 2_000
LEAST_ROWS: Final = 50
"""With fewer messages nothing is decided, whatever the interval says."""
INTERVAL: Final = (2.5, 97.5)
TOP: Final = 3
Right = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one kind of labels: shares of right first guesses, and challenger minus champion with its 95 % interval."""

    rows: int
    champion: float
    challenger: float
    low: float
    high: float
    champion_top3: float
    challenger_top3: float
    champion_ece: float
    challenger_ece: float

    @property
    def mean(self) -> float:
        """Challenger minus champion."""
        return self.challenger - self.champion

    @property
    def is_better(self) -> bool:
        """The interval lies above zero."""
        return self.low > 0

    @property
    def is_worse(self) -> bool:
        """The interval lies below zero."""
        return self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """All kinds of labels. `champion` is None for the shipped model."""

    champion: str | None
    challenger: str
    kinds: dict[str, Difference]

    @property
    def is_better(self) -> bool:
        """Better with confidence on the main label and on no other significantly worse."""
        main = self.kinds.get(MAIN_KIND)
        return main is not None and main.rows >= LEAST_ROWS and main.is_better and not self._worse

    @property
    def _worse(self) -> list[str]:
        """Kinds that got worse, with enough rows to say so: one label must not veto."""
        return [kind for kind, other in self.kinds.items() if other.is_worse and other.rows >= LEAST_ROWS]

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        main = self.kinds.get(MAIN_KIND)
        if main is None or main.rows < LEAST_ROWS:
            return f"Свежих меток {main.rows if main else 0}, для решения нужно хотя бы {LEAST_ROWS}"
        if self._worse:
            return f"Значимо хуже: {', '.join(self._worse)}"
        return "Лучше с уверенностью 95 %" if main.is_better else "Не лучше с уверенностью 95 %"

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> "Comparison | None":
        """What `asdict` has made of a comparison; None for nothing."""
        if not stored:
            return None
        kinds = {kind: Difference(**values) for kind, values in stored["kinds"].items()}
        return cls(stored["champion"], stored["challenger"], kinds)


def compare(
    champion: Judge, challenger: Judge, corpus: Corpus, *, champion_version: str | None, seed: int = 0
) -> Comparison:
    """Both judge the messages that neither was taught by; a label that a model does not know counts as missed."""
    corpus = corpus.where(~(champion.has_seen(corpus.texts) | challenger.has_seen(corpus.texts)))
    judged = [judge.chances(corpus.texts, corpus.known) for judge in (champion, challenger)] if corpus.texts else []
    kinds = {}
    for kind in corpus.names if judged else ():
        known = corpus.numbers[kind] != UNLABELLED
        if not known.any():
            continue
        names = np.array([*corpus.names[kind], ""])[corpus.numbers[kind][known]].tolist()
        before, after = (
            _side(judge, kind, chances.labels[kind][known] if kind in judge.kinds else None, names)
            for judge, chances in zip((champion, challenger), judged, strict=True)
        )
        kinds[kind] = _difference(before, after, seed)
    return Comparison(champion_version, challenger.version, kinds)


@dataclass(frozen=True, slots=True)
class _Side:
    right: Right
    top3: float
    ece: float


def _side(judge: Judge, kind: str, chances: npt.NDArray[np.float32] | None, names: Sequence[str]) -> _Side:
    if chances is None:
        return _Side(np.zeros(len(names), dtype=bool), 0.0, 0.0)
    own = judge.manifest.labels[kind]
    guessed = np.array(own)[chances.argmax(axis=1)]
    known = sorted(set(names))
    from classifier.evaluation import label_figures  # scikit-learn: seconds of a start, needed by a comparison alone

    figures = label_figures(own, chances, known, np.searchsorted(known, names).astype(np.int64))
    return _Side(guessed == np.array(names), figures.top3, figures.ece)


def _difference(champion: _Side, challenger: _Side, seed: int) -> Difference:
    low, high = paired_interval(champion.right, challenger.right, seed)
    return Difference(
        len(champion.right), float(champion.right.mean()), float(challenger.right.mean()), low, high,
        champion.top3, challenger.top3, champion.ece, challenger.ece,
    )  # fmt: skip


def paired_interval(before: Right, after: Right, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % bootstrap interval of `after` minus `before`, in shares of messages.

    Messages are drawn with replacement, both judgements of a message together. As a message counts +1, 0 or -1, the
    resamples are drawn by how many of each: one multinomial draw each, the same distribution.
    """
    count = len(before)
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    shares = np.array([gained, lost, count - gained - lost]) / count
    drawn = np.random.default_rng(seed).multinomial(count, shares, size=resamples)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / count, INTERVAL)
    return float(low), float(high)
