"""Working calendars: a time zone, the hours of the week, the days that differ.

Pure: no clock, no database. A due time is the end of a span of working time, and a pause is a hole in that time, not
minutes added to a date. Labour Code of Russia: art. 112 (public holidays and days off transferred), art. 95 (the day
before a holiday is one hour shorter).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.sla import defaults, notation
from app.sla.hours import (
    ENDLESS,
    MINUTE,
    NO_HOURS,
    Hole,
    Hours,
    Interval,
    Segment,
    closed_holes,
    instant,
    micros,
    segments_of,
)

__all__ = ["CalendarInvalid", "Hole", "HoleNeverEnds", "Interval", "Roll", "WorkCalendar", "around_the_clock"]
__all__ += ["calendar_from_document"]

Roll = Literal["previous", "next", "none"]
"""Where a deadline goes whose last day is not a working one."""

LONGEST_GAP_DAYS = 400
_LONGEST_GAP = LONGEST_GAP_DAYS * 1440 * MINUTE
LONGEST_SPAN_MINUTES = 36_600 * 1440
_ONE_DAY = timedelta(days=1)


class CalendarInvalid(ValueError):
    """The calendar cannot be used; the message tells an administrator why, in Russian."""


class HoleNeverEnds(ValueError):
    """No due time exists yet: a pause that is still open begins before the span is worked."""


@dataclass(frozen=True)
class WorkCalendar:
    """When somebody works. Build one and keep it: the first question about a year costs milliseconds, others little.

    ``weekly`` has seven entries, Monday first, each the intervals of a working day in local minutes. ``overrides``
    replaces the intervals of single dates (none for a holiday). In years outside ``official_years`` nothing is known
    about transferred days off, so only ``public_holidays`` (month, day) are free.

    Raises ``CalendarInvalid`` when the zone is unknown, an interval is empty, overlaps another or leaves the day.
    """

    code: str
    name: str
    zone: str
    weekly: tuple[tuple[Interval, ...], ...]
    overrides: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict)
    public_holidays: frozenset[tuple[int, int]] = frozenset()
    official_years: frozenset[int] = frozenset()
    _hours: Hours = field(default=NO_HOURS, init=False, repr=False, compare=False)
    _years: dict[int, list[Segment]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.weekly) != 7:
            raise CalendarInvalid(f"Календарь «{self.code}»: нужно семь дней недели, дано {len(self.weekly)}.")
        for intervals in (*self.weekly, *self.overrides.values()):
            self._check(intervals)
        if not any(self.weekly) and not any(self.overrides.values()):
            raise CalendarInvalid(f"Календарь «{self.code}»: нет ни одного рабочего часа.")
        _ = self.zone_info

    def _check(self, intervals: Sequence[Interval]) -> None:
        edges = [edge for interval in intervals for edge in interval]
        if edges and not (
            edges[0] >= 0 and edges[-1] <= 1440 and all(a < b for a, b in intervals) and edges == sorted(edges)
        ):
            raise CalendarInvalid(
                f"Календарь «{self.code}»: часы пусты, пересекаются или не умещаются в сутки: {list(intervals)}."
            )

    @cached_property
    def zone_info(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise CalendarInvalid(f"Календарь «{self.code}»: неизвестный часовой пояс «{self.zone}».") from error

    # Days

    def local_date(self, at: datetime) -> date:
        """The date on the office's wall."""
        return at.astimezone(self.zone_info).date()

    def intervals_on(self, day: date) -> tuple[Interval, ...]:
        """Working hours of a date; none when it is a day off."""
        override = self.overrides.get(day)
        if override is not None:
            return override
        if (day.month, day.day) in self.public_holidays and day.year not in self.official_years:
            return ()
        return self.weekly[day.weekday()]

    def next_working_day(self, day: date, step: int = 1) -> date:
        """The nearest working day after a date, or before it when ``step`` is -1; the date itself does not count.

        Raises ``CalendarInvalid`` when there is none within 400 days.
        """
        for distance in range(1, LONGEST_GAP_DAYS + 1):
            found = day + timedelta(days=distance * step)
            if self.intervals_on(found):
                return found
        raise self._nothing_works(day)

    def end_of(self, day: date) -> datetime:
        """The moment work ends on a date; midnight after it when nobody works."""
        segments = segments_of(day, self.intervals_on(day) or ((0, 1440),), self.zone_info)
        return instant(max(end for _, end in segments))

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """The end of work on the n-th working day after the day of ``start``, which itself does not count.

        So a term is counted in Russian law (Civil Code, art. 191 and 194).
        """
        day = self.local_date(start)
        for _ in range(days):
            day = self.next_working_day(day)
        return self.end_of(day)

    def add_calendar_days(self, start: datetime, days: int, roll: Roll = "none") -> datetime:
        """The end of the n-th day after the day of ``start``: of work when it is a working day, else as ``roll`` says.

        A deadline that would roll back to the day of ``start`` or before it rolls forward instead.
        """
        first = self.local_date(start)
        last = first + timedelta(days=days)
        if roll != "none" and not self.intervals_on(last):
            back = self.next_working_day(last, -1)
            last = back if roll == "previous" and back > first else self.next_working_day(last)
        return self.end_of(last)

    # Working time

    def add_working(self, start: datetime, minutes: float, holes: Sequence[Hole] = ()) -> datetime:
        """The first moment by which so many working minutes have passed since ``start``, pauses left out.

        It never lies outside working hours: a span that fills the day ends when the day does, not on the next morning.
        No minutes at all give the next working moment. Raises ``HoleNeverEnds`` when an open pause comes first,
        ``CalendarInvalid`` when nobody works for 400 days, ``ValueError`` for negative minutes or more than a century.
        """
        if not 0 <= minutes <= LONGEST_SPAN_MINUTES:
            raise ValueError(f"minutes must be between 0 and {LONGEST_SPAN_MINUTES}")
        at = micros(start)
        work = minutes * MINUTE if isinstance(minutes, int) else round(minutes * MINUTE)
        for begin, end in closed_holes(holes) if holes else ():
            if end <= at:
                continue
            before = self._work(at, begin)
            if before > 0 and work <= before:
                break
            if end == ENDLESS:
                raise HoleNeverEnds("the pause is still open")
            work, at = work - max(before, 0), end
        return instant(self._reach(at, work))

    def working_between(self, a: datetime, b: datetime, holes: Sequence[Hole] = ()) -> timedelta:
        """Working time from ``a`` to ``b``, pauses left out, to the microsecond; negative when ``b`` is the earlier.

        The exact inverse: ``working_between(t, add_working(t, m, holes), holes) == timedelta(minutes=m)``.
        """
        if b < a:
            return -self.working_between(b, a, holes)
        first, last = micros(a), micros(b)
        work = self._work(first, last)
        for begin, end in closed_holes(holes) if holes else ():
            work -= max(self._work(max(begin, first), min(end, last)), 0)
        return timedelta(microseconds=work)

    def next_working(self, at: datetime) -> datetime:
        """``at`` itself when somebody works in the minute that follows, else the start of the next interval."""
        return instant(self._reach(micros(at), 0))

    def slices(self, a: datetime, b: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The working intervals between two moments, day by day, cut at both."""
        first, last = micros(a), micros(b)
        day, end = self.local_date(a), self.local_date(b)
        while day <= end:
            for begin, finish in segments_of(day, self.intervals_on(day), self.zone_info):
                if max(begin, first) < min(finish, last):
                    yield instant(max(begin, first)), instant(min(finish, last))
            day += _ONE_DAY

    def _work(self, a: int, b: int) -> int:
        hours = self._covering(a, b)
        return hours.worked(b) - hours.worked(a)

    def _reach(self, at: int, work: int) -> int:
        """The first instant by which so much work is done after ``at``; with none to do, the next one worked."""
        hours = self._covering(at, at)
        while (found := hours.reached(hours.worked(at) + work) if work else hours.opening(at)) is None:
            if hours.covered[1] - max(at, hours.last_end) > _LONGEST_GAP:
                raise self._nothing_works(self.local_date(instant(at)))
            first, last = hours.years
            hours = self._index(first, last + last - first)  # doubling keeps long spans cheap
        return found

    def _covering(self, a: int, b: int) -> Hours:
        hours = self._hours
        if hours.covered[0] <= a and b <= hours.covered[1]:
            return hours
        first, last = instant(min(a, b)).year - 1, instant(max(a, b)).year + 1
        if hours is NO_HOURS:
            return self._index(first, last)
        return self._index(min(first, hours.years[0]), max(last, hours.years[1]))

    def _index(self, first: int, last: int) -> Hours:
        """Index whole years and keep the result. It is replaced, never changed, so threads may share a calendar."""
        segments = [segment for year in range(first, last + 1) for segment in self._segments_in(year)]
        hours = Hours.of(segments, (first, last))
        for end, start in zip(hours.ends, hours.starts[1:], strict=False):
            if start - end > _LONGEST_GAP:
                raise self._nothing_works(self.local_date(instant(end)))
        object.__setattr__(self, "_hours", hours)
        return hours

    def _segments_in(self, year: int) -> list[Segment]:
        if year not in self._years:
            days = (
                date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
            )
            self._years[year] = [s for day in days for s in segments_of(day, self.intervals_on(day), self.zone_info)]
        return self._years[year]

    def _nothing_works(self, day: date) -> CalendarInvalid:
        return CalendarInvalid(
            f"Календарь «{self.code}»: рядом с {day:%d.%m.%Y} нет рабочего времени {LONGEST_GAP_DAYS} дней подряд."
        )


@lru_cache(maxsize=64)
def around_the_clock(zone: str) -> WorkCalendar:
    """The calendar of a duty desk: every hour of every day, holidays too."""
    return WorkCalendar("around-the-clock", "Круглосуточно", zone, (((0, 1440),),) * 7)


def calendar_from_document(document: Mapping[str, Any]) -> WorkCalendar:
    """Build a calendar from its data form.

    ``{"code", "name", "zone", "weekly": {"mon": ["09:00-13:00", …], …}, "holidays": "ru",
    "overrides": {"2026-06-22": "off"}}``.
    With ``holidays: "ru"`` the production calendar of Russia is laid over the week. An override is ``"off"``,
    ``"short"`` (an hour less at the end), ``"working"`` (a day off made a working one: the hours of the working
    weekday before it) or a list of intervals, and wins over the production calendar.

    Raises ``CalendarInvalid`` with a sentence in Russian.
    """
    code = _required(document, "code")
    try:
        weekly = notation.week(document.get("weekly", {}))
        official = notation.official_days(document.get("holidays"))
        own = {date.fromisoformat(day): kind for day, kind in document.get("overrides", {}).items()}
        overrides = {day: notation.override(day, kind, weekly) for day, kind in {**official, **own}.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise CalendarInvalid(f"Календарь «{code}»: {error}") from error
    return WorkCalendar(
        code,
        _required(document, "name"),
        _required(document, "zone"),
        weekly,
        overrides,
        public_holidays=defaults.PUBLIC_HOLIDAYS if official else frozenset(),
        official_years=frozenset(day.year for day in official),
    )


def _required(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise CalendarInvalid(f"Календарь «{document.get('code', '')}»: не указано поле «{key}».")
    return value
