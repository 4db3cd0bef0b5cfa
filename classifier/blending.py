"""Finds the numbers of each :class:`~classifier.calibration.KindBlend` on margins of rows the models had not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from classifier.calibration import (
    KindBlend,
    Probabilities,
    Sigmoid,
    log_sigmoid,
    logarithm,
    probabilities,
    softmax,
    voice_of_coarser,
    voice_of_finer,
)
from classifier.dataset import FOLDS, UNLABELLED
from classifier.linear import Labels

Floats = npt.NDArray[np.float32]
ROUNDS: Final = 250
"""Of the simplex; the loss no longer moves in its fourth digit."""
MORE_ROUNDS: Final = 100
"""For each circumstance that is to be weighed too."""
LOUDEST: Final = 2.0
"""The most a circumstance may weigh: an observation counts once, or less where others have told the same. Nor may it
speak against what it says, which only undoes what a coarser kind has heard already."""
MOST_ROWS: Final = 5_000
"""Ten numbers need no more."""
PULL: Final = 5.0
"""How dear a favour is: a label needs some dozen rows before it gets one."""
_START_POWER, _START_SHIFT, _START_VOICE = 4.0, 1.5, 0.3


@dataclass(frozen=True, slots=True)
class Unseen:
    """Out-of-fold results, kinds of labels from coarse to fine."""

    margins: dict[str, list[Floats]]
    """Of every member model."""
    labels: dict[str, Labels]
    folds: Labels
    given: list[dict[tuple[str, str], Floats]]
    """P(coarse | fine) as each fold knew it."""
    followers: dict[str, str]
    """Kinds that follow from a finer one: group → topic."""
    heard: dict[tuple[str, str], Floats] = field(default_factory=dict)
    """What each kind hears of each circumstance, row by row through the table that the row's fold knew."""

    def where(self, mask: npt.NDArray[np.bool_]) -> "Unseen":
        """The rows chosen by the mask."""
        margins = {kind: [one[mask] for one in members] for kind, members in self.margins.items()}
        labels = {kind: values[mask] for kind, values in self.labels.items()}
        heard = {pair: values[mask] for pair, values in self.heard.items()}
        return replace(self, margins=margins, labels=labels, folds=self.folds[mask], heard=heard)

    def voice(self, speak: Callable[..., Floats], other: Probabilities, pair: tuple[str, str]) -> Floats:
        """What another kind's probabilities say, through the table that each row's fold knew."""
        width = speak(other[:1], self.given[0][pair]).shape[1]
        said = np.zeros((len(self.folds), width), dtype=np.float32)
        for fold, given in enumerate(self.given):
            rows = self.folds == fold
            said[rows] = speak(other[rows], given[pair])
        return said


@dataclass(frozen=True, slots=True)
class Blended:
    """The blend, and the weights of the member models in the margin."""

    blend: dict[str, KindBlend]
    members: dict[str, tuple[float, ...]]

    def judge(self, unseen: Unseen) -> dict[str, Probabilities]:
        """Probabilities of the rows."""
        margins = {
            kind: np.asarray(sum(w * z for w, z in zip(self.members[kind], members, strict=True)), dtype=np.float32)
            for kind, members in unseen.margins.items()
        }
        result = {kind: np.zeros_like(values) for kind, values in margins.items()}
        for fold, given in enumerate(unseen.given):
            rows = unseen.folds == fold
            of_fold = {kind: values[rows] for kind, values in margins.items()}
            heard = {pair: values[rows] for pair, values in unseen.heard.items()}
            part = probabilities(of_fold, self.blend, given, heard)
            for kind, values in part.items():
                result[kind][rows] = values
        return result


def judge_crosswise(unseen: Unseen, near: Blended) -> dict[str, Probabilities]:
    """Probabilities of each fold by numbers found on the other folds, searched for near those of all rows."""
    result = {kind: np.zeros_like(members[0]) for kind, members in unseen.margins.items()}
    for fold in range(FOLDS):
        rows = unseen.folds == fold
        for kind, values in fit_blend(unseen.where(~rows), near).judge(unseen.where(rows)).items():
            result[kind][rows] = values
    return result


def fit_blend(unseen: Unseen, near: Blended | None = None) -> Blended:
    """Minimises the log-loss kind by kind: each given the coarser ones and the circumstances, then followers given
    the finer one."""
    few = unseen.where(np.arange(len(unseen.folds)) % (len(unseen.folds) // MOST_ROWS + 1) == 0)
    return _with_favours(_fit_few(few, near), unseen)


def _fit_few(unseen: Unseen, near: Blended | None) -> Blended:
    blend: dict[str, KindBlend] = {}
    members: dict[str, tuple[float, ...]] = {}
    chances: dict[str, Probabilities] = {}
    for kind in unseen.margins:
        voices = {one: unseen.voice(voice_of_coarser, chances[one], (one, kind)) for one in chances}
        members[kind], blend[kind], chances[kind] = _fit_kind(unseen, kind, voices, near)
    for kind, finer in unseen.followers.items():
        own, said = logarithm(chances[kind]), unseen.voice(voice_of_finer, chances[finer], (kind, finer))
        start = (near.blend[kind].own, near.blend[kind].finer[finer]) if near else (0.3, 0.7)
        mix = minimum(_two_voices(own, said), unseen.labels[kind], start)
        blend[kind] = replace(blend[kind], own=mix[0], finer={finer: mix[1]})
    return Blended(blend, members)


def _with_favours(blended: Blended, unseen: Unseen) -> Blended:
    """A number a label needs all rows."""
    chances = blended.judge(unseen)
    blend = {
        kind: replace(one, favours=fit_favours(chances[kind], unseen.labels[kind]))
        for kind, one in blended.blend.items()
    }
    return Blended(blend, blended.members)


def fit_favours(chances: Probabilities, labels: Labels) -> list[float]:
    """What to add to ln p of each label so that the labels are likeliest; each number is pulled towards zero."""
    known = labels != UNLABELLED
    own, wanted = logarithm(chances[known]), labels[known]
    times = np.bincount(wanted, minlength=chances.shape[1])

    def loss(x: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        guessed = softmax(_floats(own + x))
        right = guessed[np.arange(len(own)), wanted].astype(np.float64)
        cost = -np.log(np.maximum(right, 1e-12)).sum() + PULL * (x**2).sum()
        return float(cost), guessed.sum(axis=0, dtype=np.float64) - times + 2 * PULL * x

    found = minimize(loss, np.zeros(len(times)), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    return [float(value) for value in found.x]


def _fit_kind(
    unseen: Unseen, kind: str, voices: Mapping[str, Floats], near: Blended | None
) -> tuple[tuple[float, ...], KindBlend, Probabilities]:
    """Weights of the members, power and shift of the sigmoid, weights of the voices: coarser kinds, circumstances."""
    heard = {circumstance: values for (of, circumstance), values in unseen.heard.items() if of == kind}
    own, said = unseen.margins[kind], [*voices.values(), *heard.values()]
    count = len(own)

    def total(x: Sequence[float]) -> Floats:
        margin = np.sum([weight * one for weight, one in zip(x, own, strict=False)], axis=0)
        result = x[count] * log_sigmoid(_floats(margin + x[count + 1]))
        for weight, voice in zip(x[count + 2 :], said, strict=True):
            result = result + weight * voice
        return _floats(result)

    start = (*[2.0 / count] * count, _START_POWER, _START_SHIFT, *[_START_VOICE] * len(said))
    if near:
        known = near.blend[kind]
        sigmoid = known.sigmoid
        start = (
            *near.members[kind], sigmoid.power, sigmoid.shift, *known.coarser.values(), *known.circumstances.values()
        )  # fmt: skip
    best = minimum(total, unseen.labels[kind], start, len(heard))
    at = count + 2 + len(voices)
    coarser, circumstances = zip(voices, best[count + 2 : at], strict=True), zip(heard, best[at:], strict=True)
    blend = KindBlend(Sigmoid(*best[count : count + 2]), dict(coarser), circumstances=dict(circumstances))
    return best[:count], blend, softmax(total(best))


def _two_voices(own: Floats, said: Floats) -> Callable[[Sequence[float]], Floats]:
    return lambda x: _floats(x[0] * own + x[1] * said)


def minimum(
    row_scores: Callable[[Sequence[float]], Floats], labels: Labels, start: tuple[float, ...], circumstances: int = 0
) -> tuple[float, ...]:
    """The numbers that make the labels likeliest, by the simplex of Nelder and Mead; the last so many are weights of
    circumstances and keep their bounds.
    """
    bounds = [(None, None)] * (len(start) - circumstances) + [(0.0, LOUDEST)] * circumstances
    options = {"maxiter": ROUNDS + MORE_ROUNDS * circumstances, "xatol": 1e-3, "fatol": 1e-5}
    rows = np.flatnonzero(labels != UNLABELLED)

    def loss(x: npt.NDArray[np.float64]) -> float:
        right = softmax(row_scores([float(value) for value in x]))[rows, labels[rows]]
        return float(-np.mean(np.log(np.maximum(right, 1e-12))))

    found = minimize(loss, start, method="Nelder-Mead", bounds=bounds if circumstances else None, options=options)
    return tuple(float(value) for value in found.x)


def _floats(values: npt.NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(values, dtype=np.float32)
