"""64-bit keys of words: of their stems, and of every three to five letters in a row, borders counted as letters."""

import hashlib
from collections.abc import Sequence
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt
import Stemmer

from classifier.normalise import token

Keys = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

LETTERS_IN_A_ROW: Final = (3, 4, 5)
CACHED_WORDS: Final = 1 << 16
"""Spellings whose stem is remembered: enough for nearly all running words."""
_UNKNOWN: Final = 0
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_TURN: Final = np.uint64(29)

_stemmer = Stemmer.Stemmer("russian", 0)
_stemmer_lock = Lock()  # a stemmer works in its own buffer
_stems: dict[str, int] = {}


def stem_keys(words: Sequence[str]) -> Keys:
    """Of each word the key of its stem. Words repeat, so keys are kept; another thread may empty the store any time."""
    keys = np.array([_stems.get(word, _UNKNOWN) for word in words], dtype=np.uint64)
    fresh = np.flatnonzero(keys == _UNKNOWN)
    if len(fresh):
        new = list(dict.fromkeys(words[at] for at in fresh.tolist()))
        made = dict(zip(new, _stemmed(new), strict=True))
        keys[fresh] = [made[words[at]] for at in fresh.tolist()]
        if len(_stems) + len(made) > CACHED_WORDS:
            _stems.clear()
        _stems.update(made)
    return keys


def _stemmed(words: Sequence[str]) -> list[int]:
    with _stemmer_lock:
        stems = _stemmer.stemWords([token(word) for word in words])
    return [int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=8).digest(), "little") for stem in stems]


def letter_keys(words: Sequence[str]) -> tuple[Keys, Integers]:
    """Keys of the letters of all words, and of each key the number of its word.

    All words in one pass: their letters lie in a row, and a run that crosses a border is left out.
    """
    framed = [f" {token(word)} " for word in words]
    codes = np.frombuffer("".join(framed).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    word_of = np.repeat(np.arange(len(words)), [len(word) for word in framed])
    keys, owners = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for length in LETTERS_IN_A_ROW:
        runs = max(len(codes) - length + 1, 0)
        whole = np.flatnonzero(word_of[:runs] == word_of[len(word_of) - runs :])
        keys.append(_rolled(codes, whole, length))
        owners.append(word_of[whole])
    return np.concatenate(keys), np.concatenate(owners)


def _rolled(codes: Keys, starts: Integers, length: int) -> Keys:
    """A well mixed number for each run of letters; arithmetic is modulo 2^64."""
    key = np.full(len(starts), length, dtype=np.uint64)
    for step in range(length):
        key = (key ^ codes[starts + step]) * _STEP
        key ^= key >> _TURN
    return key
