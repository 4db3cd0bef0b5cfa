"""`appeals rules …` on a real database."""

import json
from pathlib import Path

import pytest

from app.public_pages.models import PublicPage
from app.resources import Resources
from app.rules.models import RuleSetVersion
from routing_rules import load
from tests.conftest import NOW
from tests.rules.past import TOPIC, write_past
from tests.test_cli import Machine, machine

__all__ = ["machine"]  # a fixture of the commands' own tests


@pytest.fixture
async def past(published: Resources, page: PublicPage) -> None:
    await write_past(published, 300, NOW)


def test_a_directory_goes_in_is_checked_compared_simulated_published_and_rolled_back(
    machine: Machine, past: None, tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    machine.made("rules", "export", str(folder))
    assert load(folder).digest == load().digest
    matrix = folder / "matrix.csv"
    line = f'"{TOPIC}",52701000,,,'
    matrix.write_text(matrix.read_text("utf-8").replace(f"{line}mintrans", f"{line}omsk-city"), "utf-8")
    assert machine.made("rules", "import", str(folder), "--note", "Зима") == "omsk-2"
    assert machine.made("rules", "diff", "omsk-1", "omsk-2") == (
        f"Тема «{TOPIC}», Омск: было «Минтранс», стало «Администрация Омска»"
    )
    for named in ("omsk-2", str(folder), "2"):
        result = json.loads(machine.enter("rules", "simulate", named, "--last", "300", "--json").stdout)
        assert result["total"] == 270
        assert [(move["before"], move["after"]) for move in result["moves"]] == [("mintrans", "omsk-city")]
    assert "сменили бы отдел" in machine.made("rules", "simulate", "omsk-2", "--last", "100")
    problems = json.loads(machine.enter("rules", "check", "omsk-2", "--json").stdout)
    assert all(problem["is_warning"] for problem in problems)
    asked = machine.enter("rules", "explain", "--topic", TOPIC, "--territory", "52701000", "--version", "omsk-2")
    assert "Администрация Омска (omsk-city)" in asked.stdout
    listed = machine.enter("rules", "list").stdout
    assert "omsk-2  черновик  Командная строка: Зима" in listed
    machine.made("rules", "publish", "omsk-2")
    machine.made("rules", "rollback", "omsk-1")
    assert [(row.version, row.state) for row in machine.rows(RuleSetVersion)] == [
        ("omsk-1", "retired"), ("omsk-2", "retired"), ("omsk-3", "published"),
    ]  # fmt: skip


def test_what_cannot_be_done_is_said_in_a_sentence(
    machine: Machine, published: Resources, tmp_path: Path
) -> None:  # fmt: skip
    assert "Версии правил «зима» нет" in machine.refused("rules", "publish", "зима")
    assert "уже не черновик" in machine.refused("rules", "publish", "omsk-1")
    assert "Вернуть можно версию" in machine.refused("rules", "rollback", "omsk-1")
    assert "не похоже на код ОКТМО" in machine.refused("rules", "explain", "--territory", "52")
    (tmp_path / "empty").mkdir()
    assert "rules.toml" in machine.refused("rules", "import", str(tmp_path / "empty"))
