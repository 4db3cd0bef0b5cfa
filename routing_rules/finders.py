"""Finders: ways to tell at once which of all rules a condition lets pass.

A set of rules is a mask, an integer with one bit a rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from routing_rules.case import Case
from routing_rules.words import WordIndex, Words

Wanted = Iterable[tuple[int, Any]]
"""What each rule asks for: its bit in a mask, and the value of its condition."""
Finder = Callable[[Case], int]
"""Tells the mask of the rules that a condition does not keep back: those for which it holds and those without it."""


def by_word(wanted: Iterable[tuple[int, Words]], without: int) -> Finder:
    """Words of the text."""
    index = WordIndex(wanted)
    return lambda case: without | index.find(case.facts.text, case.tokens)


def by_value(seen: Callable[[Case], str | None]) -> Callable[[Wanted, int], Finder]:
    """What is seen in a case is one of the names a rule asks for."""

    def finder(wanted: Wanted, without: int) -> Finder:
        mask_of = {name: mask | without for name, mask in _masks(wanted).items()}.get
        return lambda case: mask_of(seen(case), without)

    return finder


def by_values(seen: Callable[[Case], Collection[str]]) -> Callable[[Wanted, int], Finder]:
    """Something of what is seen in a case is one of the names a rule asks for."""

    def finder(wanted: Wanted, without: int) -> Finder:
        mask_of = _masks(wanted).get

        def find(case: Case) -> int:
            found = without
            for value in seen(case):
                found |= mask_of(value, 0)
            return found

        return find

    return finder


def _masks(wanted: Iterable[tuple[int, frozenset[str]]]) -> dict[str | None, int]:
    """The rules by the names they ask for."""
    masks: dict[str | None, int] = defaultdict(int)
    for bit, names in wanted:
        for name in names:
            masks[name] |= bit
    return dict(masks)


def one_by_one(holds: Callable[[Case, Any], bool]) -> Callable[[Wanted, int], Finder]:
    """Any other condition: every value that rules ask for is compared once."""

    def finder(wanted: Wanted, without: int) -> Finder:
        masks: dict[Any, int] = defaultdict(int)
        for bit, value in wanted:
            masks[value] |= bit
        pairs = list(masks.items())

        def find(case: Case) -> int:
            found = without
            for value, mask in pairs:
                if holds(case, value):
                    found |= mask
            return found

        return find

    return finder
