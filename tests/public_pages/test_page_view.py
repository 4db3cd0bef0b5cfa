"""One official page: seen by operators, edited by managers."""

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.accounts.models import Role
from app.audit.models import AuditEntry
from app.departments.models import Department
from app.platforms.base import Credentials
from app.public_pages import view_pages
from app.public_pages.models import OfficialBody, PageAudience, PublicPage
from app.public_pages.service import add_page
from app.resources import Resources
from tests.conftest import NOW, VK
from tests.office import DOCTOR, ROAD, THANKS, only, opened, rows
from tests.signed_in import signed_in

FIELDS = (
    "edition", "name", "body", "parent_body", "territory", "sphere", "level", "kind", "department",
)  # fmt: skip


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_pages, "utc_now", lambda: NOW)
    monkeypatch.setattr("app.web.templating.utc_now", lambda: NOW)


@pytest.fixture
async def manager(app: FastAPI, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, resources, Role.MANAGER) as client:
        yield client


@pytest.fixture
async def admin(app: FastAPI, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, resources, Role.ADMIN) as client:
        yield client


async def add_body(resources: Resources, name: str, **values: Any) -> OfficialBody:
    async with resources.database.transaction() as session:
        body = OfficialBody(identity=f"name::{name.lower()}{values}", name=name, **values)
        session.add(body)
        return body


async def department(resources: Resources) -> Department:
    return (await rows(resources, Department))[0]


def form_of(html: str) -> dict[str, str]:
    """The editing form as a browser would send it back untouched."""
    form = html[html.index('class="page-form"') :]
    fields = {}
    for name in FIELDS:
        plain = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', form)
        chosen = re.search(rf'<select[^>]*name="{name}".*?</select>', form, re.DOTALL)
        picked = re.search(r'value="([^"]*)" selected', chosen[0]) if chosen else None
        fields[name] = plain[1] if plain else picked[1] if picked else ""
    return fields


async def opened_form(client: httpx.AsyncClient, page: PublicPage, **changes: str) -> dict[str, str]:
    return form_of((await client.get(f"/pages/{page.id}")).text) | changes


async def test_an_operator_sees_the_page_and_changes_nothing(
    app: FastAPI, resources: Resources, page: PublicPage
) -> None:
    async with await signed_in(app, resources) as operator:
        html = (await operator.get(f"/pages/{page.id}")).text
        for path in ("", "/keys", "/connection", "/checks"):
            assert (await operator.post(f"/pages/{page.id}{path}", data={"name": "Другая"})).status_code == 403
        assert (await operator.get("/pages/404")).status_code == 404
    assert "Администрация Примерска" in html
    assert page.key not in html
    assert 'name="edition"' not in html
    assert "Ключи доступа" not in html
    async with await signed_in(app, resources, Role.DEPARTMENT, 1) as client:
        assert (await client.get(f"/pages/{page.id}")).status_code == 403


async def test_a_manager_edits_every_field(manager: httpx.AsyncClient, resources: Resources, page: PublicPage) -> None:
    body, above = await add_body(resources, "Школа № 1"), await add_body(resources, "Управление образования")
    office = await department(resources)
    changes = {
        "name": "Школа  № 1 Примерска", "body": f"Школа № 1 [{body.id}]", "parent_body": "управление образования",
        "territory": "52615101", "sphere": "Образование", "level": "settlement", "kind": "школа",
        "department": str(office.id),
    }  # fmt: skip
    answer = await manager.post(f"/pages/{page.id}", data=await opened_form(manager, page, **changes))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/pages/{page.id}")
    seen = await only(resources, PublicPage)
    assert (seen.name, seen.body_id, seen.parent_body_id) == ("Школа № 1 Примерска", body.id, above.id)
    assert (seen.territory_code, seen.sphere, seen.level, seen.kind) == ("52615101", "education", "settlement", "школа")
    assert (seen.department_id, seen.department_from_id) == (office.id, None)
    (entry,) = await rows(resources, AuditEntry)
    assert (entry.action, entry.actor) == ("page_changed", "Имя manager")
    assert entry.details["changes"]["sphere"] == [None, "education"]
    assert await opened_form(manager, page) == {
        **changes, "name": "Школа № 1 Примерска", "parent_body": f"Управление образования [{above.id}]",
        "edition": (await opened_form(manager, page))["edition"],
    }  # fmt: skip


async def test_a_page_without_a_department_of_its_own_belongs_to_that_of_its_body(
    manager: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    office = await department(resources)
    above = await add_body(resources, "Управление", department_id=office.id)
    school = await add_body(resources, "Школа", ogrn="1025500000001", parent_id=above.id)
    await manager.post(f"/pages/{page.id}", data=await opened_form(manager, page, body=f"Школа [{school.id}]"))
    seen = await only(resources, PublicPage)
    assert (seen.department_id, seen.department_from_id) == (office.id, above.id)
    html = (await manager.get(f"/pages/{page.id}")).text
    assert "найден через «Управление»" in html
    assert form_of(html)["department"] == ""
    await manager.post(f"/pages/{page.id}", data=await opened_form(manager, page, body=""))
    seen = await only(resources, PublicPage)
    assert (seen.department_id, seen.department_from_id) == (None, None)


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("name", " ", "Без названия страницу не найти"),
        ("name", "ы" * 301, "Сократите до 300 знаков, сейчас их 301"),
        ("body", "Такого нет", "Такого органа в реестре нет"),
        ("body", "Двойник", "Органов с таким названием несколько"),
        ("parent_body", "Любой [999]", "Такого органа в реестре нет"),
        ("parent_body", "1025500000009", "Такого органа в реестре нет"),
        ("territory", "99999999", "Такой территории нет"),
        ("sphere", "ы" * 41, "Сократите до 40 знаков"),
        ("level", "вселенский", "Такого уровня нет"),
        ("kind", "ы" * 81, "Сократите до 80 знаков"),
        ("department", "999999", "Такого отдела нет"),
        ("department", "первый", "Такого отдела нет"),
    ],
)
async def test_what_cannot_be_is_said_beside_the_field_and_the_rest_stays_typed(
    manager: httpx.AsyncClient, resources: Resources, page: PublicPage, field: str, text: str, problem: str
) -> None:
    for number in (1, 2):
        await add_body(resources, "Двойник", ogrn=f"102550000000{number}")
    form = {**await opened_form(manager, page, kind="цирк"), field: text}
    answer = await manager.post(f"/pages/{page.id}", data=form)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-problem">.*?{re.escape(problem)}', answer.text)
    assert re.search(rf'id="{field}"[^>]*aria-describedby="[^"]*{field}-problem"[^>]* aria-invalid="true"', answer.text)
    if field != "kind":
        assert form_of(answer.text)["kind"] == "цирк"
    assert (await only(resources, PublicPage)).kind is None
    assert await rows(resources, AuditEntry) == []


async def test_of_two_editors_the_second_is_told_and_may_insist(
    manager: httpx.AsyncClient, admin: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    first, second = [await opened_form(client, page) for client in (manager, admin)]
    await manager.post(f"/pages/{page.id}", data=first | {"name": "Первый", "sphere": "Спорт"})
    answer = await admin.post(f"/pages/{page.id}", data=second | {"name": "Второй"})
    assert answer.status_code == 409
    assert "страницу изменили" in answer.text
    assert "Сейчас в реестре: «Первый»" in answer.text
    assert (await only(resources, PublicPage)).name == "Первый"
    again = await admin.post(f"/pages/{page.id}", data=form_of(answer.text))
    assert again.status_code == 303
    assert (await only(resources, PublicPage)).name == "Второй"


async def test_what_the_worker_writes_on_a_page_disturbs_no_editor(
    manager: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    form = await opened_form(manager, page, kind="цирк")
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).last_event_at = NOW
    assert (await manager.post(f"/pages/{page.id}", data=form)).status_code == 303


async def test_a_page_that_belongs_to_a_form_shows_how_to_put_it_on_a_site(app: FastAPI, resources: Resources) -> None:
    async with resources.database.transaction() as session:
        form = await add_page(
            session, resources.vault, platform="web", credentials=Credentials("site-1"), name="Сайт",
            territory_code=None, now=NOW,
        )  # fmt: skip
    async with await signed_in(app, resources) as operator:
        html = (await operator.get(f"/pages/{form.id}")).text
    assert f'&lt;script src="http://127.0.0.1:8000/forms/{form.key}/widget.js"' in html
    assert "подключать не нужно" in html


async def test_polling_is_shown_apart_from_delivery(
    manager: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    async with resources.database.transaction() as session:
        seen = await session.get_one(PublicPage, page.id)
        seen.connection_problem, seen.check_failure = "Подписка снята.", "Площадка не отвечает."
        await session.execute(
            text("INSERT INTO page_poll (page_id, cursor, next_at, lease, failures, error)"
                 " VALUES (:id, '', :now, 0, 3, 'Нет прав на обсуждения.')"), {"id": page.id, "now": NOW}
        )  # fmt: skip
    html = (await manager.get(f"/pages/{page.id}")).text
    for name, problem in {
        "Доставка": "Подписка снята.", "Проверка не удалась": "Площадка не отвечает.",
        "Опрос не удался": "Нет прав на обсуждения. Подряд: 3.",
    }.items():  # fmt: skip
        assert re.search(rf'<dt>{name}</dt><dd class="page-facts__bad">{problem}', html), name


async def test_followers_are_a_curve_and_a_table(
    manager: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    async with resources.database.transaction() as session:
        for days, count in ((0, 1000), (10, 1500), (20, 1250)):
            session.add(PageAudience(page_id=page.id or 0, on_date=date(2026, 11, 1) + timedelta(days), count=count))
    html = (await manager.get(f"/pages/{page.id}")).text
    assert 'aria-label="Подписчики: 1\u00a0000 на 01.11.2026, 1\u00a0250 на 21.11.2026"' in html
    assert 'points="0.0,128.0 300.0,12.0 600.0,70.0"' in html
    days = re.findall(r'<time datetime="2026-11-\d\d">([\d.]+)</time></th><td class="num">([^<]+)', html)
    assert days == [("21.11.2026", "1\u00a0250"), ("11.11.2026", "1\u00a0500"), ("01.11.2026", "1\u00a0000")]


async def test_recent_appeals_of_the_page_are_counted_and_lead_to_the_queue(
    manager: httpx.AsyncClient, vk: VK, resources: Resources
) -> None:
    for number, text_ in enumerate((ROAD, DOCTOR, THANKS)):
        await opened(vk, text_, 731 + number, 100000002 + number)
    async with resources.database.transaction() as session:
        await session.execute(text("UPDATE appeal SET received_at = :old WHERE id = 1"), {"old": NOW - timedelta(40)})
    html = (await manager.get(f"/pages/{vk.page.id}")).text
    assert "<strong>1</strong>, из них открыто 1" in html
    assert f'href="/queue?page={vk.page.id}"' in html


async def test_bodies_are_suggested_by_a_part_of_the_name_or_the_number(
    manager: httpx.AsyncClient, resources: Resources
) -> None:
    school = await add_body(resources, "Школа № 100% Примерска")
    office = OfficialBody(identity="ogrn:1025500000001", name="Управа", ogrn="1025500000001")
    async with resources.database.transaction() as session:
        session.add(office)

    async def asked(**query: str) -> list[str]:
        return re.findall(r'value="([^"]+)"', (await manager.get("/bodies", params=query)).text)

    assert await asked(body="ОЛА № 100%") == [f"Школа № 100% Примерска [{school.id}]"]
    assert await asked(parent_body="1025500000001") == [f"Управа [{office.id}]"]
    assert await asked(body="%%%") == []
    assert await asked(body="шк") == []
