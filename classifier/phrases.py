"""Phrases found in a message by the beginnings of their words, in any order and near each other."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from classifier.normalise import pieces, spans, token

WINDOW: Final = 5
"""Words of one phrase stand within so many neighbouring words."""
BEFORE: Final = 2
"""A word that must be absent may not stand so many words before the phrase either."""
_KEY_LETTERS: Final = 2
_REMEMBERED: Final = 32_768
"""Words whose spelling and whose phrases are kept: most words of a message begin no phrase and cost one look."""
_MESSAGES_REMEMBERED: Final = 4
"""One message is looked through by several lexicons, one after the other."""
_spelt = lru_cache(_REMEMBERED)(token)


@dataclass(frozen=True, slots=True)
class Word:
    """What a word of a message may be: one of ``whole``, or anything that begins like one of ``beginnings``."""

    whole: frozenset[str]
    beginnings: tuple[str, ...]

    def fits(self, word: str) -> bool:
        """Whether this word of a message is meant."""
        return word in self.whole or word.startswith(self.beginnings)


def _word(choices: list[str]) -> Word:
    whole = frozenset(one[1:] for one in choices if one.startswith("="))
    return Word(whole, tuple(one for one in choices if not one.startswith("=")))


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
        self._begun_by = lru_cache(_REMEMBERED)(self._phrases_begun_by)
        for theme, lines in themes.items():
            for line in filter(None, map(str.split, lines.split("\n"))):
                self._add(theme, line)

    def _add(self, theme: str, words: list[str]) -> None:
        wanted = [word.split("|") for word in words if not word.startswith("!")]
        unwanted = _word([word[1:] for word in words if word.startswith("!")])
        phrase = _Phrase(theme, tuple(map(_word, wanted)), unwanted)
        for key in {one.lstrip("=")[:_KEY_LETTERS] for one in wanted[0]}:
            self._by_beginning[key].append(phrase)

    def find(self, text: str, *, every: bool = False) -> Iterator[Found]:
        """The first phrase of each theme that the message holds, or every one, in the order of the message."""
        words = _words(text)
        told: set[str] = set()
        for at, word in enumerate(words):
            for phrase in self._begun_by(word):
                if (every or phrase.theme not in told) and (met := _met(words, at, phrase)):
                    told.add(phrase.theme)
                    places = list(spans(text))
                    yield Found(phrase.theme, tuple(places[one] for one in sorted(met)))

    def _phrases_begun_by(self, word: str) -> tuple[_Phrase, ...]:
        candidates = self._by_beginning.get(word[:_KEY_LETTERS], ())
        return tuple(phrase for phrase in candidates if phrase.wanted[0].fits(word))


@lru_cache(maxsize=_MESSAGES_REMEMBERED)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_spelt(piece) for piece in pieces(text))


def _met(words: tuple[str, ...], at: int, phrase: _Phrase) -> set[int]:
    """The places of the phrase's words around its first, which stands at ``at``; none where a word is missing or an
    unwanted one is near."""
    near = [*range(at, min(at + WINDOW, len(words))), *range(max(at - WINDOW + 1, 0), at)]
    met = {at}
    for word in phrase.wanted[1:]:
        place = next((one for one in near if one not in met and word.fits(words[one])), None)
        if place is None:
            return set()
        met.add(place)
    around = words[max(min(met) - BEFORE, 0) : max(met) + BEFORE + 1]
    return set() if any(map(phrase.unwanted.fits, around)) else met
