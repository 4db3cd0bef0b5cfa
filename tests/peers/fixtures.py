"""Deliveries of one platform with what our parser understands of them, as the contract test pins it."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

PLATFORMS = Path(__file__).parents[1] / "platforms"


Case = tuple[str, Any, dict[str, Any]]
LEAST_SHARE = 0.7


def compared(code: str, read: Callable[[dict[str, Any]], Any]) -> list[Case]:
    """Name, their reading and ours of every fixture with a message that the library can read.

    Some of our fixtures leave out what a platform leaves out, and the library insists on it. Raises AssertionError
    when that is more than a few.
    """
    cases, refused = [], []
    for name, delivery, ours in _understood(code):
        try:
            theirs = read(delivery)
        except ValueError:  # pydantic's ValidationError is one
            refused.append(name)
            continue
        if theirs is not None:
            cases.append((name, theirs, ours))
    assert len(cases) >= LEAST_SHARE * (len(cases) + len(refused)), refused
    return cases


def _understood(code: str) -> list[Case]:
    found = []
    for path in sorted((PLATFORMS / code).glob("*.expected.json")):
        name = path.name.removesuffix(".expected.json")
        delivery = json.loads(path.with_name(f"{name}.json").read_text())
        found += [(name, delivery, one) for one in json.loads(path.read_text()) if "action" in one]
    return found


def seconds(value: str) -> int:
    """A time of ours as Unix seconds."""
    return int(datetime.fromisoformat(value).timestamp())
