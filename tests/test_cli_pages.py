"""`appeals pages import | connect | rotate-keys`: the last line sums up, the progress goes to standard error."""

import base64
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook
from sqlalchemy import text, update
from sqlmodel import col

from app.audit.models import AuditEntry
from app.platforms import PLATFORMS
from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.vk import VK
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials, seal_credentials
from app.settings import get_settings
from app.vault import Vault, open_vault
from tests.test_cli import Machine, machine, setting

__all__ = ["machine", "setting"]
TABLE = [
    ["Ссылка", "Название", "Подписчиков", "Ключ доступа", "Секрет", "Цвет"],
    ["https://vk.com/club1", "Школа № 1", "100", "t0ken-1", "s3cret-1", "синий"],
    ["https://ok.ru/group/2", "Школа № 2", "", "", "", ""],
    ["https://example.test/3", "Школа № 3", "", "", "", ""],
    ["https://t.me/school4", "", "", "", "", ""],
]


@pytest.fixture(params=["csv", "xlsx"])
def table(request: pytest.FixtureRequest, machine: Machine) -> Path:
    path = machine.folder / f"страницы.{request.param}"
    if request.param == "csv":
        path.write_text("\n".join(";".join(row) for row in TABLE), encoding="utf-8-sig")
        return path
    book = Workbook()
    for row in TABLE:
        book.active.append(row)
    book.save(path)
    return path


def report_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def test_a_table_becomes_pages_and_bad_rows_a_report(machine: Machine, table: Path) -> None:
    result = machine.enter("pages", "import", str(table), "--report", "замечания.csv")
    assert result.exit_code == 0, result.output
    summary = "Добавлено: 2, изменено: 0, без изменений: 0, с ошибками: 2, с замечаниями: 0, новых органов: 0"
    assert result.stdout.splitlines()[-1] == summary
    assert "Читаю таблицу" in result.stderr
    assert "100%" in result.stderr
    assert {page.external_id for page in machine.rows(PublicPage)} == {"1", "2"}
    header, *remarks = report_of(machine.folder / "замечания.csv")
    assert header == ["Строка", "Колонка", "Что не так", "Строка взята"]
    assert [(row[0], row[1], row[3]) for row in remarks] == [
        ("1", "Цвет", "да"), ("4", "Ссылка", "нет"), ("5", "Название", "нет"),
    ]  # fmt: skip
    assert "t0ken-1" not in result.output
    (entry,) = machine.rows(AuditEntry)
    assert (entry.action, entry.details["added"], entry.details["bad"]) == ("pages_imported", 2, 2)
    again = machine.made("pages", "import", str(table))
    assert again.startswith("Добавлено: 0, изменено: 0, без изменений: 2")


def test_a_trial_writes_nothing_and_says_so(machine: Machine, table: Path) -> None:
    result = machine.enter("pages", "import", str(table), "--dry-run")
    assert result.stdout.splitlines()[-1].startswith("Добавлено: 2")
    assert "ничего не записано" in result.stderr
    assert machine.rows(PublicPage) + machine.rows(AuditEntry) == []


def test_a_table_that_cannot_be_read_is_one_sentence(machine: Machine) -> None:
    for name, content, words in (
        ("pages.pdf", b"", "нужен CSV или XLSX"),
        ("pages.xlsx", b"not a workbook", "не читается как XLSX"),
        ("pages.csv", "Орган\nШкола".encode(), "нет колонки «Название»"),
    ):
        (machine.folder / name).write_bytes(content)
        result = machine.enter("pages", "import", name)
        assert (result.exit_code, result.stdout, "Traceback" in result.stderr) == (1, "", False)
        assert words in " ".join(result.stderr.split())
    assert machine.enter("pages", "import", "missing.csv").exit_code == 2


class Exchange(VK):
    """VKontakte that connects every page but the one it does not know."""

    async def prepare_connection(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials
    ) -> Credentials:
        return credentials

    async def connect(self, client: Any, api_url: str, credentials: Credentials, webhook_url: str) -> None:
        if credentials.external_id == "13":
            raise SendFailed(FailureKind.PERMANENT, "Нет прав на управление.")

    async def connection_problem(
        self, client: Any, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        return None


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLATFORMS, "vk", Exchange())


def add(machine: Machine, *numbers: int) -> None:
    for number in numbers:
        machine.made("pages", "add", "--platform", "vk", "--external-id", str(number), "--name", f"Школа № {number}",
                     "--secret", "s3cret")  # fmt: skip


def test_one_page_is_connected_by_its_number(machine: Machine, exchange: None) -> None:
    add(machine, 1, 2)
    result = machine.enter("pages", "connect", "--platform", "vk", "--external-id", "2")
    assert (result.exit_code, "Подключено страниц: 1 из 1" in result.stderr) == (0, True)
    assert {page.external_id: page.connected_at is not None for page in machine.rows(PublicPage)} == {
        "1": False, "2": True,
    }  # fmt: skip
    assert [entry.action for entry in machine.rows(AuditEntry)] == ["pages_connected"]


def test_a_page_that_will_not_be_connected_is_named_and_the_others_are(machine: Machine, exchange: None) -> None:
    add(machine, 1, 13, 2)
    with machine.engine.begin() as connection:
        connection.execute(update(PublicPage).where(col(PublicPage.external_id) == "2").values(is_active=False))
    result = machine.enter("pages", "connect", "--all")
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "Школа № 13: Нет прав на управление." in said
    assert "Подключено страниц: 1 из 2" in said
    problems = {page.external_id: page.connection_problem for page in machine.rows(PublicPage)}
    assert problems == {"1": None, "13": "Нет прав на управление.", "2": None}


def test_connecting_wants_one_page_or_all(machine: Machine) -> None:
    assert "Назовите одну страницу" in machine.refused("pages", "connect")
    assert "Назовите одну страницу" in machine.refused("pages", "connect", "--all", "--external-id", "1")
    result = machine.enter("pages", "connect", "--platform", "vk", "--external-id", "404")
    assert (result.exit_code, "Страница vk 404 не заведена" in result.stderr) == (1, True)


def test_keys_are_sealed_anew_by_the_newest_and_a_lost_one_is_named(
    machine: Machine, setting: Callable[[str, str], None]
) -> None:
    add(machine, 1, 2)
    keys = [base64.b64encode(letter * 32).decode() for letter in (b"o", b"n", b"x")]
    setting("SECRET_KEY", keys[0])
    with machine.engine.begin() as connection:
        sealed = {"1": open_vault(get_settings()), "2": Vault(b"x" * 32)}
        for number, vault in sealed.items():
            credentials = seal_credentials(vault, Credentials(number, "s3cret", access_token="t0ken"))
            connection.execute(
                update(PublicPage).where(col(PublicPage.external_id) == number).values(credentials=credentials)
            )
        connection.execute(text("INSERT INTO public_page (key, platform, external_id, name, is_active, failed_checks,"
                                " created_at) VALUES ('k', 'vk', '3', 'Без ключей', true, 0, now())"))  # fmt: skip
    setting("SECRET_KEY", keys[1])
    setting("OLD_SECRET_KEYS", keys[0])
    result = machine.enter("pages", "rotate-keys")
    said = " ".join(result.stderr.split())
    assert result.exit_code == 1
    assert "Запечатано заново страниц: 1" in said
    assert "Ни один ключ не открывает: Школа № 2" in said
    assert "t0ken" not in result.output
    setting("OLD_SECRET_KEYS", "")
    first = next(page for page in machine.rows(PublicPage) if page.external_id == "1")
    assert open_credentials(open_vault(get_settings()), first).access_token == "t0ken"
    setting("OLD_SECRET_KEYS", keys[2])
    whole = machine.enter("pages", "rotate-keys")
    assert (whole.exit_code, "100%" in whole.stderr) == (0, True)
    assert [entry.details for entry in machine.rows(AuditEntry)] == [
        {"sealed": 1, "unreadable": 1}, {"sealed": 1, "unreadable": 0},
    ]  # fmt: skip
