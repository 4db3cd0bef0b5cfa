"""Finds the numbers of a :class:`~classifier.calibration.Blend` on margins of rows the models had not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from classifier.calibration import (
    Blend,
    Probabilities,
    Sigmoid,
    group_of_topics,
    log_sigmoid,
    logarithm,
    product,
    softmax,
)
from classifier.dataset import LabelKind
from classifier.linear import Labels

Floats = npt.NDArray[np.float32]
ROUNDS = 250
"""Of the simplex; the loss no longer moves in its fourth digit."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Out-of-fold results: margins of every member model, and P(agency | topic) as each row's fold knew it."""

    margins: dict[LabelKind, list[Floats]]
    labels: dict[LabelKind, Labels]
    folds: Labels
    agency_given_topic: list[Floats]
    group_of_topic: Labels

    def agency_sense(self, agency: Probabilities) -> Floats:
        """ln Σ P(agency) · P(agency | topic): how well each topic fits the guessed agency."""
        expected = np.zeros((len(self.folds), len(self.group_of_topic)), dtype=np.float32)
        for fold, given in enumerate(self.agency_given_topic):
            expected[self.folds == fold] = product(agency[self.folds == fold], given.T)
        return logarithm(expected)


@dataclass(frozen=True, slots=True)
class Blended:
    """The blend, the weights of the member models in the margin, and the out-of-fold probabilities they give."""

    blend: Blend
    members: dict[LabelKind, tuple[float, ...]]
    probabilities: dict[LabelKind, Probabilities]


def fit_blend(unseen: Unseen) -> Blended:
    """Minimises the log-loss: agency and group alone, then the topic given both, then the group given the topic."""
    agency, agency_sigmoid, agency_members = _alone(unseen, "agency", (2.0, 0.5, 3.9, 1.2))
    group, group_sigmoid, group_members = _alone(unseen, "topic_group", (1.3, 2.5, 5.2, 3.0))
    senses = [logarithm(group)[:, unseen.group_of_topic], unseen.agency_sense(agency)]
    margins = unseen.margins["topic"][0]
    start = (7.5, 3.4, 6.2, 0.2, 0.6)

    def topic_scores(x: Sequence[float]) -> Floats:
        own = x[1] * log_sigmoid(_floats(x[0] * margins + x[2]))
        return _floats(own + x[3] * senses[0] + x[4] * senses[1])

    scale, power, shift, from_group, from_agency = _minimum(topic_scores, unseen.labels["topic"], start)
    topic = softmax(topic_scores((scale, power, shift, from_group, from_agency)))
    by_topic = logarithm(group_of_topics(topic, unseen.group_of_topic, group.shape[1]))
    by_itself = logarithm(group)

    def group_scores(x: Sequence[float]) -> Floats:
        return _floats(x[0] * by_itself + x[1] * by_topic)

    mix = _minimum(group_scores, unseen.labels["topic_group"], (0.3, 0.7))
    return Blended(
        Blend(agency_sigmoid, group_sigmoid, Sigmoid(power, shift), from_group, from_agency, mix[0], mix[1]),
        {"agency": agency_members, "topic_group": group_members, "topic": (scale,)},
        {"agency": agency, "topic_group": softmax(group_scores(mix)), "topic": topic},
    )


def _alone(
    unseen: Unseen, kind: LabelKind, start: tuple[float, ...]
) -> tuple[Probabilities, Sigmoid, tuple[float, ...]]:
    """A kind of labels from its own two members: weights of both, power and shift."""
    first, second = unseen.margins[kind]

    def own_scores(x: Sequence[float]) -> Floats:
        return _floats(x[2] * log_sigmoid(_floats(x[0] * first + x[1] * second + x[3])))

    best = _minimum(own_scores, unseen.labels[kind], start)
    return softmax(own_scores(best)), Sigmoid(best[2], best[3]), best[:2]


def _minimum(
    row_scores: Callable[[Sequence[float]], Floats], labels: Labels, start: tuple[float, ...]
) -> tuple[float, ...]:
    rows = np.arange(len(labels))

    def loss(x: npt.NDArray[np.float64]) -> float:
        right = softmax(row_scores([float(value) for value in x]))[rows, labels]
        return float(-np.mean(np.log(np.maximum(right, 1e-12))))

    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": ROUNDS, "xatol": 1e-3, "fatol": 1e-5})
    return tuple(float(value) for value in found.x)


def _floats(values: npt.NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(values, dtype=np.float32)
