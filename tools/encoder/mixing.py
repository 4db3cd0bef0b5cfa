"""How much the encoder's opinion counts beside the plain model's: found on messages neither has seen."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.accurate import Voices, mixed
from classifier.accurate_training import mixes_of, table_of
from classifier.artifact import Arrays
from classifier.calibration import Probabilities
from classifier.dataset import FOLDS, UNLABELLED, Corpus, folds
from classifier.dense import Dense
from classifier.encoder import Encoder
from classifier.evaluation import measure
from classifier.judge import Judge

THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 1.01)
"""Below which probability of its least sure kind a message is asked about: nobody, …, everybody."""
Say = Callable[[str], None]
Floats = npt.NDArray[np.float32]


def mixes_found(plain: Judge, encoder: Encoder, head: Arrays, unseen: Corpus, voices: Voices, say: Say) -> Floats:
    """The ``mixes`` of a companion; tells what each threshold brings on these messages.

    What is told of a fifth of the messages comes from mixes found on the other four; the mixes themselves from all.
    """
    widths = [len(unseen.names[kind]) for kind in plain.kinds]
    layer = Dense(*(head[name] for name in ("mean", "spread", "weights", "intercepts")))
    opinions = dict(zip(plain.kinds, layer.log_chances(encoder.vectors_of(unseen.texts), widths), strict=True))
    chances = plain.chances(unseen.texts, unseen.known).labels
    crossed = _crosswise(chances, opinions, unseen, voices)
    best = np.min([chances[kind].max(axis=1) for kind in plain.kinds], axis=0)
    for threshold in THRESHOLDS:
        asked = best < threshold
        shown = {kind: np.where(asked[:, None], crossed[kind], chances[kind]) for kind in plain.kinds}
        say(f"порог {threshold:.2f}: спрошено {asked.mean():.3f}; " + "; ".join(_told(unseen, shown)))
    say("один кодировщик: " + "; ".join(_told(unseen, {kind: np.exp(one) for kind, one in opinions.items()})))
    mixes = mixes_of(chances, opinions, unseen.numbers, voices)
    say(f"числа смеси: {mixes}")
    return table_of(mixes)


def _crosswise(
    plain: dict[str, Probabilities], dense: dict[str, Probabilities], unseen: Corpus, voices: Voices
) -> dict[str, Probabilities]:
    """Of each fifth by mixes found on the other four."""
    fold_of = folds(unseen.texts)
    result = {kind: np.zeros_like(values) for kind, values in plain.items()}
    for fold in range(FOLDS):
        rest, rows = fold_of != fold, fold_of == fold
        found = mixes_of(_of(plain, rest), _of(dense, rest), _of(unseen.numbers, rest), voices)
        for kind, values in mixed(found, _of(plain, rows), _of(dense, rows), voices).items():
            result[kind][rows] = values
    return result


def _of(values: Mapping[str, npt.NDArray[Any]], rows: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[Any]]:
    return {kind: one[rows] for kind, one in values.items()}


def _told(unseen: Corpus, chances: dict[str, Probabilities]) -> list[str]:
    told = []
    for kind, values in chances.items():
        known = unseen.numbers[kind] != UNLABELLED
        found: Any = measure(values[known], unseen.numbers[kind][known])
        told.append(
            f"{kind} {found.accuracy:.4f} / {found.weighted_f1:.4f} / {found.macro_f1:.4f} / {found.top3:.4f}"
            f" / {found.ece:.3f} / {found.coverage95:.3f}"
        )
    return told
