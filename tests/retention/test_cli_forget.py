"""`appeals forget`: says what it concerns, and does it only when told so twice."""

import asyncio
from typing import Any

import pytest

from app.accounts.actor import Actor
from app.appeals.models import Appeal
from app.audit.models import AuditEntry
from tests.conftest import VK
from tests.office import ROAD, opened
from tests.retention.conftest import answered
from tests.test_cli import Machine, machine

__all__ = ["machine"]  # a fixture of the commands' own tests
FORGET = ["forget", "--platform", "vk", "--author", "700000123"]


@pytest.fixture
async def two_appeals(vk: VK, anna: Actor) -> None:
    """One that is answered, one that is open."""
    await answered(vk, anna, author=700000123)
    await opened(vk, comment_id=741, author=700000123)


def texts(machine: Machine) -> list[str]:
    return [row.text for row in machine.rows(Appeal)]


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--dry-run", "--yes"]])
async def test_without_a_yes_it_only_tells(machine: Machine, two_appeals: None, options: list[str]) -> None:
    result: Any = await asyncio.to_thread(machine.enter, *FORGET, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Законченных обращений: 1 (№ 1)",
        "Сообщений в них: 1, вне обращений: 0, файлов: 0",
        "Не закончены, остаются как есть: 1 (№ 2)",
    ]
    assert "Ничего не изменено" in result.stderr
    assert texts(machine) == [ROAD, ROAD]


async def test_with_a_yes_it_is_done_and_written_down_without_a_name(machine: Machine, two_appeals: None) -> None:
    result = await asyncio.to_thread(machine.enter, *FORGET, "--yes")
    assert result.exit_code == 0, result.output
    assert "Слова и имя удалены" in result.stderr
    assert texts(machine) == ["[удалено по просьбе жителя]", ROAD]
    entry = next(row for row in machine.rows(AuditEntry) if row.action == "citizen_forgotten")
    assert (entry.actor, entry.details["appeals"], entry.details["left"]) == ("Командная строка", 1, 1)
    assert "700000123" not in str(entry.details)


async def test_an_unknown_platform_is_one_sentence(machine: Machine) -> None:
    refused = await asyncio.to_thread(machine.refused, "forget", "--platform", "myspace", "--author", "1")
    assert "Нет площадки «myspace»" in refused
