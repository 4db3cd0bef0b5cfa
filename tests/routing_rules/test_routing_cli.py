"""`python -m routing_rules`: exit codes and sentences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from routing_rules.__main__ import main
from tests.routing_rules.rule_texts import RULES, exception, texts


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in texts(RULES + exception('words = "мост"', more="expires = 2027-01-01")).items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_check_says_that_all_is_well(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(directory), "--today", "2026-11-23"]) == 0
    said = capsys.readouterr().out
    assert "Правила t1: ячеек 7, исключений 1, ведомств 4, территорий 4, меток 4" in said
    assert "Ошибок нет" in said


def test_check_fails_with_sentences(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(directory), "--today", "2027-01-02"]) == 1
    assert "истекло 01.01.2027" in capsys.readouterr().err


def test_check_reads_labels_of_a_manifest_or_a_taxonomy(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = directory / "labels.json"
    command = ["check", str(directory), "--labels", str(labels), "--today", "2026-11-23"]
    labels.write_text(json.dumps({"version": "1", "labels": {"topic": ["Ямы"], "topic_group": ["Дороги"]}}), "utf-8")
    assert main(command) == 0
    labels.write_text(json.dumps({"Дороги": ["Ямы", "Лёд"]}), "utf-8")
    assert main(command) == 1
    assert "Тема «Лёд» без ответственного" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", "{}", '{"a": 1}', '{"labels": {"topic": ["Ямы"]}}', "{"])
def test_a_file_without_labels_is_refused(directory: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "labels.json").write_text(text, "utf-8")
    assert main(["check", str(directory), "--labels", str(directory / "labels.json")]) == 1
    assert capsys.readouterr().err


def test_an_unreadable_rule_set_fails_with_its_lines(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "matrix.csv").write_text("id\n", "utf-8")
    assert main(["check", str(directory / "rules.toml")]) == 1
    assert capsys.readouterr().err.startswith("matrix.csv:1: нет столбцов")


def test_explain_prints_the_decision_and_its_trace(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--dir", str(directory), "--topic", "Ямы", "--territory", "52701000"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Решение: Город (city)",
        "Правила t1, сработало: М-2",
        "  · Тема «Ямы»: 1,00 ≥ 0,50",
        "  ✔ Матрица: Ямы × Город → Город [М-2]",
        "  ✘ Проиграло: Ямы × Область → Миндор, территория шире [М-1]",
        "  ✘ Проиграло: группа «Дороги» × Область → Миндор, тема шире [М-4]",
    ]


def test_explain_takes_a_group_alone_or_nothing(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["explain", "--dir", str(directory), "--territory", "52701000"]
    assert main([*base, "--group", "Медицина"]) == 0
    assert "Минздрав" in capsys.readouterr().out
    assert main(base) == 0
    assert "Тема не определена; группа не определена: решает человек" in capsys.readouterr().out


def test_explain_refuses_what_is_not_a_territory(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--dir", str(directory), "--territory", "Омск"]) == 1
    assert "не похоже на код ОКТМО" in capsys.readouterr().err


def test_import_tables_rewrites_the_matrix(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = directory / "city.json"
    table.write_text('{"Ямы": "Администрация города"}', "utf-8")
    (directory / "matrix.csv").write_text("id,topic_group,topic,territory,sphere,page,department,source\n", "utf-8")
    assert main(["import-tables", "--dir", str(directory), "--table", "Г", "52701000", str(table)]) == 0
    assert (directory / "matrix.csv").read_text("utf-8").endswith("Г-001,,Ямы,52701000,,,city,city.json\n")
    assert "matrix.csv: 1 строк" in capsys.readouterr().out
    table.write_text('{"Ямы": "Неведомый приказ"}', "utf-8")
    assert main(["import-tables", "--dir", str(directory), "--table", "Г", "52701000", str(table)]) == 1
    assert "Неведомый приказ" in capsys.readouterr().err


def test_the_package_runs_as_a_program() -> None:
    run = subprocess.run([sys.executable, "-m", "routing_rules", "check"], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
