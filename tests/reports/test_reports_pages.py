"""Reports as people and systems get them."""

import csv
import io
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import select

from app.accounts.models import Role
from app.accounts.service import create_token
from app.audit.models import AuditEntry
from app.departments.models import Department
from app.reports import REPORTS
from app.resources import Resources
from tests.conftest import NOW
from tests.reports.conftest import HOUR, Promise

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
PERIOD = "from=2026-11-01&to=2026-11-30"


@pytest.mark.parametrize("code", REPORTS)
async def test_every_report_renders_without_any_data(browser: SignIn, code: str) -> None:
    client = await browser()
    page = await client.get(f"/reports/{code}")
    assert page.status_code == 200
    assert "Нет данных" in page.text
    assert "нет данных" in page.text
    assert "100 %" not in text_of(page)
    file = await client.get(f"/reports/{code}.csv")
    assert file.status_code == 200
    assert file.headers["content-type"] == "text/csv; charset=utf-8"


def text_of(page: httpx.Response) -> str:
    """What a person reads: without addresses, marks and no-break spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).replace("\u00a0", " ").split())


@pytest.mark.parametrize("code", REPORTS)
@pytest.mark.parametrize("period", [PERIOD, "from=2026-01-01&to=2026-12-31", "from=2026-11-22&to=2026-11-22"])
async def test_every_report_renders_with_data_and_keeps_to_the_policy_of_styles(
    browser: SignIn, promise: Promise, code: str, period: str
) -> None:
    for hours in range(1, 14):
        await promise(met_after=hours)
    await promise(department=1)
    page = await (await browser()).get(f"/reports/{code}?{period}")
    assert page.status_code == 200
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=", page.text)
    assert "nan" not in re.findall(r'(?:d|x|y|cx|cy|width)="([^"]*)"', page.text)


async def test_the_page_tells_the_figures_and_their_definitions(
    browser: SignIn, promise: Promise, departments: list[Department]
) -> None:
    for hours in (1, 2, 3, 12):
        await promise(met_after=hours)
    page = await (await browser()).get(f"/reports/sla?{PERIOD}")
    text = text_of(page)
    assert "Ответ в срок" in text
    assert "75,0 %" in text
    assert "3 из 4" in text
    assert "2:30 ч" in text
    assert "норма 9:00" in text
    assert "В срок ÷ (в срок + с нарушением)" in text
    assert departments[0].short_name in text
    assert "вне рейтинга: мало данных" in text


async def test_every_number_leads_to_a_page_that_opens(browser: SignIn, promise: Promise) -> None:
    for hours in (1, 20):
        await promise(met_after=hours)
    await promise(topic_group="Дороги")
    await promise(at=NOW - HOUR, topic_group=None)
    client = await browser()
    page = (await client.get(f"/reports/sla?{PERIOD}")).text
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"]*)"', page) if "/static/" not in link}
    lists = {link for link in links if link.startswith("/reports/sla/appeals")}
    assert len(lists) >= 6
    for link in lists:
        answer = await client.get(link)
        assert answer.status_code == 200, link
        assert "Ничего нет" not in answer.text, link


async def test_the_list_shows_each_appeal_with_its_fate(browser: SignIn, promise: Promise) -> None:
    number = await promise(met_after=20, text="<b>Нет</b> отопления")
    page = await (await browser()).get(f"/reports/sla/appeals?{PERIOD}&outcome=breached")
    assert f'href="/appeals/{number}"' in page.text
    assert "&lt;b&gt;Нет&lt;/b&gt; отопления" in page.text
    assert "с нарушением" in page.text


async def test_a_file_holds_the_same_figures_no_personal_data_and_is_written_down(
    browser: SignIn, promise: Promise, departments: list[Department], resources: Resources
) -> None:
    for hours in (1, 2, 3, 12):
        await promise(met_after=hours)
    file = await (await browser()).get(f"/reports/sla.csv?{PERIOD}")
    assert file.content.startswith(b"\xef\xbb\xbf")
    assert 'filename="sla_2026-11-01_2026-11-30.csv"' in file.headers["content-disposition"]
    head, line, total = csv.reader(io.StringIO(file.text.removeprefix("\ufeff")), delimiter=";")
    figures = dict(zip(head, line, strict=True))
    assert figures["Отдел"] == departments[0].name
    assert (figures["Поступило"], figures["В срок"], figures["С нарушением"]) == ("4", "3", "1")
    assert figures["В срок, %"] == "75,0"
    assert figures["Медиана, рабочих минут"] == "150,0"
    assert total[0] == "Всего"
    assert total[2:] == line[2:]
    assert "Мария" not in file.text
    assert "отопления" not in file.text
    async with resources.database.transaction() as session:
        entry = (await session.scalars(select(AuditEntry))).one()
    assert (entry.action, entry.details["report"]) == ("report_exported", "sla")


async def test_a_file_without_data_says_so(browser: SignIn) -> None:
    file = await (await browser()).get(f"/reports/sla.csv?{PERIOD}")
    assert file.text.splitlines()[-1].split(";")[8] == "нет данных"


async def test_a_department_sees_its_own_figures_whatever_it_asks_for(
    browser: SignIn, promise: Promise, departments: list[Department]
) -> None:
    await promise(department=0, met_after=1)
    await promise(department=1, met_after=20, text="Чужое обращение")
    client = await browser(Role.DEPARTMENT, departments[0].code)
    for question in (PERIOD, f"{PERIOD}&department={departments[1].code}"):
        page = await client.get(f"/reports/sla?{question}")
        assert departments[0].short_name in page.text
        assert departments[1].short_name not in page.text
        assert departments[1].name not in (await client.get(f"/reports/sla.csv?{question}")).text
        assert "Чужое" not in (await client.get(f"/reports/sla/appeals?{question}")).text


@pytest.mark.parametrize(
    "address",
    [
        "/reports/sla?from=2026-13-01", "/reports/sla?from=2026-11-02&to=2026-11-01", "/reports/sla?department=nobody",
        "/reports/sla?platform=icq", "/reports/sla.csv?to=9999-12-31", "/reports/sla?kind=never",
        "/reports/sla?territory=%00", "/reports/sla/appeals?outcome=lost", "/reports/sla/appeals?page=99999999999",
    ],
)  # fmt: skip
async def test_senseless_questions_are_refused(browser: SignIn, address: str) -> None:
    assert (await (await browser()).get(address)).status_code == 422


async def test_an_unknown_report_is_not_found(browser: SignIn) -> None:
    client = await browser()
    assert (await client.get("/reports/other")).status_code == 404
    assert (await client.get("/reports/other.csv")).status_code == 404
    assert (await client.get("/reports")).headers["location"] == "/reports/sla"


async def test_nobody_sees_a_report_without_signing_in(client: httpx.AsyncClient) -> None:
    for address in ("/reports", "/reports/sla", "/reports/sla.csv", "/reports/sla/appeals"):
        answer = await client.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")


@pytest.fixture
async def api(client: httpx.AsyncClient, resources: Resources) -> httpx.AsyncClient:
    """Another system."""
    async with resources.database.transaction() as session:
        token = await create_token(session, "табло", Role.MANAGER, now=NOW)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


async def test_the_api_tells_the_figures_of_the_page(
    api: httpx.AsyncClient, promise: Promise, departments: list[Department]
) -> None:
    for hours in (1, 2, 3, 12):
        await promise(met_after=hours)
    await promise(department=1, at=NOW - HOUR)
    answer = (await api.get(f"/api/v1/reports/sla?{PERIOD}")).json()
    assert answer["period"] == {
        "from": "2026-11-01", "to": "2026-11-30", "starts_at": "2026-10-31T18:00:00Z",
        "ends_at": "2026-11-30T18:00:00Z", "time_zone": "Asia/Omsk",
    }  # fmt: skip
    totals, first, second = answer["totals"], *answer["rows"]
    assert (first["department"], second["department"]) == (departments[0].code, departments[1].code)
    assert (first["met"], first["breached"], first["compliance"]) == (3, 1, 0.75)
    assert (second["waiting"], second["compliance"], second["p50_minutes"]) == (1, None, None)
    assert (totals["received"], totals["p50_minutes"]) == (5, 150)
    assert totals["compliance_low"] < 0.75 < totals["compliance_high"]
    assert answer["previous_totals"]["received"] == 0
    assert answer["now"] == {"overdue": 0, "due_in_4_hours": 0, "due_in_24_hours": 1}


async def test_the_api_narrows_to_one_department(
    api: httpx.AsyncClient, promise: Promise, departments: list[Department]
) -> None:
    await promise(met_after=1)
    await promise(department=1, met_after=20)
    answer = (await api.get(f"/api/v1/reports/sla?{PERIOD}&department={departments[1].code}")).json()
    assert [row["department"] for row in answer["rows"]] == [departments[1].code]
    assert answer["totals"]["compliance"] == 0


@pytest.mark.parametrize("query", ["from=x", "from=2026-11-02&to=2026-11-01", "department=nobody", "to=%00"])
async def test_the_api_refuses_senseless_questions(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/v1/reports/sla?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"
