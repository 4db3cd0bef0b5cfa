"""How grave a topic is, from 1 (a question) to 5 (danger to life).

The table lists the topics of a regional incident system with the severity it gives them (Omsk, 2025).
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Final

DEFAULT_SEVERITY: Final = 2
_TABLE: Final = Path(__file__).parent / "starter" / "severity.json"


def severity_of(topic: str) -> int:
    """Severity 1–5 of a topic by its name, whatever its stars, case and spaces; 2 for an unknown one."""
    return _severities().get(_plain(topic), DEFAULT_SEVERITY)


@cache
def _severities() -> dict[str, int]:
    return {_plain(topic): severity for topic, severity in json.loads(_TABLE.read_text(encoding="utf-8")).items()}


def _plain(topic: str) -> str:
    return re.sub(r"\W+", " ", topic.casefold().replace("ё", "е")).strip()
