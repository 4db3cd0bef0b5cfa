"""Who gets through which door."""

from dataclasses import dataclass

import httpx
import pytest
from account_people import NOW, PASSWORD, People
from fastapi import FastAPI
from sqlalchemy import event

from app.accounts import service
from app.accounts.access import Actor, may_see
from app.accounts.models import Role
from app.db import Database


async def test_htmx_without_a_session_is_sent_to_login_and_back_to_its_page(browser: httpx.AsyncClient) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://test/queue?tab=mine"}
    response = await browser.get("/whoami", headers=headers)
    assert response.headers["hx-redirect"] == "/login?next=%2Fqueue%3Ftab%3Dmine"
    assert response.text == ""


async def test_a_form_without_a_session_is_sent_to_login_and_does_nothing(
    browser: httpx.AsyncClient, site: FastAPI
) -> None:
    response = await browser.post("/notes", data={"text": "x"})
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert site.state.notes == []


async def test_a_made_up_cookie_opens_nothing(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/whoami", headers={"Cookie": "appeals_session=made-up"})
    assert response.status_code == 303


async def test_another_role_is_refused_with_a_page_in_russian(signed_in: httpx.AsyncClient) -> None:
    response = await signed_in.get("/settings")
    assert response.status_code == 403
    assert "У вашей роли нет доступа к этой странице" in response.text
    assert "<!doctype html>" in response.text


async def test_an_admin_passes_where_an_operator_does_not(browser: httpx.AsyncClient, people: People) -> None:
    await people("root@city.example", Role.ADMIN)
    await browser.post("/login", data={"login": "root@city.example", "password": PASSWORD})
    assert (await browser.get("/settings")).status_code == 200


@pytest.mark.parametrize("forged", ["", "wrong", "неверно"])
async def test_a_forged_form_is_refused_and_does_nothing(
    signed_in: httpx.AsyncClient, site: FastAPI, forged: str
) -> None:
    response = await signed_in.post("/notes", data={"text": "x", "csrf_token": forged})
    assert response.status_code == 403
    assert "Страница устарела" in response.text
    assert site.state.notes == []


async def test_the_token_of_the_session_is_taken_from_the_form_or_from_the_header(
    signed_in: httpx.AsyncClient, site: FastAPI
) -> None:
    csrf_token = (await signed_in.get("/token")).json()
    assert (await signed_in.post("/notes", data={"text": "форма", "csrf_token": csrf_token})).status_code == 200
    by_header = await signed_in.post("/notes", data={"text": "htmx"}, headers={"X-CSRF-Token": csrf_token})
    assert by_header.status_code == 200
    assert site.state.notes == ["Анна Л.: форма", "Анна Л.: htmx"]


async def test_the_token_of_another_session_does_not_fit(
    signed_in: httpx.AsyncClient, people: People, site: FastAPI
) -> None:
    foreign = (await signed_in.get("/token")).json()
    await people("boris@city.example")
    await signed_in.post("/login", data={"login": "boris@city.example", "password": PASSWORD})
    assert (await signed_in.post("/notes", data={"text": "x", "csrf_token": foreign})).status_code == 403
    assert site.state.notes == []


async def test_a_session_costs_one_query_a_request(signed_in: httpx.AsyncClient, database: Database) -> None:
    statements: list[str] = []
    engine = database.engine.sync_engine

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", remember)
    try:
        await signed_in.get("/whoami")
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    assert len(statements) == 1


@dataclass
class Paper:
    department_id: int | None


def test_a_department_sees_its_own_appeals_and_the_center_sees_all() -> None:
    department = Actor("Водоканал", Role.DEPARTMENT, department_id=7)
    operator = Actor("Анна", Role.OPERATOR)
    assert [may_see(department, Paper(number)) for number in (7, 8, None)] == [True, False, False]
    assert all(may_see(operator, Paper(number)) for number in (7, None))


def test_somebody_of_a_department_without_a_department_sees_nothing() -> None:
    assert not may_see(Actor("?", Role.DEPARTMENT), Paper(None))
    assert not may_see(Actor("?", Role.DEPARTMENT), Paper(1))


async def token_of(database: Database, role: Role = Role.OPERATOR) -> str:
    async with database.transaction() as session:
        return await service.create_token(session, "Витрина", role, now=NOW)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_opens_the_api_for_its_role(browser: httpx.AsyncClient, database: Database) -> None:
    response = await browser.get("/api/v1/ping", headers=bearer(await token_of(database)))
    assert (response.status_code, response.json()) == (200, "Витрина")


@pytest.mark.parametrize("headers", [{}, bearer("apt_made-up"), {"Authorization": "Basic YTpi"}])
async def test_without_a_valid_token_the_api_asks_for_one(
    browser: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    response = await browser.get("/api/v1/ping", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "unauthenticated"


async def test_a_revoked_token_stops_working(browser: httpx.AsyncClient, database: Database) -> None:
    token = await token_of(database)
    async with database.transaction() as session:
        await service.revoke_token(session, "Витрина", now=NOW)
    assert (await browser.get("/api/v1/ping", headers=bearer(token))).status_code == 401


async def test_a_token_of_another_role_is_refused(browser: httpx.AsyncClient, database: Database) -> None:
    response = await browser.get("/api/v1/ping", headers=bearer(await token_of(database, Role.MANAGER)))
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "not_allowed"


async def test_a_browser_session_does_not_open_the_api(signed_in: httpx.AsyncClient) -> None:
    assert (await signed_in.get("/api/v1/ping")).status_code == 401
