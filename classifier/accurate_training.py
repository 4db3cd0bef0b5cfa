"""Teaches the accurate tier: a linear layer on sentence vectors, mixed with what the plain model thought unseen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.accurate import Mix, Voices, mixed, voice_in
from classifier.artifact import Arrays, coarse_to_fine
from classifier.blending import minimum
from classifier.calibration import Probabilities, logarithm
from classifier.dataset import FOLDS, UNLABELLED, Corpus, folds
from classifier.dense import train_dense
from classifier.evaluation import figures_by_fold
from classifier.training import followers, given_tables

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


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
    opinions = {kind: np.zeros((len(fold_of), width), np.float32) for kind, width in zip(kinds, widths, strict=True)}
    for fold in range(FOLDS):
        seen = fold_of != fold
        model = train_dense(vectors[seen], [one[seen] for one in labels], widths)
        for result, part in zip(opinions.values(), model.log_chances(vectors[~seen], widths), strict=True):
            result[~seen] = part
    voices = voices_of(corpus)
    mixes = mixes_of(unseen, opinions, corpus.numbers, voices)
    figures = {}
    for kind, chances in mixed(mixes, unseen, opinions, voices).items():
        known = corpus.numbers[kind] != UNLABELLED
        figures[kind] = figures_by_fold(chances[known], corpus.numbers[kind][known], fold_of[known])
    final = train_dense(vectors, labels, widths)
    arrays: Arrays = {
        "mean": final.mean,
        "spread": final.spread,
        "weights": final.weights,
        "intercepts": final.intercepts,
        "mixes": table_of(mixes),
    }
    return arrays, figures


def voices_of(corpus: Corpus) -> Voices:
    """Which kinds follow from a finer one, and how."""
    kinds = coarse_to_fine(corpus.names)
    given = given_tables(corpus, kinds)
    return {kind: (finer, given[kind, finer]) for kind, finer in followers(corpus, kinds).items()}


def mixes_of(
    plain: Mapping[str, Probabilities], dense: Mapping[str, Floats], labels: Mapping[str, Numbers], voices: Voices
) -> dict[str, Mix]:
    """Of each kind the mix that makes the labels likeliest, coarse kinds first. ``dense``: the encoder's ln p."""
    mixes: dict[str, Mix] = {}
    found: dict[str, Probabilities] = {}
    for kind in reversed(list(dense)):
        voice = voice_in(found, voices, kind)
        mixes[kind] = _mix_of(plain[kind], dense[kind], voice, labels[kind])
        found[kind] = mixes[kind].of(plain[kind], dense[kind], voice)
    return {kind: mixes[kind] for kind in dense}


def table_of(mixes: Mapping[str, Mix]) -> Floats:
    """The mixes as a companion holds them."""
    return np.array([[one.plain, one.dense, one.finer] for one in mixes.values()], dtype=np.float32)


def _mix_of(plain: Probabilities, dense: Floats, voice: Floats | None, labels: Numbers) -> Mix:
    parts = [logarithm(plain), dense, *([] if voice is None else [voice])]
    best = minimum(
        lambda x: np.asarray(sum(weight * part for weight, part in zip(x, parts, strict=True)), dtype=np.float32),
        labels,
        (0.6, 0.3, 0.2)[: len(parts)],
    )
    return Mix(*best)
