import json
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sla import defaults
from app.sla.calendar import (
    CalendarInvalid,
    Hole,
    HoleNeverEnds,
    WorkCalendar,
    around_the_clock,
    calendar_from_document,
)
from app.sla.defaults import __main__ as conversion
from tests.sla.minute_walk import MinuteWalk

OMSK = ZoneInfo("Asia/Omsk")
ZONES = [
    "Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk", "Asia/Krasnoyarsk",
    "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok", "Asia/Magadan", "Asia/Kamchatka",
]  # fmt: skip
# Nights on which clocks were changed: by an hour, by half an hour, and at midnight itself.
CHANGES = [
    ("Europe/Volgograd", date(2020, 12, 27)), ("Europe/Volgograd", date(2018, 10, 28)),
    ("Asia/Omsk", date(2014, 10, 26)),
    ("Europe/Moscow", date(2011, 3, 27)), ("Europe/Berlin", date(2026, 3, 29)), ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)), ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Havana", date(2026, 3, 8)), ("America/Havana", date(2026, 11, 1)), ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 30)), ("America/St_Johns", date(2010, 11, 7)),
    ("America/St_Johns", date(2010, 3, 14)),
]  # fmt: skip

office = calendar_from_document(defaults.calendar_documents()[0])


def omsk(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=OMSK)


def document(**changes: object) -> dict[str, object]:
    return {"code": "test", "name": "Проба", "zone": "Asia/Omsk", "weekly": {"mon": ["09:00-13:00"]}} | changes


# Strategies


@st.composite
def days(draw: st.DrawFn, at_least: int = 0) -> tuple[tuple[int, int], ...]:
    """Up to three intervals of an hour or more, in local minutes."""
    count = draw(st.integers(at_least, 3))
    edges = sorted(draw(st.lists(st.integers(0, 1440 - 60 * count), min_size=2 * count, max_size=2 * count)))
    return tuple((edges[2 * i] + 60 * i, edges[2 * i + 1] + 60 * (i + 1)) for i in range(count))


@st.composite
def calendars_and_starts(draw: st.DrawFn) -> tuple[WorkCalendar, datetime]:
    zone, day = draw(
        st.one_of(
            st.sampled_from(CHANGES), st.tuples(st.sampled_from(ZONES), st.dates(date(2024, 1, 1), date(2029, 1, 1)))
        )
    )
    weekly = [draw(days(at_least=1)) for _ in range(3)] + [draw(days()) for _ in range(4)]
    near = st.integers(-2, 9).map(lambda n: day + timedelta(days=n))
    overrides = draw(st.dictionaries(near, days(), max_size=4))
    calendar = WorkCalendar("random", "Случайный", zone, tuple(draw(st.permutations(weekly))), overrides)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=draw(st.integers(-1440, 2880)))
    return calendar, start


@st.composite
def holes_near(draw: st.DrawFn, start: datetime) -> list[Hole]:
    """Pauses in any order, overlapping, touching, empty, before the start."""
    pairs = draw(st.lists(st.tuples(st.integers(-600, 4000), st.integers(0, 2000)), max_size=3))
    return [(start + timedelta(minutes=a), start + timedelta(minutes=a + length)) for a, length in pairs]


cases = calendars_and_starts().flatmap(lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), holes_near(pair[1])))
spans = st.integers(0, 500)
exact_spans = st.one_of(st.integers(0, 50_000), st.floats(0, 50_000).filter(lambda m: m == 0 or m > 1e-3))
offsets = st.timedeltas(timedelta(0), timedelta(days=40))


# Properties


@settings(max_examples=60, deadline=None)
@given(cases, spans)
def test_due_times_equal_a_walk_over_every_minute(
    case: tuple[WorkCalendar, datetime, list[Hole]], minutes: int
) -> None:
    calendar, start, holes = case
    assert calendar.add_working(start, minutes, holes) == MinuteWalk(calendar).add_working(start, minutes, holes)


@settings(max_examples=60, deadline=None)
@given(cases, st.integers(0, 6000))
def test_working_time_equals_a_count_of_every_minute(
    case: tuple[WorkCalendar, datetime, list[Hole]], length: int
) -> None:
    calendar, start, holes = case
    end = start + timedelta(minutes=length)
    expected = timedelta(minutes=MinuteWalk(calendar).working_between(start, end, holes))
    assert calendar.working_between(start, end, holes) == expected
    assert calendar.working_between(end, start, holes) == -expected


@settings(max_examples=40, deadline=None)
@given(cases, offsets, exact_spans)
def test_working_between_is_the_exact_inverse_of_add_working(
    case: tuple[WorkCalendar, datetime, list[Hole]], offset: timedelta, minutes: float
) -> None:
    calendar, start, holes = case
    due = calendar.add_working(start + offset, minutes, holes)
    assert calendar.working_between(start + offset, due, holes) == timedelta(minutes=minutes)


@settings(max_examples=40, deadline=None)
@given(cases, offsets, exact_spans)
def test_a_due_time_never_lies_outside_hours(
    case: tuple[WorkCalendar, datetime, list[Hole]], offset: timedelta, minutes: float
) -> None:
    """Work is done right before it, or right after it when there is nothing to do."""
    calendar, start, holes = case
    due = calendar.add_working(start + offset, minutes, holes)
    tiny = timedelta(microseconds=1)
    worked = (due, due + tiny) if minutes == 0 else (due - tiny, due)
    assert calendar.working_between(*worked, holes) == tiny


@settings(max_examples=40, deadline=None)
@given(cases, offsets, offsets, exact_spans, exact_spans)
def test_due_times_are_monotone_in_start_and_in_span(
    case: tuple[WorkCalendar, datetime, list[Hole]], early: timedelta, later: timedelta, short: float, longer: float
) -> None:
    calendar, start, holes = case
    short, longer = sorted((short, longer))
    due = calendar.add_working(start + early, longer, holes)
    assert calendar.add_working(start + early + later, longer, holes) >= due
    assert calendar.add_working(start + early, short, holes) <= due


@settings(max_examples=40, deadline=None)
@given(cases, exact_spans, st.integers(1, 50_000))
def test_a_pause_neither_adds_nor_loses_time(
    case: tuple[WorkCalendar, datetime, list[Hole]], offset: float, minutes: int
) -> None:
    """What is worked before the pause and after it is the span; a pause after the due is nothing."""
    calendar, start, _ = case
    plain = calendar.add_working(start, minutes)
    begin = start + timedelta(minutes=offset)
    end = begin + timedelta(days=3)
    due = calendar.add_working(start, minutes, [(begin, end)])
    if plain <= begin:
        assert due == plain
    else:
        assert calendar.working_between(start, begin) + calendar.working_between(end, due) == timedelta(minutes=minutes)


@settings(max_examples=40, deadline=None)
@given(calendars_and_starts(), st.integers(0, 20_000))
def test_the_slices_of_a_stretch_are_its_working_time(case: tuple[WorkCalendar, datetime], length: int) -> None:
    calendar, start = case
    end = start + timedelta(minutes=length)
    slices = list(calendar.slices(start, end))
    assert sum((b - a for a, b in slices), timedelta()) == calendar.working_between(start, end)
    assert all(start <= a < b <= end for a, b in slices)


# The production calendar of Russia


# Hours a year at 40 a week, as published with each year's calendar.
@pytest.mark.parametrize(("year", "norm"), [(2022, 1973), (2023, 1973), (2024, 1979), (2025, 1972), (2026, 1972)])
def test_a_year_has_the_published_number_of_working_hours(year: int, norm: int) -> None:
    worked = office.working_between(omsk(year, 1, 1), omsk(year + 1, 1, 1))
    assert worked == timedelta(hours=norm)


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        pytest.param(omsk(2026, 11, 16, 16, 10), 540, omsk(2026, 11, 17, 17, 10), id="over night and lunch"),
        pytest.param(omsk(2025, 12, 30, 17), 120, omsk(2026, 1, 12, 10), id="over the New Year holidays"),
        pytest.param(omsk(2026, 3, 6, 17, 30), 60, omsk(2026, 3, 10, 9, 30), id="over 8 March moved to Monday"),
        pytest.param(omsk(2024, 4, 26, 17, 30), 60, omsk(2024, 4, 27, 9, 30), id="into a working Saturday"),
        pytest.param(omsk(2024, 4, 27, 17, 30), 60, omsk(2024, 5, 2, 9, 30), id="from a working Saturday to May"),
        pytest.param(omsk(2026, 4, 30, 16, 30), 60, omsk(2026, 5, 4, 9, 30), id="a short day ends at 17"),
        pytest.param(omsk(2025, 11, 1, 16, 30), 60, omsk(2025, 11, 5, 9, 30), id="a working Saturday, short as well"),
        pytest.param(
            omsk(2026, 11, 20, 14), 240, omsk(2026, 11, 20, 18), id="to the last minute of Friday, not Monday"
        ),
        pytest.param(omsk(2026, 11, 21, 12), 1, omsk(2026, 11, 23, 9, 1), id="from a Saturday"),
        pytest.param(omsk(2027, 1, 1, 12), 60, omsk(2027, 1, 11, 10), id="public holidays of a year not decreed yet"),
    ],
)
def test_due_times_on_the_real_calendar(start: datetime, minutes: int, due: datetime) -> None:
    assert office.add_working(start, minutes) == due


def test_the_calendar_says_which_years_are_official() -> None:
    assert office.official_years == frozenset(range(2020, 2027))


def test_days_off_are_not_transferred_in_years_that_are_not_official() -> None:
    assert office.intervals_on(date(2027, 11, 4)) == ()
    assert office.intervals_on(date(2027, 5, 3))  # 1 May is a Saturday; where the day off goes is not decreed yet
    assert office.intervals_on(date(2019, 6, 12)) == ()


def test_in_an_official_year_only_what_was_decreed_is_off() -> None:
    week = (((540, 1080),),) * 7
    calendar = WorkCalendar("c", "К", "Asia/Omsk", week, {}, frozenset({(6, 12)}), frozenset({2026}))
    assert calendar.intervals_on(date(2026, 6, 12)) == week[0]
    assert calendar.intervals_on(date(2027, 6, 12)) == ()


def test_a_calendar_without_official_holidays_works_on_them() -> None:
    assert calendar_from_document(defaults.calendar_documents()[1]).intervals_on(date(2026, 1, 1)) == ((0, 1440),)


def test_the_same_office_in_another_zone_is_due_earlier() -> None:
    kamchatka = calendar_from_document({**defaults.calendar_documents()[0], "zone": "Asia/Kamchatka"})
    start = datetime(2026, 11, 15, 12, tzinfo=UTC)
    assert office.add_working(start, 60) - kamchatka.add_working(start, 60) == timedelta(hours=6)


def test_the_converter_reads_days_off_short_days_and_working_saturdays(tmp_path: Path) -> None:
    days = '<day d="01.01" t="1"/><day d="02.22" t="2"/><day d="04.26" t="3"/>'
    xml = f'<calendar year="2031"><days>{days}</days></calendar>'
    (tmp_path / "2031.xml").write_text(xml, "utf-8")
    conversion.main(tmp_path, tmp_path / "days.json")
    written = json.loads((tmp_path / "days.json").read_text("utf-8"))
    assert written == {"2031": {"off": ["01-01"], "short": ["02-22"], "working": ["04-26"]}}
    assert conversion.days_of(ElementTree.fromstring(xml)) == written["2031"]


# Days


def test_seven_working_days_end_with_the_seventh_working_day() -> None:
    """The day itself does not count (Civil Code, art. 191); 9 and 11 May are days off, 8 May is short."""
    assert office.add_working_days(omsk(2026, 5, 4, 10), 7) == omsk(2026, 5, 14, 18)
    assert office.add_working_days(omsk(2026, 5, 7, 23, 59), 1) == omsk(2026, 5, 8, 17)
    assert office.add_working_days(omsk(2026, 5, 9, 10), 1) == omsk(2026, 5, 12, 18)


@pytest.mark.parametrize(
    ("start", "days", "roll", "due"),
    [
        (omsk(2026, 11, 12, 15), 30, "none", omsk(2026, 12, 13)),  # Saturday 12 December, to its last minute
        (omsk(2026, 11, 12, 15), 30, "previous", omsk(2026, 12, 11, 18)),
        (omsk(2026, 11, 12, 15), 30, "next", omsk(2026, 12, 14, 18)),
        (omsk(2026, 11, 12, 15), 29, "previous", omsk(2026, 12, 11, 18)),
        (omsk(2026, 11, 20, 15), 1, "previous", omsk(2026, 11, 23, 18)),  # never back to the day it began
    ],
)
def test_calendar_days_end_on_the_last_day_or_where_it_rolls(
    start: datetime, days: int, roll: str, due: datetime
) -> None:
    assert office.add_calendar_days(start, days, roll) == due  # type: ignore[arg-type]


def test_the_next_working_minute_after_closing_time_is_on_the_next_morning() -> None:
    assert office.next_working(omsk(2026, 11, 17, 10, 5)) == omsk(2026, 11, 17, 10, 5)
    assert office.next_working(omsk(2026, 11, 17, 13)) == omsk(2026, 11, 17, 14)
    assert office.next_working(omsk(2026, 11, 20, 18)) == omsk(2026, 11, 23, 9)


def test_no_minutes_at_all_wait_for_the_next_working_minute_outside_pauses() -> None:
    assert office.add_working(omsk(2026, 11, 20, 19), 0) == omsk(2026, 11, 23, 9)
    assert office.add_working(omsk(2026, 11, 20, 19), 0, [(omsk(2026, 11, 23), omsk(2026, 11, 23, 11))]) == omsk(
        2026, 11, 23, 11
    )


# Edges


def test_an_open_pause_hides_the_due_time_unless_it_came_first() -> None:
    start = omsk(2026, 11, 17, 9)
    assert office.add_working(start, 60, [(omsk(2026, 11, 17, 10), None)]) == omsk(2026, 11, 17, 10)
    with pytest.raises(HoleNeverEnds):
        office.add_working(start, 61, [(omsk(2026, 11, 17, 10), None)])
    assert office.working_between(start, omsk(2026, 12, 1), [(omsk(2026, 11, 17, 10), None)]) == timedelta(hours=1)


def test_around_the_clock_a_minute_is_a_minute() -> None:
    start = datetime(2026, 10, 24, 22, 30, 15, 123456, tzinfo=UTC)  # the night the clocks change in Berlin
    assert around_the_clock("Europe/Berlin").add_working(start, 240) == start + timedelta(hours=4)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(TypeError):
        office.add_working(datetime(2026, 11, 17, 9), 60)  # noqa: DTZ001


@pytest.mark.parametrize("minutes", [-1, 36_600 * 1440 + 1])
def test_an_impossible_span_is_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="minutes must be between"):
        office.add_working(omsk(2026, 11, 17, 9), minutes)


def test_ten_years_of_working_time_are_found() -> None:
    start = omsk(2026, 1, 12, 9)
    due = office.add_working(start, 10 * 1972 * 60)
    assert office.working_between(start, due) == timedelta(hours=19_720)
    assert due.year in (2035, 2036)


def test_a_calendar_that_never_opens_is_an_error_and_not_an_endless_loop() -> None:
    summer_only = WorkCalendar("camp", "Лагерь", "Asia/Omsk", ((),) * 7, {date(2026, 7, 1): ((540, 1080),)})
    assert summer_only.next_working(omsk(2026, 6, 1)) == omsk(2026, 7, 1, 9)
    for ask in (
        lambda: summer_only.add_working(omsk(2026, 6, 1), 541),
        lambda: summer_only.next_working(omsk(2026, 7, 1, 18)),
        lambda: summer_only.add_working_days(omsk(2026, 7, 1), 1),
    ):
        with pytest.raises(CalendarInvalid, match=r"Календарь «camp».*400 дней подряд"):
            ask()


def test_a_gap_of_400_days_between_working_times_is_an_error_too() -> None:
    apart = {date(2026, 1, 1): ((540, 1080),), date(2027, 3, 1): ((540, 1080),)}
    calendar = WorkCalendar("camp", "Лагерь", "Asia/Omsk", ((),) * 7, apart)
    with pytest.raises(CalendarInvalid, match="400 дней"):
        calendar.add_working(omsk(2026, 1, 1), 541)


def test_a_calendar_answers_for_any_year_in_any_order() -> None:
    calendar = calendar_from_document(defaults.calendar_documents()[0])
    for year in (2026, 2041, 2003, 2026):
        start = omsk(year, 6, 15, 9)
        assert calendar.add_working(start, 5 * 480) == MinuteWalk(calendar).add_working(start, 5 * 480)


def test_threads_share_a_calendar() -> None:
    calendar = calendar_from_document(defaults.calendar_documents()[0])
    starts = [omsk(year, 6, 15, 9) for year in range(2010, 2040)] * 3
    with ThreadPoolExecutor(8) as pool:
        dues = list(pool.map(lambda start: calendar.add_working(start, 60), starts))
    assert dues == [office.add_working(start, 60) for start in starts]


# Documents


def test_overrides_of_a_document_win_over_the_production_calendar() -> None:
    calendar = calendar_from_document(
        document(
            weekly={day: ["09:00-13:00", "13:30-14:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
            holidays="ru",
            overrides={
                "2026-11-04": "working",
                "2026-11-05": "off",
                "2026-11-06": "short",
                "2026-11-07": "working",
                "2026-11-09": ["10:00-12:00", "22:00-24:00"],
            },
        )
    )
    usual = ((540, 780), (810, 840))
    assert [calendar.intervals_on(date(2026, 11, day)) for day in (4, 5, 6, 7, 8, 9, 10)] == [
        usual, (), ((540, 750),), usual, (), ((600, 720), (1320, 1440)), usual,
    ]  # fmt: skip


def test_a_short_day_of_less_than_an_hour_is_a_day_off() -> None:
    calendar = calendar_from_document(
        document(weekly={"mon": ["09:00-10:00"], "tue": ["09:00-10:00"]}, overrides={"2026-11-16": "short"})
    )
    assert calendar.intervals_on(date(2026, 11, 16)) == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"code": ""}, "не указано поле «code»"),
        ({"name": None}, "не указано поле «name»"),
        ({"zone": "Asia/Primersk"}, "неизвестный часовой пояс «Asia/Primersk»"),
        ({"zone": "../etc"}, "неизвестный часовой пояс"),
        ({"weekly": {}}, "нет ни одного рабочего часа"),
        ({"weekly": {"пн": ["09:00-13:00"]}}, "неизвестный день недели «пн»"),
        ({"weekly": {"mon": ["9-13"]}}, "«9-13» не похоже на часы работы"),
        ({"weekly": {"mon": ["13:00-09:00"]}}, "пересекаются или не умещаются"),
        ({"weekly": {"mon": ["09:00-13:00", "12:00-14:00"]}}, "пересекаются или не умещаются"),
        ({"weekly": {"mon": ["09:00-24:01"]}}, "пересекаются или не умещаются"),
        ({"weekly": {"mon": [540]}}, "Календарь «test»"),
        ({"weekly": [540]}, "Календарь «test»"),
        ({"holidays": "by"}, "производственный календарь «by» неизвестен"),
        ({"overrides": {"2026-11-31": "off"}}, "Календарь «test»"),
        ({"overrides": {"2026-11-30": "holiday"}}, "30.11.2026: неизвестный вид дня «holiday»"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused_with_a_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(CalendarInvalid, match="Календарь") as refusal:
        calendar_from_document(document(**changes))
    assert sentence in str(refusal.value)


def test_a_week_has_seven_days() -> None:
    with pytest.raises(CalendarInvalid, match="семь дней"):
        WorkCalendar("short", "Короткая неделя", "Asia/Omsk", (((540, 1080),),) * 6)
