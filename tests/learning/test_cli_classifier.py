"""`appeals classifier …` in a terminal: from an export to a champion and back, without touching the shipped model."""

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook
from typer.testing import CliRunner, Result

import app.cli
from app.db import Database
from app.learning.files import FOLDER
from app.learning.models import ModelState, ModelVersion
from app.resources import Resources
from app.settings import get_settings
from tests.learning.conftest import OWN_MESSAGES, Label, own_rows
from tests.office import rows


@pytest.fixture
def terminal(database: Database, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": postgres_url, "REDIS_URL": "unix:///nowhere", "DATA_DIR": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"APPEALS_{name}", value)
    monkeypatch.setattr("app.jobs.CLOSE_SECONDS", 0.05)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


async def enter(*words: str) -> Result:
    """In a thread: every command brings an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app.cli.app, ["classifier", *words])


async def made(*words: str) -> str:
    result = await enter(*words)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[-1] if result.stdout else ""


async def refused(*words: str) -> str:
    result = await enter(*words)
    assert result.exit_code == 1, result.output
    return " ".join(result.stderr.split())


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small history in a workbook."""
    workbook = Workbook()
    workbook.active.append(["Сообщение", "Тема", "Кому"])
    with OWN_MESSAGES.open(encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % 4 == 0:
                workbook.active.append([row["text"], row["topic_group"], row["agency"]])
    workbook.save(tmp_path / "history.xlsx")
    return tmp_path / "history.xlsx"


COLUMNS = ("--text-column", "Сообщение", "--label", "topic=Тема", "--label", "agency=Кому")


async def test_an_export_becomes_a_challenger_a_reason_makes_it_champion_and_rollback_ends_that(
    terminal: None, resources: Resources, export: Path
) -> None:
    assert await made("status") == resources.judge.version
    assert "Претендентов нет" in await refused("compare")
    version = await made("train", "--data", str(export), *COLUMNS, "--given", "body=Кому", "--from-scratch")
    (row,) = await rows(resources, ModelVersion)
    assert (row.version, row.state, row.is_adapted) == (version, ModelState.CHALLENGER, False)
    assert {folder.name for folder in (resources.settings.data_dir / FOLDER).iterdir()} == {version}
    assert {"held_out", "out_of_fold_text_alone"} <= set(row.metrics)
    assert any("Возможна утечка: body определяет метку agency" in sentence for sentence in row.report)

    assert "не с чем сравнить" in await refused("promote", version)
    assert "нужны вместе" in await refused("promote", version, "--force")
    await made("promote", version, "--force", "--reason", "свой край")
    assert await made("status") == version
    figures = await enter("evaluate", "--data", str(export), *COLUMNS, "--given", "page=Кому")
    assert "topic: n 154, accuracy" in figures.stdout
    assert "Модель учитывает и body, а столбец не назван" in figures.stderr
    assert "Обстоятельств page модель не учитывает" in figures.stderr
    assert "поставляемая" in (await enter("rollback", "--reason", "хуже на глаз")).stderr
    assert await made("status") == resources.judge.version
    assert "возвращать нечего" in await refused("rollback")


async def test_a_history_without_topics_is_refused_before_anything_is_trained(
    terminal: None, resources: Resources, export: Path
) -> None:
    said = await refused("train", "--data", str(export), "--text-column", "0", "--label", "agency=Кому")
    assert "добавьте --label topic=СТОЛБЕЦ" in said
    assert "нет столбца «Нет»" in await refused(
        "train", "--data", str(export), "--text-column", "0", "--label", "topic=Нет"
    )
    assert "нет столбца «Где»" in await refused("train", "--data", str(export), *COLUMNS, "--given", "territory=Где")
    said = await refused("train", "--data", str(export), *COLUMNS, "--given", "улица=Кому", "--given", "page=Кому")
    assert "служба не узнает улица: обстоятельства здесь называются territory, municipality, page, body" in said
    assert await rows(resources, ModelVersion) == []
    assert list((resources.settings.data_dir / FOLDER).iterdir()) == []


async def test_labels_of_operators_become_a_challenger_with_its_comparison_on_the_screen(
    terminal: None, resources: Resources, label: Label
) -> None:
    await label(own_rows(150, topics=24))
    result = await enter("train")
    assert result.exit_code == 0, result.output
    version = result.stdout.split()[-1]
    assert "размечено" in result.stderr
    assert "интервал" in result.stderr
    again = await enter("compare", version, "--seed", "5")
    assert "Свежих меток 30" in again.stderr
    status = await enter("status")
    assert f"{version} претендент" in " ".join(status.stderr.replace("\u00a0", " ").split())


async def test_descriptions_alone_become_a_challenger_that_only_a_reason_promotes(
    terminal: None, resources: Resources
) -> None:
    version = await made("first-judge", "--labels", str(OWN_MESSAGES.with_name("own_labels.csv")))
    (row,) = await rows(resources, ModelVersion)
    assert (row.version, row.report) == (version, ["Меток 17, из них без описания 0."])
    assert "не с чем сравнить" in await refused("promote", version)
