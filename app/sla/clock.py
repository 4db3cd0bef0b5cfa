"""The verbs of one clock: start, pause, resume, reclassify, adopt, take over, extend, meet, stop.

Pure: every verb takes a state and returns a new one. What they rest on:

* a pause is a hole in the calendar, so the due time is always computed from the start, never shifted;
* a clock keeps the policy version and the span it started with; due times change only by one of these verbs;
* the verbs are idempotent: the second delivery of the same event changes nothing.

What can be read off a clock (``state``) and how it is shown (``face``, ``bar``) is re-exported:
callers need this module only.
"""

from dataclasses import replace
from datetime import datetime

from app.sla.bar import Bar, BarMark, BarSegment, timeline
from app.sla.calendar import Hole, HoleNeverEnds, WorkCalendar
from app.sla.face import change_text, countdown_text, due_text, formula
from app.sla.policy import Policy, Span
from app.sla.state import (
    ClockState,
    allowance,
    band,
    band_of,
    compliance,
    due_after,
    escalations,
    is_breached,
    left_minutes,
    next_due_at,
    share_left,
    spent_minutes,
)

__all__ = [
    "Bar",
    "BarMark",
    "BarSegment",
    "ClockIsClosed",
    "ClockState",
    "ExtensionRefused",
    "adopt",
    "allowance",
    "band",
    "band_of",
    "change_text",
    "compliance",
    "countdown_text",
    "due_after",
    "due_text",
    "escalations",
    "extend",
    "formula",
    "is_breached",
    "left_minutes",
    "meet",
    "next_due_at",
    "pause",
    "reclassify",
    "resume",
    "share_left",
    "spent_minutes",
    "start",
    "stop",
    "take_over",
    "timeline",
]


class ClockIsClosed(Exception):
    """The clock has been met or stopped; its result is frozen."""


class ExtensionRefused(Exception):
    """The policy allows no (more) extension; the message says so in Russian."""


def start(
    kind: str, policy: Policy, calendar: WorkCalendar, at: datetime, severity: int, track: str = ""
) -> ClockState:
    """Start a clock; raises ``NothingPromised`` when the policy has no such target."""
    span = policy.span_for(kind, severity, track)
    due = due_after(span, calendar, at)
    return ClockState(kind, policy.code, policy.version, calendar.code, at, span, due)


def pause(state: ClockState, at: datetime) -> ClockState:
    """Open a hole. A clock already past due stays due when it was. Raises ``ClockIsClosed``."""
    _must_be_open(state)
    if state.is_paused:
        return state
    at = _in_order(state, at)
    is_over = state.due_at is not None and state.due_at <= at
    return replace(state, holes=(*state.holes, (at, None)), due_at=state.due_at if is_over else None)


def resume(state: ClockState, calendar: WorkCalendar, at: datetime) -> ClockState:
    """Close the hole and compute the new due time. Raises ``ClockIsClosed``."""
    _must_be_open(state)
    if not state.is_paused:
        return state
    return _with_due(replace(state, holes=_closed(state, at)), calendar)


def reclassify(
    state: ClockState, policy: Policy, calendar: WorkCalendar, at: datetime, severity: int, track: str = ""
) -> ClockState:
    """Judge the appeal anew: another severity may shorten the span, and lengthens it only where the policy says so.

    The span always counts from the start of the clock. ``policy`` is the version the clock started with, or a newer
    one that was applied to it on purpose. Raises ``ClockIsClosed``, ``NothingPromised``.
    """
    _must_be_open(state)
    span = policy.span_for(state.kind, severity, track)
    adopted = replace(state, policy_code=policy.code, policy_version=policy.version)
    candidate = replace(adopted, span=span)
    holes = _closed(state, at)
    is_longer = due_after(span, calendar, state.started_at, holes) > due_after(
        state.span, calendar, state.started_at, holes
    )
    return _with_due(adopted if is_longer and not policy.reclassifying_extends else candidate, calendar)


def adopt(state: ClockState, calendar: WorkCalendar, other: WorkCalendar, at: datetime) -> ClockState:
    """Run by another calendar, from the start, where that ends the promise earlier; else the clock as it is.

    A transfer gives no extra time, and breaks no promise by itself: a calendar by which the clock would be past due
    already is not adopted, nor is any once it is past due. What a pause still takes away is the same for both, so it
    is compared as if it ended now. Raises ``ClockIsClosed``.
    """
    _must_be_open(state)
    holes = _closed(state, at)
    due = due_after(state.span, other, state.started_at, holes)
    if not at < due < due_after(state.span, calendar, state.started_at, holes):
        return state
    return _with_due(replace(state, calendar_code=other.code), other)


def take_over(
    state: ClockState, calendar: WorkCalendar, other: ClockState, its_calendar: WorkCalendar, at: datetime
) -> ClockState:
    """Run by another promise of the same kind where that ends earlier; else the clock as it is.

    A pause that goes on is compared as if it ended now. Raises ``ClockIsClosed``.
    """
    _must_be_open(state)
    if _due_when_resumed(other, its_calendar, at) >= _due_when_resumed(state, calendar, at):
        return state
    taken = replace(other, met_at=None, stopped_at=None, stop_reason="")
    return taken if taken.due_at is not None else _with_due(taken, its_calendar)


def extend(state: ClockState, policy: Policy, calendar: WorkCalendar, extra: Span | None = None) -> ClockState:
    """Lengthen the span by the policy's extension, or by less of the same unit. Raises ``ExtensionRefused``."""
    _must_be_open(state)
    allowed = policy.extension
    if allowed is None or state.extensions >= policy.max_extensions:
        raise ExtensionRefused(f"Правило «{policy.title}» разрешает продлений: {policy.max_extensions}.")
    extra = extra or allowed
    if extra.unit != allowed.unit or extra.unit != state.span.unit or extra.amount > allowed.amount:
        raise ExtensionRefused(f"Правило «{policy.title}» не разрешает продлить этот срок на столько.")
    return _with_due(replace(state, span=state.span + extra, extensions=state.extensions + 1), calendar)


def meet(state: ClockState, at: datetime, *, is_automatic: bool = False) -> ClockState:
    """Keep the promise; an automatic reply keeps none, and the first one counts. Raises ``ClockIsClosed``."""
    if is_automatic or state.met_at is not None:
        return state
    _must_be_open(state)
    at = _in_order(state, at)
    return replace(state, met_at=at, holes=_closed(state, at))


def stop(state: ClockState, at: datetime, reason: str) -> ClockState:
    """Take the clock out of the reckoning (spam, duplicate), with a reason. Raises ``ClockIsClosed`` if met."""
    if state.stopped_at is not None:
        return state
    _must_be_open(state)
    at = _in_order(state, at)
    return replace(state, stopped_at=at, stop_reason=reason, holes=_closed(state, at))


def _must_be_open(state: ClockState) -> None:
    if not state.is_open:
        raise ClockIsClosed(f"the {state.kind} clock was closed at {state.closed_at}")


def _in_order(state: ClockState, at: datetime) -> datetime:
    """Not before the last thing that happened: platforms' clocks and ours differ by seconds."""
    last = state.started_at
    for begin, end in state.holes[-1:]:
        last = end or begin
    return max(at, last)


def _closed(state: ClockState, at: datetime) -> tuple[Hole, ...]:
    """The holes, an open one ended."""
    if not state.is_paused:
        return state.holes
    begin = state.holes[-1][0]
    return (*state.holes[:-1], (begin, max(at, begin)))


def _due_when_resumed(state: ClockState, calendar: WorkCalendar, at: datetime) -> datetime:
    if state.due_at is not None:
        return state.due_at
    return due_after(state.span, calendar, state.started_at, _closed(state, at))


def _with_due(state: ClockState, calendar: WorkCalendar) -> ClockState:
    try:
        due = due_after(state.span, calendar, state.started_at, state.holes)
    except HoleNeverEnds:
        return replace(state, due_at=None)
    return replace(state, due_at=due)
