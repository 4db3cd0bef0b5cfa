import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlmodel import col

from app.accounts.models import Role
from app.platforms.base import Credentials
from app.public_pages import pages, queries
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page
from app.resources import Resources
from tests.conftest import NOW
from tests.signed_in import signed_in


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "utc_now", lambda: NOW)
    monkeypatch.setattr("app.web.templating.utc_now", lambda: NOW)


@pytest.fixture
async def browser(app: FastAPI, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, resources) as client:
        yield client


async def register(resources: Resources, number: int, name: str, **values: object) -> PublicPage:
    async with resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="vk", credentials=Credentials(str(number), "secret"), name=name,
            territory_code="52701000", audience=31900, now=NOW,
        )  # fmt: skip
        for field, value in values.items():
            setattr(page, field, value)
        return page


def names(html: str) -> list[str]:
    return re.findall(r'<a href="/pages/\d+">([^<]+)</a>', html)


async def test_pages_are_listed_by_name_with_territory_audience_and_last_event(
    browser: httpx.AsyncClient, resources: Resources
) -> None:
    await register(resources, 2, "Школы")
    await register(resources, 1, "Дороги", last_event_at=NOW - timedelta(minutes=5))
    html = (await browser.get("/pages")).text
    assert names(html) == ["Дороги", "Школы"]
    assert "2 страницы: 2 на связи" in html
    assert "Омск" in html
    assert "31\u00a0900" in html
    assert "сегодня, 11:55" in html
    assert "ждём первого события" in html


async def test_a_silent_a_stopped_and_a_switched_off_page_are_told_apart(
    browser: httpx.AsyncClient, resources: Resources
) -> None:
    await register(resources, 1, "А молчит", last_event_at=NOW - timedelta(days=4))
    await register(resources, 2, "Б стоит", sending_stopped_reason="Ключ отозван.")
    await register(resources, 3, "В выключена", is_active=False)
    html = (await browser.get("/pages")).text
    text = re.sub(r"</?a[^>]*>", "", html)
    assert "0 на связи, 1 с остановленной отправкой, 1 молчит от трёх дней, 1 выключена" in text
    assert "молчит 4 дня" in html
    assert "<strong>Б стоит:</strong> Ключ отозван." in html
    assert 'action="/pages/2/sending"' in html


async def test_search_finds_by_part_of_the_name_or_by_number(browser: httpx.AsyncClient, resources: Resources) -> None:
    await register(resources, 77, "Дороги Омска")
    await register(resources, 78, "100 % школ")
    assert names((await browser.get("/pages?q=дорог")).text) == ["Дороги Омска"]
    assert names((await browser.get("/pages?q=78")).text) == ["100 % школ"]
    assert names((await browser.get("/pages", params={"q": "0 %"})).text) == ["100 % школ"]
    assert names((await browser.get("/pages", params={"q": "%%"})).text) == []
    assert "Такой страницы нет" in (await browser.get("/pages", params={"q": "_\x00"})).text


async def test_only_administrators_see_where_webhooks_go(app: FastAPI, resources: Resources) -> None:
    page = await register(resources, 1, "Дороги")
    for role in (Role.OPERATOR, Role.MANAGER):
        async with await signed_in(app, resources, role) as client:
            assert page.key not in (await client.get("/pages")).text
    async with await signed_in(app, resources, Role.ADMIN) as client:
        assert f"/webhooks/vk/{page.key}" in (await client.get("/pages")).text


async def test_departments_do_not_see_the_registry(app: FastAPI, resources: Resources) -> None:
    async with await signed_in(app, resources, Role.DEPARTMENT, 1) as client:
        assert (await client.get("/pages")).status_code == 403


async def test_an_empty_registry_says_how_to_begin(browser: httpx.AsyncClient) -> None:
    assert "appeals pages add" in (await browser.get("/pages")).text


async def test_a_long_registry_is_read_page_by_page_even_with_equal_names(
    browser: httpx.AsyncClient, resources: Resources
) -> None:
    for number in range(1, 56):
        await register(resources, number, "Школа")
    first = (await browser.get("/pages")).text
    following = re.search(r'href="(/pages\?[^"]+)">Следующие', first)
    assert following
    second = (await browser.get(following[1].replace("&amp;", "&"))).text
    assert (len(names(first)), len(names(second))) == (50, 5)
    assert (await browser.get("/pages?after=odd:x")).status_code == 200


async def test_a_page_from_which_nothing_comes_alarms_at_the_top_and_on_the_rail(
    browser: httpx.AsyncClient, resources: Resources
) -> None:
    for number in range(1, 8):
        await register(resources, number, f"Школа {number}")
    assert "без связи" not in (await browser.get("/pages")).text
    async with resources.database.transaction() as session:
        is_one = col(PublicPage.external_id) != "7"
        await session.execute(update(PublicPage).where(is_one).values(connection_problem="Подписка снята площадкой."))
    html = (await browser.get("/pages")).text
    assert html.count('role="alert"') == 5
    assert "6 без связи" in html
    assert "И ещё 1 без связи" in html
    assert html.count("нет связи</span>") == 6
    assert "Подписка снята площадкой." in html
    assert re.search(r'href="/pages"[^>]*>.*?<span class="[^"]*">6<', html, re.DOTALL)


async def test_the_list_is_narrowed_and_the_address_says_by_what(
    browser: httpx.AsyncClient, resources: Resources
) -> None:
    await register(resources, 1, "Дороги", sphere="transport", level="region", territory_code="52000000")
    await register(resources, 2, "Лицей", sphere="education", level="municipality", territory_code="52615101")
    await register(resources, 3, "Школа", sphere="education", level="settlement", territory_code=None)
    await register(resources, 4, "Школа МАКС", platform="max", sphere="education")
    found = {
        "platform=max": ["Школа МАКС"],
        "sphere=education": ["Лицей", "Школа", "Школа МАКС"],
        "sphere=education&platform=vk&q=школа": ["Школа"],
        "level=region": ["Дороги"],
        "territory=52615000": ["Лицей"],
        "territory=52000000": ["Дороги", "Лицей", "Школа МАКС"],
        "sphere=culture": [],
        "platform=nosuch&level=nosuch&link=nosuch&territory=nosuch": ["Дороги", "Лицей", "Школа", "Школа МАКС"],
    }
    assert {query: names((await browser.get(f"/pages?{query}")).text) for query in found} == found
    html = (await browser.get("/pages?sphere=education&level=settlement&q=школа")).text
    assert '<option value="education" selected>Образование</option>' in html
    assert '<option value="settlement" selected>поселение</option>' in html
    assert 'value="школа"' in html
    assert "Найдено: 1." in html


async def test_every_state_of_connection_is_found_by_its_name(browser: httpx.AsyncClient, resources: Resources) -> None:
    fresh, old = NOW - timedelta(minutes=5), NOW - timedelta(days=4)
    states: dict[str, dict[str, object]] = {
        "off": {"is_active": False, "connection_problem": "Снята."},
        "cut_off": {"polling_problem": "Опрос не удаётся.", "sending_stopped_reason": "Ключ отозван."},
        "stopped": {"sending_stopped_reason": "Ключ отозван.", "credentials": None},
        "keyless": {"credentials": None, "last_event_at": old},
        "silent": {"last_event_at": old},
        "well": {"last_event_at": fresh},
    }
    for number, (link, values) in enumerate(states.items(), start=1):
        await register(resources, number, f"Страница {link}", **values)
    assert {link: names((await browser.get(f"/pages?link={link}")).text) for link in states} == {
        link: [f"Страница {link}"] for link in states
    }
    assert "6 страниц: 1 на связи" in (await browser.get("/pages")).text


async def test_the_next_page_keeps_words_and_conditions(
    browser: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "ROWS", 2)
    monkeypatch.setattr(queries, "MOST_HITS", 3)  # the words are then looked for along the list
    for number, name in enumerate(["Школа Б", "ШКОЛА а", "Лицей", "школа В", "Автошкола", "Высшая школа", "Яхт-школа"]):
        await register(resources, number + 1, name, sphere="education")
    address, seen = "/pages?q=школа&sphere=education", []
    while address:
        html = (await browser.get(address)).text
        seen += names(html)
        following = re.search(r'href="(/pages\?[^"]+)">Следующие', html)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == ["ШКОЛА а", "Школа Б", "школа В", "Автошкола", "Высшая школа", "Яхт-школа"]


async def test_the_address_of_a_form_is_for_everybody(browser: httpx.AsyncClient, resources: Resources) -> None:
    form = await register(resources, 1, "Сайт Примерска", platform="web")
    assert f'<a href="/forms/{form.key}">' in (await browser.get("/pages")).text
