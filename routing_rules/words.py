"""Words in a text: normal form, patterns, and an index that finds patterns by the words of a text."""

from __future__ import annotations

import re
from codecs import charmap_encode
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from encodings.cp1251 import encoding_table
from operator import itemgetter

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
    """Finds the patterns that occur in a text.

    Nearly no word of a text brings up a pattern, and its first letters tell so. Texts that one byte a letter can hold
    (Russian and English without emoji) are looked through as bytes, which takes half of the time.
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
        self._lengths = sorted({len(stem) for stem in self._stems})
        length = self._lengths[0] if self._lengths else SHORTEST_STEM
        self._first = itemgetter(slice(length))
        self._beginnings = {self._first(word) for word in (*self._exact, *self._stems, *self._phrases)}
        self._bytes = {one.encode(_ONE_BYTE, "replace") for one in self._beginnings}
        self._is_one_byte = not any(b"?" in one for one in self._bytes)

    def find(self, text: str, tokens: Callable[[], list[str]]) -> int:
        """Bits of the patterns that occur in the text; its words are asked for only if they are needed."""
        if self._is_one_byte:
            try:
                words = charmap_encode(text, "strict", encoding_table)[0].translate(_NORMAL).split()
            except UnicodeEncodeError:
                pass
            else:
                if self._bytes.isdisjoint(map(self._first, words)):
                    return 0
                return self._look_up(
                    [one.decode(_ONE_BYTE) for one in words if self._first(one) in self._bytes], tokens
                )
        return self._look_up([word for word in tokens() if self._first(word) in self._beginnings], tokens)

    def _look_up(self, promising: list[str], tokens: Callable[[], list[str]]) -> int:
        """Bits of the patterns that these words, which begin as some pattern does, bring up."""
        found = 0
        for word in promising:
            found |= self._exact.get(word, 0)
            for length in self._lengths:
                found |= self._stems.get(word[:length], 0)
        may_be_phrase = bool(self._phrases) and not self._phrases.keys().isdisjoint(promising)
        return found | self._phrases_in(tokens()) if may_be_phrase else found

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
_NORMAL = _normal_bytes()
