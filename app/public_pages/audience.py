"""How the number of followers has changed, as lines to draw. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 600, 140
TOP, BOTTOM = 12, 12


@dataclass(frozen=True, slots=True)
class Count:
    """How many followed the page on a day."""

    on_date: date
    count: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A curve in a box of WIDTH by HEIGHT units: `line` holds the points as SVG writes them, `last` is the newest."""

    line: str
    area: str
    last: tuple[float, float]
    least: int
    most: int


def draw(counts: Sequence[Count]) -> Trend | None:
    """The curve of these counts, oldest first; None where one day is known, or none."""
    if len(counts) < 2:
        return None
    first, days = counts[0].on_date, (counts[-1].on_date - counts[0].on_date).days
    least, most = min(one.count for one in counts), max(one.count for one in counts)
    points = [(_round(WIDTH * (one.on_date - first).days / days), _height(one.count, least, most)) for one in counts]
    line = " ".join(f"{x},{y}" for x, y in points)
    return Trend(line, f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}", points[-1], least, most)


def _height(count: int, least: int, most: int) -> float:
    share = (count - least) / (most - least) if most > least else 0.5
    return _round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))


def _round(value: float) -> float:
    return round(value, 1)
