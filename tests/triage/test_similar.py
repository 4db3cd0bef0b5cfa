"""Appeals with the same words, and answers given to the nearest: found by what intake wrote down."""

from datetime import timedelta

from sqlalchemy import update

from app.appeals.disclosure import masked
from app.appeals.models import Answer, AnswerState, Appeal, State, appeal_columns
from app.resources import Resources
from app.triage.precedents import Precedent, precedents
from app.triage.similar import Alike, alike
from tests.appeals.conftest import SignIn, sign_in
from tests.conftest import NOW, VK
from tests.office import DOCTOR, HEATING, ROAD, clerk, do, opened, rows

__all__ = ["sign_in"]  # a fixture
SAME_ROAD = ROAD.upper() + "!!!"
NEAR_ROAD = ROAD + " Сил нет"


async def like(resources: Resources, appeal: Appeal, **who: object) -> list[Alike]:
    return await do(resources, alike, appeal, await clerk(resources, **who))  # type: ignore[arg-type]


async def answered(vk: VK, appeal: Appeal, text: str, **values: object) -> None:
    """The appeal as if this answer had been delivered."""
    async with vk.resources.database.transaction() as session:
        session.add(
            Answer(
                appeal_id=appeal.id or 0, page_id=appeal.page_id, kind="comment", place="wall", text=text,
                author_label="Отдел", recipient_external_id="1", idempotency_key=f"key-{appeal.id}-{text[:9]}",
                state=AnswerState.DELIVERED, next_attempt_at=NOW, created_at=NOW, delivered_at=NOW, **values,
            )
        )  # fmt: skip
        await session.execute(update(Appeal).where(appeal_columns.id == appeal.id).values(state=State.ANSWERED))


async def told(vk: VK, appeal: Appeal) -> list[Precedent]:
    return await do(vk.resources, precedents, appeal, await clerk(vk.resources, login="reader"))


async def test_the_same_words_of_others_and_of_the_author_are_found_his_own_first(vk: VK, resources: Resources) -> None:
    other = await opened(vk, SAME_ROAD, 731, author=100000003)
    own = await opened(vk, NEAR_ROAD, 732, author=100000002)
    await opened(vk, DOCTOR, 733, author=100000002)
    appeal = await opened(vk, ROAD, 734, author=100000002)
    found = await like(resources, appeal)
    assert [(one.id, one.is_same_author) for one in found] == [(own.id, True), (other.id, False)]
    assert found[1].share == 1
    assert 0.55 <= found[0].share < 1


async def test_nearly_the_same_words_of_another_season_are_not_found_but_equal_ones_are(
    vk: VK, resources: Resources
) -> None:
    near, equal = await opened(vk, NEAR_ROAD, 731, author=5), await opened(vk, ROAD, 732, author=6)
    appeal = await opened(vk, ROAD, 733, author=7)
    appeal.received_at = NOW + timedelta(days=120)
    assert near.id != equal.id
    assert [one.id for one in await like(resources, appeal)] == [equal.id]


async def test_what_the_author_adds_is_compared_too(vk: VK, resources: Resources) -> None:
    await vk.message("Здравствуйте", 1)
    await vk.drain()
    (first,) = await rows(resources, Appeal)
    assert (first.fingerprint, first.likeness) == (None, [])
    await vk.message(ROAD, 2)
    await vk.drain()
    appeal = await opened(vk, ROAD, 733)
    assert [one.id for one in await like(resources, appeal)] == [first.id]


async def test_talk_of_a_few_words_has_nothing_like_it(vk: VK, resources: Resources) -> None:
    await opened(vk, "Спасибо большое", 731, author=100000003)
    assert await like(resources, await opened(vk, "Спасибо большое", 732)) == []


async def test_a_department_sees_what_is_like_its_own_among_its_own(vk: VK, resources: Resources) -> None:
    other, appeal = await opened(vk, SAME_ROAD, 731, author=100000003), await opened(vk, ROAD, 732)
    there = {"login": "else", "role": "department", "department_id": appeal.department_id + 1}
    assert await like(resources, appeal, **there) == []
    here = {"login": "here", "role": "department", "department_id": appeal.department_id}
    assert [one.id for one in await like(resources, appeal, **here)] == [other.id]


async def test_the_answer_to_the_nearest_appeal_of_the_topic_is_offered_without_the_other_citizens_data(
    vk: VK, resources: Resources
) -> None:
    near = await opened(vk, ROAD, 731, author=100000003)
    far = await opened(vk, HEATING, 732, author=100000004)
    async with resources.database.transaction() as session:
        await session.execute(update(Appeal).values(author_name="Ирина Примерова", topic=near.topic))
    await answered(vk, near, "Ирина, здравствуйте! Ямы на ул. Примерной, 5 засыпаны. Звоните 8 913 000-11-22")
    await answered(vk, far, "Здравствуйте! Тепло дадут завтра")
    appeal = await opened(
        vk, "На улице Примерной опять яма, колёса пробиваем каждый день, дорогу не отремонтировали", 733
    )
    appeal.topic = near.topic
    found = await told(vk, appeal)
    assert [one.id for one in found] == [near.id]
    assert found[0].answer == "…, здравствуйте! Ямы на … засыпаны. Звоните …"


async def test_interim_and_undelivered_answers_are_no_example(vk: VK) -> None:
    interim, lost = await opened(vk, ROAD, 731, author=100000003), await opened(vk, ROAD, 732, author=100000004)
    await answered(vk, interim, "Разбираемся", is_interim=True)
    await answered(vk, lost, "Ямы засыпаны")
    async with vk.resources.database.transaction() as session:
        await session.execute(
            update(Answer).where(Answer.appeal_id == lost.id).values(state=AnswerState.FAILED)  # type: ignore[arg-type]
        )
    assert await told(vk, await opened(vk, ROAD, 733)) == []


async def test_an_answer_in_parts_is_offered_whole(vk: VK) -> None:
    near = await opened(vk, ROAD, 731, author=100000003)
    await answered(vk, near, "Первая часть", is_continued=True)
    (first,) = await rows(vk.resources, Answer)
    await answered(vk, near, "Вторая часть", follows_id=first.id)
    (found,) = await told(vk, await opened(vk, ROAD, 733))
    assert found.answer == "Первая часть\n\nВторая часть"


async def test_the_card_shows_what_is_alike_and_offers_the_answer_as_a_draft(vk: VK, sign_in: SignIn) -> None:
    near = await opened(vk, SAME_ROAD, 731, author=100000002)
    await answered(vk, near, "Здравствуйте! Ямы засыпаны")
    appeal = await opened(vk, ROAD, 732, author=100000002)
    browser = await sign_in()
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "Тот же автор писал это же" in card
    assert "Как отвечали на похожее" in card
    assert '<p class="words" id="precedent-1">Здравствуйте! Ямы засыпаны</p>' in card
    assert 'data-draft="precedent-1" data-key="Shift+KeyE"' in card
    listed = (await browser.get(f"/appeals/{appeal.id}/similar")).text
    assert f'href="/appeals/{near.id}"' in listed
    assert "те же слова" in listed


def test_a_masked_text_names_nobody() -> None:
    text = "Марине Петровне: [id7|Марина], пишите на m.p@example.ru или @marina, дом 5, кв. 7. Марина, спасибо"
    assert masked(text, "Марина Петровна") == "… …: …, пишите на … или …, …, …. …, спасибо"
    assert masked("Ямы засыпаны", "") == "Ямы засыпаны"
