"""Periods and addresses of reports."""

from datetime import UTC, date, datetime

import pytest

from app.errors import Invalid
from app.reports.question import Period, Question, last_days, period_of, short_day_text

OMSK = "Asia/Omsk"
NOW = datetime(2026, 11, 16, 20, 0, tzinfo=UTC)  # 02:00 on the 17th in Omsk


def test_a_period_of_days_holds_both_of_its_ends_in_the_zone_of_the_center() -> None:
    period = period_of("2026-10-18", "2026-11-16", OMSK, NOW)
    assert period.start == datetime(2026, 10, 17, 18, 0, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 16, 18, 0, tzinfo=UTC)
    assert (period.first_day, period.last_day, period.days) == (date(2026, 10, 18), date(2026, 11, 16), 30)
    assert period.text() == "18 октября — 16 ноября 2026"


def test_a_period_of_moments_leaves_its_end_out() -> None:
    period = period_of("2026-11-16T00:00:00Z", "2026-11-16T12:00:00+06:00", OMSK, NOW)
    assert period.start == datetime(2026, 11, 16, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 16, 6, tzinfo=UTC)


def test_without_bounds_the_last_thirty_days_with_today_are_meant() -> None:
    period = period_of(None, None, OMSK, NOW)
    assert (period.first_day, period.last_day) == (date(2026, 10, 19), date(2026, 11, 17))
    assert period == last_days(30, OMSK, NOW)


def test_one_day_is_a_period() -> None:
    period = period_of("2026-11-16", "2026-11-16", OMSK, NOW)
    assert period.days == 1
    assert period.text() == "16 ноября 2026"


def test_the_previous_period_is_as_long_and_ends_where_this_one_begins() -> None:
    period = last_days(7, OMSK, NOW)
    before = period.previous()
    assert before.end == period.start
    assert before.end - before.start == period.end - period.start


def test_a_period_over_new_year_names_both_years() -> None:
    assert period_of("2025-12-30", "2026-01-02", OMSK, NOW).text() == "30 декабря 2025 — 2 января 2026"


@pytest.mark.parametrize(
    ("from_text", "to_text"),
    [
        ("2026-11-17", "2026-11-16"),
        ("2026-11-16T10:00:00Z", "2026-11-16T10:00:00Z"),
        ("2026-02-30", None),
        ("0001-01-01", None),
        ("2026-11-01", "9999-12-31"),
        ("yesterday", None),
        ("16.11.2026", None),
        ("2026-11-16T10:00:00", None),
        ("0001-01-01T00:00:00+23:59", None),
        (None, "9999-12-31T23:59:59-23:59"),
    ],
)
def test_a_senseless_period_is_refused(from_text: str | None, to_text: str | None) -> None:
    with pytest.raises(Invalid):
        period_of(from_text, to_text, OMSK, NOW)


@pytest.mark.parametrize(
    ("days", "step", "count", "first"),
    [
        (1, "day", 1, date(2026, 11, 17)),
        (30, "day", 30, date(2026, 10, 19)),
        (92, "day", 92, date(2026, 8, 18)),
        (365, "week", 53, date(2025, 11, 17)),
        (1000, "month", 34, date(2024, 2, 1)),
    ],
)
def test_a_long_period_is_cut_into_longer_steps(days: int, step: str, count: int, first: date) -> None:
    period = last_days(days, OMSK, NOW)
    assert (period.step, len(period.steps()), period.steps()[0]) == (step, count, first)


def test_an_address_leaves_out_what_is_usual() -> None:
    period = Period(datetime(2026, 10, 31, 18, tzinfo=UTC), datetime(2026, 11, 30, 18, tzinfo=UTC), OMSK)
    assert Question(period).query() == "from=2026-11-01&to=2026-11-30"
    question = Question(period, "final", department="housing", department_id=3, platform="vk", territory="52701000")
    assert question.query(outcome="met", platform=None) == (
        "from=2026-11-01&to=2026-11-30&kind=final&department=housing&territory=52701000&outcome=met"
    )


def test_an_address_of_moments_is_read_back_as_the_same_period() -> None:
    period = period_of("2026-11-16T00:00:00Z", "2026-11-16T12:00:00Z", OMSK, NOW)
    query = Question(period).query()
    assert query == "from=2026-11-16T00%3A00%3A00Z&to=2026-11-16T12%3A00%3A00Z"


def test_days_on_a_chart_are_short() -> None:
    assert short_day_text(date(2026, 5, 3)) == "3 мая"
    assert short_day_text(date(2026, 10, 18)) == "18 окт"
