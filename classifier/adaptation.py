"""A model taught by people's corrections: it knows all that it knew, and judges like them where they have spoken.

Training anew on a few hundred corrections would forget every label that nobody happened to choose. So the weights stay
and a correction of them is found: the smallest one (in the sense of ridge regression) that makes the chosen labels
likely, through the model's own calibration. It is found in the space of messages, as in kernel methods: the correction
is a weighted sum of the messages themselves, so thousands of messages cost seconds. The result is a model of the same
kind, size and speed. What is known of the messages besides their texts is heeded first, so that words need not account
for what the page explains.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_array

from classifier.artifact import Arrays, Manifest, coarse_to_fine
from classifier.calibration import (
    Given,
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
from classifier.dataset import FOLDS, UNLABELLED, Corpus, Mask, Source, folds
from classifier.evaluation import figures_by_fold
from classifier.judge import Judge, seen_print
from classifier.listening import listening, new_circumstances, with_circumstances
from classifier.masking import masked
from classifier.observed import Observed
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
    """The messages as the base sees them: weighted columns, what they have in common, margins of all kinds."""

    matrix: csr_array
    alike: Floats
    margins: dict[str, Floats]
    given: Given
    heard: Heard
    """What is heard of circumstances: of those the base knows by its own tables, of new ones by tables of the folds
    that a message is not in."""

    def chances(self, blend: Mapping[str, KindBlend]) -> dict[str, Probabilities]:
        """What the uncorrected weights make of the messages."""
        return probabilities(self.margins, blend, self.given, self.heard)

    def voices(self, blend: Mapping[str, KindBlend]) -> dict[str, Floats]:
        """What the coarser kinds, as the base guesses them, and the circumstances say of each label of a kind, and the
        favour it finds."""
        guessed = self.chances(blend)
        said = {}
        for kind, values in self.margins.items():
            voice = np.zeros_like(values) + np.asarray(blend[kind].favours or 0, dtype=np.float32)
            for coarser, weight in blend[kind].coarser.items():
                voice += np.float32(weight) * voice_of_coarser(guessed[coarser], self.given[coarser, kind])
            for circumstance, weight in blend[kind].circumstances.items():
                if (kind, circumstance) in self.heard:
                    voice += np.float32(weight) * self.heard[kind, circumstance]
            said[kind] = voice
        return said


def adapt(
    manifest: Manifest,
    arrays: Arrays,
    corpus: Corpus,
    sources: Iterable[Source],
    created: str,
    step: Step = lambda _: None,
) -> Model:
    """Corrects a model by labelled messages, oldest first. ``created`` is an ISO 8601 time in UTC. Deterministic.

    Circumstances of the messages that the model does not know are taught too; what it knows of others stays.
    Figures under ``out_of_fold`` come from five corrections, each judging the fifth it had not seen; ``base`` beside
    them are those of the uncorrected model on the same messages. Raises ``DataIsWrong`` where a label is unknown to the
    model or there are fewer than twenty messages.
    """
    corpus = _in_the_models_words(manifest, _newest(corpus))
    judge = Judge(manifest, arrays)
    step("признаки")
    fold_of, observed = folds(corpus.texts), new_circumstances(manifest, corpus)
    rows = _rows_of(judge, arrays, corpus, observed.heard_unseen(corpus, fold_of))
    honest = {kind: np.zeros_like(margins) for kind, margins in rows.margins.items()}
    for fold in range(FOLDS):
        step(f"проверочная поправка {fold + 1} из {FOLDS}")
        for kind, values in _judged(rows, manifest, corpus, observed, fold_of == fold).items():
            honest[kind][fold_of == fold] = values
    step("итоговая поправка")
    every = np.ones(len(corpus.texts), dtype=np.bool_)
    blend = _blend_of(rows, manifest, corpus, observed, every)
    corrected = _corrected(judge, arrays, rows, blend, corpus)
    step("запись")
    corrected["seen"] = np.unique(np.append(arrays["seen"], [seen_print(text) for text in corpus.texts])).astype(
        np.uint32
    )
    metrics = {
        "out_of_fold": _figures(honest, corpus.numbers, fold_of),
        "base": _figures(rows.chances(manifest.blend), corpus.numbers, fold_of),
        "of_base": manifest.metrics,
    }
    provenance = {"sources": [asdict(source) for source in sources], "base": manifest.version, "adapted": True}
    heeding, corrected = with_circumstances(manifest, corrected, observed, corpus, blend)
    fresh = replace(heeding, created=created, metrics=metrics, provenance=provenance)
    return resigned(Model(fresh, corrected, honest))


def _judged(rows: _Rows, manifest: Manifest, corpus: Corpus, observed: Observed, out: Mask) -> dict[str, Probabilities]:
    """The messages left out, judged by a correction that the others have taught."""
    blend = _blend_of(rows, manifest, corpus, observed, ~out)
    voices, places = rows.voices(blend), np.flatnonzero(out)
    margins = {kind: values[out] for kind, values in rows.margins.items()}
    for kind, labels in corpus.numbers.items():
        taught = np.flatnonzero(~out & (labels != UNLABELLED))
        correction = _correction(rows, kind, blend[kind], voices[kind], labels, taught)
        margins[kind] = margins[kind] + rows.alike[np.ix_(places, taught)] @ correction
    heard = {pair: values[out] for pair, values in rows.heard.items()}
    return probabilities(margins, blend, rows.given, heard)


def _blend_of(
    rows: _Rows, manifest: Manifest, corpus: Corpus, observed: Observed, taught: Mask
) -> dict[str, KindBlend]:
    """The blend of the model with weights for the new circumstances, coarse kinds first, as these messages want it."""
    blend = dict(manifest.blend)
    if not observed.names:
        return blend
    for kind in coarse_to_fine(corpus.names):
        labels = corpus.numbers[kind]
        known = taught & (labels != UNLABELLED)
        own = scores(rows.margins[kind][known], blend[kind].sigmoid) + rows.voices(blend)[kind][known]
        heard = {name: rows.heard[kind, name][known] for name in observed.names}
        blend[kind] = listening(blend[kind], own, heard, labels[known])
    return blend


def _newest(corpus: Corpus) -> Corpus:
    count = len(corpus.texts)
    return corpus if count <= MOST_ROWS else corpus.where(np.arange(count) >= count - MOST_ROWS)


def _in_the_models_words(manifest: Manifest, corpus: Corpus) -> Corpus:
    """The messages with the model's own labels and their numbers; kinds without any label are left out."""
    numbers = {}
    for kind, names in corpus.names.items():
        places = {name: place for place, name in enumerate(manifest.labels.get(kind, []))}
        strange = [name for name in names if name not in places]
        if strange:
            raise DataIsWrong(f"Метки «{strange[0]}» ({kind}) модель не знает: новым меткам учит train, а не поправка.")
        of_names = np.array([places[name] for name in names] + [UNLABELLED], dtype=np.int64)
        if (corpus.numbers[kind] != UNLABELLED).any():
            numbers[kind] = of_names[corpus.numbers[kind]]
    known = max((int((labels != UNLABELLED).sum()) for labels in numbers.values()), default=0)
    if known < LEAST_ROWS:
        raise DataIsWrong(f"Размеченных сообщений {known}, нужно хотя бы {LEAST_ROWS}.")
    return replace(corpus, names={kind: manifest.labels[kind] for kind in numbers}, numbers=numbers)


def _rows_of(judge: Judge, arrays: Arrays, corpus: Corpus, new: Heard) -> _Rows:
    words, letters = judge.word_weights(), judge.letters.dense()
    matrix = judge.rows_of([masked(text) for text in corpus.texts])
    total = matrix[:, : len(words)] @ words + matrix[:, len(words) :] @ letters + arrays["intercepts"]
    margins = {kind: np.asarray(total[:, place], dtype=np.float32) for kind, place in judge.columns.items()}
    alike = np.asarray((matrix @ matrix.T).todense(), dtype=np.float32) + np.float32(BIAS)
    heard = judge.circumstances.heard(corpus.known) if corpus.known else {}
    return _Rows(matrix, alike, margins, judge.given, {**heard, **new})


def _correction(rows: _Rows, kind: str, blend: KindBlend, voices: Floats, labels: Labels, taught: Labels) -> Floats:
    """How much of each taught message each label's weights get: message × label."""
    count, width = len(taught), rows.margins[kind].shape[1]
    alike = rows.alike[np.ix_(taught, taught)]
    margins, voices, labels = rows.margins[kind][taught], voices[taught], labels[taught]
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


def _corrected(judge: Judge, arrays: Arrays, rows: _Rows, blend: Mapping[str, KindBlend], corpus: Corpus) -> Arrays:
    """The arrays with corrected weights, in eight bits again."""
    words, letters = judge.word_weights().copy(), judge.letters.dense().copy()
    intercepts = arrays["intercepts"].copy()
    voices = rows.voices(blend)
    for kind, labels in corpus.numbers.items():
        taught = np.flatnonzero(labels != UNLABELLED)
        parts = _correction(rows, kind, blend[kind], voices[kind], labels, taught)
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
