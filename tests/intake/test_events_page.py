import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.models import Role
from app.appeals.models import Answer, AnswerState
from app.appeals.service import answer
from app.audit.models import AuditEntry
from app.intake import pages
from app.intake.models import EventState, InboxEvent
from app.jobs import Job
from app.public_pages.models import PublicPage
from app.resources import Resources
from tests.conftest import NOW, VK, comment
from tests.office import clerk, do, only, opened, rows
from tests.signed_in import signed_in


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "utc_now", lambda: NOW)


@pytest.fixture
async def browser(app: FastAPI, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, resources) as client:
        yield client


async def fail(vk: VK, number: int = 731) -> InboxEvent:
    """A delivery without its author, handled in vain."""
    broken = comment("Яма на Примерной, 5, телефон 900", number)
    del broken["from_id"]
    await vk.deliver(vk.event("wall_reply_new", broken))
    await vk.drain()
    return (await rows(vk.resources, InboxEvent))[-1]


async def store(vk: VK, count: int, **values: object) -> None:
    """Deliveries in some state, written straight into the table."""
    async with vk.resources.database.transaction() as session:
        for number in range(count):
            event = {
                "page_id": vk.page.id, "delivery_key": f"stored-{number}", "event_type": "like_add",
                "payload": vk.resources.vault.seal(b"{}"), "received_at": NOW, "next_attempt_at": NOW, **values,
            }  # fmt: skip
            session.add(InboxEvent(**event))


def tab_counts(html: str) -> list[str]:
    return re.findall(r'class="tab__n[^"]*">([^<]+)<', html)


async def test_a_failed_event_is_told_in_words_and_its_source_without_the_citizens(
    browser: httpx.AsyncClient, vk: VK
) -> None:
    await fail(vk)
    html = (await browser.get("/events")).text
    assert tab_counts(html) == ["1", "0", "0", "0"]
    assert "Комментарий без автора" in html
    assert "Поле object.from_id отсутствует" in html
    assert "(нет)" in html
    assert "Примерной" not in html
    assert "Хранится до" in html
    assert "23\u00a0дек." in html


async def test_nothing_to_decide_says_so(browser: httpx.AsyncClient, vk: VK) -> None:
    html = (await browser.get("/events")).text
    assert "Решать нечего" in html
    assert "Повторить все" not in html


async def test_the_rail_counts_answers_that_wait_for_a_person_too(browser: httpx.AsyncClient, vk: VK) -> None:
    await fail(vk)
    appeal = await opened(vk, comment_id=732)
    stuck = await do(vk.resources, answer, appeal.id, "Починим", await clerk(vk.resources), now=NOW)
    async with vk.resources.database.transaction() as session:
        (await session.get_one(Answer, stuck.id)).state = AnswerState.FAILED
    assert re.search(r'rail__badge">2<span class="sr"> требуют решения', (await browser.get("/reports/sla")).text)


async def test_a_retried_event_waits_for_the_worker_again(browser: httpx.AsyncClient, vk: VK) -> None:
    event = await fail(vk)
    response = await browser.post(f"/events/{event.id}/retry")
    assert response.status_code == 303
    assert response.headers["location"] == "/events?tab=failed"
    again = await only(vk.resources, InboxEvent)
    assert (again.state, again.attempts) == (EventState.RECEIVED, 0)
    assert "отправлено на разбор" in (await browser.get("/events")).text


async def test_all_failed_events_are_retried_at_once(browser: httpx.AsyncClient, vk: VK) -> None:
    await fail(vk, 731)
    await fail(vk, 732)
    await browser.post("/events/retry")
    assert {event.state for event in await rows(vk.resources, InboxEvent)} == {EventState.RECEIVED}
    assert "2 события" in (await browser.get("/events")).text


async def test_a_dismissed_event_moves_to_the_skipped_ones_and_can_come_back(
    browser: httpx.AsyncClient, vk: VK
) -> None:
    event = await fail(vk)
    await browser.post(f"/events/{event.id}/dismissal")
    html = (await browser.get("/events?tab=ignored")).text
    assert tab_counts(html) == ["0", "0", "0", "1"]
    assert "Не приняли" in html
    assert (await browser.post(f"/events/{event.id}/retry")).status_code == 303


async def test_what_is_decided_cannot_be_decided_again(browser: httpx.AsyncClient, vk: VK) -> None:
    event = await fail(vk)
    await browser.post(f"/events/{event.id}/dismissal")
    assert (await browser.post(f"/events/{event.id}/dismissal")).status_code == 409
    assert (await browser.post("/events/999/retry")).status_code == 404
    assert (await browser.get("/events?event=999")).status_code == 200


async def test_departments_and_strangers_stay_outside(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources, vk: VK
) -> None:
    event = await fail(vk)
    async with await signed_in(app, resources, Role.DEPARTMENT, 1) as department:
        assert (await department.get("/events")).status_code == 403
        assert (await department.post(f"/events/{event.id}/retry")).status_code == 403
    assert (await client.get("/events")).headers["location"] == "/login?next=%2Fevents"
    async with await signed_in(app, resources) as forged:
        assert (await forged.post("/events/retry", headers={"X-CSRF-Token": "x"})).status_code == 403


async def test_events_that_repeat_by_themselves_show_when(browser: httpx.AsyncClient, vk: VK) -> None:
    later = NOW + timedelta(minutes=3)
    await store(vk, 1, attempts=2, error="Внутренняя ошибка разбора: KeyError", next_attempt_at=later)
    html = (await browser.get("/events?tab=retrying")).text
    assert tab_counts(html) == ["0", "1", "0", "0"]
    assert "12:03" in html
    assert "Разбор прервала ошибка программы" in html


async def test_skipped_events_are_counted_by_type_within_a_week(browser: httpx.AsyncClient, vk: VK) -> None:
    await store(vk, 3, state=EventState.IGNORED, error="Не обращение: отметка «Нравится».")
    async with vk.resources.database.transaction() as session:
        old = (await session.get_one(InboxEvent, 1), await session.get_one(InboxEvent, 2))
        old[0].received_at = NOW - timedelta(days=8)
        old[1].event_type = "group_join"
    html = (await browser.get("/events?tab=ignored")).text
    assert tab_counts(html) == ["0", "0", "0", "2"]
    assert 'like_add <strong class="num">1<' in html
    assert 'group_join <strong class="num">1<' in html


async def test_long_lists_are_read_page_by_page(browser: httpx.AsyncClient, vk: VK) -> None:
    await store(vk, 60, state=EventState.FAILED, error="Поле object.id отсутствует или не целое число.")
    first = (await browser.get("/events")).text
    following = re.search(r'href="(/events\?tab=failed&amp;after=\d+)">Следующие', first)
    assert following
    second = (await browser.get(following[1].replace("&amp;", "&"))).text
    assert (first.count('/retry"><'), second.count('/retry"><')) == (52, 12)  # and "all", and the one beside
    assert "Следующие" not in second


async def test_counts_stop_at_a_thousand(browser: httpx.AsyncClient, vk: VK) -> None:
    await store(vk, 1002, state=EventState.FAILED)
    assert tab_counts((await browser.get("/events")).text)[0] == "1\u00a0000+"


async def test_an_event_past_its_time_has_no_source(browser: httpx.AsyncClient, vk: VK) -> None:
    await store(vk, 1, state=EventState.FAILED, payload=None)
    html = (await browser.get("/events")).text
    assert "Срок хранения исходника прошёл" in html
    assert ">Не принимать<" in html


async def test_an_event_under_another_key_says_so(browser: httpx.AsyncClient, vk: VK) -> None:
    await store(vk, 1, state=EventState.FAILED, payload=b"x" * 40)
    assert "зашифрованы другим ключом" in (await browser.get("/events")).text


async def test_the_foot_tells_how_long_the_oldest_delivery_waits(browser: httpx.AsyncClient, vk: VK) -> None:
    assert "разбора не ждёт ни одно" in (await browser.get("/events")).text
    await store(vk, 2, received_at=NOW - timedelta(hours=2))
    assert "Ждут разбора 2" in (await browser.get("/events")).text


async def test_an_answer_that_the_platform_refused_is_shown_with_its_reason(browser: httpx.AsyncClient, vk: VK) -> None:
    appeal = await opened(vk)
    await do(vk.resources, answer, appeal.id, "Исправим", await clerk(vk.resources), now=NOW)
    async with vk.resources.database.transaction() as session:
        stuck = await session.get_one(Answer, 1)
        stuck.state, stuck.error_code, stuck.error_reason = AnswerState.HANDS_NEEDED, "14", "ВКонтакте просит капчу."
    html = (await browser.get("/events?tab=sending")).text
    assert tab_counts(html)[2] == "1"
    assert "ВКонтакте просит капчу. Код 14." in html
    assert "нужны руки" in html
    assert 'action="/answers/1/retry"' in html
    assert 'action="/answers/1/cancellation"' in html


async def test_an_answer_that_is_sent_again_by_itself_is_shown_but_not_counted(
    browser: httpx.AsyncClient, vk: VK
) -> None:
    appeal = await opened(vk)
    await do(vk.resources, answer, appeal.id, "Исправим", await clerk(vk.resources), now=NOW)
    async with vk.resources.database.transaction() as session:
        waiting = await session.get_one(Answer, 1)
        waiting.attempts, waiting.error_reason = 1, "Слишком много запросов."
    html = (await browser.get("/events?tab=sending")).text
    assert tab_counts(html)[2] == "0"
    assert "повторим сами" in html
    assert "/answers/1/retry" not in html


async def test_a_stopped_page_is_resumed_and_its_answers_go(
    browser: httpx.AsyncClient, vk: VK, resources: Resources
) -> None:
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, vk.page.id)).sending_stopped_reason = "Ключ отозван."
    html = (await browser.get("/events?tab=sending")).text
    assert tab_counts(html)[2] == "1"
    assert "Ключ отозван." in html
    assert (await browser.post(f"/pages/{vk.page.id}/sending")).status_code == 303
    assert (await only(resources, PublicPage)).sending_stopped_reason is None
    assert Job.DELIVER_ANSWERS in resources.database.queue.nudges  # type: ignore[attr-defined]
    assert (await only(resources, AuditEntry)).action == "sending_resumed"
    assert (await browser.post("/pages/999/sending")).status_code == 404


async def test_all_answers_gone_says_so(browser: httpx.AsyncClient, vk: VK) -> None:
    assert "Все ответы ушли" in (await browser.get("/events?tab=sending")).text
