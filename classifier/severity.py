"""How grave a topic is, from 1 (a question) to 5 (danger to life).

The table lists the topics of a regional incident system with the severity it gives them (Omsk, 2025). Other regions
word their topics differently, so the nearest wording counts where it is near enough.
"""

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from classifier.keys import stem_keys
from classifier.normalise import is_word, pieces

DEFAULT_SEVERITY: Final = 2
GRAVEST: Final = 5
NEAR_ENOUGH: Final = 0.5
"""Of the words of two wordings together so many must be common (Jaccard)."""
_TABLE: Final = Path(__file__).parent / "starter" / "severity.json"


@lru_cache(maxsize=4096)
def severity_of(topic: str) -> int:
    """Severity 1–5 of a topic by its name, whatever its stars, case, endings; 2 where no known wording is near."""
    words = _words(topic)
    nearest = max(_severities(), key=lambda one: (_likeness(words, one[0]), one[1]))
    return nearest[1] if _likeness(words, nearest[0]) >= NEAR_ENOUGH else DEFAULT_SEVERITY


@cache
def _severities() -> list[tuple[frozenset[int], int]]:
    table = json.loads(_TABLE.read_text(encoding="utf-8"))
    return [(_words(topic), severity) for topic, severity in table.items()]


def _words(topic: str) -> frozenset[int]:
    kept = [piece for piece in pieces(topic) if is_word(piece) and len(piece) > 2]
    return frozenset(stem_keys(kept).tolist())


def _likeness(left: frozenset[int], right: frozenset[int]) -> float:
    return len(left & right) / max(len(left | right), 1)
