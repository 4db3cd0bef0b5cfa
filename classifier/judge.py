"""What a message is about, who answers for it, and whether it is an appeal at all. Needs no scikit-learn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from classifier import calibration
from classifier.artifact import Arrays, Manifest, read_artifact
from classifier.calibration import Probabilities
from classifier.dataset import LABEL_KINDS, LabelKind
from classifier.features import NGrams, Vocabulary, counted, ngrams
from classifier.normalise import spans

STARTER: Final = Path(__file__).parent / "starter" / "model.npz"
GUESSES: Final = 5
EVIDENCE: Final = 8
BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Guess:
    """A label and the calibrated probability that it is the right one."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one message; guesses best first, up to five of each kind."""

    appeal_probability: float
    topic_group: tuple[Guess, ...]
    topic: tuple[Guess, ...]
    agency: tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word that spoke for a label: its place in the original text and its share of all that spoke for it."""

    start: int
    end: int
    weight: float


class Judge:
    """A loaded model. Never changes after loading, so threads may share it."""

    def __init__(self, manifest: Manifest, arrays: Arrays) -> None:
        self.manifest = manifest
        self.version = manifest.version
        self._vocabulary = Vocabulary(arrays["label_buckets"], arrays["label_idf"])
        self._weights = arrays["label_weights"] * arrays["label_scales"]
        self._intercepts = arrays["label_intercepts"]
        self._agency_given_topic = arrays["agency_given_topic"]
        self._appeal_vocabulary = Vocabulary(arrays["appeal_buckets"], arrays["appeal_idf"])
        self._appeal_weights = arrays["appeal_weights"]
        groups = manifest.labels["topic_group"]
        self._group_of_topic = np.array(
            [groups.index(manifest.topic_to_group[topic]) for topic in manifest.labels["topic"]]
        )
        self._columns = dict(_slices(manifest))

    @classmethod
    def load(cls, path: Path | None = None) -> "Judge":
        """Reads a model file; None: the starter model beside the package. Raises ``ArtifactRejected``."""
        return cls(*read_artifact(STARTER if path is None else path))

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """Judges messages in batches; any text gives a judgement."""
        judged: list[Judgement] = []
        for start in range(0, len(texts), BATCH):
            appeal, labels = self._batch(texts[start : start + BATCH])
            best = (_best(self.manifest.labels[kind], labels[kind]) for kind in ("topic_group", "topic", "agency"))
            judged += map(Judgement, appeal.tolist(), *best)
        return judged

    def probabilities_of(self, texts: Sequence[str]) -> tuple[Probabilities, dict[LabelKind, Probabilities]]:
        """All probabilities: of being an appeal, and of every label in the order of the manifest."""
        batches = [self._batch(texts[start : start + BATCH]) for start in range(0, max(len(texts), 1), BATCH)]
        labels = {kind: np.concatenate([batch[1][kind] for batch in batches]) for kind in LABEL_KINDS}
        return np.concatenate([batch[0] for batch in batches]), labels

    def _batch(self, texts: Sequence[str]) -> tuple[Probabilities, dict[LabelKind, Probabilities]]:
        counts = counted(ngrams(texts))
        scores = self._vocabulary.transform(counts, len(self._weights)) @ self._weights + self._intercepts
        margins: dict[LabelKind, Probabilities] = {kind: scores[:, columns] for kind, columns in self._columns.items()}
        labels = calibration.probabilities(margins, self.manifest.blend, self._group_of_topic, self._agency_given_topic)
        score = self._appeal_vocabulary.transform(counts) @ self._appeal_weights
        return calibration.appeal_probability(score, self.manifest.appeal), labels

    def explain(self, text: str, label_kind: LabelKind, label: str) -> list[Evidence]:
        """The at most eight words that drove the label most, strongest first; only those that spoke for it.

        Raises ``KeyError`` for a label the model does not know.
        """
        names = self.manifest.labels[label_kind]
        if label not in names:
            raise KeyError(label)
        strengths = self._strengths(ngrams([text]), self._columns[label_kind].start + names.index(label))
        strongest = [int(token) for token in np.argsort(-strengths, kind="stable")[:EVIDENCE] if strengths[token] > 0]
        places = list(spans(text))
        total = float(strengths[strengths > 0].sum())
        return [Evidence(*places[token], float(strengths[token]) / total) for token in strongest]

    def _strengths(self, grams: NGrams, label: int) -> npt.NDArray[np.float64]:
        """Of each token what it adds to the margin: each n-gram gives half to its first and half to its last token."""
        matrix = self._vocabulary.weigh(counted(grams))
        weight = np.zeros(self._vocabulary.size + 1)  # the last, 0, stands for unknown n-grams (column -1)
        known = matrix.columns < len(self._weights)
        columns = matrix.columns[known]
        weight[columns] = matrix.values[known] / matrix.times[known] * self._weights[columns, label]
        half = weight[self._vocabulary.columns(grams.buckets)] / 2
        tokens = int(grams.last.max(initial=-1)) + 1
        return np.asarray(np.bincount(grams.first, half, tokens) + np.bincount(grams.last, half, tokens))


def _slices(manifest: Manifest) -> Iterator[tuple[LabelKind, slice]]:
    start = 0
    for kind in LABEL_KINDS:
        end = start + len(manifest.labels[kind])
        yield kind, slice(start, end)
        start = end


def _best(names: list[str], values: Probabilities) -> list[tuple[Guess, ...]]:
    order = np.argsort(-values, axis=1, kind="stable")[:, :GUESSES]
    chances = np.take_along_axis(values, order, axis=1).tolist()
    return [
        tuple(map(Guess, map(names.__getitem__, row), row_chances))
        for row, row_chances in zip(order.tolist(), chances, strict=True)
    ]
