"""Danger on the screen: on the row, on the card, in the frame of every page; said and taken back by one key."""

import json
from datetime import timedelta

from app.accounts.models import Role
from app.appeals.models import Appeal
from app.time import utc_now
from tests.appeals.conftest import Browser, SignIn
from tests.conftest import NOW, VK
from tests.office import ROAD, THANKS, only, opened, rows

FIRE = "Горит сарай на Полевой, огонь идёт на соседний дом!"


async def test_the_card_says_which_danger_in_which_words_and_marks_them(browser: Browser, vk: VK) -> None:
    appeal = await opened(vk, FIRE)
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "Возможна угроза жизни: пожар." in card
    assert "«Горит сарай»" in card
    assert '<mark class="mark--danger"><span class="sr">опасность: </span>Горит сарай</mark>' in card
    assert 'data-key="Shift+KeyO">Не опасно' in card
    calm = await opened(vk, ROAD, 2, 100000003)
    assert "угроза жизни:" not in (await browser.get(f"/appeals/{calm.id}")).text


async def test_not_dangerous_is_one_form_and_so_is_taking_it_back(browser: Browser, vk: VK) -> None:
    appeal = await opened(vk, FIRE)
    address = f"/appeals/{appeal.id}/alarm"
    card = (await browser.post(address, htmx_on=f"/appeals/{appeal.id}", is_danger="false", version=1)).text
    assert "Признано неопасным: Имя operator" in card
    assert "Вернуть тревогу" in card
    assert "mark--danger" not in card
    assert (await only(vk.resources, Appeal)).danger is None
    card = (await browser.post(address, htmx_on=f"/appeals/{appeal.id}", is_danger="true", version=2)).text
    assert "Возможна угроза жизни: пожар." in card
    assert (await browser.post(address, is_danger="maybe")).status_code == 422
    assert (await browser.post(address, htmx_on="/queue", is_danger="false", version=1)).status_code == 409


async def test_a_department_sees_the_danger_and_does_not_judge_it(sign_in: SignIn, vk: VK) -> None:
    appeal = await opened(vk, FIRE)
    code = appeal.routing["department"]
    doctor = await sign_in(Role.DEPARTMENT, code)
    card = (await doctor.get(f"/appeals/{appeal.id}")).text
    assert "Возможна угроза жизни" in card
    assert "Не опасно" not in card
    assert (await doctor.post(f"/appeals/{appeal.id}/alarm", is_danger="false")).status_code == 403


async def test_the_urgent_have_a_counted_tab_and_their_rows_name_the_danger(browser: Browser, vk: VK) -> None:
    await opened(vk, ROAD, 1)
    await opened(vk, FIRE, 2, 100000003)
    page = (await browser.get("/queue?tab=urgent")).text
    assert 'aria-current="page">Срочные <span class="tab__n tab__n--bad">1</span>' in page
    assert '<span class="sr">возможна угроза жизни: </span><span class="clip">пожар</span>' in page
    assert FIRE in page
    assert ROAD not in page


async def test_every_page_says_that_somebody_is_in_danger_until_somebody_takes_it(browser: Browser, vk: VK) -> None:
    assert 'class="chip chip--bad urgent"' not in (await browser.get("/events")).text
    appeal = await opened(vk, FIRE)
    assert "Срочные: 1" in (await browser.get("/events")).text
    assert "Срочные: 1" in (await browser.get("/queue/urgent", htmx_on="/events")).text
    await browser.post(f"/appeals/{appeal.id}/assignment")
    assert "Срочные" not in (await browser.get("/queue/urgent", htmx_on="/events")).text
    assert "Срочные" in (await browser.get("/queue")).text, "its tab stays"


async def test_a_fresh_alarm_is_news_for_two_minutes(browser: Browser, vk: VK) -> None:
    appeal = await opened(vk, FIRE)
    assert "HX-Trigger" not in (await browser.get("/queue/urgent", htmx_on="/events")).headers, "it is long ago"
    now = utc_now()
    async with vk.resources.database.transaction() as session:
        stored = await session.get_one(Appeal, appeal.id)
        alarm = stored.judgement["alarm"] | {"at": now.isoformat()}
        stored.judgement = stored.judgement | {"alarm": alarm}
    for address in ("/queue/urgent", f"/queue/changes?ids={appeal.id}"):
        answer = await browser.get(address, htmx_on="/queue")
        (news,) = json.loads(answer.headers["HX-Trigger"])["alarms"]
        assert news["href"] == f"/appeals/{appeal.id}"
        assert news["text"].startswith("Возможна угроза жизни: пожар. «Горит сарай")
    assert now - NOW > timedelta(minutes=2)


async def test_danger_that_comes_to_light_after_taking_is_news_and_stays_with_who_took_it(
    browser: Browser, sign_in: SignIn, vk: VK
) -> None:
    await vk.message(ROAD, 1)
    await vk.drain()
    appeal = await only(vk.resources, Appeal)
    await browser.post(f"/appeals/{appeal.id}/assignment")
    now = utc_now()
    await vk.message("Помогите, горит дом, внутри люди!", 2)
    await vk.drain(now)
    held = await only(vk.resources, Appeal)
    assert held.judgement["alarm"]["held_by"] == held.assignee_id
    answer = await browser.get("/queue/urgent", htmx_on="/events")
    assert "Срочные: 1" in answer.text, "who took it must hear of it"
    assert "alarms" in answer.headers["HX-Trigger"]
    colleague = await sign_in(Role.MANAGER)
    answer = await colleague.get("/queue/urgent", htmx_on="/events")
    assert "Срочные: 1" not in answer.text, "it is in somebody's hands"
    assert "alarms" in answer.headers["HX-Trigger"]
    await browser.post(f"/appeals/{appeal.id}/alarm", htmx_on=f"/appeals/{appeal.id}", is_danger="false")
    assert "Срочные" not in (await browser.get("/queue/urgent", htmx_on="/events")).text
    await browser.post(f"/appeals/{appeal.id}/alarm", htmx_on=f"/appeals/{appeal.id}", is_danger="true")
    assert "Срочные: 1" in (await browser.get("/queue/urgent", htmx_on="/events")).text
    await colleague.post(f"/appeals/{appeal.id}/assignment")
    assert (await only(vk.resources, Appeal)).assignee_id != held.assignee_id
    for one in (browser, colleague):
        assert "Срочные" not in (await one.get("/queue/urgent", htmx_on="/events")).text, "who took it over knew of it"


async def test_the_kind_is_shown_and_the_list_can_be_narrowed_by_it(browser: Browser, vk: VK) -> None:
    await opened(vk, ROAD, 1)
    await opened(vk, "Прошу отремонтировать крыльцо поликлиники", 2, 100000003)
    kinds = {appeal.text: appeal.message_kind for appeal in await rows(vk.resources, Appeal)}
    assert kinds[ROAD] == "question"
    page = (await browser.get("/queue?kind=question")).text
    assert ROAD in page
    assert "крыльцо" not in page
    assert '<span class="chip row__kind">вопрос</span>' in page
    assert "вид <b>вопрос</b>" in page
    assert (
        '<option value="question" selected>вопрос</option>'
        in (await browser.get("/queue/conditions?kind=question")).text
    )
    assert ">вопрос</span>" in (await browser.get("/appeals/1")).text


async def test_talk_says_how_sure_it_is_and_goes_both_ways(browser: Browser, vk: VK) -> None:
    appeal = await opened(vk, THANKS)
    page = (await browser.get("/queue?tab=talk")).text
    assert THANKS in page
    assert "не больше 0,5&nbsp;% обращений" in page
    assert "Это разговор" not in (await browser.get(f"/appeals/{appeal.id}")).text
    card = await browser.post(f"/appeals/{appeal.id}/confirmation", htmx_on=f"/appeals/{appeal.id}")
    assert "Это разговор, а не обращение" in card.text
    card = await browser.post(f"/appeals/{appeal.id}/talk", htmx_on=f"/appeals/{appeal.id}")
    assert "Модель сочла это разговором" in card.text
    assert (await only(vk.resources, Appeal)).is_talk


async def test_doubt_is_said_in_a_sentence(browser: Browser, vk: VK) -> None:
    unclear = await opened(vk, "Ну и что теперь с этим делать, когда ответите")
    card = (await browser.get(f"/appeals/{unclear.id}")).text
    assert 'class="small doubt"' in card
    assert "Группы она тоже не знает." in card or "Уверена она только в группе" in card
