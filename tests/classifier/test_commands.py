"""The command line: training on a region's own file, measuring a ready model, judging lines."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from classifier import Judge
from classifier.__main__ import cli, main

HERE = Path(__file__).parent
CORPUS, TALK = HERE / "own_corpus.csv", HERE / "own_talk.csv"
FIGURES = {"n", "accuracy", "weighted_f1", "macro_f1", "top3", "ece", "coverage_at_95", "texts_per_second"}
run = CliRunner().invoke


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def nameless(tmp_path: Path) -> Path:
    """The same messages as another region would send them: no names, the columns elsewhere."""
    path = tmp_path / "region.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [row["text"], str(number), row["agency"]] for number, row in enumerate(rows_of(CORPUS))
        )
    return path


def test_a_region_trains_on_its_own_file_without_names_groups_or_talk(nameless: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    trained = run(
        cli, ["train", "--data", str(nameless), "--text-column", "0", "--label", "agency=2", "--out", str(out)]
    )
    assert trained.exit_code == 0, trained.output
    assert {file.name for file in out.iterdir()} == {"model.npz", "manifest.json", "card.md"}
    judge = Judge.load(out)
    assert judge.kinds == ["agency"]
    assert set(judge.manifest.metrics) == {"out_of_fold"}
    assert judge.manifest.metrics["out_of_fold"]["agency"]["rows"] == 120

    judged = run(cli, ["predict", "--model", str(out)], input="Яма на дороге\n\nНет воды\n")
    lines = [json.loads(line) for line in judged.stdout.splitlines()]
    assert [line["text"] for line in lines] == ["Яма на дороге", "", "Нет воды"]
    assert [lines[at]["agency"][0]["label"] for at in (0, 2)] == ["Дорожная служба", "Водоканал"]


def test_training_reports_on_the_data_and_leaves_a_card(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    text = CORPUS.read_text(encoding="utf-8")
    again = "Яма на дороге,Дороги,Ямы на дороге,Дорожная служба\nЯМА на дороге!,Дороги,Уборка снега,Дорожная служба\n"
    data.write_text(text.rstrip("\n") + "\n" + again, encoding="utf-8")
    trained = run(cli, ["train", "--data", str(data), "--talk", str(TALK), "--out", str(tmp_path), "--held-out"])
    assert trained.exit_code == 0, trained.output
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    for told in (trained.output, card):
        assert "повторов дословно: 1" in told
        assert "противоречий у одинаковых сообщений: 2" in told
    assert "Пять частей" in card
    assert "Отложенная пятая часть" in card
    manifest = Judge.load(tmp_path).manifest
    assert set(manifest.metrics) == {"out_of_fold", "held_out"}
    judged = manifest.metrics["out_of_fold"]["topic"]["rows"]
    assert manifest.provenance["rows_judged_unseen"] == judged
    assert judged + manifest.metrics["held_out"]["topic"]["rows"] == manifest.provenance["sources"][0]["rows"]


@pytest.fixture
def of_two_towns(tmp_path: Path) -> Path:
    """Each message from either of two towns, that alone tell the agency."""
    path = tmp_path / "towns.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([
            ["text", "Муниципалитет", "куда"],
            *([row["text"], town, f"Управа: {town}"] for row in rows_of(CORPUS) for town in ("Примерск", "Дальнее")),
        ])  # fmt: skip
    return path


@pytest.mark.parametrize("columns", [("text", "куда", "Муниципалитет"), ("0", "2", "1")])
def test_circumstances_are_taught_measured_and_told_by_name_or_number(
    of_two_towns: Path, tmp_path: Path, columns: tuple[str, str, str]
) -> None:
    text, label, town = columns
    data = ["--data", str(of_two_towns), "--text-column", text, "--label", f"agency={label}", "--header"]
    out = tmp_path / "model"
    trained = run(
        cli, ["train", *data, "--given", f"territory={town}", "--from-scratch", "--held-out", "--out", str(out)]
    )
    assert trained.exit_code == 0, trained.output
    assert "Обстоятельство territory: разных значений 2" in trained.output
    assert "Возможна утечка: territory определяет метку agency" in trained.output
    card = (out / "card.md").read_text(encoding="utf-8")
    assert "- territory: значений 2; вес agency" in card
    assert "по одному тексту" in card
    metrics = Judge.load(out).manifest.metrics
    assert metrics["held_out"]["agency"]["accuracy"] > metrics["out_of_fold_text_alone"]["agency"]["accuracy"] + 0.3

    with_it = run(cli, ["evaluate", *data, "--given", f"territory={town}", "--model", str(out), "--json"])
    without = run(cli, ["evaluate", *data, "--given", f"page={town}", "--model", str(out), "--json"])
    told, silent = (json.loads(done.stdout.splitlines()[-1])["accuracy"] for done in (with_it, without))
    assert told > 0.95 > 0.7 > silent
    assert "Модель учитывает и territory, а столбец не назван" in without.stderr
    assert "Обстоятельств page модель не учитывает" in without.stderr

    for value, expected in (("ДАЛЬНЕЕ", "Управа: Дальнее"), ("Примерск", "Управа: Примерск")):
        judged = run(cli, ["predict", "--model", str(out), "--given", f"territory={value}"], input="Яма на дороге\n")
        assert json.loads(judged.stdout)["agency"][0]["label"] == expected
        assert "не знает" not in judged.stderr
    assert "не знает" in run(cli, ["predict", "--model", str(out), "--given", "territory=Нигде", "яма"]).stderr


def test_dates_tell_the_time_of_year_in_training_and_in_prediction(tmp_path: Path) -> None:
    rows = rows_of(CORPUS)
    topics = sorted({row["topic"] for row in rows})  # six, each with two months of its own
    lines = [
        [row["text"], row["topic"], f"2025-{1 + 2 * topics.index(row['topic']) + place % 2:02d}-05 10:00:00"]
        for place, row in enumerate(rows)
    ]
    with (tmp_path / "year.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["text", "topic", "date"], *lines])
    data = ["--data", str(tmp_path / "year.csv"), "--text-column", "text", "--label", "topic=topic"]
    out = tmp_path / "model"
    trained = run(cli, ["train", *data, "--given", "month=date", "--from-scratch", "--out", str(out)])
    assert "Обстоятельство month: разных значений 12, из них учат 12" in trained.output
    for value, is_known in (("2024-03-31", True), ("Март", True), ("вчера", False)):
        judged = run(cli, ["predict", "--model", str(out), "--given", f"month={value}", "Яма"])
        assert ("не знает" in judged.stderr) is not is_known


def test_evaluation_of_the_shipped_model_prints_an_object_a_label() -> None:
    measured = run(cli, ["evaluate", "--data", str(HERE / "own_messages.csv"), "--label", "topic_group=topic_group",
                         "--label", "topic=topic", "--json"])  # fmt: skip
    assert measured.exit_code == 0, measured.output
    objects = [json.loads(line) for line in measured.stdout.splitlines()]
    assert [one["label"] for one in objects] == ["topic_group", "topic"]
    for one in objects:
        assert set(one) >= FIGURES
        assert one["n"] == len(rows_of(HERE / "own_messages.csv"))
        assert 0 <= one["accuracy"] <= one["top3"] <= 1
        assert one["texts_per_second"] > 0
    assert objects[0]["accuracy"] > 0.45  # every group counts alike here, the rare ones too


def test_evaluation_warns_of_messages_that_the_model_was_taught(judge_folder: Path, tmp_path: Path) -> None:
    known = run(cli, ["evaluate", "--data", str(CORPUS), "--model", str(judge_folder), "--talk", str(TALK)])
    assert known.exit_code == 0, known.output
    assert "завышены" in known.output
    other = tmp_path / "other.csv"
    other.write_text("text,agency\n" + "Совсем новое сообщение,Водоканал\n" * 30, encoding="utf-8")
    fresh = run(cli, ["evaluate", "--data", str(other), "--model", str(judge_folder / "model.npz")])
    assert fresh.exit_code == 0, fresh.output
    assert "завышены" not in fresh.output


def test_lines_of_any_bytes_are_judged(judge_folder: Path) -> None:
    odd = b"\xff\xfe\x00\n\n" + "😀".encode() + b"\n" + b"a" * 100_000 + b"\r\n\xed\xa0\x80"
    done = subprocess.run(
        [sys.executable, "-m", "classifier", "predict", "--model", str(judge_folder)],
        input=odd, capture_output=True, check=True, cwd=HERE.parents[1],
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.decode("utf-8").split("\n")[:-1]]
    assert len(lines) == 5
    assert all(line["agency"] for line in lines)


def test_a_message_given_as_an_argument_is_shown_as_a_table(judge_folder: Path) -> None:
    assert "Нет воды" in run(cli, ["predict", "--model", str(judge_folder), "Когда дадут воду?"]).stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["predict", "--model", "absent.npz", "яма"], "нет"),
        (["train", "--data", str(CORPUS), "--label", "agency", "--out", "out"], "ИМЯ=СТОЛБЕЦ"),
        (["train", "--data", str(CORPUS), "--label", "text=topic", "--out", "out"], "ИМЯ=СТОЛБЕЦ"),
        (["train", "--data", str(CORPUS), "--label", "a=topic", "--label", "a=agency", "--out", "out"], "дважды"),
        (["train", "--data", str(CORPUS), "--given", "territory", "--out", "out"], "--given ждёт ИМЯ=СТОЛБЕЦ"),
        (["train", "--data", str(CORPUS), "--given", "page=нету", "--out", "out"], "нет столбца «нету»"),
        (["predict", "--given", "territory=Примерск", "яма"], "Обстоятельства «territory» модель не учитывает"),
        (["predict", "--given", "territory", "яма"], "--given ждёт ИМЯ=ЗНАЧЕНИЕ"),
        (["train", "--data", str(CORPUS), "--label", "a=нету", "--out", "out"], "нет столбца «нету»"),
        (["evaluate", "--data", str(CORPUS), "--label", "чужая=topic"], "Модель знает метки"),
        (["evaluate", "--data", str(TALK)], "нет столбцов"),
    ],
)
def test_a_refusal_is_one_sentence_and_a_failing_exit_code(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["classifier", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
