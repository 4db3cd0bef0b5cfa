"""Hashed n-grams of stems and letters, weighted by TF-IDF. Nothing here keeps a word: only numbers of buckets.

Stems, their pairs and pairs over one stem are counted message by message. Letters are counted word by word, and a
message is the sum of its words: a word seen before costs nothing again (see :mod:`classifier.letters`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from classifier.keys import Integers, Keys, letter_keys, stem_keys
from classifier.normalise import lowered, pieces

Floats = npt.NDArray[np.float32]

BUCKET_BITS: Final = 20
BLOCK_WEIGHTS: Final = np.array([1.0, 0.4], dtype=np.float32)
"""Of the blocks: stems and their pairs · pairs over one stem. Each block first gets length 1."""
LETTERS_WEIGHT: Final = 1.0
WORDS, SKIPS, LETTERS = range(3)
BLOCKS: Final = len(BLOCK_WEIGHTS)

_BATCH_BITS: Final = BUCKET_BITS + 2  # bits of a bucket in "message and bucket"
_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))  # from splitmix64 and xxHash: well mixed
_HALF = np.uint64(32)
_DOWN = np.uint64(64 - BUCKET_BITS)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages cut into words."""

    texts: int
    rows: Integers
    """Of each token, in order, the message it stands in."""
    places: Integers
    """Of each token the number of its word."""
    words: list[str]
    """The different words, in lower case."""


def read(texts: Sequence[str]) -> Batch:
    """Cuts messages into words."""
    tokens = [pieces(lowered(text)) for text in texts]
    flat = list(chain.from_iterable(tokens))
    words = {word: place for place, word in enumerate(dict.fromkeys(flat))}
    places = np.fromiter(map(words.__getitem__, flat), dtype=np.int64, count=len(flat))
    return Batch(len(texts), np.repeat(np.arange(len(texts)), [len(row) for row in tokens]), places, list(words))


@dataclass(frozen=True, slots=True)
class NGrams:
    """All n-grams of stems of a batch: the bucket of each and its first and last token, counted through the batch."""

    buckets: Integers
    first: Integers
    last: Integers
    rows: Integers
    """Of each n-gram, the message it stands in."""
    texts: int


def ngrams(batch: Batch) -> NGrams:
    """The n-grams of stems. The same everywhere and always: no randomised hash."""
    stems = stem_keys(batch.words)[batch.places]
    row_of, place = batch.rows, np.arange(len(stems))
    pair = place[:-1][row_of[:-1] == row_of[1:]]
    skip = place[:-2][row_of[:-2] == row_of[2:]]
    first = np.concatenate([place, pair, skip])
    last = np.concatenate([place, pair + 1, skip + 2])
    buckets = np.concatenate([
        _bucket(stems, WORDS),
        _bucket(_pair(stems[pair], stems[pair + 1]), WORDS),
        _bucket(_pair(stems[skip], stems[skip + 2]), SKIPS),
    ])  # fmt: skip
    return NGrams(buckets, first, last, row_of[first], batch.texts)


def letter_buckets(words: Sequence[str]) -> tuple[Integers, Integers]:
    """Buckets of all runs of letters of the words, and of each run the number of its word."""
    keys, owners = letter_keys(words)
    return _bucket(keys, LETTERS), owners


def signature() -> str:
    """Changes whenever this program would compute other features: a model belongs to one signature."""
    probe = read(["Ёлки! На ул. Мира, 5 нет воды: звоните +7 912 345-67-89 или vk.com/id1, [id1|Имя]"])
    letters, owners = letter_buckets(probe.words)
    weights = [*BLOCK_WEIGHTS.tolist(), LETTERS_WEIGHT]
    numbers = [*ngrams(probe).buckets.tolist(), *letters.tolist(), *owners.tolist(), *weights]
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def _pair(left: Keys, right: Keys) -> Keys:
    folded: Keys = right ^ (right >> _HALF)
    mixed: Keys = np.add(left * _ODD[0], folded * _ODD[1])
    return mixed ^ (mixed >> _HALF)


def _bucket(keys: Keys, block: int) -> Integers:
    return ((keys * _ODD[0]) >> _DOWN).astype(np.int64) + (block << BUCKET_BITS)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many times each bucket was met in each message, ordered by message."""

    rows: Integers
    buckets: Integers
    times: Integers
    texts: int


def counted(grams: NGrams) -> Counts:
    """Counts the n-grams of a batch, once for all vocabularies."""
    cells, times = np.unique((grams.rows << _BATCH_BITS) | grams.buckets, return_counts=True)
    return Counts(cells >> _BATCH_BITS, cells & ((1 << _BATCH_BITS) - 1), times, grams.texts)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Messages as rows of TF-IDF values, ordered by message; ``times`` before weighting."""

    rows: Integers
    columns: Integers
    values: Floats
    times: Integers
    texts: int

    def sparse(self, width: int) -> csr_array:
        """The first so many columns as a sparse matrix."""
        kept = self.columns < width
        starts = np.searchsorted(self.rows[kept], np.arange(self.texts + 1)).astype(np.int32)
        columns = self.columns[kept].astype(np.int32)  # scikit-learn takes no other
        return csr_array((self.values[kept], columns, starts), shape=(self.texts, width))

    def times_table(self, table: Floats) -> Floats:
        """The product with the first so many columns' weights. One message needs no matrix: building it costs more."""
        if self.texts != 1:
            return np.asarray(self.sparse(len(table)) @ table)
        kept = self.columns < len(table)
        return np.asarray(self.values[kept] @ table[self.columns[kept]])[None]


class Vocabulary:
    """The buckets of stems that count, one column each, with their inverse document frequencies."""

    def __init__(self, buckets: npt.NDArray[np.uint32], idf: Floats) -> None:
        self.buckets = buckets
        self.idf = idf
        self.size = len(buckets)
        self._block = (buckets >> BUCKET_BITS).astype(np.int64)
        self._column = np.full(BLOCKS << BUCKET_BITS, -1, dtype=np.int32)
        self._column[buckets] = np.arange(self.size, dtype=np.int32)

    @classmethod
    def of(cls, counts: Counts, min_texts: Sequence[int | None]) -> "Vocabulary":
        """The buckets met in at least so many messages, by block (None: no column at all); idf as in scikit-learn."""
        texts = np.bincount(counts.buckets, minlength=BLOCKS << BUCKET_BITS)
        least = [counts.texts + 1 if number is None else number for number in min_texts]
        buckets = np.flatnonzero(texts >= np.repeat(least, 1 << BUCKET_BITS)).astype(np.uint32)
        return cls(buckets, rarity(texts[buckets], counts.texts))

    def columns(self, buckets: Integers) -> Integers:
        """The column of each bucket, -1 where it does not count."""
        return self._column[buckets].astype(np.int64)

    def weigh(self, counts: Counts) -> Matrix:
        """1 + ln(times), times idf, each block of a message scaled to its length in :data:`BLOCK_WEIGHTS`."""
        columns = self.columns(counts.buckets)
        known = columns >= 0
        rows, columns, times = counts.rows[known], columns[known], counts.times[known]
        values = (1 + np.log(times)) * self.idf[columns]
        blocks = self._block[columns]
        part = rows * BLOCKS + blocks
        length = np.sqrt(np.bincount(part, values**2))
        scaled = (values * BLOCK_WEIGHTS[blocks] / length[part]).astype(np.float32)
        return Matrix(rows, columns, scaled, times, counts.texts)

    def transform(self, counts: Counts) -> csr_array:
        """The messages as a sparse matrix of all columns."""
        return self.weigh(counts).sparse(self.size)


def rarity(texts_with: npt.NDArray[np.integer], texts: int) -> Floats:
    """Inverse document frequency as scikit-learn smooths it."""
    return np.asarray(np.log((1 + texts) / (1 + texts_with)) + 1, dtype=np.float32)
