"""Geometry of the learning curve: right first topics by the number of messages that taught the model. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.formats import number, percent
from app.learning.overview import Point

LEFT, RIGHT, TOP, BOTTOM = 44.0, 384.0, 24.0, 206.0
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
FEWEST_POINTS = 2


@dataclass(frozen=True, slots=True)
class Dot:
    """A point with what stands beside it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The line, its dots, and the lines behind it."""

    path: str
    dots: tuple[Dot, ...]
    grid: tuple[Dot, ...]
    words: str


def draw_curve(points: Sequence[Point]) -> Curve | None:
    """Rows to the right, accuracy up from 0 to 100 %; None while there is nothing to connect."""
    if len(points) < FEWEST_POINTS:
        return None
    most = max(point.rows for point in points)
    dots = tuple(
        Dot(round(LEFT + (RIGHT - LEFT) * point.rows / most, 1), _height(point.accuracy), number(point.rows))
        for point in points
    )
    path = "M" + " ".join(f"{dot.x} {dot.y}" for dot in dots)
    grid = tuple(Dot(LEFT, _height(share), number(share * 100)) for share in SHARES)
    words = ", ".join(f"{number(point.rows)}: {percent(point.accuracy)}" for point in points)
    return Curve(path, dots, grid, words)


def _height(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)
