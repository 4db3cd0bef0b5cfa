"""Words in a text: normal form, patterns, and an index that finds patterns by the words of a text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import filterfalse

SHORTEST_STEM = 3
MEMO_LIMIT = 100_000
_PHRASES = -1
"""Stands among positions for "a phrase may begin here"."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Words:
    """Words, word beginnings (`пожар*`, without the star) and phrases, all in normal form."""

    exact: frozenset[str]
    stems: tuple[str, ...]
    phrases: tuple[str, ...]

    def are_in(self, tokens: list[str]) -> bool:
        """Whether any of them occurs among the words of a text."""
        if not self.exact.isdisjoint(tokens) or any(token.startswith(self.stems) for token in tokens):
            return True
        return bool(self.phrases) and any(f" {phrase} " in f" {' '.join(tokens)} " for phrase in self.phrases)

    def cover(self, other: Words) -> bool:
        """Whether every text with one of the others has one of these."""
        return (
            all(word in self.exact or word.startswith(self.stems) for word in other.exact)
            and all(stem.startswith(self.stems) for stem in other.stems)
            and set(other.phrases) <= set(self.phrases)
        )


def tokens_of(text: str) -> list[str]:
    """Words of a text in the form in which they are compared: lower case, ё as е."""
    return _WORD.findall(text.casefold().replace("ё", "е"))


def words_of(names: Iterable[str]) -> Words:
    """Patterns as their author writes them. Raises ValueError with a Russian sentence."""
    exact: set[str] = set()
    stems: set[str] = set()
    phrases: set[str] = set()
    for name in names:
        tokens = tokens_of(name)
        if name.endswith("*"):
            if len(tokens) != 1 or len(tokens[0]) < SHORTEST_STEM:
                raise ValueError(f"«{name}»: звёздочка ставится после одного слова не короче трёх букв")
            stems.add(tokens[0])
        elif not tokens:
            raise ValueError(f"«{name}»: нет ни одной буквы или цифры")
        else:
            (exact if len(tokens) == 1 else phrases).add(" ".join(tokens))
    return Words(frozenset(exact), tuple(sorted(stems)), tuple(sorted(phrases)))


class WordIndex:
    """Finds the patterns that occur in a text, by its pieces between blanks. Nearly every piece has been seen before,
    and nearly none brings up a pattern: the pieces known to bring up nothing are left out at once.
    """

    def __init__(self, patterns: Iterable[tuple[int, Words]]) -> None:
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._stems: dict[str, list[int]] = defaultdict(list)
        self._phrases: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for position, words in patterns:
            for word in words.exact:
                self._exact[word].append(position)
            for stem in words.stems:
                self._stems[stem].append(position)
            for phrase in words.phrases:
                self._phrases[phrase.split()[0]].append((phrase, position))
        self._lengths = sorted({len(stem) for stem in self._stems})
        self._silent: set[str] = set()
        self._telling: dict[str, frozenset[int]] = {}

    def find(self, text: str, tokens: Callable[[], list[str]]) -> set[int]:
        """Positions of the patterns that occur in the text; its words are asked for only if a phrase may be there."""
        found: set[int] = set()
        for piece in filterfalse(self._silent.__contains__, text.split()):
            positions = self._telling.get(piece)
            found |= self._look_up(piece) if positions is None else positions
        if _PHRASES in found:
            found.discard(_PHRASES)
            found |= self._phrases_in(tokens())
        return found

    def _look_up(self, piece: str) -> frozenset[int]:
        positions: set[int] = set()
        for token in tokens_of(piece):
            positions.update(self._exact.get(token, ()))
            if token in self._phrases:
                positions.add(_PHRASES)
            for length in self._lengths:
                positions.update(self._stems.get(token[:length], ()))
        found = frozenset(positions)
        self._remember(piece, found)
        return found

    def _phrases_in(self, tokens: list[str]) -> set[int]:
        text = f" {' '.join(tokens)} "
        beginnings = self._phrases.keys() & set(tokens)
        return {at for word in beginnings for phrase, at in self._phrases[word] if f" {phrase} " in text}

    def _remember(self, piece: str, found: frozenset[int]) -> None:
        if len(self._silent) + len(self._telling) >= MEMO_LIMIT:
            self._silent, self._telling = set(), {}
        if found:
            self._telling[piece] = found
        else:
            self._silent.add(piece)
