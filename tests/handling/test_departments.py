"""The registry of departments and territories: edited in the web, imported from tables, alarmed about in time."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from openpyxl import Workbook
from sqlalchemy import delete, select, text
from sqlmodel import col

from app.accounts.models import Role
from app.badges import badges_of
from app.departments.models import Department, Territory
from app.errors import Invalid
from app.handling.importing import import_departments, import_territories
from app.handling.registry import DepartmentForm, save_department, save_territory
from app.resources import Resources
from tests.appeals.conftest import SignIn
from tests.conftest import NOW, VK
from tests.office import clerk, departments, do, opened, rows

OWN = DepartmentForm(code="parks", name="Управление парков Примерска", short_name="Парки", kind="municipal")


@pytest.fixture(autouse=True)
async def as_before(resources: Resources) -> AsyncIterator[None]:
    """Departments and territories outlive a test."""
    async with resources.database.transaction() as session:
        known = set(await session.scalars(select(col(Department.code))))
        places = set(await session.scalars(select(col(Territory.code))))
    yield
    async with resources.database.transaction() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))  # its people go with the next test
        await session.execute(delete(Department).where(col(Department.code).not_in(known)))
        await session.execute(delete(Territory).where(col(Territory.code).not_in(places)))


async def save(resources: Resources, form: DepartmentForm) -> Department:
    manager = await clerk(resources, login=f"chief-{secrets.token_hex(4)}", role=Role.MANAGER)
    return await do(resources, save_department, form, manager, now=NOW)


async def test_a_department_is_made_and_changed(resources: Resources) -> None:
    await save(resources, OWN)
    await save(resources, replace(OWN, short_name="Скверы", is_active=False))
    found = (await departments(resources))["parks"]
    assert (found.short_name, found.is_active, found.calendar_code) == ("Скверы", False, "office")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"code": "Парки"}, "Код отдела"),
        ({"name": ""}, "Назовите отдел"),
        ({"kind": "club"}, "Вида «club» нет"),
        ({"calendar": "moon"}, "календаря «moon» нет"),
        ({"parent": "nobody"}, "«nobody» нет"),
        ({"territories": ("99999999",)}, "99999999 нет"),
        ({"spheres": ("magic",)}, "Сферы «magic» нет"),
    ],
)
async def test_what_is_wrong_is_said_in_one_sentence(
    resources: Resources, wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        await save(resources, replace(OWN, **wrong))  # type: ignore[arg-type]


async def test_departments_stand_in_no_circle_and_the_last_desk_stays(resources: Resources) -> None:
    await save(resources, OWN)
    await save(resources, DepartmentForm("trees", "Деревья", "Деревья", "company", parent="parks"))
    with pytest.raises(Invalid, match="круга"):
        await save(resources, DepartmentForm("parks", "Парки", "Парки", "municipal", parent="trees"))
    desk = next(one for one in await rows(resources, Department) if one.kind == "desk")
    with pytest.raises(Invalid, match="единственная"):
        await save(resources, DepartmentForm(desk.code, desk.name, desk.short_name, "municipal"))


async def test_a_territory_finds_its_place_in_the_tree(resources: Resources) -> None:
    manager = await clerk(resources, role=Role.MANAGER)
    await do(resources, save_territory, "52654999", "Примерская волость", manager, now=NOW)
    found = next(one for one in await rows(resources, Territory) if one.code == "52654999")
    assert found.parent_code is not None
    assert found.path.endswith(f"{found.parent_code}/52654999")
    with pytest.raises(Invalid):
        await do(resources, save_territory, "12", "Мало цифр", manager, now=NOW)


async def test_tables_are_taken_row_by_row_with_parents_below_their_children(
    resources: Resources, tmp_path: Path
) -> None:
    manager = await clerk(resources, role=Role.MANAGER)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Код", "Название", "Короткое название", "Вид", "Вышестоящий", "Сферы"],
        ["lamps", "Освещение Примерска", "Освещение", "организация", "works", "ЖКХ"],
        ["works", "Управление работ", "Работы", "муниципальный", "", ""],
        ["bad code", "Ошибка", "", "", "", ""],
        [None, None, None, None, None, None],
    ):
        sheet.append(row)
    file = tmp_path / "departments.xlsx"
    book.save(file)
    shares: list[float] = []
    done = await import_departments(resources, file, manager, now=NOW, on_share=shares.append)
    assert (done.taken, [number for number, _ in done.problems], shares[-1]) == (2, [4], 1.0)
    found = await departments(resources)
    assert found["lamps"].parent_id == found["works"].id
    assert found["lamps"].spheres == ["housing"]

    table = tmp_path / "places.csv"
    table.write_text("ОКТМО;Название\n52654998;Примерное сельское поселение\nабв;Нет\n", "utf-8-sig")
    places = await import_territories(resources, table, manager, now=NOW, on_share=shares.append)
    assert (places.taken, len(places.problems)) == (1, 1)
    nameless = tmp_path / "nameless.csv"
    nameless.write_text("Номер\n1\n", "utf-8")
    with pytest.raises(Invalid, match="нет колонок"):
        await import_territories(resources, nameless, manager, now=NOW, on_share=shares.append)


async def test_a_department_that_nothing_reaches_is_an_alarm_while_citizens_wait(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    chief = await sign_in(Role.MANAGER, login="chief")
    department = next(one for one in await rows(vk.resources, Department) if one.id == appeal.department_id)
    read = badges_of(vk.resources.database)
    assert (await read(chief.actor))["unreached_departments"] == 1
    page = (await chief.get("/departments")).text
    assert "Жители ждут, а отдел не узнает" in page
    await clerk(vk.resources, login="worker", role=Role.DEPARTMENT, department_id=department.id)
    assert (await read(chief.actor))["unreached_departments"] == 0
    assert "Жители ждут" not in (await chief.get("/departments")).text


def edition_in(page: httpx.Response) -> str:
    """What the form knows of the state that it was filled with."""
    found = re.search(r'name="edition" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


async def test_of_two_managers_the_second_is_told_what_the_first_has_written_and_keeps_her_words(
    resources: Resources, sign_in: SignIn
) -> None:
    made = await save(resources, OWN)
    chief = await sign_in(Role.MANAGER, login="chief")
    seen = edition_in(await chief.get(f"/departments/{made.id}"))
    form = {"department_id": made.id, "name": OWN.name, "kind": "municipal", "is_active": "on"}
    assert (
        "Отдел сохранён"
        in (await chief.post("/departments", **form, edition=seen, short_name="Скверы", spheres="culture")).text
    )
    late = await chief.post("/departments", **form, edition=seen, short_name="Сады", calendar="duty")
    assert late.status_code == 409
    told = "Сейчас в справочнике: короткое название – «Скверы»; рабочий календарь – «Управа: пн–пт 9–18, обед 13–14»; "
    assert told + "сферы – Культура." in late.text
    assert 'name="short_name" value="Сады"' in late.text
    assert (await departments(resources))["parks"].short_name == "Скверы"
    wrong = await chief.post("/departments", **form, edition=edition_in(late), short_name="")
    assert (wrong.status_code, edition_in(wrong)) == (422, edition_in(late))
    again = await chief.post("/departments", **form, edition=edition_in(wrong), short_name="Сады")
    assert "Отдел сохранён" in again.text
    assert (await departments(resources))["parks"].short_name == "Сады"


async def test_a_calendar_that_is_no_more_is_shown_and_not_replaced_unseen(
    resources: Resources, sign_in: SignIn
) -> None:
    made = await save(resources, OWN)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Department, made.id)
        stored.calendar_code, stored.spheres = "moon", ["stars"]
    chief = await sign_in(Role.MANAGER, login="chief")
    page = await chief.get(f"/departments/{made.id}")
    assert '<option value="moon" selected>moon: такого календаря нет</option>' in page.text
    assert '<option value="stars" selected>stars: такой сферы нет</option>' in page.text
    form = {"department_id": made.id, "name": OWN.name, "kind": "municipal", "short_name": "Сады", "is_active": "on"}
    refused = await chief.post("/departments", **form, edition=edition_in(page), calendar="moon")
    assert (refused.status_code, "календаря «moon» нет" in refused.text) == (422, True)
    assert (await departments(resources))["parks"].calendar_code == "moon"


async def test_a_manager_edits_a_department_and_its_roster_and_an_operator_looks(
    resources: Resources, sign_in: SignIn
) -> None:
    made = await save(resources, OWN)
    person = await clerk(resources, login="worker", role=Role.DEPARTMENT, department_id=made.id)
    chief = await sign_in(Role.MANAGER, login="chief")
    assert (await chief.get("/departments/new")).status_code == 200
    refused = await chief.post("/departments", code="Плохо", name="Имя", short_name="Имя", kind="municipal")
    assert (refused.status_code, "Код отдела" in refused.text, 'value="Плохо"' in refused.text) == (422, True, True)
    taken = await chief.post("/departments", code="parks", name="Чужие", short_name="Чужие", kind="municipal")
    assert (taken.status_code, "уже занят" in taken.text) == (422, True)
    seen = edition_in(await chief.get(f"/departments/{made.id}"))
    saved = await chief.post(
        "/departments", department_id=made.id, code="other", edition=seen,
        name="Парки", short_name="Парки и скверы", kind="municipal", is_active="on",
        is_checked="on", territories="52701000", spheres="culture",
    )  # fmt: skip
    assert "Отдел сохранён" in saved.text
    found = (await departments(resources))["parks"]
    assert (found.short_name, found.is_checked, found.territories) == ("Парки и скверы", True, ["52701000"])
    day = NOW.date().isoformat()
    far = (NOW + timedelta(days=20)).date().isoformat()
    page = f"/departments/{made.id}"
    done = await chief.post(f"{page}/roster", user=person.user_id, kind="away", first_day=day, last_day=far)
    assert "отсутствует" in done.text
    wrong = await chief.post(f"{page}/roster", user=person.user_id, kind="duty", first_day=far, last_day=day)
    assert "раньше первого" in wrong.text
    assert "Территории" in (await chief.get("/territories?q=Омск")).text
    operator = await sign_in(Role.OPERATOR, login="looker")
    assert "Сохранить" not in (await operator.get(page)).text
    assert (await operator.post("/departments", code="parks")).status_code == 403
    assert (await chief.get("/departments/999999")).status_code == 404
