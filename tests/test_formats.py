"""Times, numbers and names as a Russian reader expects them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app import formats

OMSK = ZoneInfo("Asia/Omsk")  # UTC+6
NOW = datetime(2026, 11, 17, 8, 36, tzinfo=UTC)  # Tuesday, 14:36 in Omsk


def omsk(day: int, hour: int, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=OMSK)


def test_the_time_is_that_of_the_center() -> None:
    assert formats.local_time(NOW, OMSK) == "14:36"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (omsk(17, 8, 47), "сегодня, 08:47"),
        (omsk(17, 0), "сегодня, 00:00"),
        (omsk(16, 23, 59), "вчера, 23:59"),
        (omsk(18, 9), "завтра, 09:00"),
        (omsk(14, 9, 5, month=10), "14\u00a0окт., 09:05"),
        (omsk(2, 9, 5, month=5, year=2025), "2\u00a0мая 2025, 09:05"),
    ],
)
def test_when_something_happened(moment: datetime, text: str) -> None:
    assert formats.day_text(moment.astimezone(UTC), OMSK, NOW) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (omsk(17, 17, 10), "сег. 17:10"),
        (omsk(18, 10, 16), "завтра 10:16"),
        (omsk(16, 12), "вчера 12:00"),
        (omsk(20, 18), "пт 20.11"),
        (omsk(9, 18), "пн 09.11"),
    ],
)
def test_when_something_is_due(moment: datetime, text: str) -> None:
    assert formats.due_text(moment, OMSK, NOW) == text


def test_midnight_of_the_center_and_not_of_greenwich_parts_the_days() -> None:
    assert formats.day_text(omsk(17, 0).astimezone(UTC), OMSK, NOW).startswith("сегодня")
    assert formats.day_text(omsk(17, 0).astimezone(UTC) - timedelta(seconds=1), OMSK, NOW).startswith("вчера")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1286, 0, "1\u00a0286"),
        (12, 0, "12"),
        (1234567.891, 1, "1\u00a0234\u00a0567,9"),
        (-35, 0, "−35"),
        (None, 0, "—"),
    ],
)
def test_numbers_are_grouped_and_have_a_comma(value: float | None, digits: int, text: str) -> None:
    assert formats.number(value, digits) == text


def test_a_share_is_written_in_percent() -> None:
    assert formats.percent(0.64) == "64\u00a0%"
    assert formats.percent(0.9411, 1) == "94,1\u00a0%"
    assert formats.percent(None) == "—"


@pytest.mark.parametrize(
    ("count", "word"),
    [(0, "обращений"), (1, "обращение"), (2, "обращения"), (4, "обращения"), (5, "обращений"), (11, "обращений"),
     (14, "обращений"), (20, "обращений"), (21, "обращение"), (112, "обращений"), (1003, "обращения")],
)  # fmt: skip
def test_a_noun_follows_its_count(count: int, word: str) -> None:
    assert formats.plural(count, "обращение", "обращения", "обращений") == word


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ирина К.", "ИК"), ("Анна Мария Лебедева", "АМ"), ("олег", "О"), ("", "?"), ("☀ Солнце", "С"), ("...", "?")],
)
def test_initials(name: str, letters: str) -> None:
    assert formats.initials(name) == letters


def test_a_name_keeps_its_colour_and_all_four_are_used() -> None:
    assert formats.tone("Ирина К.") == formats.tone("Ирина К.")
    assert {formats.tone(f"Житель {number}") for number in range(50)} == {1, 2, 3, 4}
