"""Hashed n-grams of stems and letters, weighted by TF-IDF. Nothing here keeps a word: only numbers of buckets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
BLOCK_WEIGHTS: Final = np.array([1.0, 0.4, 1.0], dtype=np.float32)
"""Of the blocks: stems and their pairs · pairs over one stem · letters in a row. Each block first gets length 1."""
WORDS, SKIPS, LETTERS = range(3)
BLOCKS: Final = len(BLOCK_WEIGHTS)
BUCKETS: Final = BLOCKS << BUCKET_BITS
LETTERS_IN_A_ROW: Final = 4

_BATCH_BITS: Final = BUCKET_BITS + BLOCKS.bit_length()  # bits of a bucket in "message and bucket"
_KEY_BYTES: Final = 8
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
def _piece_keys(piece: str) -> bytes:
    """64-bit keys of a piece: first its stem, then every four letters in a row, borders counted as letters."""
    word = token(piece)
    with _stemmer_lock:
        stem = _stemmer.stemWord(word)
    framed = f" {word} "
    fours = (framed[start : start + LETTERS_IN_A_ROW] for start in range(max(len(framed) - LETTERS_IN_A_ROW + 1, 1)))
    return b"".join(map(_key, (stem, *fours)))


def _key(word: str) -> bytes:
    return hashlib.blake2b(word.encode(), digest_size=_KEY_BYTES).digest()


def ngrams(texts: Sequence[str]) -> NGrams:
    """The n-grams of messages. The same everywhere and always: no randomised hash."""
    tokens = [pieces(text) for text in texts]
    row_of = np.repeat(np.arange(len(texts)), [len(row) for row in tokens])
    of_pieces = [_piece_keys(piece) for row in tokens for piece in row]
    keys = np.frombuffer(b"".join(of_pieces), dtype="<u8")
    counts = np.array([len(of_piece) for of_piece in of_pieces], dtype=np.int64) // _KEY_BYTES
    stem_places = np.cumsum(counts) - counts
    stems, letters = keys[stem_places], np.delete(keys, stem_places)
    place = np.arange(len(stems))
    pair = place[:-1][row_of[:-1] == row_of[1:]]
    skip = place[:-2][row_of[:-2] == row_of[2:]]
    four = np.repeat(place, counts - 1)
    first = np.concatenate([place, pair, skip, four])
    last = np.concatenate([place, pair + 1, skip + 2, four])
    buckets = np.concatenate([
        _bucket(stems, WORDS),
        _bucket(_pair(stems[pair], stems[pair + 1]), WORDS),
        _bucket(_pair(stems[skip], stems[skip + 2]), SKIPS),
        _bucket(letters, LETTERS),
    ])  # fmt: skip
    return NGrams(buckets, first, last, row_of[first], len(texts))


def signature() -> str:
    """Changes whenever this program would compute other features: a model belongs to one signature."""
    probe = ngrams(["Ёлки! На ул. Мира, 5 нет воды: звоните +7 912 345-67-89 или vk.com/id1, [id1|Имя]"])
    numbers = [*probe.buckets.tolist(), *BLOCK_WEIGHTS.tolist()]
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
    def of(cls, counts: Counts, min_texts: Sequence[int | None]) -> "Vocabulary":
        """The buckets met in at least so many messages, by block (None: no column at all); idf as in scikit-learn."""
        texts = np.bincount(counts.buckets, minlength=BUCKETS)
        least = [counts.texts + 1 if number is None else number for number in min_texts]
        buckets = np.flatnonzero(texts >= np.repeat(least, 1 << BUCKET_BITS)).astype(np.uint32)
        idf = np.log((1 + counts.texts) / (1 + texts[buckets])) + 1
        return cls(buckets, idf.astype(np.float32))

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
        return Matrix(rows, columns, (values * BLOCK_WEIGHTS[blocks] / length[part]).astype(np.float32), times)

    def transform(self, counts: Counts, width: int | None = None) -> csr_array:
        """The messages as a sparse matrix of the first ``width`` columns (all by default)."""
        matrix = self.weigh(counts)
        width = self.size if width is None else width
        kept = matrix.columns < width
        starts = np.searchsorted(matrix.rows[kept], np.arange(counts.texts + 1)).astype(np.int32)
        columns = matrix.columns[kept].astype(np.int32)  # scikit-learn takes no other
        return csr_array((matrix.values[kept], columns, starts), shape=(counts.texts, width))
