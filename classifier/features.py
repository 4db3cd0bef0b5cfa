"""Hashed n-grams of stems and prefixes, weighted by TF-IDF. Nothing here keeps a word: only numbers of buckets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt
import Stemmer
from scipy.sparse import csr_array

from classifier.normalise import pieces, token

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

BUCKET_BITS: Final = 20
BLOCK_WEIGHTS: Final = np.array([1.0, 0.4, 0.4], dtype=np.float32)
"""Weights of the blocks: stems and pairs of stems · pairs over one stem · prefixes. Each block has its own length 1."""
WORDS, SKIPS, PREFIXES = range(3)
BLOCKS: Final = len(BLOCK_WEIGHTS)
BUCKETS: Final = BLOCKS << BUCKET_BITS

_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))  # from splitmix64 and xxHash: well mixed
_HALF = np.uint64(32)
_DOWN = np.uint64(64 - BUCKET_BITS)

_stemmer = Stemmer.Stemmer("russian", 0)
_stemmer_lock = Lock()  # a stemmer works in its own buffer


@dataclass(frozen=True, slots=True)
class NGrams:
    """All n-grams of a batch: the bucket of each and its first and last token, counted through the whole batch."""

    buckets: Integers
    first: Integers
    last: Integers
    rows: Integers
    """Of each n-gram, the message it stands in."""
    texts: int


@lru_cache(maxsize=1 << 17)
def _word_keys(piece: str) -> bytes:
    """Three 64-bit keys of a piece: its stem, its first four letters, its first six (0 where it has not so many)."""
    word = token(piece)
    with _stemmer_lock:
        stem = _stemmer.stemWord(word)
    return _key(stem) + _key(word[:4]) + (_key(word[:6]) if len(word) > 5 else bytes(8))


def _key(word: str) -> bytes:
    return hashlib.blake2b(word.encode(), digest_size=8).digest()


def ngrams(texts: Sequence[str]) -> NGrams:
    """The n-grams of messages. The same everywhere and always: no randomised hash."""
    tokens = [pieces(text) for text in texts]
    keys = np.frombuffer(b"".join(map(_word_keys, chain.from_iterable(tokens))), dtype="<u8").reshape(-1, 3)
    row_of = np.repeat(np.arange(len(texts)), [len(row) for row in tokens])
    stems, short, long = keys.T
    place = np.arange(len(keys))
    pair = place[:-1][row_of[:-1] == row_of[1:]]
    skip = place[:-2][row_of[:-2] == row_of[2:]]
    six = place[long != 0]
    first = np.concatenate([place, pair, skip, place, six])
    last = np.concatenate([place, pair + 1, skip + 2, place, six])
    buckets = np.concatenate(
        [
            _bucket(stems, WORDS),
            _bucket(_pair(stems[pair], stems[pair + 1]), WORDS),
            _bucket(_pair(stems[skip], stems[skip + 2]), SKIPS),
            _bucket(short, PREFIXES),
            _bucket(long[six], PREFIXES),
        ]
    )
    return NGrams(buckets, first, last, row_of[first], len(texts))


def _pair(left: Keys, right: Keys) -> Keys:
    folded: Keys = right ^ (right >> _HALF)
    mixed: Keys = np.add(left * _ODD[0], folded * _ODD[1])
    return mixed ^ (mixed >> _HALF)


def _bucket(keys: Keys, block: int) -> Integers:
    return ((keys * _ODD[0]) >> _DOWN).astype(np.int64) + (block << BUCKET_BITS)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Messages as rows of TF-IDF values, in the order of rows and columns; ``counts`` before weighting."""

    rows: Integers
    columns: Integers
    values: Floats
    counts: Integers


class Vocabulary:
    """The buckets that count, one column each, with their inverse document frequencies."""

    def __init__(self, buckets: npt.NDArray[np.uint32], idf: Floats) -> None:
        self.buckets = buckets
        self.idf = idf
        self.size = len(buckets)
        self._block = (buckets >> BUCKET_BITS).astype(np.int64)
        self._column = np.full(BUCKETS, -1, dtype=np.int32)
        self._column[buckets] = np.arange(self.size, dtype=np.int32)

    @classmethod
    def of(cls, grams: NGrams, min_texts: Sequence[int]) -> "Vocabulary":
        """The buckets met in at least so many messages (one number a block), idf smoothed as scikit-learn does."""
        cells = np.unique(grams.rows * BUCKETS + grams.buckets)
        texts = np.bincount(cells % BUCKETS, minlength=BUCKETS)
        least = np.repeat([min_texts[block] if block < len(min_texts) else grams.texts + 1 for block in range(BLOCKS)],
                          1 << BUCKET_BITS)  # fmt: skip
        buckets = np.flatnonzero(texts >= np.maximum(least, 1)).astype(np.uint32)
        idf = np.log((1 + grams.texts) / (1 + texts[buckets])) + 1
        return cls(buckets, idf.astype(np.float32))

    def columns(self, grams: NGrams) -> Integers:
        """The column of each n-gram, -1 where its bucket does not count."""
        return self._column[grams.buckets].astype(np.int64)

    def weigh(self, grams: NGrams) -> Matrix:
        """1 + ln(count), times idf, each block of a message scaled to its length in :data:`BLOCK_WEIGHTS`."""
        columns = self.columns(grams)
        known = columns >= 0
        cells, counts = np.unique(grams.rows[known] * self.size + columns[known], return_counts=True)
        rows, columns = np.divmod(cells, max(self.size, 1))
        values = (1 + np.log(counts)) * self.idf[columns]
        blocks = self._block[columns]
        part = rows * BLOCKS + blocks
        length = np.sqrt(np.bincount(part, values**2))
        return Matrix(rows, columns, (values * BLOCK_WEIGHTS[blocks] / length[part]).astype(np.float32), counts)

    def transform(self, grams: NGrams, width: int | None = None) -> csr_array:
        """The messages as a sparse matrix of the first ``width`` columns (all by default)."""
        matrix = self.weigh(grams)
        width = self.size if width is None else width
        kept = matrix.columns < width
        starts = np.searchsorted(matrix.rows[kept], np.arange(grams.texts + 1)).astype(np.int32)
        columns = matrix.columns[kept].astype(np.int32)  # scikit-learn takes no other
        return csr_array((matrix.values[kept], columns, starts), shape=(grams.texts, width))
