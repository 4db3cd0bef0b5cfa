"""Compliance with the promised times, by department and period: plain SQL over stored columns of the clocks.

A promise is kept when it was met by its due time, and broken when it was met later, is open past due, or was dropped
past due. Compliance = kept / (kept + broken). Talk, spam, duplicates and deleted messages are out (`is_counted`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from typing import Any

from sqlalchemy import ColumnElement, and_, any_, func, literal, literal_column, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.models import Appeal, appeal_columns
from app.departments.models import Department, Territory
from app.public_pages.models import PublicPage
from app.reports.question import Question
from app.sla.clock import compliance
from app.sla.models import Clock

LEAST_RATED = 10
"""Departments with fewer settled promises in the period are shown and not compared."""

_Z_95 = 1.959964  # two-sided 95 % of the normal distribution
_clock: Any = Clock.__table__.c  # type: ignore[attr-defined]
_department: Any = Department.__table__.c  # type: ignore[attr-defined]
_page: Any = PublicPage.__table__.c  # type: ignore[attr-defined]
_territory: Any = Territory.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of one department, or of all. `breached` includes the open ones past due; times are working minutes."""

    received: int = 0
    answered: int = 0
    met: int = 0
    breached: int = 0
    open_overdue: int = 0
    waiting: int = 0
    p50_minutes: float | None = None
    p90_minutes: float | None = None

    @property
    def settled(self) -> int:
        """Promises that are kept or broken."""
        return self.met + self.breached

    @property
    def compliance(self) -> float | None:
        """Share kept, 0…1; None when nothing is settled."""
        return compliance(self.met, self.breached)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true share lies with 95 % confidence."""
        return wilson(self.met, self.settled) if self.settled else None

    @property
    def is_rated(self) -> bool:
        """Whether there is enough to compare with others."""
        return self.settled >= LEAST_RATED


@dataclass(frozen=True, slots=True)
class DepartmentLine:
    """A department with its figures in the period and in the one before."""

    code: str
    name: str
    short_name: str
    figures: Figures
    previous: Figures


@dataclass(frozen=True, slots=True)
class Now:
    """Open appeals by their nearest due time at this moment; `delay_minutes` is the mean delay round the clock."""

    overdue: int
    delay_minutes: float | None
    due_in_4_hours: int
    due_in_24_hours: int


@dataclass(frozen=True, slots=True)
class StepLine:
    """Times of answers to what came in one day, week or month of the chart."""

    day: date
    p50_minutes: float
    p90_minutes: float


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """How many appeals of one topic group came from one page."""

    territory_code: str | None
    territory: str | None
    page_id: int
    page: str
    topic_group: str | None
    received: int


@dataclass(frozen=True, slots=True)
class SlaReport:
    """The whole report."""

    question: Question
    at: datetime
    totals: Figures
    previous: Figures
    departments: tuple[DepartmentLine, ...]
    now: Now
    steps: tuple[StepLine, ...]
    places: tuple[PlaceLine, ...]


def wilson(met: int, settled: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (E. B. Wilson, 1927); `settled` is at least 1."""
    share, z2 = met / settled, _Z_95**2
    middle = (share + z2 / (2 * settled)) / (1 + z2 / settled)
    half = _Z_95 * sqrt(share * (1 - share) / settled + z2 / (4 * settled**2)) / (1 + z2 / settled)
    return max(0.0, middle - half), min(1.0, middle + half)


def outcomes(now: datetime, clock: Any = _clock) -> dict[str, ColumnElement[bool]]:
    """What became of a promise, as SQL: the one definition for figures and for the lists behind them."""
    is_open = clock.closed_at.is_(None)
    is_late = func.coalesce(clock.met_at, clock.closed_at, now) > clock.due_at
    return {
        "received": clock.id.is_not(None),
        "answered": clock.met_at.is_not(None),
        "met": and_(clock.met_at.is_not(None), is_late.is_not(True)),
        "breached": is_late,
        "overdue": and_(is_open, is_late),
        "waiting": and_(is_open, is_late.is_not(True)),
    }


def in_scope(question: Question, start: datetime, end: datetime) -> list[ColumnElement[bool]]:
    """The counted clocks that a question is about, started in [start, end)."""
    conditions = [
        _clock.kind == question.kind, _clock.is_counted, _clock.started_at >= start, _clock.started_at < end,
    ]  # fmt: skip
    if question.department_id is not None:
        conditions.append(_clock.department_id == question.department_id)
    if question.platform or question.territory:
        conditions.append(_clock.appeal_id.in_(select(appeal_columns.id).where(*_appeals_of(question))))
    return conditions


def _appeals_of(question: Question) -> list[ColumnElement[bool]]:
    conditions = []
    if question.platform:
        conditions.append(appeal_columns.platform == question.platform)
    if question.territory:
        conditions.append(_lies_in(question.territory))
    return conditions


def _lies_in(code: str) -> ColumnElement[bool]:
    """The place of the appeal, or else of its page, lies in this territory."""
    codes = select(_territory.code).where(literal(code) == any_(func.string_to_array(_territory.path, "/")))
    pages = select(_page.id).where(_page.territory_code.in_(codes))
    own = appeal_columns.territory_code
    return or_(own.in_(codes), and_(own.is_(None), appeal_columns.page_id.in_(pages)))


async def sla_report(session: AsyncSession, question: Question, now: datetime) -> SlaReport:
    """Everything the report shows, in five queries whatever the amount of data."""
    await session.execute(text("SET LOCAL work_mem = '64MB'"))  # a year's percentiles are sorted in memory
    figures = await _figures(session, question, now)
    return SlaReport(
        question=question,
        at=now,
        totals=figures.get((True, None), Figures()),
        previous=figures.get((False, None), Figures()),
        departments=await _departments(session, figures),
        now=await _now(session, question, now),
        steps=await _steps(session, question),
        places=await _places(session, question),
    )


async def _figures(session: AsyncSession, question: Question, now: datetime) -> dict[tuple[bool, int | None], Figures]:
    """Figures by (is this period, department id); department None is the total."""
    previous, period = question.period.previous(), question.period
    is_current = (_clock.started_at >= period.start).label("is_current")
    scope = select(is_current, *_clock).where(*in_scope(question, previous.start, period.end)).subquery().c
    outcome = outcomes(now, scope)
    statement = select(
        scope.is_current,
        scope.department_id,
        *(func.count().filter(outcome[name]) for name in _COUNTED),
        _percentile("0.5", scope),
        _percentile("0.9", scope),
    ).group_by(func.grouping_sets(tuple_(scope.is_current, scope.department_id), scope.is_current))
    return {(row[0], row[1]): Figures(*row[2:]) for row in await session.execute(statement)}


_COUNTED = ("received", "answered", "met", "breached", "overdue", "waiting")


def _percentile(share: str, clock: Any = _clock) -> Any:
    """Of the time to an answer; what was closed without one has no such time."""
    return (
        func.percentile_cont(literal_column(share)).within_group(clock.spent_minutes).filter(clock.met_at.is_not(None))
    )


async def _departments(
    session: AsyncSession, figures: Mapping[tuple[bool, int | None], Figures]
) -> tuple[DepartmentLine, ...]:
    """Departments with anything in the period, the most settled promises first."""
    rows = await session.execute(select(_department.id, _department.code, _department.name, _department.short_name))
    lines = [
        DepartmentLine(code, name, short_name, figures[True, key], figures.get((False, key), Figures()))
        for key, code, name, short_name in rows
        if (True, key) in figures
    ]
    return tuple(sorted(lines, key=lambda line: (-line.figures.settled, -line.figures.received, line.name)))


async def _now(session: AsyncSession, question: Question, now: datetime) -> Now:
    """Over the index of the queue, so that these numbers and the queue's are the same ones."""
    due = appeal_columns.queue_at
    statement = select(
        func.count().filter(due < now),
        func.extract("epoch", func.avg(now - due).filter(due < now)) / 60,
        func.count().filter(due >= now, due < now + timedelta(hours=4)),
        func.count().filter(due >= now),
    ).where(appeal_columns.is_open, ~appeal_columns.is_talk, due < now + timedelta(hours=24), *_appeals_of(question))
    if question.department_id is not None:
        statement = statement.where(appeal_columns.department_id == question.department_id)
    overdue, delay, in_4_hours, in_24_hours = (await session.execute(statement)).one()
    return Now(overdue, None if delay is None else float(delay), in_4_hours, in_24_hours)


async def _steps(session: AsyncSession, question: Question) -> tuple[StepLine, ...]:
    """p50 and p90 by the day, week or month in which the appeals came, for those that are answered."""
    period = question.period
    day = func.date_trunc(period.step, func.timezone(period.zone, _clock.started_at)).label("day")
    statement = (
        select(day, _percentile("0.5"), _percentile("0.9"))
        .where(*in_scope(question, period.start, period.end), _clock.met_at.is_not(None))
        .group_by(day)
        .order_by(day)
    )
    return tuple(StepLine(at.date(), p50, p90) for at, p50, p90 in await session.execute(statement))


async def _places(session: AsyncSession, question: Question) -> tuple[PlaceLine, ...]:
    code = func.coalesce(appeal_columns.territory_code, _page.territory_code)
    statement = (
        select(code, _territory.name, _page.id, _page.name, appeal_columns.topic_group, func.count())
        .select_from(Clock)
        .join(Appeal, appeal_columns.id == _clock.appeal_id)
        .join(PublicPage, _page.id == appeal_columns.page_id)
        .outerjoin(Territory, _territory.code == code)
        .where(*in_scope(question, question.period.start, question.period.end))
        .group_by(code, _territory.name, _page.id, _page.name, appeal_columns.topic_group)
    )
    return tuple(PlaceLine(*row) for row in await session.execute(statement))


def rated(lines: Sequence[DepartmentLine]) -> list[DepartmentLine]:
    """Departments with enough settled promises, the best share first."""
    ranked = [line for line in lines if line.figures.is_rated]
    return sorted(ranked, key=lambda line: (-(line.figures.compliance or 0), -line.figures.settled))
