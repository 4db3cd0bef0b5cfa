"""What a message is about, who answers for it, and whether it is an appeal at all. Needs no scikit-learn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

from classifier import calibration
from classifier.artifact import Arrays, Manifest, given_name, read_artifact
from classifier.calibration import Probabilities
from classifier.circumstances import Circumstances, Known, Witness
from classifier.features import Batch, Vocabulary, counted, ngrams, read
from classifier.letters import LetterScores, LetterVocabulary
from classifier.normalise import fingerprint, lowered, spans

STARTER: Final = Path(__file__).parent / "starter" / "model.npz"
GUESSES: Final = 5
EVIDENCE: Final = 8
BATCH: Final = 256
APPEAL_ARRAYS: Final = ("appeal_buckets", "appeal_idf", "appeal_weights", "abuse_weights")


@dataclass(frozen=True, slots=True)
class Chances:
    """All probabilities of a batch, a row a message."""

    appeal: Probabilities
    abuse: Probabilities
    labels: dict[str, Probabilities]
    """Of each kind, every label in the order of the manifest."""

    @classmethod
    def joined(cls, parts: Sequence["Chances"]) -> "Chances":
        """One after the other."""
        labels = {kind: np.concatenate([part.labels[kind] for part in parts]) for kind in parts[0].labels}
        appeal, abuse = ([getattr(part, name) for part in parts] for name in ("appeal", "abuse"))
        return cls(np.concatenate(appeal), np.concatenate(abuse), labels)


class Guess(NamedTuple):
    """A label and the calibrated probability that it is the right one."""

    label: str
    probability: float


_guess = partial(tuple.__new__, Guess)
"""A guess of its two values, as ``Guess._make`` but without a Python call: fifteen are made a message."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of one message; guesses best first, up to five of each kind of labels."""

    appeal_probability: float
    labels: Mapping[str, tuple[Guess, ...]] = field(default_factory=dict)
    abuse_probability: float = 0.0

    @property
    def topic_group(self) -> tuple[Guess, ...]:
        """Empty where the model knows no groups of topics."""
        return self.labels.get("topic_group", ())

    @property
    def topic(self) -> tuple[Guess, ...]:
        """Empty where the model knows no topics."""
        return self.labels.get("topic", ())

    @property
    def agency(self) -> tuple[Guess, ...]:
        """Empty where the model knows no agencies."""
        return self.labels.get("agency", ())


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
        self.kinds = manifest.kinds
        self.vocabulary = Vocabulary(arrays["word_buckets"], arrays["word_idf"])
        self._words = np.multiply(arrays["word_weights"], arrays["word_scales"], order="C")  # a row is what one needs
        letters = LetterVocabulary(arrays["letter_buckets"], arrays["letter_idf"])
        self.letters = LetterScores(letters, arrays["letter_weights"], arrays["letter_scales"])
        self._intercepts = arrays["intercepts"]
        self._appeal_vocabulary = Vocabulary(arrays["appeal_buckets"], arrays["appeal_idf"])
        self._appeal_weights = np.column_stack([arrays["appeal_weights"], arrays["abuse_weights"]])
        self.given = {
            (coarse, fine): arrays[given_name(self.kinds, coarse, fine)]
            for place, coarse in enumerate(self.kinds)
            for fine in self.kinds[place + 1 :]
        }
        self.circumstances = Circumstances.of(manifest, arrays)
        self._seen = arrays["seen"]
        self.appeal_arrays = {name: arrays[name] for name in APPEAL_ARRAYS}
        self.columns = dict(_slices(manifest))

    @classmethod
    def load(cls, path: Path | None = None) -> "Judge":
        """Reads a model file or folder; None: the starter model beside the package. Raises ``ArtifactRejected``."""
        return cls(*read_artifact(STARTER if path is None else path))

    def judge(self, texts: Sequence[str], known: Sequence[Known] | None = None) -> list[Judgement]:
        """Judges messages in batches; any text gives a judgement.

        ``known`` are the circumstances of each message; those the model does not know change nothing.
        Raises ``ValueError`` where they are not as many as the texts.
        """
        heeded = self._heeded(texts, known)
        judged: list[Judgement] = []
        for start in range(0, len(texts), BATCH):
            judged += self.spoken(self._batch(texts[start : start + BATCH], heeded[start : start + BATCH]))
        return judged

    def spoken(self, chances: Chances) -> Iterator[Judgement]:
        """Puts probabilities, row by row, into words."""
        best = [_best(self.manifest.labels[kind], chances.labels[kind]) for kind in self.kinds]
        for appeal, abuse, *guesses in zip(chances.appeal.tolist(), chances.abuse.tolist(), *best, strict=True):
            yield Judgement(appeal, dict(zip(self.kinds, guesses, strict=True)), abuse)

    def chances(self, texts: Sequence[str], known: Sequence[Known] | None = None) -> Chances:
        """All probabilities: of being an appeal, of abuse, and of every label. ``known`` as in :meth:`judge`."""
        heeded = self._heeded(texts, known)
        starts = range(0, max(len(texts), 1), BATCH)
        return Chances.joined([self._batch(texts[at : at + BATCH], heeded[at : at + BATCH]) for at in starts])

    def _heeded(self, texts: Sequence[str], known: Sequence[Known] | None) -> Sequence[Known]:
        """What is known of the messages, as far as the model heeds it."""
        if known is not None and len(known) != len(texts):
            raise ValueError(f"{len(texts)} messages, but something is known of {len(known)}")
        return known if known and self.circumstances.logs else ()

    def rows_of(self, texts: Sequence[str]) -> csr_array:
        """Messages as rows of all weighted columns: those of :meth:`word_weights`, then those of the letters."""
        batch = read(texts)
        words = self.vocabulary.weigh(counted(ngrams(batch))).sparse(len(self._words))
        letters = self.letters.vocabulary.transform(batch)[:, : self.letters.size]
        return csr_array(hstack([words, letters], format="csr"))

    def word_weights(self) -> npt.NDArray[np.float32]:
        """What each weighted column of the vocabulary adds to each label."""
        return np.asarray(self._words)

    def _batch(self, texts: Sequence[str], known: Sequence[Known] = ()) -> Chances:
        batch = read(texts)
        counts = counted(ngrams(batch))
        scores = self.vocabulary.weigh(counts).times_table(self._words) + self._intercepts
        scores += self.letters.of_messages(batch)
        margins = {kind: scores[:, self.columns[kind]] for kind in self.kinds}
        heard = self.circumstances.heard(known) if known else {}
        labels = calibration.probabilities(margins, self.manifest.blend, self.given, heard)
        talk = self._appeal_vocabulary.weigh(counts).times_table(self._appeal_weights)
        appeal = calibration.appeal_probability(talk[:, 0], self.manifest.appeal)
        return Chances(appeal, calibration.appeal_probability(talk[:, 1], self.manifest.abuse), labels)

    def has_seen(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of these messages taught the model, by their fingerprints."""
        return np.isin(np.array([seen_print(text) for text in texts], dtype=np.uint32), self._seen)

    def share_seen(self, texts: Sequence[str]) -> float:
        """The share of these messages that taught the model."""
        return float(self.has_seen(texts).mean()) if len(texts) else 0.0

    def explain(self, text: str, kind: str, label: str) -> list[Evidence]:
        """The at most eight words that drove the label most, strongest first; only those that spoke for it.

        Raises ``KeyError`` for a kind or a label the model does not know.
        """
        names = self.manifest.labels[kind]
        if label not in names:
            raise KeyError(label)
        strengths = self._strengths(read([text]), self.columns[kind].start + names.index(label))
        strongest = [int(token) for token in np.argsort(-strengths, kind="stable")[:EVIDENCE] if strengths[token] > 0]
        places = list(spans(lowered(text)))
        total = float(strengths[strengths > 0].sum())
        return [Evidence(*places[token], float(strengths[token]) / total) for token in strongest]

    def witnesses(self, known: Known, kind: str, label: str) -> list[Witness]:
        """The circumstances that made the label likelier noticeably, strongest first.

        Raises ``KeyError`` for a kind or a label the model does not know.
        """
        names = self.manifest.labels[kind]
        if label not in names:
            raise KeyError(label)
        return self.circumstances.witnesses(known, kind, names.index(label))

    def _strengths(self, batch: Batch, label: int) -> npt.NDArray[np.float64]:
        """Of each token what it adds to the margin: each n-gram gives half to its first and half to its last token."""
        grams = ngrams(batch)
        matrix = self.vocabulary.weigh(counted(grams))
        weight = np.zeros(self.vocabulary.size + 1)  # the last, 0, stands for unknown n-grams (column -1)
        known = matrix.columns < len(self._words)
        columns = matrix.columns[known]
        weight[columns] = matrix.values[known] / matrix.times[known] * self._words[columns, label]
        half = weight[self.vocabulary.columns(grams.buckets)] / 2
        tokens = len(batch.places)
        by_stems = np.bincount(grams.first, half, tokens) + np.bincount(grams.last, half, tokens)
        return np.asarray(by_stems + self.letters.of_tokens(batch, label))


def seen_print(text: str) -> int:
    """32 bits that equal messages share: enough to notice a message again, too few to tell what it said."""
    return int(fingerprint(text, "seen ") * 2**32)


def _slices(manifest: Manifest) -> Iterator[tuple[str, slice]]:
    start = 0
    for kind in manifest.kinds:
        end = start + len(manifest.labels[kind])
        yield kind, slice(start, end)
        start = end


def _best(names: list[str], values: Probabilities) -> list[tuple[Guess, ...]]:
    likely = np.argpartition(-values, min(GUESSES, len(names) - 1), axis=1)[:, :GUESSES]
    rows = np.arange(len(values))[:, None]
    ordered = likely[rows, np.argsort(-values[rows, likely], axis=1, kind="stable")]
    chosen = zip(map(names.__getitem__, ordered.ravel().tolist()), values[rows, ordered].ravel().tolist(), strict=True)
    guesses = map(_guess, chosen)
    return list(zip(*[guesses] * ordered.shape[1], strict=True))
