"""Letters in a row, counted word by word: a message is the sum of its words, scaled to a fixed length.

The length is that of words standing at right angles, √Σ (weight · length)², so a word's share depends on no other word
and its scores can be kept. Measured: as good as counting letters through the whole
message; a word met before costs one look-up.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

from classifier.features import BUCKET_BITS, LETTERS, LETTERS_WEIGHT, Batch, Floats, letter_buckets, rarity

CACHED_WORDS: Final = 1 << 15
"""Words whose scores are kept: 30 MB with two hundred labels."""
CHUNK: Final = 1 << 13
"""Words scored at a time: bounds the memory that a message of strange words can take."""


class LetterVocabulary:
    """The buckets of letters that count, one column each, with their inverse document frequencies."""

    def __init__(self, buckets: npt.NDArray[np.uint32], idf: Floats) -> None:
        self.buckets = buckets
        self.idf = idf
        self.size = len(buckets)
        self._column = np.full(1 << BUCKET_BITS, -1, dtype=np.int32)
        self._column[buckets.astype(np.int64) - (LETTERS << BUCKET_BITS)] = np.arange(self.size, dtype=np.int32)

    @classmethod
    def of(cls, batch: Batch, min_texts: int) -> "LetterVocabulary":
        """The buckets met in at least so many messages."""
        buckets, owners = letter_buckets(batch.words)
        met, columns = np.unique(buckets, return_inverse=True)
        of_words = csr_array((np.ones(len(owners)), (owners, columns)), shape=(len(batch.words), len(met)))
        in_texts = csr_array(times_of_words(batch) @ of_words)
        texts = np.bincount(in_texts.indices, minlength=len(met))
        kept = texts >= min_texts
        return cls(met[kept].astype(np.uint32), rarity(texts[kept], batch.texts))

    def of_words(self, words: Sequence[str]) -> csr_array:
        """Words as rows of 1 + ln(times), times idf."""
        buckets, owners = letter_buckets(words)
        columns = self._column[buckets - (LETTERS << BUCKET_BITS)]
        known = columns >= 0
        cells = owners[known] * max(self.size, 1) + columns[known]
        unique, times = np.unique(cells, return_counts=True)
        rows, columns = np.divmod(unique, max(self.size, 1))
        values = ((1 + np.log(times)) * self.idf[columns]).astype(np.float32)
        starts = np.searchsorted(rows, np.arange(len(words) + 1)).astype(np.int32)
        return csr_array((values, columns.astype(np.int32), starts), shape=(len(words), self.size))

    def transform(self, batch: Batch) -> csr_array:
        """The messages as a sparse matrix of all columns."""
        words, spread = self.of_words(batch.words), spread_of_words(batch)
        lengths = np.sqrt(squares(spread) @ squares(words).sum(axis=1))
        scale = LETTERS_WEIGHT / np.where(lengths > 0, lengths, 1)
        return csr_array(diags_array(scale) @ spread @ words)


def times_of_words(batch: Batch) -> csr_array:
    """How many times each word stands in each message."""
    cells, times = np.unique(batch.rows * max(len(batch.words), 1) + batch.places, return_counts=True)
    rows, words = np.divmod(cells, max(len(batch.words), 1))
    starts = np.searchsorted(rows, np.arange(batch.texts + 1)).astype(np.int32)
    shape = (batch.texts, len(batch.words))
    return csr_array((times.astype(np.float32), words.astype(np.int32), starts), shape=shape)


def spread_of_words(batch: Batch) -> csr_array:
    """1 + ln(times) of each word in each message."""
    spread = times_of_words(batch)
    spread.data = 1 + np.log(spread.data)
    return spread


def spread_of_tokens(batch: Batch) -> Floats:
    """1 + ln(times) of each word of a batch of one message."""
    times = np.bincount(batch.places, minlength=len(batch.words))
    return np.asarray(1 + np.log(times), dtype=np.float32)


def squares(matrix: csr_array) -> csr_array:
    """Each value squared."""
    return csr_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)


class LetterScores:
    """What the letters of each word add to each label; words met before are looked up. Threads may share it."""

    def __init__(self, vocabulary: LetterVocabulary, weights: npt.NDArray[np.int8], scales: Floats) -> None:
        self.vocabulary = vocabulary
        self._weights = weights
        self.size = len(weights)
        self.scales = scales
        self._table = np.zeros((CACHED_WORDS, len(scales) + 1), dtype=np.float32)
        self._place: dict[str, int] = {}
        self._word_at = [""] * CACHED_WORDS
        self._next = 0
        self._lock = Lock()

    def of_messages(self, batch: Batch) -> Floats:
        """Message × label: the letters' part of the margins."""
        total = self._of_one(batch) if batch.texts == 1 else self._of_many(batch)
        length = np.sqrt(total[:, -1:])
        return np.asarray(total[:, :-1] * (LETTERS_WEIGHT / np.where(length > 0, length, 1)), dtype=np.float32)

    def _of_one(self, batch: Batch) -> Floats:
        """One message needs no matrix: building it costs more than the product. Last the square of the length."""
        spread = spread_of_tokens(batch)
        total = np.zeros((1, len(self.scales) + 1), dtype=np.float32)
        for start in range(0, len(spread), CHUNK):
            part = spread[start : start + CHUNK]
            scores = self.of_words(batch.words[start : start + CHUNK])
            total[0, :-1] += part @ scores[:, :-1]
            total[0, -1] += part**2 @ scores[:, -1]
        return total

    def _of_many(self, batch: Batch) -> Floats:
        """As of one, a row a message."""
        spread = spread_of_words(batch)
        total = np.zeros((batch.texts, len(self.scales) + 1), dtype=np.float32)
        for start in range(0, len(batch.words), CHUNK):
            end = min(start + CHUNK, len(batch.words))
            part = spread if end - start == len(batch.words) else csr_array(spread[:, start:end])
            scores = self.of_words(batch.words[start:end])
            total[:, :-1] += part @ scores[:, :-1]
            total[:, -1] += squares(part) @ scores[:, -1]
        return total

    def of_words(self, words: Sequence[str]) -> Floats:
        """Word × label, and last the square of the word's length. The words differ."""
        scores = np.empty((len(words), self._table.shape[1]), dtype=np.float32)
        with self._lock:
            places = np.array([self._place.get(word, -1) for word in words], dtype=np.int64)
            known = places >= 0
            scores[known] = self._table[places[known]]
        fresh = np.flatnonzero(~known).tolist()
        if fresh:
            new = [words[at] for at in fresh]
            scores[fresh] = self._computed(new)
            self._keep(new, scores[fresh])
        return scores

    def _keep(self, words: Sequence[str], scores: Floats) -> None:
        """In place of what was kept first. Another thread may have kept some of the words meanwhile."""
        with self._lock:
            kept = [number for number, word in enumerate(words) if word not in self._place]
            places = (self._next + np.arange(len(kept))) % len(self._table)
            self._table[places] = scores[kept]
            for place, number in zip(places.tolist(), kept, strict=True):
                self._place.pop(self._word_at[place], None)
                self._place[words[number]], self._word_at[place] = place, words[number]
            self._next = (self._next + len(kept)) % len(self._table)

    def of_tokens(self, batch: Batch, label: int) -> npt.NDArray[np.float64]:
        """What each token of one message adds to a label: a word that stands twice shares what it adds."""
        times = np.bincount(batch.places, minlength=len(batch.words))
        spread = spread_of_tokens(batch)
        scores, square = np.zeros(len(times)), 0.0
        for start in range(0, len(batch.words), CHUNK):
            part = slice(start, start + CHUNK)
            found = self.of_words(batch.words[part])
            scores[part] = found[:, label] * spread[part] / times[part]
            square += float(spread[part] ** 2 @ found[:, -1])
        return np.asarray(scores[batch.places] * (LETTERS_WEIGHT / np.sqrt(square) if square else 0.0))

    def _computed(self, words: Sequence[str]) -> Floats:
        """Only the rows of weights that these words touch are made floats."""
        rows = self.vocabulary.of_words(words)
        weighted = rows.indices < len(self._weights)
        touched, columns = np.unique(rows.indices[weighted], return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(weighted)])[rows.indptr]
        some = csr_array((rows.data[weighted], columns, starts), shape=(len(words), len(touched)))
        scores = (some @ self._weights[touched].astype(np.float32)) * self.scales
        return np.column_stack([scores, squares(rows).sum(axis=1)]).astype(np.float32)

    def dense(self) -> Floats:
        """The weights of all weighted columns."""
        return np.asarray(self._weights * self.scales, dtype=np.float32)
