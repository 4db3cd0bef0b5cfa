"""The state of one clock and what can be reckoned from it: due time, time spent, share left, breach.

Pure. Nothing here changes a clock; the verbs that do are in ``clock``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.sla.calendar import Hole, HoleNeverEnds, WorkCalendar, around_the_clock
from app.sla.policy import EscalationStep, Policy, Span

WATCH_UP_TO = 0.5
RISK_BELOW = 0.2
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockState:
    """One promise about one appeal.

    ``due_at`` is ``None`` while a pause that began before the due is open: nobody knows the due time then, and no
    comparison in SQL can take the clock for breached. The clock is open until ``met_at`` or ``stopped_at`` is set.
    """

    kind: str
    policy_code: str
    policy_version: int
    calendar_code: str
    started_at: datetime
    span: Span
    due_at: datetime | None
    holes: tuple[Hole, ...] = ()
    met_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str = ""
    extensions: int = 0

    @property
    def is_paused(self) -> bool:
        return bool(self.holes) and self.holes[-1][1] is None

    @property
    def is_open(self) -> bool:
        return self.met_at is None and self.stopped_at is None

    @property
    def closed_at(self) -> datetime | None:
        """When it was met or stopped."""
        return self.met_at or self.stopped_at


def hours_for(span: Span, calendar: WorkCalendar) -> WorkCalendar:
    """The calendar whose minutes the span is made of: the office's, or every minute for calendar units."""
    return calendar if span.is_working else around_the_clock(calendar.zone)


def allowance(span: Span, calendar: WorkCalendar, at: datetime) -> timedelta:
    """How much time a span grants that begins at ``at``, without pauses, in the minutes it is made of."""
    if not span.is_days:
        return timedelta(minutes=span.amount)
    if span.unit == "working_days":
        end = calendar.add_working_days(at, span.amount)
    else:
        end = calendar.add_calendar_days(at, span.amount, span.roll)
    return hours_for(span, calendar).working_between(at, end)


def due_after(span: Span, calendar: WorkCalendar, at: datetime, holes: Iterable[Hole] = ()) -> datetime:
    """When a span that begins at ``at`` ends, pauses left out; raises ``HoleNeverEnds`` while that is unknown.

    Days are turned into the time up to the end of the last one first; pauses then move the due time by exactly
    themselves, as with minutes.
    """
    minutes = span.amount if not span.is_days else allowance(span, calendar, at) / _MINUTE
    return hours_for(span, calendar).add_working(at, minutes, tuple(holes))


def spent_minutes(state: ClockState, calendar: WorkCalendar, at: datetime) -> float:
    """Minutes of the span used up to ``at``, or up to the moment the clock was closed."""
    until = max(state.started_at, min(at, state.closed_at or at))
    return hours_for(state.span, calendar).working_between(state.started_at, until, state.holes) / _MINUTE


def left_minutes(state: ClockState, calendar: WorkCalendar, now: datetime) -> float:
    """Minutes of the span still left; negative when it is overspent."""
    return allowance(state.span, calendar, state.started_at) / _MINUTE - spent_minutes(state, calendar, now)


def share_left(state: ClockState, calendar: WorkCalendar, now: datetime) -> float:
    """The part of the span still left, 1 at the start, 0 at the due time, negative after it."""
    granted = allowance(state.span, calendar, state.started_at) / _MINUTE
    return 1 - spent_minutes(state, calendar, now) / granted


def is_breached(state: ClockState, now: datetime) -> bool:
    """Whether the promise is broken: met too late, or open and past due. A stopped clock is out of the reckoning."""
    if state.due_at is None or state.stopped_at is not None:
        return False
    return (state.met_at or now) > state.due_at


def band(share: float | None) -> str:
    """``ok`` above a half, ``watch``, ``risk`` below a fifth, ``over`` past due, ``pause`` for no share at all."""
    if share is None:
        return "pause"
    if share < 0:
        return "over"
    if share < RISK_BELOW:
        return "risk"
    return "watch" if share <= WATCH_UP_TO else "ok"


def band_of(state: ClockState, calendar: WorkCalendar, now: datetime) -> str:
    """The band of a clock. Past due is ``over`` even at night, when no working minute has been lost yet."""
    if is_breached(state, now):
        return "over"
    return band(None if state.is_paused else max(0.0, share_left(state, calendar, now)))


def next_due_at(states: Iterable[ClockState]) -> datetime | None:
    """The earliest due time of the open clocks: the one sortable column of an appeal."""
    return min((state.due_at for state in states if state.is_open and state.due_at), default=None)


def escalations(state: ClockState, policy: Policy, calendar: WorkCalendar) -> list[tuple[EscalationStep, datetime]]:
    """When each step of the ladder is taken; none of those that an open pause holds back."""
    granted = allowance(state.span, calendar, state.started_at) / _MINUTE
    hours = hours_for(state.span, calendar)
    result = []
    for step in policy.escalation:
        try:
            at = hours.add_working(state.started_at, granted * step.share, state.holes)
        except HoleNeverEnds:
            break
        result.append((step, at if step.off_hours else calendar.next_working(at)))
    return result


def compliance(met: int, breached: int) -> float | None:
    """Share of promises kept. ``breached`` counts the open ones past due too; ``None`` means there is no data."""
    return met / (met + breached) if met + breached else None
