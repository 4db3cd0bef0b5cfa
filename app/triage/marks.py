"""The citizen's words with those marked that drove the topic or speak of danger. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from classifier.judge import Evidence

STRONG_FROM = 0.6  # of the strongest word's share
WEAK_FROM = 0.1

Strength = Literal["", "weak", "strong", "danger"]
Span = tuple[int, int, Strength]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with one strength; it may be the name of a place."""

    text: str
    strength: Strength = ""
    is_place: bool = False


def marked(text: str, evidence: Sequence[Evidence], danger: Sequence[tuple[int, int]] = ()) -> list[Piece]:
    """The whole text in pieces; neighbouring words of one strength are one mark, and words of danger are that first."""
    strongest = max((one.weight for one in evidence), default=0.0)
    told = [one for one in evidence if one.weight >= WEAK_FROM * strongest]
    spans: list[Span] = [(start, end, "danger") for start, end in danger]
    spans += [
        (one.start, one.end, _strength(one.weight / strongest))
        for one in told
        if not any(start < one.end and one.start < end for start, end in danger)
    ]
    pieces: list[Piece] = []
    at = 0
    for start, end, strength in _joined(text, sorted(spans)):
        pieces += [Piece(text[at:start]), Piece(text[start:end], strength)]
        at = end
    return [piece for piece in [*pieces, Piece(text[at:])] if piece.text]


def with_places(pieces: Sequence[Piece], places: Sequence[tuple[int, int]]) -> list[Piece]:
    """The same text, cut once more so that the places (start and end in it, in order) are pieces of their own."""
    cuts = {edge for place in places for edge in place}
    cut: list[Piece] = []
    at = 0
    for piece in pieces:
        end = at + len(piece.text)
        edges = [at, *sorted(edge for edge in cuts if at < edge < end), end]
        for start, stop in pairwise(edges):
            is_place = any(first <= start and stop <= last for first, last in places)
            cut.append(Piece(piece.text[start - at : stop - at], piece.strength, is_place))
        at = end
    return cut


def _strength(share: float) -> Strength:
    return "strong" if share >= STRONG_FROM else "weak"


def _joined(text: str, spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end, strength in spans:
        if joined and joined[-1][2] == strength and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end, strength)
        else:
            joined.append((start, end, strength))
    return joined
