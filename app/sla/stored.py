"""How parts of a clock are kept in its row: pure, there and back."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.sla.clock import ClockState
from app.sla.hours import Hole


def begun(state: ClockState) -> dict[str, Any]:
    """What a clock was started with."""
    due_at = state.due_at.isoformat() if state.due_at else None
    return {
        "started_at": state.started_at.isoformat(), "span": span_as_stored(state), "due_at": due_at,
        "calendar_code": state.calendar_code,
    }  # fmt: skip


def span_as_stored(state: ClockState) -> dict[str, Any]:
    """The promised time and how often it was extended."""
    span = state.span
    return {"amount": span.amount, "unit": span.unit, "roll": span.roll, "extensions": state.extensions}


def holes_as_stored(holes: Iterable[Hole]) -> list[Any]:
    """Pauses, each from and to; one that lasts has no end."""
    return [[begin.isoformat(), end.isoformat() if end else None] for begin, end in holes]


def holes_of(stored: Iterable[Sequence[str]]) -> tuple[Hole, ...]:
    """The pauses back."""
    return tuple((datetime.fromisoformat(begin), instant(end)) for begin, end in stored)


def instant(text: str | None) -> datetime | None:
    """A stored time; none where there is none."""
    return datetime.fromisoformat(text) if text else None
