"""What a report is asked: a period, a kind of promise, and whose. Read from an address and written back to it. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from app.errors import Invalid

EARLIEST = date(2010, 1, 1)
LATEST = date(2100, 1, 1)
USUAL_DAYS = 30
PRESETS = {7: "7 дней", 30: "30 дней", 90: "90 дней", 365: "Год"}
PROMISES = {"first_answer": "первый ответ", "final": "окончательный"}
MONTHS = (
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()  # noqa: SIM905
)
_LONGEST_DAY_STEP = 92
_LONGEST_WEEK_STEP = 750


@dataclass(frozen=True, slots=True)
class Period:
    """Clocks started at or after `start` and before `end`, both aware; days are those of `zone`, the center's."""

    start: datetime
    end: datetime
    zone: str

    @property
    def first_day(self) -> date:
        """The day the period begins."""
        return self.start.astimezone(ZoneInfo(self.zone)).date()

    @property
    def last_day(self) -> date:
        """The last day that belongs to the period, wholly or in part."""
        return (self.end - timedelta(microseconds=1)).astimezone(ZoneInfo(self.zone)).date()

    @property
    def days(self) -> int:
        """Days touched by the period, at least one."""
        return (self.last_day - self.first_day).days + 1

    @property
    def step(self) -> str:
        """How finely a chart cuts the period: "day", "week" or "month"."""
        if self.days <= _LONGEST_DAY_STEP:
            return "day"
        return "week" if self.days <= _LONGEST_WEEK_STEP else "month"

    def bounds(self) -> tuple[str, str]:
        """The period as an address names it: days where it is made of whole days, moments otherwise."""
        if (self.start, self.end) == (
            _midnight(self.first_day, self.zone),
            _midnight(self.last_day + timedelta(days=1), self.zone),
        ):
            return self.first_day.isoformat(), self.last_day.isoformat()
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}", f"{self.end:%Y-%m-%dT%H:%M:%SZ}"

    def previous(self) -> "Period":
        """The period of equal length that ends where this one begins."""
        return replace(self, start=self.start - (self.end - self.start), end=self.start)

    def steps(self) -> list[date]:
        """The first days of all steps that the period touches, as PostgreSQL's date_trunc names them."""
        days = [_beginning(self.first_day + timedelta(days=number), self.step) for number in range(self.days)]
        return list(dict.fromkeys(days))

    def text(self) -> str:
        """«18 октября — 16 ноября 2026»."""
        first, last = self.first_day, self.last_day
        if first == last:
            return f"{day_text(last)} {last.year}"
        year = f" {first.year}" if first.year != last.year else ""
        return f"{day_text(first)}{year} — {day_text(last)} {last.year}"


def _beginning(day: date, step: str) -> date:
    if step == "day":
        return day
    return day - timedelta(days=day.weekday()) if step == "week" else day.replace(day=1)


def day_text(day: date) -> str:
    """«18 октября»."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def short_day_text(day: date) -> str:
    """«18 окт»."""
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


@dataclass(frozen=True, slots=True)
class Question:
    """One report with all its conditions. None means any.

    `department` is a code and `department_id` the same department's number; `territory` is an ОКТМО code and means all
    that lies in it.
    """

    period: Period
    kind: str = "first_answer"
    department: str | None = None
    department_id: int | None = None
    platform: str | None = None
    territory: str | None = None

    def query(self, **changes: Any) -> str:
        """The query string of this question, or of one that differs from it; empty values are left out."""
        first, last = self.period.bounds()
        values = {
            "from": first,
            "to": last,
            "kind": self.kind if self.kind != "first_answer" else None,
            "department": self.department,
            "platform": self.platform,
            "territory": self.territory,
        }
        return urlencode({name: value for name, value in (values | changes).items() if value not in (None, "")})


def period_of(from_text: str | None, to_text: str | None, zone: str, now: datetime) -> Period:
    """The period between two bounds: days, both included, or aware moments, the second excluded.

    Without bounds, the last 30 days with today. Raises Invalid for what is no day or moment, and for an empty period.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    end = _moment(to_text, "to", zone, is_end=True) if to_text else _midnight(today + timedelta(days=1), zone)
    start = _moment(from_text, "from", zone) if from_text else end - timedelta(days=USUAL_DAYS)
    if start >= end:
        raise Invalid("Начало периода позже его конца")
    return Period(start, end, zone)


def last_days(days: int, zone: str, now: datetime) -> Period:
    """The period of a preset: so many days, today included."""
    end = _midnight(now.astimezone(ZoneInfo(zone)).date() + timedelta(days=1), zone)
    return Period(end - timedelta(days=days), end, zone)


def _moment(text: str, name: str, zone: str, *, is_end: bool = False) -> datetime:
    try:
        if len(text) == len("2026-11-16"):
            day = _sane(date.fromisoformat(text), name)
            return _midnight(day + timedelta(days=1) if is_end else day, zone)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"Параметр {name}: нужен день (2026-11-16) или момент (2026-11-16T09:00:00Z)") from error
    if moment.tzinfo is None:
        raise Invalid(f"Параметр {name}: у момента нет часового пояса, допишите Z или +06:00")
    _sane(moment.date(), name)
    return moment.astimezone(UTC)


def _sane(day: date, name: str) -> date:
    if not EARLIEST <= day <= LATEST:
        raise Invalid(f"Параметр {name}: день должен быть между {EARLIEST:%d.%m.%Y} и {LATEST:%d.%m.%Y}")
    return day


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
