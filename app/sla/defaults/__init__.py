"""The data the service ships with: the Russian production calendar, working calendars and policies.

They are a start. Calendars and policies live in the database afterwards, versioned, and managers edit them there.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent

PUBLIC_HOLIDAYS = frozenset({*((1, day) for day in range(1, 9)), (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)})
"""Month and day of the public holidays of Russia (Labour Code, art. 112)."""


@cache
def production_calendar() -> dict[str, dict[str, list[str]]]:
    """Year → kind of day (``off``, ``short``, ``working``) → dates MM-DD, as the Government has decreed them."""
    result: dict[str, dict[str, list[str]]] = json.loads((_HERE / "production_calendar.json").read_text("utf-8"))
    return result


def calendar_documents() -> list[dict[str, Any]]:
    """The shipped working calendars, each a document for ``calendar_from_document``."""
    return _documents("calendars.toml", "calendar")


def policy_documents() -> list[dict[str, Any]]:
    """The shipped policies, each a document for ``policy_from_document``."""
    return _documents("policies.toml", "policy")


def _documents(name: str, key: str) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = tomllib.loads((_HERE / name).read_text("utf-8"))[key]
    return documents
