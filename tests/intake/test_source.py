import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake import failures
from app.intake.source import MOST_LINES, masked_source


def shown(value: Any, error: str = "") -> str:
    return "\n".join(line.text for line in masked_source(json.dumps(value).encode(), error))


def test_words_become_dots_of_the_same_length_and_structure_stays() -> None:
    text = shown({"type": "wall_reply_new", "object": {"id": 88121, "text": "Когда починят?"}})
    assert text.split("\n") == [
        "{",
        '  "type": "wall_reply_new",',
        '  "object": {',
        '    "id": 88121,',
        '    "text": "●●●●● ●●●●●●●●"',
        "  }",
        "}",
    ]


def test_numbers_of_people_are_hidden_and_those_of_pages_are_not() -> None:
    text = shown({"from_id": 100000002, "owner_id": -200000001, "peer_id": 100000002, "post_id": 700, "out": True})
    assert "100000002" not in text
    assert "-200000001" in text
    assert '"post_id": 700' in text
    assert '"out": true' in text


def test_a_page_that_writes_is_no_person() -> None:
    assert '"from_id": -200000001' in shown({"from_id": -200000001})


def test_the_missing_field_is_marked_where_it_should_be() -> None:
    lines = masked_source(
        json.dumps({"object": {"id": 1}}).encode(), "Поле object.from_id отсутствует или не целое число."
    )
    assert [line.text.strip() for line in lines if line.is_problem] == ['"from_id": (нет),']
    assert [line.text.strip() for line in lines].index('"from_id": (нет),') == 2


def test_the_wrong_field_is_marked() -> None:
    lines = masked_source(
        json.dumps({"object": {"id": "x"}}).encode(), "Поле object.id отсутствует или не целое число."
    )
    assert [line.text.strip() for line in lines if line.is_problem] == ['"id": "●"']


def test_long_words_and_long_deliveries_are_cut() -> None:
    assert shown({"text": "я" * 500}).count("●") == 40
    lines = masked_source(json.dumps({"items": list(range(500))}).encode())
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].text == "…"


def test_the_delivery_id_is_shortened() -> None:
    assert '"event_id": "0123…def"' in shown({"event_id": "0123456789abcdef"})


def test_what_is_no_json_is_not_shown() -> None:
    (line,) = masked_source("Мария, +7 900 000-00-00".encode())
    assert "Мария" not in line.text
    assert line.is_problem


def test_the_owner_of_a_picture_is_hidden_and_a_community_is_not() -> None:
    assert "100000002" not in shown({"photo": {"owner_id": 100000002}})
    assert "-200000001" in shown({"owner_id": -200000001})


def test_the_number_of_a_person_is_hidden_whoever_names_him_and_that_of_a_message_is_not() -> None:
    for holder in ("from", "sender", "user", "chat"):
        assert "700000001" not in shown({holder: {"id": 700000001, "first_name": "Анна"}}), holder
    assert "-1001000000002" in shown({"chat": {"id": -1001000000002}})
    assert "5001" in shown({"message": {"id": 5001}})


def test_deep_nesting_ends_in_dots() -> None:
    value: Any = {"text": "secret"}
    for _ in range(30):
        value = {"object": value}
    assert "secret" not in shown(value)
    assert "{…}" in shown(value)


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "text", "x"]), inner),
        max_leaves=20,
    )
)
def test_no_letter_of_any_text_comes_through(value: Any) -> None:
    letters = {character for character in shown({"text": value}) if character.isalpha()}
    assert letters <= set("atextruefalsn")  # field names, true, false, null


@pytest.mark.parametrize(
    ("event_type", "error", "title"),
    [
        ("wall_reply_new", "Поле object.from_id отсутствует или не целое число.", "Комментарий без автора"),
        ("photo_comment_new", "Поле object.date отсутствует или не время.", "Комментарий к фото без времени"),
        ("message_new", "Поле object отсутствует или не объект.", "Личное сообщение без содержимого"),
        ("message_new", "Поле object.odd отсутствует или не текст.", "Личное сообщение: не удалось разобрать"),
        ("odd", "Внутренняя ошибка разбора: KeyError", "Событие: не удалось разобрать"),
        ("odd", None, "Событие: не удалось разобрать"),
    ],
)
def test_a_failure_has_a_name(event_type: str, error: str | None, title: str) -> None:
    assert failures.title(event_type, error) == title
    assert failures.advice(error)
