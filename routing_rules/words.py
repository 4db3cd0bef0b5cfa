"""Words in a text: normal form, patterns, and an index that finds patterns by the words of a text."""

from __future__ import annotations

import re
from codecs import charmap_encode
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from encodings.cp1251 import encoding_table

from ahocorasick_rs import BytesAhoCorasick, Implementation

SHORTEST_STEM = 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Words:
    """Words, word beginnings (`пожар*`, without the star) and phrases, all in normal form."""

    exact: frozenset[str]
    stems: tuple[str, ...]
    phrases: tuple[str, ...]

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
    """Finds the patterns that occur in a text, all in one pass over it (Aho and Corasick's automaton).

    It reads bytes. One byte a letter holds nearly every Russian text, and turns into normal form in no time; a text
    with emoji or other alphabets goes the longer way over its words, and all do if a pattern is in another alphabet.
    """

    def __init__(self, patterns: Iterable[tuple[int, Words]]) -> None:
        self._exact: dict[str, int] = defaultdict(int)
        self._stems: dict[str, int] = defaultdict(int)
        self._phrases: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for bit, words in patterns:
            for word in words.exact:
                self._exact[word] |= bit
            for stem in words.stems:
                self._stems[stem] |= bit
            for phrase in words.phrases:
                self._phrases[phrase.split()[0]].append((phrase, bit))
        self._sought = sorted({*self._exact, *self._stems, *self._phrases})
        is_one_byte = all(word.encode(_ONE_BYTE, "ignore").decode(_ONE_BYTE) == word for word in self._sought)
        self._encoding = _ONE_BYTE if is_one_byte else "utf-8"
        beginnings = [f" {word}".encode(self._encoding) for word in self._sought]
        self._automaton = BytesAhoCorasick(beginnings, implementation=Implementation.DFA)

    def find(self, text: str, tokens: Callable[[], list[str]]) -> int:
        """Bits of the patterns that occur in the text; its words are asked for only if they are needed."""
        line = self._line(text, tokens)
        found = 0
        may_be_phrase = False
        for number, _, end in self._automaton.find_matches_as_indexes(line, overlapping=True):
            word = self._sought[number]
            found |= self._stems.get(word, 0)
            if line[end] == _BLANK:
                found |= self._exact.get(word, 0)
                may_be_phrase = may_be_phrase or word in self._phrases
        return found | self._phrases_in(tokens()) if may_be_phrase else found

    def _line(self, text: str, tokens: Callable[[], list[str]]) -> bytes:
        """The words of a text in normal form, blanks around each."""
        if self._encoding == _ONE_BYTE:
            try:
                return b" %b " % charmap_encode(text, "strict", encoding_table)[0].translate(_NORMAL)
            except UnicodeEncodeError:
                pass
        return f" {' '.join(tokens())} ".encode(self._encoding, "replace")

    def _phrases_in(self, tokens: list[str]) -> int:
        text = f" {' '.join(tokens)} "
        found = 0
        for word in self._phrases.keys() & set(tokens):
            for phrase, bit in self._phrases[word]:
                if f" {phrase} " in text:
                    found |= bit
        return found


def _normal_bytes() -> bytes:
    """For each byte the letter that `tokens_of` makes of it, or a blank."""
    letters = (bytes([number]).decode(_ONE_BYTE, "replace") for number in range(256))
    return b"".join("".join(tokens_of(letter)).encode(_ONE_BYTE, "replace") or b" " for letter in letters)


_ONE_BYTE = "cp1251"
_BLANK = ord(" ")
_NORMAL = _normal_bytes()
