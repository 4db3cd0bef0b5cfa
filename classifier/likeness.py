"""How alike two messages are: a fingerprint that equal ones share, bands that nearly equal ones share, a score.

Bands are a locality-sensitive hash (Broder's MinHash): two messages whose words and pairs of neighbouring words overlap
by the share J have one of the bands in common with the probability 1 - (1 - J**4)**12: .07 at .3, .54 at .5, .96 at .7.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from classifier.keys import Integers, Keys, stem_keys
from classifier.normalise import pieces

BANDS: Final = 12
ROWS: Final = 4
LEAST_WORDS: Final = 4
"""A shorter message («Спасибо большое», «+1») equals too many others to say anything."""
ALIKE_FROM: Final = 0.55
"""From this share of common words and pairs two messages are shown as nearly equal."""
_SMALL_WORDS = """
    а без бы в вам вас во вот вы где да для до если же за здравствуйте и из или их к как ко когда кто ли мне мы на нам
    нас не ни но ну о об он они от по пожалуйста при про с со спасибо так там то тоже тут у уже что чтобы это этот я
    добрый день вечер утро
"""
_MASKS = "ссылка имя почта телефон число"  # what personal data and long numbers are replaced by
_LEFT_OUT: Final = np.unique(stem_keys(f"{_SMALL_WORDS} {_MASKS}".split()))


def _constants(name: str) -> Keys:
    digests = [hashlib.blake2b(f"{name}{at}".encode(), digest_size=8).digest() for at in range(BANDS * ROWS)]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


_FACTORS: Final = _constants("factor") | np.uint64(1)
_OFFSETS: Final = _constants("offset")
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_TURN: Final = np.uint64(31)
_LEAST_WEIGHT: Final = 0.1
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is stored of a message to find its like: 64 bits that equal words share, and a number for each band."""

    fingerprint: int
    bands: tuple[int, ...]


def likeness_of(text: str) -> Likeness | None:
    """The likeness of a message; none when it has too few words to be compared.

    Case, punctuation and endings do not count, nor do telephones, mails, links and long numbers.
    """
    return likenesses_of([text])[0]


def likenesses_of(texts: Sequence[str]) -> list[Likeness | None]:
    """The likeness of each message; many at once take half of the time."""
    stems, owners = _stems(texts)
    ends = np.cumsum(np.bincount(owners, minlength=len(texts))).tolist()
    own = [stems[start:end] for start, end in pairwise([0, *ends])]
    return [_likeness(*both) for both in zip(own, _marks(stems, owners, len(texts)), strict=True)]


def _likeness(stems: Keys, marks: Keys) -> Likeness | None:
    if len(set(stems.tolist())) < LEAST_WORDS:
        return None
    mixed = marks[:, None] * _FACTORS + _OFFSETS  # modulo 2^64
    smallest = (mixed ^ (mixed >> _TURN)).min(axis=0).reshape(BANDS, ROWS)
    fingerprint = int.from_bytes(_digest(stems.tobytes(), 8), "little", signed=True)
    return Likeness(fingerprint, _numbers(bytes([band]) + smallest[band].tobytes() for band in range(BANDS)))


def in_period(bands: Sequence[int], period: int) -> tuple[int, ...]:
    """The bands as keys of one stretch of time, so that an index finds what is alike and near in time at once."""
    return _numbers(f"{period}:{band}".encode() for band in bands)


def marks_of(texts: Sequence[str]) -> list[Keys]:
    """Of each message its stems and its pairs of neighbouring stems, as 64-bit keys, each once."""
    return _marks(*_stems(texts), len(texts))


def _marks(stems: Keys, owners: Integers, count: int) -> list[Keys]:
    """All messages in one pass: a pair that crosses a border is left out."""
    is_pair = owners[:-1] == owners[1:]
    pairs = (stems[:-1] * _STEP ^ stems[1:])[is_pair]
    keys, owners = np.concatenate((stems, pairs)), np.concatenate((owners, owners[:-1][is_pair]))
    order = np.lexsort((keys, owners))
    keys, owners = keys[order], owners[order]
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    keys, owners = keys[is_first], owners[is_first]
    ends = np.cumsum(np.bincount(owners, minlength=count)).tolist()
    return [keys[start:end] for start, end in pairwise([0, *ends])]


def overlaps(marks: Keys, candidates: Sequence[Keys]) -> list[float]:
    """The share of what a message has in common with each candidate (Jaccard), 0…1."""
    keys, owners, sizes = _laid_out(candidates)
    shared = np.bincount(owners, np.isin(keys, marks), len(candidates))
    shares: list[float] = (shared / np.maximum(len(marks) + sizes - shared, 1)).tolist()
    return shares


def rank(marks: Keys, candidates: Sequence[Keys]) -> list[float]:
    """How near each candidate is, 0…1: the cosine over common stems and pairs, where what is rare among them counts.

    What every candidate says (they share a topic) counts little; a house or a route number that few name counts much.
    """
    keys, owners, _ = _laid_out(candidates)
    known, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weights = (np.log((1 + len(candidates)) / (1 + counts)) + _LEAST_WEIGHT) ** 2
    is_shared = np.isin(known, marks)
    rarest = (math.log(1 + len(candidates)) + _LEAST_WEIGHT) ** 2
    length = float(weights[is_shared].sum()) + rarest * (len(marks) - int(is_shared.sum()))
    shared = np.bincount(owners, (weights * is_shared)[places], len(candidates))
    lengths = np.bincount(owners, weights[places], len(candidates))
    scores: list[float] = np.minimum(shared / np.sqrt(np.maximum(length * lengths, rarest * _TINY)), 1.0).tolist()
    return scores


def _laid_out(candidates: Sequence[Keys]) -> tuple[Keys, Integers, Integers]:
    """The keys of all candidates in a row, of each the number of its candidate, and how many each has."""
    sizes = np.array([len(keys) for keys in candidates], dtype=np.int64)
    keys = np.concatenate([np.zeros(0, dtype=np.uint64), *candidates])
    return keys, np.repeat(np.arange(len(candidates)), sizes), sizes


def _stems(texts: Sequence[str]) -> tuple[Keys, Integers]:
    """The stems of all messages that carry meaning, in their order, and of each the number of its message.

    Numbers of houses and routes stay.
    """
    words = [pieces(text) for text in texts]
    keys = stem_keys([word for some in words for word in some])
    owners = np.repeat(np.arange(len(texts)), [len(some) for some in words])
    is_kept = _LEFT_OUT[np.searchsorted(_LEFT_OUT, keys, side="right") - 1] != keys
    return keys[is_kept], owners[is_kept]


def _numbers(values: Iterable[bytes]) -> tuple[int, ...]:
    """32-bit digests, as PostgreSQL keeps integers."""
    return tuple(int.from_bytes(_digest(value, 4), "little", signed=True) for value in values)


def _digest(value: bytes, size: int) -> bytes:
    return hashlib.blake2b(value, digest_size=size).digest()
