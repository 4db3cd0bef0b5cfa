"""An open card on a slow day: whatever comes late, in whatever order, the newest state stands there in the end."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.browser.desk import Desk, sit_down
from tests.processes import Installation

pytestmark = pytest.mark.browser

ANSWER = "Передали дорожникам, ответим до пятницы"
LIVE_MS = 60_000
expect.set_options(timeout=LIVE_MS)


@pytest.fixture
def desks(chromium: Browser, city: Installation) -> Iterator[tuple[Desk, Desk]]:
    """Two windows: one changes what stands in the other."""
    found = sit_down(chromium, city), sit_down(chromium, city)
    for desk in found:
        desk.sign_in("demo-operator")
    yield found
    for desk in found:
        desk.page.context.close()


@contextmanager
def held(page: Page, address: str, method: str = "GET") -> Iterator[list[tuple[Route, APIResponse]]]:
    """What the server answers meanwhile is on its way until the end."""
    on_the_way: list[tuple[Route, APIResponse]] = []
    is_slow = True

    def hold(route: Route) -> None:
        if is_slow and route.request.method == method:
            on_the_way.append((route, route.fetch()))
        else:
            route.continue_()

    page.route(address, hold)
    yield on_the_way
    is_slow = False
    for route, response in on_the_way:
        route.fulfill(response=response)


def until(page: Page, on_the_way: list[tuple[Route, APIResponse]], count: int) -> None:
    for _ in range(LIVE_MS // 100):
        if len(on_the_way) >= count:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{len(on_the_way)} answers are on their way, not {count}")


def note(desk: Desk, words: str) -> None:
    """A note that colleagues see on the card."""
    desk.page.keyboard.press("n")
    field = desk.page.get_by_role("dialog").get_by_role("textbox")
    field.fill(words)
    desk.page.get_by_role("dialog").get_by_role("button", name="Сохранить").click()
    expect(desk.page.locator("#appeal").get_by_text(words, exact=True)).to_be_visible()


def open_card(desk: Desk) -> int:
    """The first appeal of the queue in work."""
    desk.go("/queue?order=new")
    expect(desk.page.get_by_text("На связи")).to_be_visible()
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    card = desk.page.locator("#appeal[data-appeal]")
    expect(card).to_be_visible()
    return int(card.get_attribute("data-appeal") or 0)


def test_of_two_changes_the_later_one_stands_on_the_card_though_the_first_is_slow_to_come(
    desks: tuple[Desk, Desk],
) -> None:
    reader, writer = desks
    number = open_card(reader)
    writer.go(f"/appeals/{number}")
    with held(reader.page, f"**/appeals/{number}?keep=true") as on_the_way:
        note(writer, "Первая заметка")
        until(reader.page, on_the_way, 1)
        note(writer, "Вторая заметка")
        reader.page.wait_for_timeout(2_500)  # the second change is heard while the first is still on its way
    expect(reader.page.locator("#appeal").get_by_text("Вторая заметка", exact=True)).to_be_visible()
    assert reader.complaints + writer.complaints == []


def test_an_answer_whose_confirmation_is_slow_is_shown_as_delivered(desks: tuple[Desk, Desk]) -> None:
    desk, _ = desks
    number = open_card(desk)
    page, card = desk.page, desk.page.locator("#appeal")
    page.keyboard.press("e")
    field = card.get_by_placeholder("Ответ жителю")
    expect(field).to_be_focused()
    page.keyboard.insert_text(ANSWER)
    with held(page, f"**/appeals/{number}/answers", "POST") as on_the_way:
        page.keyboard.press("Control+Enter")
        until(page, on_the_way, 1)
        page.wait_for_timeout(4_000)  # the worker sends it, and the card is told so
    expect(card.get_by_text("доставлен в").last).to_be_visible()
    expect(card.get_by_text("Ответ дан", exact=True)).to_be_visible()
    expect(field).to_have_count(0)  # nothing is left to say
    head = card.locator(".appeal__head")
    assert head.evaluate("head => head.scrollWidth <= head.clientWidth")  # all its verbs are in sight
    assert desk.complaints == []
