"""Which territory the places of a message mean: one that is beyond doubt, or several for a person to choose from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from classifier.places import Entry, Gazetteer, Mention, Path

MOST_CANDIDATES: Final = 6


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`code` is the territory beyond doubt, named by `mention`; else `candidates` are what a person may choose from."""

    code: str | None = None
    mention: Mention | None = None
    candidates: tuple[str, ...] = ()


def whereabouts(mentions: Iterable[Mention], gazetteer: Gazetteer, page: Path) -> Whereabouts:
    """The territory inside the page's own (inside the region, if the page has none) that the mentions name.

    What lies outside is left out, and so is the page's own name. A district tells settlements of one name apart. Two
    places, a name that two settlements have, or a mere direction are for a person to decide.
    """
    meant = [(one, [gazetteer.entries[code] for code in one.codes if code in gazetteer.entries]) for one in mentions]
    inside = [(one, [entry for entry in entries if _is_within(entry, page)]) for one, entries in meant]
    named = [(one, entries) for one, entries in inside if entries]
    agreed = [(one, _agreeing(entries, [other for _, other in named])) for one, entries in named]
    deepest = _deepest([entry for _, entries in agreed for entry in entries])
    if len(deepest) == 1:
        mention = _firm_mention(deepest[0], agreed)
        if mention is not None:
            return Whereabouts(deepest[0].code, mention)
    return Whereabouts(candidates=tuple(entry.code for entry in deepest[:MOST_CANDIDATES]))


def _is_within(entry: Entry, page: Path) -> bool:
    return entry.path[: len(page)] == page and len(entry.path) > len(page)


def _agreeing(entries: Sequence[Entry], others: Sequence[Sequence[Entry]]) -> list[Entry]:
    """Those of one name's entries that lie on one line with something of every other name, if any do."""
    fitting = [entry for entry in entries if all(any(_are_in_line(entry, one) for one in other) for other in others)]
    return fitting or list(entries)


def _are_in_line(one: Entry, other: Entry) -> bool:
    length = min(len(one.path), len(other.path))
    return one.path[:length] == other.path[:length]


def _deepest(entries: Iterable[Entry]) -> list[Entry]:
    """The entries without those that contain another of them."""
    unique = list({entry.code: entry for entry in entries}.values())
    return [one for one in unique if not any(other is not one and _contains(one, other) for other in unique)]


def _contains(one: Entry, other: Entry) -> bool:
    return len(one.path) < len(other.path) and _are_in_line(one, other)


def _firm_mention(entry: Entry, agreed: Iterable[tuple[Mention, Sequence[Entry]]]) -> Mention | None:
    naming = [mention for mention, entries in agreed if any(one.code == entry.code for one in entries)]
    return next((mention for mention in naming if mention.is_firm), None)
