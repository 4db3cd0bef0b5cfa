"""Multinomial regression on sentence vectors: all kinds of labels at once, AdamW with a strong pull towards zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from classifier.calibration import Probabilities, softmax
from classifier.dataset import UNLABELLED

Floats = npt.NDArray[np.float32]
EPOCHS: Final = 12
BATCH: Final = 256
RATE: Final = 0.01
DECAY: Final = 3.0
"""The corpus is small for so many weights; 1 was worse, more was not tried."""
CLIP: Final = 5.0
_MEANS, _SQUARES, _TINY = 0.9, 0.999, 1e-8


@dataclass(frozen=True, slots=True)
class Dense:
    """Standardises a sentence vector, then one linear layer for all labels, kinds one after the other."""

    mean: Floats
    spread: Floats
    weights: Floats
    intercepts: Floats

    def log_chances(self, vectors: Floats, widths: Sequence[int]) -> list[Probabilities]:
        """Of each kind ln p, a row a message."""
        scores = self._standard(vectors) @ self.weights + self.intercepts
        return [np.log(np.maximum(softmax(part), 1e-9)) for part in np.split(scores, np.cumsum(widths)[:-1], axis=1)]

    def _standard(self, vectors: Floats) -> Floats:
        return np.asarray(np.clip((vectors - self.mean) / self.spread, -CLIP, CLIP), dtype=np.float32)


def train_dense(vectors: Floats, labels: Sequence[npt.NDArray[np.int64]], widths: Sequence[int]) -> Dense:
    """Minimises the sum of the kinds' log-losses. Deterministic."""
    mean, spread = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-6)
    model = Dense(
        mean, spread, np.zeros((vectors.shape[1], sum(widths)), np.float32), np.zeros(sum(widths), np.float32)
    )
    rows = model._standard(vectors)
    truth = _one_hot(labels, widths)
    chance = np.random.default_rng(0)
    optimiser = _AdamW([model.weights, model.intercepts], EPOCHS * -(-len(rows) // BATCH))
    for _ in range(EPOCHS):
        for part in np.array_split(chance.permutation(len(rows)), max(-(-len(rows) // BATCH), 1)):
            scores = np.split(rows[part] @ model.weights + model.intercepts, np.cumsum(widths)[:-1], axis=1)
            slope = np.hstack([softmax(one) for one in scores]) - truth[part]
            slope *= _known(truth[part], widths)
            optimiser.step([np.asarray(rows[part].T @ slope / len(part), dtype=np.float32), slope.mean(axis=0)])
    return model


class _AdamW:
    """Adam with decoupled decay and a rate that falls to zero in a straight line; changes the arrays in place."""

    def __init__(self, arrays: list[Floats], steps: int) -> None:
        self._arrays = arrays
        self._means = [np.zeros_like(one) for one in arrays]
        self._squares = [np.zeros_like(one) for one in arrays]
        self._steps = steps
        self._done = 0

    def step(self, slopes: list[Floats]) -> None:
        rate = RATE * (1 - self._done / self._steps)
        self._done += 1
        for array, slope, mean, square in zip(self._arrays, slopes, self._means, self._squares, strict=True):
            mean += (1 - _MEANS) * (slope - mean)
            square += (1 - _SQUARES) * (slope**2 - square)
            moved = (mean / (1 - _MEANS**self._done)) / (np.sqrt(square / (1 - _SQUARES**self._done)) + _TINY)
            array -= np.float32(rate) * (moved + np.float32(DECAY) * array * (array.ndim == 2))


def _one_hot(labels: Sequence[npt.NDArray[np.int64]], widths: Sequence[int]) -> Floats:
    blocks = [np.zeros((len(one), width), dtype=np.float32) for one, width in zip(labels, widths, strict=True)]
    for block, numbers in zip(blocks, labels, strict=True):
        known = np.flatnonzero(numbers != UNLABELLED)
        block[known, numbers[known]] = 1
    return np.hstack(blocks)


def _known(truth: Floats, widths: Sequence[int]) -> Floats:
    """1 where the row bears a label of the kind: other kinds teach nothing about it."""
    parts = np.split(truth, np.cumsum(widths)[:-1], axis=1)
    return np.hstack([np.repeat(part.sum(axis=1, keepdims=True), part.shape[1], axis=1) for part in parts])
