"""The departments' verbs in the browser: what is offered to whom, and what the card says after."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.accounts.models import Role
from app.appeals.models import Answer, AnswerState, Appeal, Part, State
from app.departments.models import Department
from app.public_pages.models import PublicPage
from tests.appeals.conftest import Browser, SignIn
from tests.conftest import VK
from tests.office import only, opened, other_department, rows


@pytest.fixture(autouse=True)
async def unchecked(vk: VK) -> AsyncIterator[None]:
    """Departments outlive a test."""
    yield
    async with vk.resources.database.transaction() as session:
        await session.execute(update(Department).values(is_checked=False, spheres=[]))


async def department_browser(vk: VK, sign_in: SignIn, department_id: int, login: str) -> Browser:
    code = next(one.code for one in await rows(vk.resources, Department) if one.id == department_id)
    return await sign_in(Role.DEPARTMENT, code, login)


async def test_a_department_returns_an_appeal_and_is_led_back_to_its_list(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    browser = await department_browser(vk, sign_in, appeal.department_id, "worker")
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert 'id="return"' in card
    refused = await browser.post(f"/appeals/{appeal.id}/return", reason="")
    assert "почему обращение не ваше" in refused.text
    other = await other_department(vk.resources, appeal)
    done = await browser.post(f"/appeals/{appeal.id}/return", reason="Не наша дорога", department=other.id)
    assert (done.status_code, done.url.path) == (200, "/queue")
    assert (await only(vk.resources, Appeal)).department_id == other.id
    assert (await browser.get(f"/appeals/{appeal.id}")).status_code == 404


async def test_departments_that_fit_are_offered_first(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    other = await other_department(vk.resources, appeal)
    async with vk.resources.database.transaction() as session:
        page = await session.get_one(PublicPage, appeal.page_id)
        page.sphere = "transport"
        await session.execute(update(Department).where(col(Department.id) == other.id).values(spheres=["transport"]))
    center, worker = (
        await sign_in(Role.OPERATOR, login="chief"),
        await department_browser(vk, sign_in, appeal.department_id, "worker"),
    )
    for browser, dialog in ((center, "reroute"), (center, "ask-part"), (worker, "return"), (worker, "ask-part")):
        card = (await browser.get(f"/appeals/{appeal.id}")).text
        shown = card[card.index(f'id="{dialog}"') :]
        shown = shown[: shown.index("</dialog>")]
        first, rest = shown.index("Подходят по территории и сфере"), shown.index("Остальные")
        assert first < shown.index(f'name="department" value="{other.id}"') < rest
        assert f'name="department" value="{appeal.department_id}"' not in shown


async def test_the_center_checks_a_departments_answer_on_the_card(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    async with vk.resources.database.transaction() as session:
        await session.execute(update(Department).values(is_checked=True))
    worker = await department_browser(vk, sign_in, appeal.department_id, "worker")
    await worker.post(f"/appeals/{appeal.id}/answers", text="Заделаем\r\nдо пятницы")
    assert "на проверке у центра" in (await worker.get(f"/appeals/{appeal.id}")).text
    center = await sign_in(Role.OPERATOR, login="chief")
    assert "Ответ на проверке" in (await center.get(f"/appeals/{appeal.id}")).text
    assert f'data-row="{appeal.id}"' in (await center.get("/queue?tab=check")).text
    await center.post(f"/appeals/{appeal.id}/check", verdict="approve", text="Заделаем\r\nдо пятницы")
    answer = await only(vk.resources, Answer)
    assert (answer.state, answer.text) == (AnswerState.PENDING, "Заделаем\nдо пятницы")
    assert (await worker.post(f"/appeals/{appeal.id}/check", verdict="approve")).status_code == 403


async def test_a_co_executor_is_offered_a_part_and_nothing_else(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    center = await sign_in(Role.OPERATOR, login="chief")
    other = await other_department(vk.resources, appeal)
    await center.post(f"/appeals/{appeal.id}/parts", department=other.id, question="Когда фонари?")
    helper = await department_browser(vk, sign_in, other.id or 0, "helper")
    card = (await helper.get(f"/appeals/{appeal.id}")).text
    assert "Когда фонари?" in card
    assert "Ответ жителю" not in card
    assert (await helper.post(f"/appeals/{appeal.id}/answers", text="Сами")).status_code == 404
    await helper.post(f"/appeals/{appeal.id}/part", text="В среду", verdict="give")
    assert (await only(vk.resources, Part)).text == "В среду"
    await center.post(f"/appeals/{appeal.id}/draft/parts")
    assert ">В среду</textarea>" in (await center.get(f"/appeals/{appeal.id}")).text


async def test_a_question_and_an_executor_are_chosen_on_the_card(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    worker = await department_browser(vk, sign_in, appeal.department_id, "worker")
    await worker.post(f"/appeals/{appeal.id}/answers", text="Какой дом?", kind="question")
    assert (await only(vk.resources, Answer)).is_question
    card = (await worker.get(f"/appeals/{appeal.id}")).text
    assert "уточняющий вопрос" in card
    assert "меньше всех" in card
    me = (await only(vk.resources, Appeal)).assignee_id
    await worker.post(f"/appeals/{appeal.id}/executor", user=me)
    assert (await only(vk.resources, Appeal)).state == State.IN_WORK
