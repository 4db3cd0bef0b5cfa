"""What a clock says, in Russian: the countdown, the due time, the formula to check by hand. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from math import ceil, floor
from zoneinfo import ZoneInfo

from app.sla import wording
from app.sla.calendar import WorkCalendar
from app.sla.hours import MINUTE, closed_holes, instant, micros
from app.sla.state import ClockState, due_after, is_breached, left_minutes

Slice = tuple[datetime, datetime]

_LONG_AFTER_SLICES = 6
_LONG_AFTER_DAYS = 8


# Countdown and due time


def countdown_text(state: ClockState, calendar: WorkCalendar, now: datetime) -> str:
    """What is left, in the time that counts: «2 ч 34 м», «−1 ч 10 м» past due, «пауза»; for a closed clock its result.

    What is left is rounded down and what is late is rounded up: the screen never promises more than there is.
    """
    if state.stopped_at is not None:
        return "снят"
    is_late = is_breached(state, now)
    if not is_late:
        if state.met_at is not None:
            return "в срок"
        return "пауза" if state.is_paused else _amount(state, floor(max(0.0, left_minutes(state, calendar, now))))
    late = _amount(state, max(1, ceil(-left_minutes(state, calendar, now))))
    return f"−{late}" if state.is_open else f"опоздание {late}"


def _amount(state: ClockState, minutes: int) -> str:
    return wording.duration_text(minutes) if state.span.is_working else wording.calendar_duration_text(minutes)


def due_text(due_at: datetime, now: datetime, zone: str) -> str:
    """The due time on the wall clock of a zone: «сег. 17:10», «завтра 10:16», «пт 20.11»."""
    info = ZoneInfo(zone)
    return wording.due_text(due_at.astimezone(info), now.astimezone(info))


def change_text(before: ClockState, after: ClockState, because: str, zone: str) -> str:
    """The line of history a changed due time leaves: «пт 20.11 17:10 → пн 23.11 10:00: уточнение получено»."""
    return f"{_moment_text(before.due_at, zone)} → {_moment_text(after.due_at, zone)}: {because}"


def _moment_text(at: datetime | None, zone: str) -> str:
    if at is None:
        return "пауза"
    local = at.astimezone(ZoneInfo(zone))
    return f"{wording.day_text(wording.day_of(local))} {wording.clock_text(local)}"


# Formula


def formula(state: ClockState, calendar: WorkCalendar) -> str:
    """How the due time came about, in hours and days that can be checked by hand.

    «пн 16:10 + 9 рабочих часов = 1 ч 50 м (пн) + 4 ч (вт 9–13) + 3 ч 10 м (вт с 14:00)». Pauses are left out of the
    sum and named after it; while one is open the sum ends with it.
    """
    begin = state.started_at.astimezone(calendar.zone_info)
    head = (
        f"{wording.WEEKDAYS[begin.weekday()]} {begin.hour}:{begin.minute:02}"
        f" + {wording.amount_text(state.span.amount, state.span.unit)} = "
    )
    if state.span.unit == "working_minutes":
        return head + _sum_of_hours(state, calendar) + _pauses_text(state, calendar)
    return head + _sum_of_days(state, calendar) + _pauses_text(state, calendar)


def _sum_of_hours(state: ClockState, calendar: WorkCalendar) -> str:
    end = state.due_at or state.holes[-1][0]
    slices = list(worked_slices(state, calendar, end))
    is_long = len(slices) > _LONG_AFTER_SLICES
    terms = _day_terms(slices, calendar) if is_long else _slice_terms(slices, calendar, state.due_at)
    if state.due_at is None:
        terms.append(f"{wording.duration_text(state.span.amount - _wall_minutes(slices))} после паузы")
    return " + ".join(terms)


def _sum_of_days(state: ClockState, calendar: WorkCalendar) -> str:
    """Days are named when a working term is short enough; then comes the end, before any pause."""
    end = due_after(state.span, calendar, state.started_at).astimezone(calendar.zone_info)
    day = wording.day_of(end)
    if not state.span.is_days:
        return f"{wording.WEEKDAYS[day.weekday()]} {wording.clock_text(end)}"
    text = f"{wording.day_text(day)}, до {wording.clock_text(end)}"
    if state.span.unit == "working_days":
        days = _working_days(calendar, calendar.local_date(state.started_at), state.span.amount)
        names = [f"{wording.WEEKDAYS[d.weekday()]} {d.day}" for d in days[:-1]]
        if len(names) > _LONG_AFTER_DAYS:
            names = [*names[:2], "…", *names[-2:]]
        return ", ".join([*names, text])
    last = calendar.local_date(state.started_at) + timedelta(days=state.span.amount)
    if last != day:
        return f"{wording.day_text(last)}, выходной → {text}"
    return text


def _working_days(calendar: WorkCalendar, day: date, amount: int) -> list[date]:
    days = []
    for _ in range(amount):
        day = calendar.next_working_day(day)
        days.append(day)
    return days


def _slice_terms(slices: list[Slice], calendar: WorkCalendar, due_at: datetime | None) -> list[str]:
    return [
        f"{_length_text([piece])} ({_slice_label(piece, calendar, i == 0, piece[1] == due_at)})"
        for i, piece in enumerate(slices)
    ]


def _slice_label(piece: Slice, calendar: WorkCalendar, is_first: bool, is_last: bool) -> str:
    """«пн» for the rest of the first day, «вт 9–13» for a whole interval, «вт с 14:00» for the last one."""
    begin, end = (at.astimezone(calendar.zone_info) for at in piece)
    weekday = wording.WEEKDAYS[begin.weekday()]
    intervals = calendar.intervals_on(begin.date())
    from_minute = begin.hour * 60 + begin.minute
    to_minute = end.hour * 60 + end.minute or 1440
    if is_last and not is_first and any(a == from_minute and b > to_minute for a, b in intervals):
        return f"{weekday} с {wording.clock_text(begin) if from_minute else '0:00'}"
    if is_first and not is_last and to_minute == intervals[-1][1]:
        return weekday
    return f"{weekday} {wording.hour_text(from_minute)}–{wording.hour_text(to_minute)}"


def _day_terms(slices: list[Slice], calendar: WorkCalendar) -> list[str]:
    """A term a day, and one for all the days in the middle when there are many."""
    days = [(day, list(pieces)) for day, pieces in groupby(slices, lambda piece: calendar.local_date(piece[0]))]
    terms = [f"{_length_text(pieces)} ({wording.day_text(day)})" for day, pieces in days]
    if len(days) <= _LONG_AFTER_DAYS:
        return terms
    middle = [piece for _, pieces in days[2:-2] for piece in pieces]
    count = wording.counted(len(days) - 4, "день", "дня", "дней")
    return [*terms[:2], f"{_length_text(middle)} (ещё {count})", *terms[-2:]]


def _length_text(pieces: list[Slice]) -> str:
    return wording.duration_text(_wall_minutes(pieces))


def _wall_minutes(pieces: list[Slice]) -> int:
    """The length of slices as the wall clock shows it, seconds cut off, so that the terms add up to what is read."""
    return sum(micros(b) // MINUTE - micros(a) // MINUTE for a, b in pieces)


def _pauses_text(state: ClockState, calendar: WorkCalendar) -> str:
    """The pauses and, for a term of days, when it ends because of them."""
    if not state.holes:
        return ""
    names = [
        f"{_moment_text(begin, calendar.zone)} – {_moment_text(end, calendar.zone) if end else 'сейчас'}"
        for begin, end in state.holes
    ]
    text = f"; пауза не в счёт: {', '.join(names)}"
    if state.span.unit == "working_minutes" or state.due_at is None:
        return text
    return f"{text}; срок {_moment_text(state.due_at, calendar.zone)}"


def worked_slices(state: ClockState, calendar: WorkCalendar, end: datetime) -> Iterator[Slice]:
    """The working slices from the start to ``end``, the pauses cut out."""
    holes = closed_holes(state.holes)
    for begin, finish in calendar.slices(state.started_at, end):
        at, last = micros(begin), micros(finish)
        for hole_begin, hole_end in holes:
            if hole_begin < last and hole_end > at:
                if at < hole_begin:
                    yield instant(at), instant(hole_begin)
                at = hole_end
        if at < last:
            yield instant(at), instant(last)
