"""Severity of topics."""

import json
from pathlib import Path

import pytest

import classifier
from classifier import Judge, severity_of


@pytest.mark.parametrize(
    ("topic", "severity"),
    [
        ("Аварии (в т.ч. прорывы) в системе водоснабжения", 4),
        ("  ★ АВАРИИ (в т.ч. прорывы)  в системе водоснабжения", 4),
        ("Архивное дело", 1),
        ("Нет такой темы", 2),
        ("", 2),
    ],
)
def test_severity_is_found_by_name_whatever_its_dress(topic: str, severity: int) -> None:
    assert severity_of(topic) == severity


def test_every_severity_lies_between_one_and_five(starter: Judge) -> None:
    table = json.loads((Path(classifier.__file__).parent / "starter" / "severity.json").read_text(encoding="utf-8"))
    assert set(table.values()) == {1, 2, 3, 4, 5}
    assert {severity_of(topic) for topic in starter.manifest.labels["topic"]} <= {1, 2, 3, 4, 5}
