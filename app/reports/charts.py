"""Geometry of the charts that pages draw as SVG attributes: no script and no inline style. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

LEFT, RIGHT, TOP, BOTTOM = 36.0, 676.0, 14.0, 206.0
MOST_DATES = 6
LABEL_HEIGHT = 14.0
_NICE_STEPS = (0.1, 0.25, 0.5, 1, 2, 3, 4, 6, 12, 24, 48, 72, 120, 240, 480, 960)
_MOST_GRID_LINES = 4
_HEADROOM = 1.05
_HEAT_LEVELS = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a word beside it; `anchor` is SVG's text-anchor."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Series:
    """One line: the path through neighbours, dots for what has none, the last value by name."""

    path: str
    dots: tuple[Mark, ...]
    last: Mark | None


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over equal steps of time. `grid` runs from the axis up."""

    grid: tuple[Mark, ...]
    dates: tuple[Mark, ...]
    series: tuple[Series, ...]
    norm: Mark | None = None
    peak: Mark | None = None


Values = Sequence[float | None]


def line_chart(dates: Sequence[str], series: Sequence[Values], *, unit: str, norm: float | None = None) -> LineChart:
    """A chart of `series`, each with a value or None for every date; the peak of the last series is named."""
    known = [value for values in series for value in values if value is not None]
    step = _nice_step(max([*known, norm or 0.0]))
    top = step * ceil(max([*known, norm or 0.0, step]) * _HEADROOM / step)
    frame = _Frame(len(dates), top)
    drawn = tuple(_series(values, frame) for values in series)
    return LineChart(
        grid=tuple(
            Mark(LEFT - 8, frame.y(step * n), f"{_short(step * n)} {unit}") for n in range(round(top / step) + 1)
        ),
        dates=tuple(_dates(dates, frame)),
        series=_apart(drawn),
        norm=Mark(LEFT, frame.y(norm), f"норма {_short(norm)} {unit}") if norm else None,
        peak=_peak(series[-1], frame, unit),
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values lie on the drawing."""

    count: int
    top: float

    def x(self, number: int) -> float:
        if self.count == 1:
            return (LEFT + RIGHT) / 2
        return round(LEFT + (RIGHT - LEFT) * number / (self.count - 1), 1)

    def y(self, value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * value / self.top, 1)


def _nice_step(largest: float) -> float:
    return next((step for step in _NICE_STEPS if largest * _HEADROOM <= step * _MOST_GRID_LINES), largest)


def _short(value: float) -> str:
    """«9», «2,6»."""
    return (
        f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",")
        if value < 1
        else f"{value:.1f}".removesuffix(".0").replace(".", ",")
    )


def _series(values: Values, frame: _Frame) -> Series:
    runs = list(_runs(values))
    path = "".join(
        f"{'M' if at == run[0] else 'L'}{frame.x(at)} {frame.y(values[at] or 0)}" for run in runs for at in run
    )
    points = [run[0] for run in runs if len(run) == 1]
    last = runs[-1][-1] if runs else None
    return Series(
        path=path,
        dots=tuple(_mark(at, values, frame) for at in {*points, *([] if last is None else [last])}),
        last=None if last is None else _mark(last, values, frame),
    )


def _mark(at: int, values: Values, frame: _Frame) -> Mark:
    value = values[at] or 0
    return Mark(frame.x(at), frame.y(value), _short(value))


def _runs(values: Values) -> Iterator[list[int]]:
    """Numbers of neighbours that all have a value: a day without answers is a gap, not a zero."""
    run: list[int] = []
    for at, value in enumerate(values):
        if value is not None:
            run.append(at)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _dates(dates: Sequence[str], frame: _Frame) -> Iterator[Mark]:
    every = ceil(len(dates) / MOST_DATES)
    for at in range(0, len(dates), every):
        yield Mark(frame.x(at), BOTTOM + 20, dates[at], "start" if at == 0 and len(dates) > 1 else "middle")


def _apart(series: tuple[Series, ...]) -> tuple[Series, ...]:
    """Names of the last values moved so that none covers another."""
    named = sorted((one for one in series if one.last), key=lambda one: one.last.y if one.last else 0)
    moved: dict[int, Mark] = {id(one): one.last for one in named if one.last}
    for upper, lower in pairwise(named):
        above, below = moved[id(upper)], moved[id(lower)]
        if abs(above.x - below.x) < LABEL_HEIGHT and below.y - above.y < LABEL_HEIGHT:
            y = round(above.y + LABEL_HEIGHT, 1)
            moved[id(lower)] = Mark(below.x, y, below.text)
    return tuple(Series(one.path, one.dots, moved.get(id(one))) for one in series)


_LEAST_FOR_PEAK = 4


def _peak(values: Values, frame: _Frame, unit: str) -> Mark | None:
    """The highest point, when there is a line to stand out of and it is not the last one, which is named anyway."""
    known = [at for at, value in enumerate(values) if value is not None]
    if len(known) < _LEAST_FOR_PEAK:
        return None
    at = max(known, key=lambda number: values[number] or 0)
    if at == known[-1]:
        return None
    mark = _mark(at, values, frame)
    is_right = mark.x > (LEFT + RIGHT) / 2
    return Mark(mark.x, mark.y, f"{mark.text} {unit}", "end" if is_right else "start")


@dataclass(frozen=True, slots=True)
class Bar:
    """One department: what was kept and broken, side by side. `met_text` stands inside when there is room."""

    name: str
    y: float
    met: int
    late: int
    met_width: float
    late_x: float
    late_width: float
    text_x: float
    has_room: bool
    href: str = ""


BARS_LEFT, BARS_WIDTH, BAR_STEP = 178.0, 300.0, 32
_LEAST_WIDTH = 3.0
_ROOM_FOR_NUMBER = 40.0


def bars(rows: Sequence[tuple[str, int, int, str]]) -> tuple[Bar, ...]:
    """Rows of (name, kept, broken, address), scaled so that the longest fills the width."""
    scale = BARS_WIDTH / max((met + late for _, met, late, _ in rows), default=1)
    return tuple(_bar(number, *row, scale) for number, row in enumerate(rows))


def _bar(number: int, name: str, met: int, late: int, href: str, scale: float) -> Bar:
    met_width = round(max(met * scale, _LEAST_WIDTH), 1) if met else 0.0
    late_x = BARS_LEFT + met_width + (2 if met and late else 0)
    late_width = round(max(late * scale, _LEAST_WIDTH), 1) if late else 0.0
    text_x = round(late_x + late_width + 8, 1)
    return Bar(
        name, float(number * BAR_STEP), met, late, met_width, round(late_x, 1), late_width, text_x,
        has_room=met_width > _ROOM_FOR_NUMBER, href=href,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heat:
    """A table of counts; `first` names the rows. A cell is (count, level 0…5, address)."""

    first: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, int, str], ...]], ...]


def heat_level(count: int, largest: int) -> int:
    """How dark a cell is: nothing is 0, the largest 5; by the root, for counts differ by orders of magnitude."""
    return ceil(sqrt(count / largest) * _HEAT_LEVELS) if count else 0
