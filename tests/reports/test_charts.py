"""Geometry of charts: always drawable, never outside the frame."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.reports import charts

VALUES = st.lists(st.none() | st.floats(0, 5000, allow_nan=False), min_size=1, max_size=40)


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)]


def test_a_line_runs_through_neighbours_and_stops_at_a_gap() -> None:
    chart = charts.line_chart(list("абвгд"), [[1.0, 2.0, None, 3.0, 4.0]], unit="ч")
    assert chart.series[0].path.count("M") == 2
    assert chart.series[0].path.count("L") == 2
    assert [dot.text for dot in chart.series[0].dots] == ["4"]


def test_a_lonely_point_is_a_dot_in_the_middle() -> None:
    chart = charts.line_chart(["16 ноя"], [[2.0], [3.0]], unit="ч", norm=9.0)
    (dot,) = chart.series[0].dots
    assert dot.x == (charts.LEFT + charts.RIGHT) / 2
    assert chart.norm is not None
    assert chart.norm.text == "норма 9 ч"
    assert chart.peak is None


def test_a_point_between_gaps_is_a_dot() -> None:
    chart = charts.line_chart(list("абвг"), [[None, 2.0, None, 1.0]], unit="ч")
    assert len(chart.series[0].dots) == 2


def test_without_values_there_is_only_the_frame() -> None:
    chart = charts.line_chart(list("аб"), [[None, None], [None, None]], unit="ч")
    assert [series.last for series in chart.series] == [None, None]
    assert chart.grid[0].y == charts.BOTTOM


def test_the_names_of_equal_last_values_do_not_cover_each_other() -> None:
    chart = charts.line_chart(list("аб"), [[1.0, 2.0], [1.0, 2.0]], unit="ч")
    first, second = (series.last for series in chart.series)
    assert first is not None
    assert second is not None
    assert abs(first.y - second.y) >= charts.LABEL_HEIGHT


def test_the_peak_is_named_unless_it_is_the_last_point() -> None:
    rising = charts.line_chart(list("абвгд"), [[1.0, 2.0, 3.0, 4.0, 5.0]], unit="ч")
    falling = charts.line_chart(list("абвгд"), [[5.5, 4.0, 3.0, 2.0, 1.0]], unit="ч")
    assert rising.peak is None
    assert falling.peak is not None
    assert (falling.peak.text, falling.peak.anchor) == ("5,5 ч", "start")


@given(first=VALUES, norm=st.none() | st.floats(0.1, 100))
def test_everything_lies_inside_the_frame(first: list[float | None], norm: float | None) -> None:
    chart = charts.line_chart([str(at) for at in range(len(first))], [first], unit="ч", norm=norm)
    coordinates = numbers(chart.series[0].path)
    xs, ys = coordinates[::2], coordinates[1::2]
    assert all(charts.LEFT <= x <= charts.RIGHT for x in xs)
    assert all(charts.TOP - 0.1 <= y <= charts.BOTTOM for y in ys)
    assert len(xs) == sum(value is not None for value in first)
    assert 2 <= len(chart.grid) <= 6
    assert len(chart.dates) <= charts.MOST_DATES


def test_bars_are_scaled_to_the_longest_and_the_smallest_can_be_seen() -> None:
    long, short = charts.bars([("А", 900, 100, ""), ("Б", 1, 0, "/x")])
    assert long.met_width + long.late_width == charts.BARS_WIDTH
    assert (short.met_width, short.late_width) == (3.0, 0.0)
    assert long.has_room
    assert not short.has_room
    assert charts.bars([]) == ()


def test_heat_levels_run_from_nothing_to_the_largest() -> None:
    assert [charts.heat_level(count, 100) for count in (0, 1, 10, 50, 100)] == [0, 1, 2, 4, 5]
    assert charts.heat_level(1, 1) == 5
