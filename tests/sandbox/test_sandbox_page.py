import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.models import Role
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, AnswerState, Appeal
from app.appeals.service import answer, close
from app.intake.models import EventState, InboxEvent
from app.main import create_app
from app.resources import Resources
from app.sandbox.visitors import visitor_of
from app.settings import Settings
from app.time import utc_now
from tests.office import clerk, do, rows
from tests.sandbox.conftest import Sandbox
from tests.signed_in import signed_in

ROADS = 219500002
POTHOLE = "На Степной яма на всю полосу, машины выезжают на встречную"


@pytest.fixture
async def browser(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(sandbox.app, sandbox.resources) as client:
        yield client


def post_id(sandbox: Sandbox) -> int:
    return sandbox.stand_in.feed(ROADS)["posts"][0]["id"]  # type: ignore[no-any-return]


async def write(sandbox: Sandbox, browser: httpx.AsyncClient, text: str = POTHOLE) -> str:
    """Write a comment; the address that one is sent to."""
    form = {"page": ROADS, "post": post_id(sandbox), "text": text}
    response = await browser.post("/sandbox/comments", data=form)
    assert response.status_code == 303
    return response.headers["location"]


def travel_of(html: str) -> list[str]:
    """Titles of the steps."""
    return re.findall(r"</svg><(?:strong|span class=\"muted\")>([^<]+)<", html)


async def travel(browser: httpx.AsyncClient, address: str) -> httpx.Response:
    """The way as the page asks for it."""
    query = address.split("?")[1].split("#")[0]
    return await browser.get(f"/sandbox/travel?{query}")


async def newest(sandbox: Sandbox) -> Appeal:
    return (await rows(sandbox.resources, Appeal))[-1]


async def test_without_a_demonstration_there_is_no_sandbox(settings: Settings, resources: Resources) -> None:
    app: FastAPI = create_app(settings.model_copy(update={"is_demo": False}), resources)
    async with app.router.lifespan_context(app), await signed_in(app, resources) as client:
        assert (await client.get("/sandbox")).status_code == 404


async def test_without_a_city_it_says_how_to_found_one(settings: Settings, resources: Resources) -> None:
    app = create_app(settings, resources)
    async with app.router.lifespan_context(app), await signed_in(app, resources) as client:
        assert "appeals seed" in (await client.get("/sandbox")).text


async def test_the_page_shows_posts_citizens_and_answers(browser: httpx.AsyncClient) -> None:
    html = (await browser.get("/sandbox")).text
    assert "Ямочный ремонт идёт" in html
    assert "Ирина Калинкина" in html
    assert "Здравствуйте! Яму закрыли." in html
    assert "31\u00a0900 подписчиков" in html
    assert "Напишите что-нибудь под записью" in html
    assert 'hx-trigger="load' not in html


async def test_strangers_are_sent_to_the_login(sandbox: Sandbox) -> None:
    transport = httpx.ASGITransport(sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as stranger:
        assert (await stranger.get("/sandbox")).headers["location"].startswith("/login")


async def test_a_comment_travels_from_delivery_to_the_running_clock(
    sandbox: Sandbox, browser: httpx.AsyncClient
) -> None:
    address = await write(sandbox, browser)
    await sandbox.stand_in.settle()
    before = await travel(browser, address)
    assert travel_of(before.text) == ["Доставлен и записан", "Разбираем"]
    assert "delay:500ms" in before.text
    await sandbox.drain()
    html = (await browser.get(address)).text
    department = "Администрация Омска"
    assert travel_of(html)[:3] == ["Доставлен и записан", "Понят", f"Направлен: {department}"]
    assert travel_of(html)[3].startswith("Срок пошёл: до ")
    assert travel_of(html)[4:] == ["Теперь вы оператор", "Ответ появится под сообщением"]
    assert "<mark" in html
    appeal = await newest(sandbox)
    assert f'href="/appeals/{appeal.id}"' in html
    assert POTHOLE in html
    assert "delay:2s" in html


async def test_times_shown_are_differences_of_stored_times(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser)
    await sandbox.drain()
    event = (await rows(sandbox.resources, InboxEvent))[-1]
    assert event.handled_at is not None
    seconds = f"{(event.handled_at - event.received_at).total_seconds():.2f}".replace(".", ",")
    html = (await travel(browser, address)).text
    assert f"+{seconds}\u00a0с" in html
    assert f"{seconds}\u00a0с до разбора" in html
    assert re.search(r"Принят через \d+ мс после отправки", html)


async def test_an_answer_appears_below_the_comment_and_the_page_is_told(
    sandbox: Sandbox, browser: httpx.AsyncClient
) -> None:
    address = await write(sandbox, browser)
    await sandbox.drain()
    mark = re.search(r"mark=([^\"]+)\"", (await travel(browser, address)).text)
    assert mark
    person = await clerk(sandbox.resources)
    await do(sandbox.resources, answer, (await newest(sandbox)).id, "Заделаем завтра", person, now=utc_now())
    waiting = await travel(browser, address + f"&mark={mark[1]}")
    assert travel_of(waiting.text)[-1] == "Ответ уходит"
    await deliver_batch(sandbox.resources, utc_now())
    query = address.split("?")[1].split("#")[0]
    told = await browser.get(f"/sandbox/travel?{query}&mark={mark[1]}")
    assert travel_of(told.text)[-2:] == ["Ответ написан", "Ответ доставлен"]
    assert told.headers["HX-Trigger"] == "citizen-side-changed"
    thread = (await browser.get(f"/sandbox/thread?page={ROADS}")).text
    assert "Заделаем завтра" in thread
    assert "<html" not in thread


async def test_a_captcha_ordered_here_is_what_the_operator_meets(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser)
    await sandbox.drain()
    ordered = await browser.post("/sandbox/faults", data={"kind": "captcha", "page": ROADS, "view": "wall"})
    assert ordered.headers["location"] == f"/sandbox?page={ROADS}&view=wall"
    person = await clerk(sandbox.resources)
    await do(sandbox.resources, answer, (await newest(sandbox)).id, "Заделаем завтра", person, now=utc_now())
    await deliver_batch(sandbox.resources, utc_now())
    assert (await rows(sandbox.resources, Answer))[-1].state == AnswerState.HANDS_NEEDED
    html = (await travel(browser, address)).text
    assert travel_of(html)[-1] == "Ответ не ушёл"
    assert "капч" in html


async def test_an_unknown_fault_is_refused(browser: httpx.AsyncClient) -> None:
    assert (await browser.post("/sandbox/faults", data={"kind": "flood", "page": ROADS})).status_code == 422


async def test_a_citizen_changes_and_deletes_the_own_comment(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser)
    await sandbox.drain()
    number = re.search(r"wall%3A(\d+)", address)
    assert number
    edited = await browser.post(f"/sandbox/comments/{number[1]}/text", data={"page": ROADS, "text": POTHOLE + "!"})
    await sandbox.drain()
    assert "Правка учтена" in travel_of((await travel(browser, edited.headers["location"])).text)
    deleted = await browser.post(f"/sandbox/comments/{number[1]}/deletion", data={"page": ROADS})
    await sandbox.drain()
    page = (await browser.get(deleted.headers["location"])).text
    assert "Удаление учтено" in travel_of(page)
    assert travel_of(page)[-1] == "Закрыто без ответа"
    assert "Комментарий удалён." in page
    assert f"<p>{POTHOLE}" not in page


async def test_nobody_changes_the_comments_of_others(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    other = sandbox.stand_in.feed(ROADS)["posts"][0]["comments"][0]["id"]
    assert (await browser.post(f"/sandbox/comments/{other}/deletion", data={"page": ROADS})).status_code == 404
    form = {"page": ROADS, "text": "другое"}
    assert (await browser.post(f"/sandbox/comments/{other}/text", data=form)).status_code == 404
    assert not sandbox.stand_in.feed(ROADS)["posts"][0]["comments"][0]["is_deleted"]


async def test_a_private_message_travels_and_is_answered_in_the_dialog(
    sandbox: Sandbox, browser: httpx.AsyncClient
) -> None:
    assert "Вы ещё не писали" in (await browser.get(f"/sandbox?page={ROADS}&view=messages")).text
    response = await browser.post("/sandbox/messages", data={"page": ROADS, "text": POTHOLE})
    address = response.headers["location"]
    await sandbox.drain()
    appeal = await newest(sandbox)
    assert appeal.kind == "message"
    await do(sandbox.resources, answer, appeal.id, "Ответим лично", await clerk(sandbox.resources), now=utc_now())
    await deliver_batch(sandbox.resources, utc_now())
    html = (await browser.get(address)).text
    assert "Ответим лично" in html
    assert travel_of(html)[-1] == "Ответ доставлен"


async def test_talk_is_told_apart_with_its_probability(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser, "Ну вы даёте, ребята")
    await sandbox.drain()
    html = (await travel(browser, address)).text
    assert (await newest(sandbox)).is_talk
    assert travel_of(html)[1] == "Похоже на разговор"
    assert not [title for title in travel_of(html) if title.startswith("Срок")]


async def test_a_second_comment_joins_the_open_appeal(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    await browser.post("/sandbox/messages", data={"page": ROADS, "text": POTHOLE})
    await sandbox.drain()
    second = await browser.post("/sandbox/messages", data={"page": ROADS, "text": "И ещё одна яма у дома 6"})
    await sandbox.drain()
    html = (await travel(browser, second.headers["location"])).text
    assert f"Дополнил обращение № {(await newest(sandbox)).id}" in html


async def test_a_closing_without_answer_ends_the_way(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser)
    await sandbox.drain()
    appeal_id = (await newest(sandbox)).id
    await do(sandbox.resources, close, appeal_id, "spam", await clerk(sandbox.resources), now=utc_now())
    html = (await travel(browser, address)).text
    assert travel_of(html)[-1] == "Закрыто без ответа"
    assert "Спам или брань" in html


async def test_an_answer_by_hand_in_the_platform_ends_the_way(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser)
    await sandbox.drain()
    number = int(re.search(r"wall%3A(\d+)", address)[1])  # type: ignore[index]
    sandbox.stand_in.comment(ROADS, -ROADS, "Уже едем", post_id=post_id(sandbox), reply_to=number)
    await sandbox.drain()
    assert travel_of((await travel(browser, address)).text)[-1] == "Ответили прямо в соцсети"


async def test_a_delivery_that_failed_leads_to_the_failures(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    address = await write(sandbox, browser)
    await sandbox.stand_in.settle()
    async with sandbox.resources.database.transaction() as session:
        event = (await rows(sandbox.resources, InboxEvent))[-1]
        stored = await session.get_one(InboxEvent, event.id)
        stored.state, stored.error = EventState.FAILED, "Внутренняя ошибка разбора: KeyError"
    html = (await travel(browser, address)).text
    assert travel_of(html) == ["Доставлен и записан", "Разобрать не удалось"]
    assert 'href="/events"' in html


async def test_before_the_delivery_it_waits(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    html = (await browser.get(f"/sandbox/travel?page={ROADS}&track=wall:999999&since={utc_now().timestamp()}")).text
    assert travel_of(html) == ["Ждём доставки"]


async def test_a_department_is_not_led_to_the_appeals_of_others(sandbox: Sandbox) -> None:
    async with await signed_in(sandbox.app, sandbox.resources, Role.DEPARTMENT, 1) as browser:
        address = await write(sandbox, browser)
        await sandbox.drain()
        html = (await travel(browser, address)).text
    assert travel_of(html)[-2] == "Теперь очередь отдела"
    assert "/appeals/" not in html


async def test_a_stand_in_that_is_away_is_no_crash(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    sandbox.wires.stand_in = None
    html = (await browser.get("/sandbox")).text
    assert "Ненастоящая соцсеть не отвечает" in html
    form = {"page": ROADS, "post": 1, "text": POTHOLE}
    assert (await browser.post("/sandbox/comments", data=form)).status_code == 503


async def test_what_vk_refuses_is_said(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    sandbox.stand_in.close_comments(ROADS, post_id(sandbox))
    form = {"page": ROADS, "post": post_id(sandbox), "text": POTHOLE}
    response = await browser.post("/sandbox/comments", data=form)
    assert response.status_code == 422
    assert "comments are closed" in response.text
    assert "Комментарии к этой записи закрыты." in (await browser.get("/sandbox")).text


async def test_pages_outside_the_city_cannot_be_played(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/sandbox/thread?page=1")).status_code == 404
    assert (await browser.post("/sandbox/messages", data={"page": 1, "text": "привет"})).status_code == 404
    assert (await browser.get(f"/sandbox/travel?page={ROADS}&track=odd")).status_code == 422


async def test_each_person_plays_the_same_citizen_always(resources: Resources) -> None:
    one, two = await clerk(resources, "one"), await clerk(resources, "two")
    assert visitor_of(one) == visitor_of(one)
    assert visitor_of(one).id != visitor_of(two).id
    assert visitor_of(one).name
