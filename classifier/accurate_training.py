"""Teaches the accurate tier: a linear layer on sentence vectors, mixed with what the plain model thought unseen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.accurate import Mix
from classifier.artifact import Arrays, coarse_to_fine
from classifier.blending import minimum
from classifier.calibration import Probabilities, logarithm
from classifier.dataset import FOLDS, UNLABELLED, Corpus, folds
from classifier.dense import train_dense
from classifier.evaluation import figures_by_fold

Floats = npt.NDArray[np.float32]


def train_companion(
    corpus: Corpus, vectors: Floats, unseen: Mapping[str, Probabilities]
) -> tuple[Arrays, dict[str, Any]]:
    """Arrays for the companion file, and figures on rows that neither opinion had seen.

    ``unseen`` are the plain model's probabilities of each row by models that had not seen it.
    """
    kinds = coarse_to_fine(corpus.names)
    widths = [len(corpus.names[kind]) for kind in kinds]
    labels = [corpus.numbers[kind] for kind in kinds]
    fold_of = folds(corpus.texts)
    opinions = [np.zeros((len(fold_of), width), dtype=np.float32) for width in widths]
    for fold in range(FOLDS):
        seen = fold_of != fold
        model = train_dense(vectors[seen], [one[seen] for one in labels], widths)
        for result, part in zip(opinions, model.log_chances(vectors[~seen], widths), strict=True):
            result[~seen] = part
    mixes = [_mix(unseen[kind], opinion, one) for kind, opinion, one in zip(kinds, opinions, labels, strict=True)]
    figures = {}
    for kind, mix, opinion, numbers in zip(kinds, mixes, opinions, labels, strict=True):
        known = numbers != UNLABELLED
        figures[kind] = figures_by_fold(mix.of(unseen[kind], opinion)[known], numbers[known], fold_of[known])
    final = train_dense(vectors, labels, widths)
    arrays: Arrays = {
        "mean": final.mean,
        "spread": final.spread,
        "weights": final.weights,
        "intercepts": final.intercepts,
        "mixes": np.array([[mix.plain, mix.dense] for mix in mixes], dtype=np.float32),
    }
    return arrays, figures


def _mix(plain: Probabilities, dense: Floats, labels: npt.NDArray[np.int64]) -> Mix:
    own = logarithm(plain)
    best = minimum(lambda x: np.asarray(x[0] * own + x[1] * dense, dtype=np.float32), labels, (0.8, 0.3))
    return Mix(*best)
