"""A model taught by people's corrections: it knows all that it knew, and judges like them where they have spoken.

Training anew on a few hundred corrections would forget every label that nobody happened to choose. So the weights stay
and a correction of them is found: the smallest one (in the sense of ridge regression) that makes the chosen labels
likely, through the model's own calibration. It is found in the space of messages, as in kernel methods: the correction
is a weighted sum of the messages themselves, so thousands of messages cost seconds. The result is a model of the same
kind, size and speed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_array

from classifier.artifact import Arrays, Manifest, given_name
from classifier.calibration import (
    Heard,
    KindBlend,
    Probabilities,
    Sigmoid,
    log_sigmoid,
    probabilities,
    scores,
    softmax,
    voice_of_coarser,
)
from classifier.circumstances import Known
from classifier.dataset import FOLDS, UNLABELLED, Corpus, Source, folds
from classifier.evaluation import figures_by_fold
from classifier.judge import Judge, seen_print
from classifier.masking import masked
from classifier.tables import DataIsWrong
from classifier.training import LEAST_ROWS, Model, Step, resigned

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
MOST_ROWS: Final = 6_000
"""The newest messages; their products with each other take 4 · rows² bytes."""
STIFFNESS: Final = 1.0
"""How dear a correction is, beside the log-loss of one message: chosen on the invented messages of the tests."""
BIAS: Final = 0.1
"""What two messages without a common word still have in common: lets the frequency of labels move."""
ROUNDS: Final = 25
STEPS: Final = FOLDS + 3


@dataclass(frozen=True, slots=True)
class _Rows:
    """The messages as the base sees them: weighted columns, margins and probabilities of all kinds."""

    matrix: csr_array
    alike: Floats
    margins: dict[str, Floats]
    heard: Heard
    voices: dict[str, Floats]
    """What the coarser kinds, as the base guessed them, and the circumstances say of each label of a kind, and the
    favour it finds."""


def adapt(
    manifest: Manifest,
    arrays: Arrays,
    corpus: Corpus,
    sources: Iterable[Source],
    created: str,
    step: Step = lambda _: None,
) -> Model:
    """Corrects a model by labelled messages, oldest first. ``created`` is an ISO 8601 time in UTC. Deterministic.

    Figures under ``out_of_fold`` come from five corrections, each judging the fifth it had not seen; ``base`` beside
    them are those of the uncorrected model on the same messages. Raises ``DataIsWrong`` where a label is unknown to the
    model or there are fewer than twenty messages.
    """
    corpus = _newest(corpus)
    numbers = _in_the_models_numbers(manifest, corpus)
    judge = Judge(manifest, arrays)
    step("признаки")
    rows = _rows_of(judge, arrays, [masked(text) for text in corpus.texts], corpus.known)
    fold_of = folds(corpus.texts)
    unseen = {kind: margins.copy() for kind, margins in rows.margins.items()}
    for fold in range(FOLDS):
        step(f"проверочная поправка {fold + 1} из {FOLDS}")
        out = np.flatnonzero(fold_of == fold)
        for kind, given in numbers.items():
            taught = np.flatnonzero((fold_of != fold) & (given != UNLABELLED))
            correction = _correction(rows, kind, manifest.blend[kind], given, taught)
            unseen[kind][out] += rows.alike[np.ix_(out, taught)] @ correction
    step("итоговая поправка")
    corrected = _corrected(judge, arrays, rows, numbers)
    step("запись")
    corrected["seen"] = np.unique(np.append(arrays["seen"], [seen_print(text) for text in corpus.texts])).astype(
        np.uint32
    )
    honest = probabilities(unseen, manifest.blend, _given(manifest, arrays), rows.heard)
    before = probabilities(rows.margins, manifest.blend, _given(manifest, arrays), rows.heard)
    metrics = {
        "out_of_fold": _figures(honest, numbers, fold_of),
        "base": _figures(before, numbers, fold_of),
        "of_base": manifest.metrics,
    }
    provenance = {"sources": [asdict(source) for source in sources], "base": manifest.version, "adapted": True}
    fresh = replace(manifest, created=created, metrics=metrics, provenance=provenance)
    return resigned(Model(fresh, corrected, honest))


def _newest(corpus: Corpus) -> Corpus:
    count = len(corpus.texts)
    return corpus if count <= MOST_ROWS else corpus.where(np.arange(count) >= count - MOST_ROWS)


def _in_the_models_numbers(manifest: Manifest, corpus: Corpus) -> dict[str, Labels]:
    """Of each kind with a label at all, the number that the model gives to each message's label, or -1."""
    numbers = {}
    for kind, names in corpus.names.items():
        places = {name: place for place, name in enumerate(manifest.labels.get(kind, []))}
        strange = [name for name in names if name not in places]
        if strange:
            raise DataIsWrong(f"Метки «{strange[0]}» ({kind}) модель не знает: новым меткам учит train, а не поправка.")
        of_names = np.array([places[name] for name in names] + [UNLABELLED], dtype=np.int64)
        if (corpus.numbers[kind] != UNLABELLED).any():
            numbers[kind] = of_names[corpus.numbers[kind]]
    known = max((int((given != UNLABELLED).sum()) for given in numbers.values()), default=0)
    if known < LEAST_ROWS:
        raise DataIsWrong(f"Размеченных сообщений {known}, нужно хотя бы {LEAST_ROWS}.")
    return numbers


def _rows_of(judge: Judge, arrays: Arrays, texts: list[str], known: Sequence[Known] | None) -> _Rows:
    words, letters, matrix = judge.word_weights(), judge.letters.dense(), judge.rows_of(texts)
    total = matrix[:, : len(words)] @ words + matrix[:, len(words) :] @ letters + arrays["intercepts"]
    margins = {kind: np.asarray(total[:, place], dtype=np.float32) for kind, place in judge.columns.items()}
    alike = np.asarray((matrix @ matrix.T).todense(), dtype=np.float32) + np.float32(BIAS)
    heard = judge.circumstances.heard(known) if known else {}
    return _Rows(matrix, alike, margins, heard, _voices(judge.manifest, arrays, margins, heard))


def _voices(manifest: Manifest, arrays: Arrays, margins: Mapping[str, Floats], heard: Heard) -> dict[str, Floats]:
    guessed = probabilities(margins, manifest.blend, _given(manifest, arrays), heard)
    given = _given(manifest, arrays)
    said = {}
    for kind, values in margins.items():
        voice = np.zeros_like(values) + np.asarray(manifest.blend[kind].favours or 0, dtype=np.float32)
        for coarser, weight in manifest.blend[kind].coarser.items():
            voice += np.float32(weight) * voice_of_coarser(guessed[coarser], given[coarser, kind])
        for circumstance, weight in manifest.blend[kind].circumstances.items():
            if (kind, circumstance) in heard:
                voice += np.float32(weight) * heard[kind, circumstance]
        said[kind] = voice
    return said


def _given(manifest: Manifest, arrays: Arrays) -> dict[tuple[str, str], Floats]:
    kinds = manifest.kinds
    return {
        (coarse, fine): arrays[given_name(kinds, coarse, fine)]
        for place, coarse in enumerate(kinds)
        for fine in kinds[place + 1 :]
    }


def _correction(rows: _Rows, kind: str, blend: KindBlend, numbers: Labels, taught: Labels) -> Floats:
    """How much of each taught message each label's weights get: message × label."""
    count, width = len(taught), rows.margins[kind].shape[1]
    alike = rows.alike[np.ix_(taught, taught)]
    margins, voices, labels = rows.margins[kind][taught], rows.voices[kind][taught], numbers[taught]
    here = np.arange(count)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        parts = flat.reshape(count, width).astype(np.float32)
        moved = alike @ parts
        chances = softmax(scores(margins + moved, blend.sigmoid) + voices)
        cost = -np.log(np.maximum(chances[here, labels], 1e-9)).sum() + STIFFNESS / 2 * (parts * moved).sum()
        chances[here, labels] -= 1
        pull = chances * _steepness(margins + moved, blend.sigmoid) + np.float32(STIFFNESS) * parts
        return float(cost), (alike @ pull).astype(np.float64).ravel()

    found = minimize(loss, np.zeros(count * width), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    return np.asarray(found.x.reshape(count, width), dtype=np.float32)


def _steepness(margins: Floats, sigmoid: Sigmoid) -> Floats:
    """The derivative of power · ln σ(z + shift)."""
    return np.float32(sigmoid.power) * np.exp(log_sigmoid(-(margins + np.float32(sigmoid.shift))))


def _corrected(judge: Judge, arrays: Arrays, rows: _Rows, numbers: Mapping[str, Labels]) -> Arrays:
    """The arrays with corrected weights, in eight bits again."""
    words, letters = judge.word_weights().copy(), judge.letters.dense().copy()
    intercepts = arrays["intercepts"].copy()
    for kind, given in numbers.items():
        taught = np.flatnonzero(given != UNLABELLED)
        parts = _correction(rows, kind, judge.manifest.blend[kind], given, taught)
        change = np.asarray(rows.matrix[taught].T @ parts)
        place = judge.columns[kind]
        words[:, place] += change[: len(words)]
        letters[:, place] += change[len(words) :]
        intercepts[place] += BIAS * parts.sum(axis=0)
    fresh = {**arrays, "intercepts": intercepts}
    for name, weights in (("word", words), ("letter", letters)):
        scales = np.maximum(np.abs(weights).max(axis=0, initial=0) / 127, 1e-12)
        fresh[f"{name}_weights"] = np.round(weights / scales).astype(np.int8)
        fresh[f"{name}_scales"] = scales.astype(np.float32)
    return fresh


def _figures(chances: Mapping[str, Probabilities], numbers: Mapping[str, Labels], fold_of: Labels) -> dict[str, Any]:
    figures = {}
    for kind, given in numbers.items():
        known = given != UNLABELLED
        figures[kind] = figures_by_fold(chances[kind][known], given[known], fold_of[known])
    return figures
