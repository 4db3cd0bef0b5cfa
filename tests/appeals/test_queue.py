"""The list as its address names it, and texts of answers."""

from datetime import UTC, datetime
from urllib.parse import unquote_plus

import pytest

from app.accounts.models import Role
from app.appeals.disclosure import ADDRESS, MAIL, TELEPHONE, shown_to_all
from app.appeals.models import State
from app.appeals.queue import Cursor, Order, Queue, Tab, tabs_for
from classifier.message_kinds import MessageKind


def read(role: str = Role.OPERATOR, **query: str) -> Queue:
    return Queue.from_query(query, role)


def test_an_address_is_read_back_as_it_was_written() -> None:
    queue = Queue(
        Tab.WORK, Order.NEWEST, "vk", 7, 3, "Снег & лёд", State.ROUTED, "52701000", MessageKind.QUESTION, "яма+люк"
    )
    query = dict(pair.split("=", 1) for pair in queue.url().partition("?")[2].split("&"))
    assert len(query) == 10
    assert read(**{name: unquote_plus(value) for name, value in query.items()}) == queue


def test_defaults_are_not_in_the_address() -> None:
    assert Queue().url() == "/queue"
    assert Queue(tab=Tab.MINE).url() == "/queue?tab=mine"


@pytest.mark.parametrize(
    "query",
    [
        {"tab": "nonsense"},
        {"order": "x"},
        {"page": "0"},
        {"page": "x"},
        {"page": "9" * 30},
        {"state": "x"},
        {"q": "  "},
    ],
)
def test_broken_values_are_as_if_they_were_not_there(query: dict[str, str]) -> None:
    assert read(**query) == Queue()


def test_a_text_with_a_null_byte_does_not_reach_the_database() -> None:
    assert read(q="во\0да").q == "вода"


def test_a_condition_is_removed_and_the_others_stay() -> None:
    assert Queue(tab=Tab.NEW, platform="vk", topic="Снег").without("topic") == "/queue?tab=new&platform=vk"


def test_departments_have_no_tabs_of_the_centers_desk() -> None:
    assert tabs_for(Role.DEPARTMENT)[Tab.OPEN] == "Мой отдел"
    assert not {Tab.REVIEW, Tab.TALK} & set(tabs_for(Role.DEPARTMENT))
    assert read(Role.DEPARTMENT, tab="review").tab is Tab.OPEN


@pytest.mark.parametrize(("text", "number"), [("48213", 48213), ("№ 48 213", 48213), ("дом 5", None), ("9" * 20, None)])
def test_a_number_alone_is_the_number_of_an_appeal(text: str, number: int | None) -> None:
    assert Queue(q=text).number == number


def test_finished_appeals_run_from_the_newest_whatever_is_asked() -> None:
    assert not Queue(tab=Tab.DONE, order=Order.DUE).is_by_due
    assert Queue(tab=Tab.OPEN).is_by_due


def test_the_order_of_what_teaches_most_is_offered_where_topics_wait_for_a_person() -> None:
    assert read(Role.OPERATOR, tab="review", order="useful").is_by_value
    assert Order.USEFUL in Queue(tab=Tab.REVIEW).orders
    elsewhere = read(Role.OPERATOR, tab="open", order="useful")
    assert (elsewhere.order, elsewhere.is_by_value, elsewhere.is_by_due) == (Order.DUE, False, True)
    assert Order.USEFUL not in elsewhere.orders


@pytest.mark.parametrize("year", [1970, 2026, 9999])
def test_a_cursor_is_read_back_as_it_was_written(year: int) -> None:
    cursor = Cursor(datetime(year, 1, 1, 3, 4, 5, 678901, tzinfo=UTC), 17)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("text", [None, "", "x", "1", "1-", "-1", "1-x", "9" * 18 + "-1", "²-³"])
def test_a_broken_cursor_begins_anew(text: str | None) -> None:
    assert Cursor.parse(text) is None


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("Спасибо, исправили.", []),
        ("Приедем на ул. Садовая, 12 завтра", [ADDRESS]),
        ("В доме 14 починим лифт", [ADDRESS]),
        ("Звоните +7 (381) 222-33-44", [TELEPHONE]),
        ("Звоните 8 381 222 33 44, пишите ivanov@example.org", [TELEPHONE, MAIL]),
        ("Осталось 80 дней и 1200 рублей", []),
        ("а" * 20_000, []),
    ],
)
def test_what_a_public_answer_would_show_to_all(text: str, warnings: list[str]) -> None:
    assert shown_to_all(text) == warnings
