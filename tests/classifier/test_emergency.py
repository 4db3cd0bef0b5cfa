"""Danger is noticed in messages invented for this, and quiet ones stay quiet."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Guess, Judgement
from classifier.emergency import LEXICON, alarm_of
from classifier.phrases import Lexicon

ALARMS = Path(__file__).with_name("own_alarms.csv")
THEMES = {"пожар", "газ", "обрушение", "жизнь", "самоубийство", "ребёнок"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with ALARMS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_theme_is_noticed_in_nearly_all_its_messages(rows: list[dict[str, str]]) -> None:
    for theme in THEMES:
        mine = [row["text"] for row in rows if row["theme"] == theme]
        noticed = sum(alarm_of(text).is_raised for text in mine)
        named = sum(theme in {found.theme for found in alarm_of(text).found} for text in mine)
        assert len(mine) >= 10
        assert noticed / len(mine) >= 0.95, theme
        assert named / len(mine) >= 0.75, theme


def test_quiet_messages_seldom_raise_an_alarm(rows: list[dict[str, str]]) -> None:
    quiet = [row["text"] for row in rows if not row["theme"]]
    assert len(quiet) >= 40
    assert sum(alarm_of(text).is_raised for text in quiet) / len(quiet) <= 0.05


def test_the_words_that_raised_the_alarm_are_shown_in_place() -> None:
    text = "Добрый день! ПАХНЕТ в подъезде ГАЗОМ"
    places = alarm_of(text).found[0].places
    assert [text[start:end] for start, end in places] == ["ПАХНЕТ", "ГАЗОМ"]


def test_the_model_raises_the_alarm_for_the_gravest_topics_alone() -> None:
    grave = Judgement(0.9, {"topic": (Guess("Скорая помощь", 0.4), Guess("Природные пожары", 0.2))})
    light = Judgement(0.9, {"topic": (Guess("Архивное дело", 0.9), Guess("Природные пожары", 0.1))})
    assert alarm_of("Помогите", grave).is_raised
    assert not alarm_of("Помогите", light).is_raised
    assert alarm_of("Помогите", grave).grave_probability == pytest.approx(0.6)
    assert not alarm_of("Помогите").is_raised


def test_an_unwanted_word_nearby_silences_a_phrase_and_a_far_one_does_not() -> None:
    lexicon = Lexicon({"огонь": "горит дом|сарай !=не"})
    assert [found.theme for found in lexicon.find("Дом там горит")] == ["огонь"]
    assert not list(lexicon.find("Дом совсем не горит"))
    assert list(lexicon.find("Я не знаю почему и отчего сарай вдруг горит"))
    assert not list(lexicon.find("Горит свет на улице и в окне виден дом"))


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters()))
def test_any_text_may_be_looked_through(text: str) -> None:
    for found in LEXICON.find(text):
        assert all(0 <= start < end <= len(text) for start, end in found.places)
