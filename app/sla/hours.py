"""Working time on one axis: segments of UTC and how much work lies before each.

Instants and durations here are whole microseconds (instants since 1970-01-01 UTC), so sums are exact and a search is
a bisection, whatever the length of the span.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

Interval = tuple[int, int]
"""Working hours of a day: from and to, in minutes of the local day (540, 780 is 9:00 to 13:00)."""

Hole = tuple[datetime, datetime | None]
"""A pause: from and to, aware UTC; ``None`` means it is still open."""

Segment = tuple[int, int]

MINUTE = 60_000_000
ENDLESS = 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time; a naive one raises ``TypeError``."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at_micros: int) -> datetime:
    """The aware UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at_micros)


def merged(segments: Iterable[Segment]) -> list[Segment]:
    """Sorted segments in which touching and overlapping ones have become one, and empty ones have gone."""
    result: list[Segment] = []
    for start, end in sorted(segments):
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        elif start < end:
            result.append((start, end))
    return result


def closed_holes(holes: Iterable[Hole]) -> list[Segment]:
    """Pauses as merged segments; an open one lasts for ever, one that ends before it begins is none."""
    return merged((micros(a), ENDLESS if b is None else micros(b)) for a, b in holes)


def spliced(before: Iterable[Hole], after: Iterable[Hole], at: datetime) -> tuple[Hole, ...]:
    """The pauses of one clock up to a moment, and those of another from then on; one that goes on across it is one."""
    first = [(begin, at if end is None else min(end, at)) for begin, end in before if begin < at]
    rest = [(max(begin, at), end) for begin, end in after if end is None or end > at]
    if first and rest and first[-1][1] == rest[0][0]:
        rest[0] = (first.pop()[0], rest[0][1])
    return (*first, *rest)


def segments_of(day: date, intervals: Sequence[Interval], zone: ZoneInfo) -> list[Segment]:
    """The instants whose local time lies within the intervals of that day.

    On a day when the clocks are changed an hour that does not exist is not worked, and one that comes twice is
    worked twice: Russia's regions did so as late as 2020.
    """
    midnight = micros(datetime.combine(day, time(), UTC))
    before, after = _offset(day, zone, fold=0), _offset(day + _ONE_DAY, zone, fold=1)
    shifted = [(midnight - before + a * MINUTE, midnight - before + b * MINUTE) for a, b in intervals]
    if before == after:
        return shifted
    change = _clock_change(midnight - max(before, after), midnight + 1440 * MINUTE - min(before, after), zone)
    late = [(a + before - after, b + before - after) for a, b in shifted]
    parts = [(a, min(b, change)) for a, b in shifted] + [(max(a, change), b) for a, b in late]
    return [(a, b) for a, b in parts if a < b]


def _offset(day: date, zone: ZoneInfo, fold: int) -> int:
    """How far local time is ahead of UTC at the beginning of the day."""
    return datetime.combine(day, time(fold=fold), zone).utcoffset() // _MICROSECOND  # type: ignore[operator]


def _clock_change(low: int, high: int, zone: ZoneInfo) -> int:
    """The minute between two instants at which the zone's offset changes, by bisection."""
    old = instant(low).astimezone(zone).utcoffset()
    minutes = range(1, (high - low) // MINUTE + 1)
    return low + MINUTE * minutes[bisect_left(minutes, True, key=lambda m: _at(low, m, zone) != old)]


def _at(low: int, minute: int, zone: ZoneInfo) -> timedelta | None:
    return instant(low + minute * MINUTE).astimezone(zone).utcoffset()


@dataclass(frozen=True, slots=True)
class Hours:
    """Working segments of some years, and the work done before each."""

    years: tuple[int, int]
    covered: Segment
    starts: list[int]
    ends: list[int]
    done: list[int]

    @classmethod
    def of(cls, segments: Iterable[Segment], years: tuple[int, int]) -> "Hours":
        """Index the segments of the local years ``years``, the first and the last.

        What is covered, in UTC, is two days shorter at either end: no zone is further from Greenwich than that.
        """
        ordered = merged(segments)
        done = list(accumulate((end - start for start, end in ordered), initial=0))
        covered = micros(datetime(years[0], 1, 3, tzinfo=UTC)), micros(datetime(years[1], 12, 30, tzinfo=UTC))
        return cls(years, covered, [start for start, _ in ordered], [end for _, end in ordered], done)

    @property
    def last_end(self) -> int:
        """The end of the last segment, before all time when there is none."""
        return self.ends[-1] if self.ends else -ENDLESS

    def worked(self, at: int) -> int:
        """Work from the first segment up to an instant."""
        i = bisect_right(self.starts, at) - 1
        if i < 0:
            return 0
        end = self.ends[i]
        return self.done[i] + (at if at < end else end) - self.starts[i]

    def reached(self, work: int) -> int | None:
        """The first instant by which so much work is done: the end of a segment, not the start of the next.

        ``None`` when there is less work in all these years.
        """
        if work > self.done[-1]:
            return None
        i = bisect_left(self.done, work) - 1
        return self.starts[i] + work - self.done[i]

    def opening(self, at: int) -> int | None:
        """The first instant, not before ``at``, that is worked; ``None`` when these years end before it."""
        i = bisect_right(self.ends, at)
        return max(at, self.starts[i]) if i < len(self.starts) else None


NO_HOURS = Hours((0, 0), (ENDLESS, -ENDLESS), [], [], [0])
