"""From margins to probabilities that mean what they say.

One-vs-rest margins z become ``softmax(power · ln σ(z + shift))``: unlike a softmax with a temperature this
"normalised sigmoid" stays honest with two hundred labels. Kinds of labels then inform each other, coarse ones first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
Given = Mapping[tuple[str, str], npt.NDArray[np.float32]]
"""P(coarse | fine) by the names of the two kinds: a row for each fine label, a column for each coarse one."""
Heard = Mapping[tuple[str, str], npt.NDArray[np.float32]]
"""ln P(value | label) of what was observed, by kind and circumstance: a row for each message, a column for each label;
zeros where nothing is known."""
_FLOOR = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """The two numbers of a normalised sigmoid."""

    power: float
    shift: float


@dataclass(frozen=True, slots=True)
class KindBlend:
    """How one kind of labels comes to its probabilities: from its own margins, then from kinds judged before it."""

    sigmoid: Sigmoid
    coarser: dict[str, float] = field(default_factory=dict)
    """A label is likelier where the coarser labels it usually goes with are: the weight of each kind's voice."""
    own: float = 1.0
    finer: dict[str, float] = field(default_factory=dict)
    """The way back, for a kind that follows from a finer one, as a group follows from its topics."""
    favours: list[float] = field(default_factory=list)
    """Added to ln p of each label, in the order of the manifest; empty: nothing is added."""
    circumstances: dict[str, float] = field(default_factory=dict)
    """A label is likelier where what is observed usually goes with it: the weight of each circumstance's voice."""


def softmax(scores: npt.NDArray[np.float32]) -> Probabilities:
    """Row by row; never overflows."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def log_sigmoid(margins: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """ln σ(z), exact for large margins of both signs."""
    return np.asarray(np.minimum(margins, 0) - np.log1p(np.exp(-np.abs(margins))), dtype=np.float32)


def logarithm(probabilities: Probabilities) -> npt.NDArray[np.float32]:
    """ln p, with p not below one in a billion."""
    return np.log(np.maximum(probabilities, _FLOOR))


def product(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Matrix product without BLAS, which on small matrices now and then warns of invalid values that are not there."""
    return np.asarray(np.einsum("ij,jk->ik", left, right))


def voice_of_coarser(coarse: Probabilities, given: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """ln Σ P(coarse) · P(coarse | fine): how well each fine label fits the guessed coarse ones."""
    return logarithm(product(coarse, given.T))


def voice_of_finer(fine: Probabilities, given: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """ln Σ P(fine) · P(coarse | fine): what the fine labels say of each coarse one."""
    return logarithm(product(fine, given))


def scores(margins: npt.NDArray[np.float32], sigmoid: Sigmoid) -> npt.NDArray[np.float32]:
    """Logarithms of probabilities but for a constant of the row."""
    return np.float32(sigmoid.power) * log_sigmoid(margins + np.float32(sigmoid.shift))


def probabilities(
    margins: Mapping[str, npt.NDArray[np.float32]], blend: Mapping[str, KindBlend], given: Given, heard: Heard
) -> dict[str, Probabilities]:
    """Probabilities of every kind of labels, each row summing to one. ``margins`` come coarse kinds first.

    A circumstance that is not among the ``heard`` is silent.
    """
    first: dict[str, Probabilities] = {}
    for kind, values in margins.items():
        total = scores(values, blend[kind].sigmoid)
        for coarser, weight in blend[kind].coarser.items():
            total = total + np.float32(weight) * voice_of_coarser(first[coarser], given[coarser, kind])
        for circumstance, weight in blend[kind].circumstances.items():
            if (kind, circumstance) in heard:
                total = total + np.float32(weight) * heard[kind, circumstance]
        first[kind] = softmax(total)
    told = {kind: _told_by_finer(kind, first, blend[kind], given) for kind in margins}
    return {kind: favoured(chances, blend[kind].favours) for kind, chances in told.items()}


def favoured(chances: Probabilities, favours: Sequence[float]) -> Probabilities:
    """With the labels brought forward that are guessed too seldom, and put back those that are too often."""
    if not len(favours):
        return chances
    moved = chances * np.exp(np.asarray(favours, dtype=np.float32))
    return np.asarray(moved / moved.sum(axis=1, keepdims=True), dtype=np.float32)


def _told_by_finer(kind: str, first: Mapping[str, Probabilities], blend: KindBlend, given: Given) -> Probabilities:
    if not blend.finer:
        return first[kind]
    total = np.float32(blend.own) * logarithm(first[kind])
    for finer, weight in blend.finer.items():
        total = total + np.float32(weight) * voice_of_finer(first[finer], given[kind, finer])
    return softmax(total)


def appeal_probability(score: npt.NDArray[np.float32], sigmoid: Sigmoid) -> Probabilities:
    """σ(power · score + shift)."""
    return np.exp(log_sigmoid(np.float32(sigmoid.power) * score + np.float32(sigmoid.shift)))
