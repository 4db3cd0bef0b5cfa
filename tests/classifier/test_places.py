"""Places in messages: measured on sentences of our own, and rule by rule."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.places import Entry, Gazetteer, Mention
from classifier.whereabouts import Whereabouts, whereabouts
from routing_rules import territory_path

HERE = Path(__file__).parent
REGION = "52000000"
ASKED = "?"


def read(name: str, delimiter: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


TERRITORIES = [Entry(row["code"], row["name"], territory_path(row["code"])) for row in read("own_territories.csv", ",")]
GAZETTEER = Gazetteer(TERRITORIES)
SENTENCES = read("own_places.csv", ";")


def there(text: str, page: str = REGION) -> Whereabouts:
    return whereabouts(GAZETTEER.find(text), GAZETTEER, territory_path(page or REGION))


def said(text: str, mentions: list[Mention]) -> list[str]:
    return [text[mention.start : mention.end] for mention in mentions if mention.kind in ("street", "house")]


def answer(row: dict[str, str]) -> str:
    found = there(row["text"], row["page"])
    return found.code or (ASKED if found.candidates else "")


def test_territories_that_routing_would_use_are_right_and_few_are_missed() -> None:
    given_answers = [(answer(row), row["code"], row["text"]) for row in SENTENCES]
    wrong = [(text, got) for got, wanted, text in given_answers if got not in ("", ASKED, wanted)]
    wanted = [(got, code) for got, code, _ in given_answers if code not in ("", ASKED)]
    assert len(SENTENCES) >= 150
    assert wrong == []
    assert sum(got == code for got, code in wanted) / len(wanted) >= 0.95


def test_what_is_for_a_person_to_decide_is_asked_and_seldom_in_vain() -> None:
    asked = [(row["code"] == ASKED, answer(row) == ASKED) for row in SENTENCES]
    assert sum(is_asked for is_due, is_asked in asked if is_due) / sum(is_due for is_due, _ in asked) >= 0.9
    assert sum(is_asked for is_due, is_asked in asked if not is_due) <= 2


def test_streets_and_houses_are_found_where_they_stand() -> None:
    found = {row["text"]: said(row["text"], GAZETTEER.find(row["text"])) for row in SENTENCES}
    wanted = {row["text"]: row["address"].split("+") if row["address"] else [] for row in SENTENCES}
    right = sum(len(set(found[text]) & set(wanted[text])) for text in found)
    assert right / sum(map(len, found.values())) >= 0.95
    assert right / sum(map(len, wanted.values())) >= 0.9


def test_a_district_tells_settlements_of_one_name_apart_and_else_both_are_offered() -> None:
    assert there("В Ивановке Муромцевского района нет воды").code == "52629411"
    both = there("В Ивановке нет воды")
    assert both == Whereabouts(candidates=("52618411", "52629411"))


def test_a_direction_is_offered_but_not_used() -> None:
    assert there("до Омска не доехать") == Whereabouts(candidates=("52701000",))


def test_what_lies_outside_the_pages_territory_and_its_own_name_mean_nothing() -> None:
    assert there("В Таре нет света", "52701000") == Whereabouts()
    assert there("В Омске нет света", "52701000") == Whereabouts()


def test_a_page_without_territory_takes_any_place_of_the_gazetteer() -> None:
    assert whereabouts(GAZETTEER.find("В Таре нет света"), GAZETTEER, ()).code == "52654101"


def test_the_name_in_a_mention_of_an_account_is_no_place() -> None:
    assert GAZETTEER.find("[club1|Тара онлайн], когда ответите") == []


@pytest.mark.parametrize("name", ["Омская область", "Приморский край", "Республика Алтай"])
def test_a_whole_region_is_not_looked_for(name: str) -> None:
    assert Gazetteer([Entry("1", name, ("1",))]).find(f"в {name}") == []


@given(st.text(max_size=400))
def test_any_text_has_places_inside_it_in_order(text: str) -> None:
    found = GAZETTEER.find(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert found == sorted(found, key=lambda one: one.start)
