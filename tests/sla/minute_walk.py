"""Working time the plain way: look at every minute of the wall clock. The oracle of the calendar in the tests, and its
reference in the bench; written apart from the calendar, from the meaning of hours and pauses alone.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.sla.calendar import Hole, Interval, WorkCalendar

MINUTE = timedelta(minutes=1)


class MinuteWalk:
    def __init__(self, calendar: WorkCalendar) -> None:
        self.zone = ZoneInfo(calendar.zone)
        self.calendar = calendar

    def is_worked(self, at: datetime, holes: Sequence[Hole]) -> bool:
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        is_open = any(start <= minute < end for start, end in self.intervals_on(local.date()))
        return is_open and not any(start <= at and (end is None or at < end) for start, end in holes)

    def intervals_on(self, day: date) -> tuple[Interval, ...]:
        calendar = self.calendar
        is_holiday = (day.month, day.day) in calendar.public_holidays and day.year not in calendar.official_years
        usual = () if is_holiday else calendar.weekly[day.weekday()]
        return calendar.overrides.get(day, usual)

    def minutes(self, start: datetime, holes: Sequence[Hole]) -> Iterator[datetime]:
        """The minutes that are worked, for ever."""
        at = start
        while True:
            if self.is_worked(at, holes):
                yield at
            at += MINUTE

    def add_working(self, start: datetime, minutes: int, holes: Sequence[Hole] = ()) -> datetime:
        worked = self.minutes(start, holes)
        if not minutes:
            return next(worked)
        for _ in range(minutes - 1):
            next(worked)
        return next(worked) + MINUTE

    def working_between(self, a: datetime, b: datetime, holes: Sequence[Hole] = ()) -> int:
        count, at = 0, a
        while at < b:
            count += self.is_worked(at, holes)
            at += MINUTE
        return count
