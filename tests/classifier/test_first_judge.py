"""A judge from descriptions alone: far better than chance, and honest about what nobody has measured."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from classifier import Judge
from classifier.__main__ import cli
from classifier.dataset import Columns, Source, read_corpus
from classifier.evaluation import judge_figures
from classifier.first_judge import first_judge
from classifier.tables import DataIsWrong

HERE = Path(__file__).parent
LABELS, MESSAGES = HERE / "own_labels.csv", HERE / "own_messages.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first")
    done = CliRunner().invoke(cli, ["first-judge", "--labels", str(LABELS), "--kind", "agency", "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def test_seventeen_invented_agencies_are_told_apart_from_their_descriptions(folder: Path) -> None:
    corpus = read_corpus(MESSAGES, Columns(labels={"agency": "agency"}))
    figures = judge_figures(Judge.load(folder), corpus, [])["agency"]
    assert figures["accuracy"] > 0.65  # the largest agency holds .15
    assert figures["top3"] > 0.83
    assert figures["coverage"] == 0.0  # nothing goes without a person


def test_its_card_says_that_the_estimate_is_unknown(folder: Path) -> None:
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "Оценка неизвестна" in card
    assert "точность" not in card.split("## Чего модель не может")[0]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["metrics"]["out_of_fold"]) == {"appeal"}


def test_any_message_gets_a_judgement_from_it(folder: Path) -> None:
    judge = Judge.load(folder)
    for text in ("", "🙂🙂", "ъ" * 100_000, "\x00\x01", "hello"):
        assert judge.judge([text])[0].agency[0].probability <= 1


def test_one_label_is_no_choice_and_one_label_twice_no_answer(tmp_path: Path, starter: Judge) -> None:
    with pytest.raises(DataIsWrong, match="Меток 1"):
        first_judge("topic", {"Дороги": "ямы"}, Source("x", 1, ""), "2026-11-26T00:00:00Z", starter)
    twice = tmp_path / "twice.csv"
    twice.write_text("label,description\nДороги,ямы\nДороги,выбоины\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["first-judge", "--labels", str(twice), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, DataIsWrong)
