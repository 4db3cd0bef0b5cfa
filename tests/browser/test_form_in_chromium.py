"""A citizen at a browser: the form by itself, without scripts, and as the widget of another site."""

import io
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from app.forms.filled import LEAST_SECONDS, MOST_PHOTOS
from tests.browser.desk import PHONE, Desk, sit_down
from tests.browser.test_journey import AXE, serious_faults
from tests.processes import Installation, eventually

pytestmark = pytest.mark.browser

TEXT = "Во дворе дома 10 третью неделю не горят фонари"
HOST_PAGE = """<!doctype html><html lang="ru"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Школа</title>
<h1>Школа № 1</h1><script src="{}/widget.js" data-text="Сообщить" async></script></html>"""


@pytest.fixture(scope="module")
def form_url(city: Installation) -> str:
    """The form of a city that was added without a secret."""
    words = ("pages", "add", "--platform", "web", "--external-id", "site-1", "--name", "Сайт Примерска")
    return city.url + city.command(*words).splitlines()[-1]


@pytest.fixture
def citizen(chromium: Browser, city: Installation) -> Iterator[Desk]:
    """A phone without an account, which tells where it is."""
    desk = sit_down(chromium, city, PHONE)
    desk.page.context.grant_permissions(["geolocation"])
    desk.page.context.set_geolocation({"latitude": 54.98934, "longitude": 73.36821})
    yield desk
    desk.page.context.close()


@pytest.fixture(scope="module")
def school(form_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site of a school with the widget in it, on an origin of its own."""
    folder = tmp_path_factory.mktemp("school")
    (folder / "index.html").write_text(HOST_PAGE.format(form_url))
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(drawn, "JPEG")
    return drawn.getvalue()


def test_a_citizen_sends_a_photo_and_a_place_and_sees_what_becomes_of_it(citizen: Desk, form_url: str) -> None:
    page = citizen.page
    page.goto(form_url)
    page.get_by_label("Что случилось").fill(TEXT)
    page.get_by_label("Где").fill("Примерск, ул. Примерная, 10")
    page.get_by_role("button", name="Добавить моё место").click()
    expect(page.get_by_role("button", name="Убрать моё место")).to_be_visible()
    page.get_by_label("Фото").set_input_files({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": picture()})
    page.get_by_label("Согласен").check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    time.sleep(LEAST_SECONDS)
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_text("Сохраните ссылку")).to_be_visible()
    expect(page.get_by_text("1 фото")).to_be_visible()

    def is_read() -> bool:
        page.reload()
        return page.get_by_text("Номер обращения").is_visible()

    eventually(is_read, "the worker makes an appeal of it")
    assert citizen.complaints == []


def test_the_form_works_without_scripts(chromium: Browser, form_url: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(form_url)
    assert not page.get_by_role("button", name="Добавить моё место").is_visible()
    page.get_by_label("Что случилось").fill(TEXT)
    photo = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    page.get_by_label("Фото").set_input_files([photo] * (MOST_PHOTOS + 1))  # wrong however slow this machine is
    page.get_by_label("Согласен").check()
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("alert")).to_contain_text("Выберите не больше")
    expect(page.get_by_label("Что случилось")).to_have_value(TEXT)
    time.sleep(LEAST_SECONDS)
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_text("Сохраните ссылку")).to_be_visible()
    context.close()


def test_the_widget_opens_the_form_on_another_site_and_closes_with_escape(citizen: Desk, school: str) -> None:
    page = citizen.page
    page.goto(school)
    button = page.get_by_role("button", name="Сообщить")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Сообщить")
    expect(dialog).to_be_visible()
    field = page.frame_locator("iframe").get_by_label("Что случилось")
    field.fill(TEXT)
    page.frames[-1].wait_for_load_state()  # its script hears the key and tells the page around it
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    expect(field).to_have_value(TEXT)  # closing loses nothing
    page.get_by_role("button", name="Закрыть").click()
    expect(dialog).to_be_hidden()
    assert citizen.complaints == []


@pytest.mark.skipif(not AXE.exists(), reason="ПРОВЕРКА ДОСТУПНОСТИ ПРОПУЩЕНА: нет axe-core (make assets)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_neither_form_nor_its_errors_nor_the_receipt_have_faults_of_accessibility(
    citizen: Desk, form_url: str, scheme: str
) -> None:
    page = citizen.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(form_url)
    faults = [serious_faults(page)]
    page.evaluate("document.querySelector('form').noValidate = true")
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Что случилось")).to_be_focused()
    faults.append(serious_faults(page))
    page.get_by_label("Что случилось").fill(TEXT)
    page.get_by_label("Согласен").check()
    time.sleep(LEAST_SECONDS)
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_text("Сохраните ссылку")).to_be_visible()
    faults.append(serious_faults(page))
    assert faults == [[], [], []]
