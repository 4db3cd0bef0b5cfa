"""Phrases found in a message by the beginnings of their words, in any order and near each other."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from classifier.normalise import pieces, spans, token

WINDOW: Final = 5
"""Words of one phrase stand within so many neighbouring words."""
BEFORE: Final = 2
"""A word that must be absent may not stand so many words before the phrase either."""
_KEY_LETTERS: Final = 2

Word = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase that stands in a message: its theme and the places of its words in the original text."""

    theme: str
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Phrase:
    theme: str
    wanted: tuple[Word, ...]
    unwanted: Word


class Lexicon:
    """Phrases by theme, a phrase a line.

    A word is its beginning, or the whole word after ``=``; ``a|b`` is either; ``!a`` must be absent nearby.
    """

    def __init__(self, themes: Mapping[str, str]) -> None:
        self._by_beginning: dict[str, list[_Phrase]] = defaultdict(list)
        for theme, lines in themes.items():
            for line in filter(None, map(str.split, lines.split("\n"))):
                self._add(theme, line)

    def _add(self, theme: str, words: list[str]) -> None:
        wanted = tuple(tuple(word.split("|")) for word in words if not word.startswith("!"))
        phrase = _Phrase(theme, wanted, tuple(word[1:] for word in words if word.startswith("!")))
        for key in {one.lstrip("=")[:_KEY_LETTERS] for one in wanted[0]}:
            self._by_beginning[key].append(phrase)

    def find(self, text: str) -> Iterator[Found]:
        """The first phrase of each theme that the message holds, in the order of the message."""
        words = [token(piece) for piece in pieces(text)]
        told: set[str] = set()
        for at, word in enumerate(words):
            for phrase in self._by_beginning.get(word[:_KEY_LETTERS], ()):
                if phrase.theme not in told and (met := _met(words, at, phrase)):
                    told.add(phrase.theme)
                    places = list(spans(text))
                    yield Found(phrase.theme, tuple(places[one] for one in sorted(met)))


def _met(words: list[str], at: int, phrase: _Phrase) -> set[int]:
    """The places of the phrase's words around its first; none where a word is missing or an unwanted one is near."""
    if not _begins(words[at], phrase.wanted[0]):
        return set()
    near = [*range(at, min(at + WINDOW, len(words))), *range(max(at - WINDOW + 1, 0), at)]
    met = {at}
    for word in phrase.wanted[1:]:
        place = next((one for one in near if one not in met and _begins(words[one], word)), None)
        if place is None:
            return set()
        met.add(place)
    around = words[max(min(met) - BEFORE, 0) : max(met) + BEFORE + 1]
    return set() if any(_begins(word, phrase.unwanted) for word in around) else met


def _begins(word: str, beginnings: Word) -> bool:
    return any(word == one[1:] if one.startswith("=") else word.startswith(one) for one in beginnings)
