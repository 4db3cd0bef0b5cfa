"""An answer longer than a platform allows, in parts that read as if a person had broken it up. Pure."""

import unicodedata
from collections.abc import Callable

_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", " ")
_JOINERS = "\u200d\ufe0e\ufe0f"  # what follows or precedes belongs to the same sign


def split_text(text: str, limit: int, length: Callable[[str], int] = len) -> list[str]:
    """The text in parts of at most `limit`, none empty. Nothing but white space at the breaks is left out.

    Breaks between paragraphs, else lines, else sentences, else words; inside a word only if that is longer than a part.
    `length` is the platform's way of counting; it must grow with the text.
    """
    parts, rest = [], text.strip()
    while length(rest) > limit:
        end = _break_before(rest, _longest_prefix(rest, limit, length))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def _longest_prefix(text: str, limit: int, length: Callable[[str], int]) -> int:
    """How many characters fit; at least one, for the loop must end."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if length(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _break_before(text: str, end: int) -> int:
    """The best place to break at or before `end`: a greater break is taken only if it leaves no half-empty part."""
    for mark in _BREAKS:
        kept = len(mark.rstrip())
        place = text.rfind(mark, 0, end - kept + len(mark))
        if place > (end // 2 if mark != " " else 0):
            return place + kept
    return _between_signs(text, end)


def _between_signs(text: str, end: int) -> int:
    """Not inside a letter with its accent, nor inside a compound emoji."""
    place = end
    while place > 1 and (unicodedata.combining(text[place]) or text[place] in _JOINERS or text[place - 1] in _JOINERS):
        place -= 1
    return place if place > 1 else end
