"""Everything that shows an appeal lives with one that has no words, and says why they are gone."""

import html
from datetime import datetime

import httpx
from fastapi import FastAPI
from sqlalchemy import update

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals import service as appeals
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, Appeal
from app.resources import Resources
from app.retention.citizens import forget_citizen
from app.triage.precedents import precedents
from app.triage.similar import alike
from tests.api.conftest import api
from tests.conftest import NOW, VK
from tests.forms.conftest import Citizen, citizen, form_page
from tests.office import ROAD, do, opened, rows
from tests.open311.conftest import CODE, CityApp, city_app, city_page
from tests.retention.conftest import answered, where_is, years_pass
from tests.signed_in import signed_in

__all__ = ["api", "citizen", "city_app", "city_page", "form_page"]  # fixtures of the features' own tests
AUTHOR = 100000002


def words_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return " ".join(html.unescape(answer.text).replace("\xa0", " ").split())


async def emptied(vk: VK, anna: Actor) -> Appeal:
    appeal = await answered(vk, anna, author=AUTHOR)
    await do(vk.resources, appeals.note, appeal.id or 0, "Звонил, просил поскорее", anna, now=NOW)
    await do(vk.resources, forget_citizen, vk.resources.vault, "vk", str(AUTHOR), anna, now=NOW)
    return (await rows(vk.resources, Appeal))[0]


async def test_the_card_says_when_and_why(resources: Resources, vk: VK, anna: Actor, app: FastAPI) -> None:
    appeal = await emptied(vk, anna)
    async with await signed_in(app, resources) as browser:
        shown = words_of(await browser.get(f"/appeals/{appeal.id}"))
    assert "Слова и имя удалены 23 ноя" in shown
    assert "по просьбе жителя, вернуть их нельзя" in shown
    assert (appeal.topic or "").removeprefix("★").strip() in shown
    assert "[удалено по просьбе жителя]" in shown
    assert "Слова и имя жителя удалены по просьбе жителя" in shown
    assert "Чьё это обращение, больше не известно" in shown
    assert "Житель: Житель" not in shown
    assert ROAD not in shown


async def test_the_list_shows_the_topic_and_that_the_words_are_gone(
    resources: Resources, vk: VK, anna: Actor, app: FastAPI
) -> None:
    appeal = await emptied(vk, anna)
    async with await signed_in(app, resources, Role.MANAGER) as browser:
        shown = words_of(await browser.get("/queue?tab=done"))
        assert "Слова удалены" in shown
        assert (appeal.topic or "").removeprefix("★").strip() in shown
        assert "Слова удалены" not in words_of(await browser.get("/queue?tab=done&q=дорогу"))
        assert "удалено" in words_of(await browser.get("/reports/sla/appeals?from=2026-11-01&to=2026-11-30"))
        assert (await browser.get("/quality")).status_code == 200
        assert (await browser.get(f"/appeals/{appeal.id}/similar")).status_code == 200


async def test_it_is_alike_to_nothing_and_nobodys_precedent(resources: Resources, vk: VK, anna: Actor) -> None:
    appeal = await emptied(vk, anna)
    new = await opened(vk, ROAD, comment_id=741, author=100000003)
    async with resources.database.transaction() as session:
        assert await alike(session, new, anna) == []
        assert await alike(session, appeal, anna) == []
        assert await precedents(session, new, anna) == []


async def test_the_api_tells_it_whole(resources: Resources, vk: VK, anna: Actor, api: httpx.AsyncClient) -> None:
    appeal = await emptied(vk, anna)
    card = (await api.get(f"/appeals/{appeal.id}")).json()
    assert (card["text"], card["author_name"]) == ("[удалено по просьбе жителя]", "")
    assert datetime.fromisoformat(card["depersonalised_at"]) == NOW
    assert card["judgement"]["labels"]["topic"][0]["label"] == card["topic"]
    assert {one["text"] for one in card["messages"] + card["answers"]} == {"[удалено по просьбе жителя]"}
    assert (await api.get("/appeals")).json()["items"][0]["id"] == appeal.id
    assert (await api.get("/messages")).json()["items"][0]["author_external_id"] is None
    assert (await api.get("/appeals", params={"text": "дорогу"})).json()["items"] == []


async def finish_all(resources: Resources, anna: Actor, at: datetime) -> None:
    for appeal in await rows(resources, Appeal):
        await do(resources, appeals.answer, appeal.id or 0, "Починим завтра", anna, now=at)
    while await deliver_batch(resources, at):
        pass
    assert {one.state for one in await rows(resources, Answer)} == {"delivered"}
    async with resources.database.transaction() as session:  # delivery asks the real clock
        await session.execute(update(Appeal).values(closed_at=at))


async def test_a_receipt_of_the_form_still_leads_to_the_end_of_the_matter(
    citizen: Citizen, resources: Resources, anna: Actor
) -> None:
    receipt = await citizen.send(text="zqform", name="Zqname", contact="zq@example.test", address="zqaddress")
    await citizen.drain()
    await finish_all(resources, anna, citizen.now)
    assert "zqform" in await citizen.read(receipt)
    assert await years_pass(resources) == 1
    assert await where_is(resources, "zqform", "zqname", "zq@example", "zqaddress") == {}
    shown = await citizen.read(receipt)
    assert "[удалено по сроку хранения]" in shown
    assert "Дан ответ" in shown


async def test_a_city_application_still_finds_its_request(city_app: CityApp, resources: Resources, anna: Actor) -> None:
    token = await city_app.send()
    await city_app.drain()
    await finish_all(resources, anna, city_app.now)
    assert await years_pass(resources) == 1
    assert await where_is(resources, "Тестов", "test@example", "дома 10", "Примерная, 10", "55.75") == {}
    (named,) = await city_app.read(f"tokens/{token}.json")
    (request,) = await city_app.read(f"requests/{named['service_request_id']}.json")
    assert (request["status"], request["description"]) == ("closed", "[удалено по сроку хранения]")
    assert (request["address"], request["lat"], request["service_code"]) == (None, None, CODE)
