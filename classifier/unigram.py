"""Cuts words into the pieces an encoder knows: of all ways to cut, the likeliest (a unigram language model)."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

START_OF_WORD: Final = "▁"
UNKNOWN: Final = 0
"""Number of whatever no piece covers; the pieces themselves are numbered from 1."""
_KNOWN_WORDS: Final = 50_000
_COST_OF_UNKNOWN: Final = 10.0
"""How much less likely than the rarest piece a character is that no piece covers: the convention of SentencePiece."""


class Unigram:
    """Pieces with the logarithms of their probabilities. Words are cut one by one and remembered."""

    def __init__(self, pieces: Sequence[str], scores: Sequence[float]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(pieces, start=1)}
        self._scores = [0.0, *scores]
        self._longest = max(map(len, pieces))
        self._unknown = min(scores) - _COST_OF_UNKNOWN
        self._word = lru_cache(maxsize=_KNOWN_WORDS)(self._cut)

    def cut(self, text: str) -> list[int]:
        """Numbers of the pieces of a text, in order. Compatible characters count as one (NFKC)."""
        words = unicodedata.normalize("NFKC", text).split()
        return [number for word in words for number in self._word(START_OF_WORD + word)]

    def _cut(self, word: str) -> tuple[int, ...]:
        """Viterbi: the best way to reach each place in the word, by the piece that ends there."""
        best = [0.0, *[-float("inf")] * len(word)]
        came = [(0, UNKNOWN)] * (len(word) + 1)
        for start in range(len(word)):
            self._try(best, came, start, start + 1, UNKNOWN, self._unknown)
            for end in range(start + 1, min(len(word), start + self._longest) + 1):
                number = self._numbers.get(word[start:end])
                if number is not None:
                    self._try(best, came, start, end, number, self._scores[number])
        return _walked_back(came)

    @staticmethod
    def _try(best: list[float], came: list[tuple[int, int]], start: int, end: int, number: int, score: float) -> None:
        if best[start] + score > best[end]:
            best[end] = best[start] + score
            came[end] = (start, number)


def _walked_back(came: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    numbers, place = [], len(came) - 1
    while place:
        place, number = came[place]
        numbers.append(number)
    return tuple(reversed(numbers))
