"""The day of an operator, in a browser: from a citizen's comment to the answer that the citizen reads."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.desk import PHONE, Desk, sit_down
from tests.processes import PATIENCE_SECONDS, Installation

pytestmark = pytest.mark.browser

AXE = Path(__file__).resolve().parents[2] / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (
    "/login", "/queue", "/queue?tab=urgent", "/appeals/1", "/reports/sla", "/quality", "/events", "/pages", "/pages/1",
    "/departments", "/departments/2", "/territories", "/sandbox",
)  # fmt: skip
TEXT = "На улице Примерной, дом 77145, третий день нет отопления, батареи холодные"
DANGER = "Горит сарай на Полевой, дом 30177, огонь идёт на соседний!"
ANSWER = "Бригада на месте, отопление вернётся сегодня к 18:00"
LIVE_MS = 60_000
expect.set_options(timeout=LIVE_MS)


@pytest.fixture
def desk(chromium: Browser, city: Installation) -> Iterator[Desk]:
    """The operator's window, signed in."""
    desk = sit_down(chromium, city)
    desk.sign_in("demo-operator")
    yield desk
    desk.page.context.close()


@pytest.fixture(params=["desktop", "phone"])
def stranger(request: pytest.FixtureRequest, chromium: Browser, city: Installation) -> Iterator[Desk]:
    """A window where nobody is signed in, on a table and in a hand."""
    desk = sit_down(chromium, city, PHONE) if request.param == "phone" else sit_down(chromium, city)
    yield desk
    desk.page.context.close()


def row_of(page: Page, text: str) -> Locator:
    return page.locator("[data-row]").filter(has_text=text[:40])


def write_as_citizen(desk: Desk, text: str) -> None:
    """A comment under the first post of the sandbox."""
    desk.go("/sandbox")
    form = desk.page.get_by_role("form", name="Новый комментарий").first
    form.get_by_label("Комментарий").fill(text)
    form.get_by_role("button", name="Отправить").click()


def sent_answers(city: Installation) -> list[dict[str, Any]]:
    """The calls of wall.createComment that the demonstration's VKontakte has carried out with our text."""
    stand_in = f"http://127.0.0.1:{city.port + 1}/stand-in/calls"
    calls = httpx.get(stand_in, params={"method": "wall.createComment"}, trust_env=False).json()
    return [call for call in calls if call["params"]["message"] == ANSWER]


def test_a_citizens_comment_is_answered_with_the_keyboard_and_read_by_the_citizen(
    desk: Desk, chromium: Browser, city: Installation
) -> None:
    page = desk.page
    page.goto(f"{city.url}/queue?q=77145")
    expect(page.get_by_text("На связи")).to_be_visible()
    write_as_citizen(citizen := sit_down_as_citizen(chromium, city), TEXT)
    expect(citizen.page.get_by_text("Понят", exact=True)).to_be_visible()

    page.reload()
    expect(row_of(page, TEXT)).to_be_visible()
    page.keyboard.press("j")
    expect(row_of(page, TEXT)).to_have_attribute("aria-current", "true")
    page.keyboard.press("Enter")
    card = page.locator("#appeal")
    expect(card.locator(".thread").get_by_text(TEXT)).to_be_visible()
    page.evaluate("window.hasNotBeenReloaded = true")

    page.keyboard.press("1")
    expect(card.get_by_text("подтверждена", exact=True)).to_be_visible()

    page.keyboard.press("e")
    field = card.get_by_placeholder("Ответ жителю")
    expect(field).to_be_focused()
    page.keyboard.insert_text(ANSWER)
    page.keyboard.press("Control+Enter")
    expect(card.get_by_text(re.compile(r"^доставлен в \d\d:\d\d$"))).to_be_visible()
    expect(card.get_by_text("Ответ дан", exact=True)).to_be_visible()
    assert page.evaluate("window.hasNotBeenReloaded")

    (call,) = sent_answers(city)
    assert not call["is_repeat"]
    expect(citizen.page.locator("#thread").get_by_text(ANSWER)).to_be_visible()  # it came by itself here as well
    reply = citizen.page.locator(".comment--reply").filter(has_text=ANSWER)
    expect(reply).to_have_count(1)
    assert desk.complaints + citizen.complaints == []
    citizen.page.context.close()


def sit_down_as_citizen(chromium: Browser, city: Installation) -> Desk:
    """The sandbox belongs to staff: the manager plays the citizen."""
    desk = sit_down(chromium, city)
    desk.sign_in("demo-manager")
    return desk


def test_a_new_appeal_announces_itself_in_an_open_queue(desk: Desk, chromium: Browser, city: Installation) -> None:
    desk.go("/queue?order=new")
    expect(desk.page.get_by_text("На связи")).to_be_visible()
    citizen = sit_down_as_citizen(chromium, city)
    write_as_citizen(citizen, "Яма на дороге у дома 5 по улице Степной, заделайте, пожалуйста")
    expect(desk.page.locator("#fresh")).to_contain_text("нов")
    assert desk.complaints == []
    citizen.page.context.close()


def test_danger_is_said_at_once_and_judged_with_the_keyboard(desk: Desk, chromium: Browser, city: Installation) -> None:
    page = desk.page
    desk.go("/queue?q=30177")
    expect(page.get_by_text("На связи")).to_be_visible()
    write_as_citizen(citizen := sit_down_as_citizen(chromium, city), DANGER)
    news = page.get_by_role("alert").filter(has_text="30177")
    expect(news).to_contain_text("Возможна угроза жизни: пожар")
    expect(page.locator("#urgent")).to_contain_text("Срочные")

    page.keyboard.press("Shift+KeyS")
    expect(page).to_have_url(re.compile(r"tab=urgent"))
    expect(row_of(page, DANGER)).to_contain_text("пожар")
    page.keyboard.press("j")
    while "30177" not in page.locator("[data-row][aria-current]").inner_text():
        page.keyboard.press("j")
    card = page.locator("#appeal")
    expect(card.locator("mark.mark--danger").first).to_contain_text("Горит сарай")
    expect(card.get_by_role("alert")).to_contain_text("«Горит сарай»")
    page.keyboard.press("Shift+KeyO")
    expect(card.locator(".alarm")).to_contain_text("Признано неопасным")
    page.keyboard.press("Shift+KeyO")
    expect(card.get_by_role("alert")).to_contain_text("Возможна угроза жизни: пожар")
    assert desk.complaints == []
    citizen.page.context.close()


def test_an_open_queue_says_that_the_connection_is_lost_and_takes_it_up_again(
    desk: Desk, chromium: Browser, city: Installation
) -> None:
    desk.go("/queue?order=new")
    live = desk.page.locator("[data-live]")
    expect(live).to_have_text("На связи")
    city.running().children()["serve"].kill()
    expect(live).to_have_text("Связь потеряна")
    expect(live).to_have_text("На связи", timeout=PATIENCE_SECONDS * 1000)
    citizen = sit_down_as_citizen(chromium, city)
    write_as_citizen(citizen, "Автобус не приходит по расписанию на остановку Вокзальная")
    expect(desk.page.locator("#fresh")).to_contain_text("нов")
    citizen.page.context.close()


def test_a_wrong_password_is_told_and_who_signs_out_is_out(stranger: Desk) -> None:
    page = stranger.page
    stranger.go("/queue")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    stranger.sign_in("demo-operator", "не тот пароль")
    expect(page.get_by_text("Имя или пароль не подошли")).to_be_visible()
    assert all("422" in complaint for complaint in stranger.complaints), stranger.complaints
    stranger.complaints.clear()

    stranger.sign_in("demo-operator")
    expect(page).to_have_url(re.compile("/queue"))
    page.get_by_role("button", name="меню").click()
    page.get_by_role("button", name="Выйти").click()
    expect(page).to_have_url(re.compile("/login"))
    stranger.go("/queue")
    expect(page).to_have_url(re.compile("/login"))
    assert stranger.complaints == []


def test_no_page_makes_the_browser_complain_or_scrolls_sideways(stranger: Desk) -> None:
    page = stranger.page
    for path in PAGES:
        stranger.go(path)
        if path == "/login":
            expect(page.get_by_label("Пароль")).to_be_visible()
        else:
            expect(page.locator("main")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert stranger.complaints == [], path
        if path == "/login":
            stranger.sign_in("demo-admin")


@pytest.mark.skipif(not AXE.exists(), reason="ПРОВЕРКА ДОСТУПНОСТИ ПРОПУЩЕНА: нет axe-core (make assets)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_serious_faults_of_accessibility(chromium: Browser, city: Installation, scheme: str) -> None:
    desk = sit_down(chromium, city)
    desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = {}
    for path in PAGES:
        desk.go(path)
        faults[path] = serious_faults(desk.page)
        if path == "/login":
            desk.sign_in("demo-admin")
    desk.page.context.close()
    assert faults == {path: [] for path in PAGES}


def serious_faults(page: Page) -> list[str]:
    """What axe-core holds for serious or critical: the rule and the first places."""
    page.evaluate(AXE.read_text())
    violations = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
    return [
        f"{one['id']}: {', '.join(str(node['target'][0]) for node in one['nodes'][:5])}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]


def test_on_a_phone_the_card_is_a_page_of_its_own(chromium: Browser, city: Installation) -> None:
    desk = sit_down(chromium, city, PHONE)
    desk.sign_in("demo-operator")
    row = desk.page.locator("[data-row]").first
    number = row.get_attribute("data-row")
    row.locator(".row__link").click()
    expect(desk.page).to_have_url(re.compile(f"/appeals/{number}"))
    expect(desk.page.get_by_role("link", name="Ответить")).to_be_visible()
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.page.get_by_role("link", name="Очередь").first.click()
    expect(desk.page).to_have_url(re.compile("/queue"))
    assert desk.complaints == []
    desk.page.context.close()
