"""What the page says about a change, a lack of data and a place."""

from dataclasses import replace

import pytest

from app.reports.question import Question, last_days
from app.reports.sla import Figures, Now, PlaceLine, SlaReport
from app.reports.sla_page import heat, norm_minutes
from app.reports.sla_tiles import Change, Tile, hours_text, tiles
from tests.conftest import NOW

EMPTY = SlaReport(
    question=Question(last_days(30, "Asia/Omsk", NOW)), at=NOW, totals=Figures(), previous=Figures(), departments=(),
    now=Now(0, None, 0, 0), steps=(), places=(),
)  # fmt: skip
GOOD = Figures(received=12, answered=10, met=9, breached=1, p50_minutes=100, p90_minutes=300)
BAD = Figures(received=10, answered=10, met=5, breached=5, p50_minutes=130, p90_minutes=480)


def tiles_of(current: Figures, previous: Figures) -> dict[str, Tile]:
    report = replace(EMPTY, totals=current, previous=previous)
    return {tile.name: tile for tile in tiles(report, norm=540)}


def test_what_got_better_is_good_and_shows_where_it_went() -> None:
    better = tiles_of(GOOD, BAD)
    assert better["Поступило"].change == Change("+20\u00a0%", "flat")
    assert better["Ответ в срок"].change == Change("40,0 п. п.", "good", "up")
    assert better["Медиана ответа"].change == Change("30 мин", "good", "down")
    assert better["90 % ответов"].change == Change("3:00 ч", "good", "down")
    assert better["Медиана ответа"].note == "было 2:10"


def test_what_got_worse_is_bad() -> None:
    worse = tiles_of(BAD, GOOD)
    assert worse["Поступило"].change == Change("−17\u00a0%", "flat")
    assert worse["Ответ в срок"].change == Change("40,0 п. п.", "bad", "down")
    assert worse["Медиана ответа"].change == Change("30 мин", "bad", "up")


def test_what_stayed_is_said_to_have_stayed() -> None:
    same = tiles_of(GOOD, GOOD)
    assert same["Ответ в срок"].change == same["Медиана ответа"].change == Change("без изменений", "flat")


def test_with_nothing_before_there_is_no_change_and_with_nothing_now_no_number() -> None:
    first, none = tiles_of(GOOD, Figures()), tiles_of(Figures(), GOOD)
    assert [tile.change for tile in first.values()] == [None] * 6
    assert first["Медиана ответа"].note == "раньше нет данных"
    assert (none["Ответ в срок"].value, none["Ответ в срок"].note) == ("—", "нет данных")
    assert (none["90 % ответов"].value, none["90 % ответов"].note) == ("—", "нет данных")


def test_a_whole_share_is_written_without_a_fraction() -> None:
    assert tiles_of(Figures(met=3), Figures())["Ответ в срок"].value == "100"
    assert tiles_of(Figures(breached=3), Figures())["Ответ в срок"].value == "0"
    assert tiles_of(GOOD, Figures())["Ответ в срок"].value == "90,0"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(None, "—"), (0, "0:00"), (0.2, "0:01"), (59.6, "1:00"), (168, "2:48"), (60_000, "1\u00a0000:00")],
)
def test_times_are_hours_and_minutes(minutes: float | None, text: str) -> None:
    assert hours_text(minutes) == text


def test_the_norm_is_the_policys_where_it_is_in_working_minutes() -> None:
    assert norm_minutes("social-default", "first_answer") == 540
    assert norm_minutes("social-default", "final") is None
    assert norm_minutes("social-default", "registration") is None
    assert norm_minutes("no-such-policy", "first_answer") is None


def place(code: str | None, name: str | None, page_id: int, group: str | None, received: int) -> PlaceLine:
    return PlaceLine(code, name, page_id, f"Страница {page_id}", group, received)


def test_places_are_territories_when_there_are_several() -> None:
    lines = (place("1", "Омск", 1, "ЖКХ", 5), place("1", "Омск", 2, "ЖКХ", 3), place(None, None, 3, None, 2))
    table = heat(replace(EMPTY, places=lines))
    assert table is not None
    assert (table.first, table.columns) == ("Территория", ("ЖКХ", "—"))
    assert [(name, [cell[0] for cell in cells]) for name, cells in table.rows] == [
        ("Омск", [8, 0]), ("Место не указано", [0, 2]),
    ]  # fmt: skip
    assert "place=1" in table.rows[0][1][0][2]


def test_places_are_pages_while_there_is_one_territory() -> None:
    lines = (place("1", "Омск", 1, "ЖКХ", 5), place("1", "Омск", 2, "ЖКХ", 3))
    table = heat(replace(EMPTY, places=lines))
    assert table is not None
    assert table.first == "Страница"
    assert [(name, cells[0][:2]) for name, cells in table.rows] == [("Страница 1", (5, 5)), ("Страница 2", (3, 4))]
    assert "page=2" in table.rows[1][1][0][2]
