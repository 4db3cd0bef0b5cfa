"""The report on promised times as a page and as a table: what the template shows, in the words it shows it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.reports import charts
from app.reports.base import Report
from app.reports.exports import Cell
from app.reports.question import Question, short_day_text
from app.reports.sla import LEAST_RATED, DepartmentLine, Figures, PlaceLine, SlaReport, rated, sla_report
from app.reports.sla_list import NOT_KNOWN
from app.reports.sla_tiles import Change, hours_text, list_url, points, tiles
from app.settings import Settings
from app.sla import service as sla
from app.sla.policy import NothingPromised

MOST_BARS = 7
MOST_PLACES = 10
MOST_GROUPS = 10
_USUAL_SEVERITY = 2
_MINUTES_IN_AN_HOUR = 60


def view(report: SlaReport, settings: Settings) -> Mapping[str, Any]:
    """What templates/reports/sla.html needs."""
    norm = norm_minutes(settings.policy, report.question.kind)
    return {
        "report": report,
        "tiles": tiles(report, norm),
        "chart": _chart(report, norm),
        "bars": _bars(report),
        "more_bars": max(0, len(_settled(report)) - MOST_BARS),
        "heat": heat(report),
        "rating": rating(report),
        "least_rated": LEAST_RATED,
        "hours_text": hours_text,
        "list_url": list_url,
    }


def norm_minutes(policy: str, kind: str) -> float | None:
    """The usual promise in working minutes; None where it is not counted in them."""
    try:
        span = sla.policy(policy).span_for(kind, _USUAL_SEVERITY)
    except (NothingPromised, sla.UnknownCode):
        return None
    return float(span.amount) if span.unit == "working_minutes" else None


def _chart(report: SlaReport, norm: float | None) -> charts.LineChart | None:
    """p50 and p90 in hours, a point for each day, week or month of the period; None without a single answer."""
    if not report.steps:
        return None
    by_day = {line.day: line for line in report.steps}
    days = report.question.period.steps()
    lines = [by_day.get(day) for day in days]
    return charts.line_chart(
        [short_day_text(day) for day in days],
        [
            [line.p50_minutes / _MINUTES_IN_AN_HOUR if line else None for line in lines],
            [line.p90_minutes / _MINUTES_IN_AN_HOUR if line else None for line in lines],
        ],
        unit="ч",
        norm=norm and norm / _MINUTES_IN_AN_HOUR,
    )


def _settled(report: SlaReport) -> list[DepartmentLine]:
    return [line for line in report.departments if line.figures.settled]


def _bars(report: SlaReport) -> tuple[charts.Bar, ...]:
    """The departments with most settled promises. What does not fit is in the table: added up it would dwarf them."""
    return charts.bars(
        [
            (
                line.short_name,
                line.figures.met,
                line.figures.breached,
                _of_department(report.question, line, "breached"),
            )
            for line in _settled(report)[:MOST_BARS]
        ]
    )


def _of_department(question: Question, line: DepartmentLine, outcome: str) -> str:
    return list_url(question, outcome, department=line.code)


def heat(report: SlaReport) -> charts.Heat | None:
    """Territories and topic groups; pages instead of territories while all appeals come from one territory."""
    if not report.places:
        return None
    has_territories = len({line.territory_code for line in report.places}) > 1
    name_of = _territory_row if has_territories else _page_row
    cells: Counter[tuple[tuple[str, str, Any], str]] = Counter()
    for line in report.places:
        cells[name_of(line), line.topic_group or NOT_KNOWN] += line.received
    rows = _most(cells, 0, MOST_PLACES)
    groups = _most(cells, 1, MOST_GROUPS)
    largest = max(cells[row, group] for row in rows for group in groups) or 1
    return charts.Heat(
        "Территория" if has_territories else "Страница",
        tuple(groups),
        tuple(
            (
                row[0],
                tuple(
                    (
                        cells[row, group],
                        charts.heat_level(cells[row, group], largest),
                        list_url(report.question, "received", topic_group=group, **{row[1]: row[2]}),
                    )
                    for group in groups
                ),
            )
            for row in rows
        ),
    )


def _territory_row(line: PlaceLine) -> tuple[str, str, Any]:
    return (line.territory or "Место не указано", "place", line.territory_code or NOT_KNOWN)


def _page_row(line: PlaceLine) -> tuple[str, str, Any]:
    return (line.page, "page", line.page_id)


def _most(cells: Counter[tuple[Any, str]], axis: int, limit: int) -> list[Any]:
    totals: Counter[Any] = Counter()
    for key, count in cells.items():
        totals[key[axis]] += count
    return [name for name, _ in totals.most_common(limit)]


@dataclass(frozen=True, slots=True)
class RatingLine:
    """A line of the rating; `place` is empty below the least number. Lengths are in the units of the drawing."""

    place: int | None
    line: DepartmentLine
    change: Change | None
    low_x: float = 0
    width: float = 0
    share_x: float = 0


@dataclass(frozen=True, slots=True)
class Rating:
    """Departments in order, on an axis that begins at `axis_from` percent."""

    axis_from: int
    lines: tuple[RatingLine, ...]

    @property
    def has_places(self) -> bool:
        """Whether anybody can be compared."""
        return any(line.place for line in self.lines)


AXIS_WIDTH = 150.0
_AXIS_STEP = 5


def rating(report: SlaReport) -> Rating:
    """Those with enough settled promises by their share, then the others without a place."""
    best = rated(report.departments)
    lows = [line.figures.interval[0] * 100 for line in best if line.figures.interval]
    axis_from = int(min(lows, default=100) // _AXIS_STEP * _AXIS_STEP)
    axis_from = min(axis_from, 100 - _AXIS_STEP)
    others = [line for line in report.departments if not line.figures.is_rated]
    return Rating(
        axis_from,
        (
            *(_rating_line(place, line, axis_from) for place, line in enumerate(best, 1)),
            *(RatingLine(None, line, None) for line in others),
        ),
    )


def _rating_line(place: int, line: DepartmentLine, axis_from: int) -> RatingLine:
    low, high = line.figures.interval or (0.0, 1.0)

    def x(share: float) -> float:
        return round((share * 100 - axis_from) / (100 - axis_from) * AXIS_WIDTH, 1)

    change = points(line.figures, line.previous)
    return RatingLine(place, line, change, x(low), round(x(high) - x(low), 1), x(line.figures.compliance or 0))


_HEAD: tuple[str, ...] = (
    "Отдел", "Код", "Поступило", "Отвечено", "В срок", "С нарушением", "Из них открыты и просрочены", "Ждут ответа",
    "В срок, %", "Медиана, рабочих минут", "90 % ответов, рабочих минут", "Было в срок, %",
)  # fmt: skip


def table(report: SlaReport) -> Iterator[Sequence[Cell]]:
    """A row a department and the total. Shares without data are empty, not 100."""
    yield _HEAD
    for line in report.departments:
        yield _row(line.name, line.code, line.figures, line.previous)
    yield _row("Всего", "", report.totals, report.previous)


def _row(name: str, code: str, figures: Figures, previous: Figures) -> Sequence[Cell]:
    return (
        name, code, figures.received, figures.answered, figures.met, figures.breached, figures.open_overdue,
        figures.waiting, _percent_cell(figures), figures.p50_minutes, figures.p90_minutes, _percent_cell(previous),
    )  # fmt: skip


def _percent_cell(figures: Figures) -> Cell:
    return "нет данных" if figures.compliance is None else figures.compliance * 100


SLA = Report("sla", "Сроки ответов", "reports/sla.html", sla_report, view, table)
