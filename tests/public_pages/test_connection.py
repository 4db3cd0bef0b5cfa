"""Connecting a page by hand: what came of it stays on the page, whatever the platform does."""

import re
from typing import Any

import pytest
from fastapi import FastAPI

from app.accounts.models import Role
from app.audit.models import AuditEntry
from app.errors import NotFound
from app.platforms import PLATFORMS
from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.vk import VK
from app.public_pages import connection
from app.public_pages.connection import CannotConnect, check_page, connect_page
from app.public_pages.models import PublicPage
from app.resources import Resources
from tests.conftest import NOW
from tests.office import only, rows
from tests.signed_in import signed_in

REFUSED = SendFailed(FailureKind.PERMANENT, "Нет прав на управление.")


class Exchange(VK):
    """A platform of which every call may go wrong; it remembers which were made, and that nobody held a transaction."""

    def __init__(self, resources: Resources) -> None:
        self.pool: Any = resources.database.engine.pool
        self.asked: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.problem: str | None = None

    def _hear(self, call: str) -> None:
        self.asked.append(f"{call}, {self.pool.checkedout()} in use")
        if call in self.failures:
            raise self.failures[call]

    async def prepare_connection(self, client: Any, api_url: str, credentials: Credentials) -> Credentials:
        self._hear("prepare")
        return credentials

    async def connect(self, client: Any, api_url: str, credentials: Credentials, webhook_url: str) -> None:
        self._hear("connect")

    async def connection_problem(
        self, client: Any, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        self._hear("check")
        return self.problem


@pytest.fixture
def exchange(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    exchange = Exchange(resources)
    monkeypatch.setitem(PLATFORMS, "vk", exchange)
    monkeypatch.setattr(connection, "utc_now", lambda: NOW)
    return exchange


async def put(resources: Resources, page: PublicPage, **values: Any) -> None:
    async with resources.database.transaction() as session:
        stored = await session.get_one(PublicPage, page.id)
        for name, value in values.items():
            setattr(stored, name, value)


async def test_no_call_is_made_inside_a_transaction(resources: Resources, page: PublicPage, exchange: Exchange) -> None:
    await connect_page(resources, page.id or 0)
    assert exchange.asked == ["prepare, 0 in use", "connect, 0 in use", "check, 0 in use"]


async def test_a_connection_clears_what_was_wrong_before(
    resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    await put(resources, page, connection_problem="Снята.", failed_checks=4, check_failure="Не отвечает.")
    assert await connect_page(resources, page.id or 0) is None
    seen = await only(resources, PublicPage)
    assert (seen.connected_at, seen.connection_problem) == (NOW, None)
    assert (seen.failed_checks, seen.check_failure) == (0, None)
    assert seen.next_check_at == NOW + connection.CHECK_EVERY


@pytest.mark.parametrize("call", ["prepare", "connect"])
async def test_a_refused_page_is_not_called_connected(
    resources: Resources, page: PublicPage, exchange: Exchange, call: str
) -> None:
    exchange.failures[call] = REFUSED
    assert await connect_page(resources, page.id or 0) == REFUSED.reason
    seen = await only(resources, PublicPage)
    assert (seen.connected_at, seen.connection_problem) == (None, REFUSED.reason)


async def test_what_the_platform_still_finds_wrong_is_kept(
    resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    exchange.problem = "Сервер не подтверждён."
    assert await connect_page(resources, page.id or 0) == exchange.problem
    assert (await only(resources, PublicPage)).connection_problem == exchange.problem


async def test_a_connection_that_cannot_be_verified_counts_until_the_watchdog_asks(
    resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    exchange.failures["check"] = SendFailed(FailureKind.RETRY, "Не отвечает.")
    assert await connect_page(resources, page.id or 0) is None
    assert (await only(resources, PublicPage)).connected_at == NOW


async def test_a_fault_of_our_own_is_a_sentence_without_its_details(
    resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    exchange.failures["connect"] = KeyError("community-token")
    problem = await connect_page(resources, page.id or 0)
    assert problem == (await only(resources, PublicPage)).connection_problem
    assert problem is not None
    assert "Внутренняя ошибка" in problem
    assert "community-token" not in problem


@pytest.mark.parametrize(
    ("values", "words"),
    [({"is_active": False}, "выключена"), ({"credentials": None}, "ключей"), ({"external_id": "@a"}, "Номер")],
)
async def test_a_page_that_is_not_ready_is_refused_before_the_platform_is_asked(
    resources: Resources, page: PublicPage, exchange: Exchange, values: dict[str, Any], words: str
) -> None:
    await put(resources, page, **values)
    with pytest.raises(CannotConnect, match=words):
        await connect_page(resources, page.id or 0)
    assert exchange.asked == []


async def test_an_unknown_page_is_not_found(resources: Resources, exchange: Exchange) -> None:
    with pytest.raises(NotFound):
        await connect_page(resources, 404)


async def test_a_check_asks_once_mends_nothing_and_clears_what_is_over(
    resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    await put(
        resources, page, connection_problem="Снята.", polling_problem="Опрос не удаётся.", check_failure="Не отвечает."
    )
    assert await check_page(resources, page.id or 0) is None
    assert exchange.asked == ["check, 0 in use"]
    seen = await only(resources, PublicPage)
    assert (seen.connection_problem, seen.check_failure, seen.connected_at) == (None, None, NOW)
    assert seen.polling_problem == "Опрос не удаётся."  # a good webhook says nothing of the poll


@pytest.mark.parametrize(("connected_at", "kept"), [(NOW, "Снята."), (None, None)])
async def test_what_a_check_finds_is_kept_only_of_a_page_that_was_connected(
    resources: Resources, page: PublicPage, exchange: Exchange, connected_at: Any, kept: str | None
) -> None:
    await put(resources, page, connected_at=connected_at)
    exchange.problem = "Снята."
    assert await check_page(resources, page.id or 0) == "Снята."
    seen = await only(resources, PublicPage)
    assert (seen.connection_problem, seen.connected_at) == (kept, connected_at)


async def test_a_check_that_fails_says_so_and_leaves_the_connection_as_it_was(
    resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    await put(resources, page, connected_at=NOW)
    exchange.failures["check"] = REFUSED
    with pytest.raises(SendFailed):
        await check_page(resources, page.id or 0)
    seen = await only(resources, PublicPage)
    assert (seen.connection_problem, seen.check_failure) == (None, REFUSED.reason)
    with pytest.raises(NotFound):
        await check_page(resources, 404)


async def test_an_administrator_connects_and_a_manager_checks_in_the_browser(
    app: FastAPI, resources: Resources, page: PublicPage, exchange: Exchange
) -> None:
    async with await signed_in(app, resources, Role.MANAGER) as manager:
        assert (await manager.post(f"/pages/{page.id}/connection")).status_code == 403
        assert exchange.asked == []
        html = (await manager.get(f"/pages/{page.id}")).text
        assert ("Подключить" in html, "Проверить" in html) == (False, True)
        exchange.problem = "Подписки нет."
        answer = await manager.post(f"/pages/{page.id}/checks", follow_redirects=True)
        assert re.search(r'banner--bad" role="alert">.*Подписки нет\.', answer.text)
    exchange.problem = None
    async with await signed_in(app, resources, Role.ADMIN) as admin:
        answer = await admin.post(f"/pages/{page.id}/connection", follow_redirects=True)
        assert "Площадка доставляет события на наш адрес" in answer.text
        exchange.failures["check"] = REFUSED
        answer = await admin.post(f"/pages/{page.id}/checks", follow_redirects=True)
        assert f"Спросить площадку не удалось. {REFUSED.reason}" in answer.text
        await put(resources, page, credentials=None)
        assert "Подключить" not in (await admin.get(f"/pages/{page.id}")).text
        answer = await admin.post(f"/pages/{page.id}/connection", follow_redirects=True)
        assert "нет ключей доступа" in answer.text
        assert (await admin.post("/pages/404/checks")).status_code == 404
    assert all(call.endswith(", 0 in use") for call in exchange.asked)
    entries = [(entry.action, entry.details["problem"]) for entry in await rows(resources, AuditEntry)]
    assert entries[:2] == [("page_checked", "Подписки нет."), ("page_connected", None)]
