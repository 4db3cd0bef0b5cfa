"""/rules in the browser of a manager: look, draft, edit, check, simulate, publish, roll back."""

import io
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook
from sqlalchemy import text

from app.accounts.models import Role
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.rules.models import RuleSetVersion, RuleSimulation
from app.rules.simulation import run_waiting
from routing_rules import parse
from tests.conftest import NOW
from tests.office import rows
from tests.rules.past import OTHER, TOPIC, write_past
from tests.signed_in import signed_in


@pytest.fixture
async def manager(app: FastAPI, published: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, published, Role.MANAGER) as browser:
        browser.follow_redirects = True
        yield browser


@pytest.fixture
async def started(manager: httpx.AsyncClient) -> int:
    """The number of a draft that the manager has just begun."""
    response = await manager.post("/rules/drafts", data={"note": "Зима"})
    assert response.status_code == 200
    return int(str(response.url).rsplit("/", 1)[1])


async def simulation_of_a_changed_cell(
    manager: httpx.AsyncClient, resources: Resources, started: int
) -> httpx.Response:
    """The draft gives a topic of the city to another body, and is to be replayed over 200 appeals."""
    await write_past(resources, 200, NOW)
    cell = {"edition": "1", "cell": "ГО-004", "topic": TOPIC, "territory": "52701000", "department": "omsk-city"}
    await manager.post(f"/rules/versions/{started}/cells", data=cell)
    return await manager.post(f"/rules/versions/{started}/simulations", data={"last": "200"})


async def latest(resources: Resources) -> RuleSetVersion:
    return (await rows(resources, RuleSetVersion))[-1]


async def test_the_matrix_is_found_by_words_territory_and_department_and_says_who_answers_and_why(
    manager: httpx.AsyncClient,
) -> None:
    everything = (await manager.get("/rules")).text
    assert "Действует omsk-1" in everything
    assert "Показаны первые 100" in everything
    found = (await manager.get("/rules", params={"q": "автовокзалы", "territory": "52701000"})).text
    assert "ГО-004" in found
    assert "ГО-001" not in found
    assert "Ответит" not in found
    asked = (await manager.get("/rules", params={"q": TOPIC, "territory": "52701000"})).text
    assert "Ответит Минтранс" in asked
    assert "территория шире" in asked
    nothing = (await manager.get("/rules", params={"q": "таких тем нет"})).text
    assert "Таких ячеек нет" in nothing


async def test_exceptions_are_shown_in_order_with_mode_owner_and_expiry(manager: httpx.AsyncClient) -> None:
    text = (await manager.get("/rules/exceptions")).text
    assert text.index("Э-01") < text.index("Э-02") < text.index("Э-03")
    for words in ("действует", "в тени", "Старший смены ЦУР", "бессрочно", "самоубийств*"):
        assert words in text


async def test_a_cell_is_added_changed_and_removed_in_a_draft_only(
    manager: httpx.AsyncClient, published: Resources, started: int
) -> None:
    form = {
        "edition": "1",
        "topic": TOPIC,
        "territory": "52615000",
        "department": "minobr",
        "co_departments": ["omsk-city"],
    }
    saved = await manager.post(f"/rules/versions/{started}/cells", data=form)
    assert "Ячейка М-001 сохранена" in saved.text
    assert "соисполнитель" in saved.text
    (cell,) = [one for one in parse((await latest(published)).files).tables.cells if one.id == "М-001"]
    assert (cell.department, cell.co_departments) == ("minobr", ("omsk-city",))
    late = await manager.post(f"/rules/versions/{started}/cells", data=form)
    assert late.status_code == 409
    assert "Изменить ГО-004" in (await manager.get(f"/rules?version={started}&q=ГО-004&cell=ГО-004")).text
    page = (await manager.get(f"/rules/versions/{started}")).text
    assert "Исилькульский район" in page
    assert "Раньше решала строка" in page
    gone = await manager.post(f"/rules/versions/{started}/cells/removal", data={"edition": "2", "cell": "М-001"})
    assert "М-001 удалена" in gone.text
    refused = await manager.post(f"/rules/versions/{started}/cells/removal", data={"edition": "3", "cell": "М-001"})
    assert refused.status_code == 422
    assert (await manager.post("/rules/versions/1/cells", data={**form, "edition": "1"})).status_code == 409


async def test_text_with_an_error_comes_back_with_its_line_and_the_draft_keeps_the_old_one(
    manager: httpx.AsyncClient, published: Resources, started: int
) -> None:
    address = f"/rules/versions/{started}/text"
    assert "rules.toml" in (await manager.get(address)).text
    text = (await latest(published)).files["rules.toml"]
    broken = text.replace('mode = "shadow"', 'mode = "maybe"')
    refused = await manager.post(address, data={"edition": "1", "content": broken.replace("\n", "\r\n")})
    assert refused.status_code == 422
    line = broken.splitlines().index('mode = "maybe"') + 1
    assert f"строка {line}" in refused.text
    assert "режима «maybe» нет" in refused.text
    assert (await latest(published)).files["rules.toml"] == text
    good = text.replace("topic = 0.50", "topic = 0.60")
    saved = await manager.post(address, data={"edition": "1", "content": good.replace("\n", "\r\n")})
    assert "Исключения сохранены" in saved.text
    assert (await latest(published)).files["rules.toml"] == good
    assert "Порог темы" in (await manager.get(f"/rules/versions/{started}")).text


async def test_a_simulation_names_rules_that_broke_and_what_changed_rules_have_decided(
    manager: httpx.AsyncClient, published: Resources, page: PublicPage, started: int
) -> None:
    await simulation_of_a_changed_cell(manager, published, started)
    await run_waiting(published, NOW)
    shown = (await manager.get(f"/rules/versions/{started}")).text
    async with published.database.transaction() as session:
        found = await session.get_one(RuleSimulation, 1)
        assert found.result is not None
        assert found.result["moved"] > 0
        assert found.result["touched"] == {"ГО-004": found.result["moved"]}
        found.result = {**found.result, "failed": {"matrix": 1, "Э-02": 3, "Э-01": 3}}
    assert f'<th scope="row">ГО-004</th><td class="num">{found.result["moved"]}</td>' in shown
    assert "Сломались" not in shown
    broken = (await manager.get(f"/rules/versions/{started}")).text
    assert "пропущены: Э-01 (3 обращения), Э-02 (3 обращения), матрица (1 обращение)." in broken


async def test_a_draft_goes_the_whole_way_to_publication_and_back(
    manager: httpx.AsyncClient, published: Resources, page: PublicPage, started: int
) -> None:
    asked = await simulation_of_a_changed_cell(manager, published, started)
    assert "Прогон ждёт" in asked.text
    assert (await manager.get(f"/rules/versions/{started}/progress")).headers.get("hx-refresh") is None
    assert await run_waiting(published, NOW) == 1
    assert (await manager.get(f"/rules/versions/{started}/progress")).headers["hx-refresh"] == "true"
    shown = (await manager.get(f"/rules/versions/{started}?move=mintrans:omsk-city")).text
    assert "Примеры: Минтранс → Администрация Омска" in shown
    assert "Поменяют отдел" in shown
    assert "Открыто сейчас" in shown
    assert "Ошибок нет" in (await manager.post(f"/rules/versions/{started}/check")).text
    done = await manager.post(f"/rules/versions/{started}/publication", data={"edition": "2"})
    assert "Действует omsk-2" in done.text
    assert "Действует omsk-2" in (await manager.get("/rules")).text
    assert "Вернуть omsk-1" in (await manager.get("/rules/versions/1")).text
    back = await manager.post("/rules/versions/1/rollback")
    assert "Возврат к omsk-1" in back.text
    assert [row.state for row in await rows(published, RuleSetVersion)] == ["retired", "retired", "published"]


async def test_a_draft_with_errors_shows_them_and_is_not_published(
    manager: httpx.AsyncClient, published: Resources, started: int
) -> None:
    tie = {"edition": "1", "topic": TOPIC, "territory": "52701000", "department": "omsk-city"}
    await manager.post(f"/rules/versions/{started}/cells", data=tie)
    refused = await manager.post(f"/rules/versions/{started}/publication", data={"edition": "2"})
    assert "Публиковать рано" in refused.text
    assert "Ничья: ГО-004, М-001" in refused.text
    assert "Сначала исправьте 1 ошибку" in refused.text
    assert (await latest(published)).state == "draft"
    assert "Черновик удалён" in (await manager.post(f"/rules/versions/{started}/removal")).text


async def test_whoever_wrote_a_draft_cannot_be_its_second_person(
    app: FastAPI, manager: httpx.AsyncClient, published: Resources, started: int
) -> None:
    published.settings.rules_need_approval = True
    assert "Согласиться" in (await manager.get(f"/rules/versions/{started}")).text
    assert (await manager.post(f"/rules/versions/{started}/approval", data={"edition": "1"})).status_code == 403
    assert (await manager.post(f"/rules/versions/{started}/publication", data={"edition": "1"})).status_code == 403
    async with await signed_in(app, published, Role.ADMIN) as second:
        agreed = await second.post(f"/rules/versions/{started}/approval", data={"edition": "1"})
        assert agreed.status_code == 303
    assert (
        "Действует omsk-2" in (await manager.post(f"/rules/versions/{started}/publication", data={"edition": "1"})).text
    )


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.DEPARTMENT])
async def test_rules_are_for_managers(app: FastAPI, published: Resources, role: Role) -> None:
    async with await signed_in(app, published, role) as browser:
        assert (await browser.get("/rules")).status_code == 403
        assert (await browser.post("/rules/drafts")).status_code == 403


async def test_history_proposes_a_cell_and_a_manager_accepts_it_into_the_draft(
    manager: httpx.AsyncClient, published: Resources, page: PublicPage, started: int
) -> None:
    await write_past(published, 300, NOW)
    async with published.database.transaction() as session:
        await session.execute(
            text(
                "UPDATE appeal SET received_at = now(), topic = CASE WHEN id <= 200 THEN :topic ELSE :other END,"
                " department_id = (SELECT d.id FROM department d"
                " WHERE code = CASE WHEN appeal.id = 7 THEN 'minobr' ELSE 'minkult' END)"
            ),
            {"topic": TOPIC, "other": OTHER},
        )
        decided = await session.scalar(
            text(
                "SELECT count(*) FROM appeal WHERE topic = :topic AND NOT is_talk AND (is_confirmed OR"
                " routing->>'layer' = 'hand' OR state IN ('answered', 'in_work', 'interim'))"
            ),
            {"topic": TOPIC},
        )
    shown = (await manager.get("/rules/hints")).text
    assert f"{decided - 1} из {decided}" in shown
    assert "Принять" not in shown
    assert "Принять" in (await manager.get(f"/rules/hints?version={started}")).text
    form = {"edition": "1", "topic": TOPIC, "territory": "52701000", "department": "minkult"}
    accepted = await manager.post(f"/rules/versions/{started}/hints", data=form)
    assert "Ячейка ГО-004 добавлена" in accepted.text
    assert f"{decided - 1} из {decided}" not in accepted.text
    cells = parse((await latest(published)).files).tables.cells
    assert [cell.department for cell in cells if cell.id == "ГО-004"] == ["minkult"]


async def test_the_matrix_goes_out_as_a_workbook_and_comes_back_changed(
    manager: httpx.AsyncClient, published: Resources, started: int
) -> None:
    address = f"/rules/versions/{started}/matrix"
    response = await manager.get(f"{address}.xlsx")
    assert response.status_code == 200
    same = await manager.post(address, data={"edition": "1"}, files={"file": ("матрица.xlsx", response.content)})
    assert "Отличий нет" in same.text
    workbook = load_workbook(io.BytesIO(response.content))
    sheet = workbook.active
    header = [cell.value for cell in sheet[1]]
    assert sheet.freeze_panes == "E2"
    city = header.index("Омск (52701000)")
    (row,) = [row for row in sheet.iter_rows(min_row=2) if row[1].value == TOPIC and row[city].value]
    row[city].value = "Минобр + mintrans"
    buffer = io.BytesIO()
    workbook.save(buffer)
    changed = await manager.post(address, data={"edition": "2"}, files={"file": ("m.xlsx", buffer.getvalue())})
    assert changed.status_code == 422
    assert "ведомства «Минобр» нет" in changed.text
    row[city].value = "minobr + mintrans"
    buffer = io.BytesIO()
    workbook.save(buffer)
    await manager.post(address, data={"edition": "2"}, files={"file": ("m.xlsx", buffer.getvalue())})
    cells = parse((await latest(published)).files).tables.cells
    (cell,) = [cell for cell in cells if cell.id == "ГО-004"]
    assert (cell.department, cell.co_departments, len(cells)) == ("minobr", ("mintrans",), 574)
    broken = await manager.post(address, data={"edition": "3"}, files={"file": ("m.xlsx", b"not a workbook")})
    assert broken.status_code == 422
