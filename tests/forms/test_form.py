"""The whole way of an appeal through the form: sent, read, answered, shown."""

import asyncio
from datetime import timedelta

import httpx
from fastapi import FastAPI
from sqlalchemy import delete, select

from app.accounts.actor import Actor
from app.appeals import service
from app.appeals.models import Appeal, Message, State
from app.files.keeping import place_of
from app.files.models import FileState, MessageFile, StoredFile
from app.intake.models import EventState, InboxEvent
from app.resources import Resources
from app.sla.models import Clock
from tests.forms.conftest import Citizen, photo
from tests.office import ROAD, THANKS, do, only, rows
from tests.signed_in import signed_in

ANSWER = "Фонари починим в пятницу.\nСпасибо, что сообщили."


async def test_a_form_becomes_an_appeal_with_its_author_words_place_and_photos(
    citizen: Citizen, resources: Resources
) -> None:
    await citizen.send(
        [("двор.jpg", photo(), "image/jpeg"), ("2.png", photo(kind="PNG"), "image/png")],
        text="Не горят фонари\r\nво дворе", address=" Примерск,  ул. Примерная, 10 ",
        latitude="54.98", longitude="73.36", name="Тест Тестов", contact="+7 900 000-00-01",
    )  # fmt: skip
    assert await citizen.drain() == 1
    appeal, message = await only(resources, Appeal), await only(resources, Message)
    assert (appeal.platform, appeal.kind, appeal.author_name) == ("web", "message", "Тест Тестов")
    assert appeal.author_external_id == "+7900000-00-01"
    assert appeal.text == "Не горят фонари\nво дворе\n\nАдрес: Примерск, ул. Примерная, 10"
    assert (appeal.has_attachments, appeal.page_id) == (True, citizen.page.id)
    assert message.sent_at == citizen.now
    photos = [one for one in message.attachments if one["kind"] == "photo"]
    assert len(photos) == 2
    for one in photos:
        stored = b"".join([piece async for piece in await resources.files.read(place_of(one["sha256"]))])
        assert stored.startswith(b"\xff\xd8")
        assert b"Example camera" not in stored
    place = next(one for one in message.attachments if one["kind"] == "geo")
    assert (place["latitude"], place["longitude"]) == (54.98, 73.36)
    assert [one["title"] for one in message.attachments if one["kind"] == "author_contact"] == ["+7 900 000-00-01"]
    assert [one["title"][:11] for one in message.attachments if one["kind"] == "consent"] == ["на обработк"]


async def test_the_receipt_is_good_from_the_first_second(citizen: Citizen, resources: Resources) -> None:
    receipt = await citizen.send(address="Школа № 1")
    before = await citizen.read(receipt)
    assert "<h1>Принято</h1>" in before
    assert "Во дворе не горят фонари" in before
    assert "Адрес: Школа № 1" in before
    assert "Номер обращения" not in before
    assert f"http://test{receipt}" in before
    number = (await only(resources, InboxEvent)).delivery_key.removeprefix("form:")
    assert number in before
    await citizen.drain()
    after = await citizen.read(receipt)
    appeal = await only(resources, Appeal)
    assert "Номер обращения" in after
    assert f'<dd class="strong">{appeal.id}</dd>' in after
    assert "до <time" in after


async def test_an_answer_stops_the_clock_and_is_shown_to_the_author_without_names_of_the_staff(
    citizen: Citizen, resources: Resources, operator: Actor
) -> None:
    receipt = await citizen.send(text=ROAD)
    await citizen.drain()
    appeal = await only(resources, Appeal)
    appeal_id = appeal.id or 0
    await do(resources, service.take, appeal_id, operator, now=citizen.now)
    await do(resources, service.note, appeal_id, "Тайная заметка", operator, now=citizen.now)
    assert "<h1>В работе</h1>" in await citizen.read(receipt)
    await do(resources, service.answer, appeal_id, ANSWER, operator, now=citizen.now)
    assert "починим" not in await citizen.read(receipt)
    assert await citizen.deliver() == 1
    shown = await citizen.read(receipt)
    assert "<h1>Дан ответ</h1>" in shown
    assert ANSWER in shown
    assert "Опубликован ответ" in shown
    assert operator.label not in shown
    assert "Тайная заметка" not in shown
    assert (await only(resources, Appeal)).state == State.ANSWERED
    clock = await only(resources, Clock)
    assert clock.met_at is not None


async def test_an_interim_answer_leaves_the_appeal_open(
    citizen: Citizen, resources: Resources, operator: Actor
) -> None:
    receipt = await citizen.send(text=ROAD)
    await citizen.drain()
    appeal_id = (await only(resources, Appeal)).id or 0
    await do(resources, service.answer, appeal_id, "Запросили сведения", operator, now=citizen.now, is_interim=True)
    await citizen.deliver()
    shown = await citizen.read(receipt)
    assert "<h2>Промежуточный ответ</h2>" in shown
    assert "готовится окончательный" in shown


async def test_a_closed_appeal_says_why(citizen: Citizen, resources: Resources, operator: Actor) -> None:
    receipt = await citizen.send(text=ROAD)
    await citizen.drain()
    appeal_id = (await only(resources, Appeal)).id or 0
    await do(resources, service.close, appeal_id, "duplicate", operator, now=citizen.now)
    shown = await citizen.read(receipt)
    assert "Рассмотрение закончено" in shown
    assert "Повтор другого обращения" in shown


async def test_a_past_due_time_is_not_hidden(citizen: Citizen) -> None:
    receipt = await citizen.send(text=ROAD)
    await citizen.drain()
    citizen.now += timedelta(days=30)
    assert "срок прошёл" in await citizen.read(receipt)


async def test_what_could_not_be_read_is_still_told_to_be_here(citizen: Citizen, resources: Resources) -> None:
    receipt = await citizen.send()
    async with resources.database.transaction() as session:
        event = await session.get_one(InboxEvent, 1)
        event.payload = b"damaged"
    await citizen.drain()
    assert (await only(resources, InboxEvent)).state == EventState.FAILED
    assert "обращение у нас" in await citizen.read(receipt)


async def test_a_double_click_is_one_appeal_and_one_number(citizen: Citizen, resources: Resources) -> None:
    token = await citizen.open()
    answers = await asyncio.gather(*(citizen.post(token) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {303}
    await citizen.drain()
    appeal = await only(resources, Appeal)
    for answer in answers:
        assert appeal.external_id in await citizen.read(answer.headers["location"])


async def test_other_words_from_the_same_page_are_another_appeal(citizen: Citizen, resources: Resources) -> None:
    token = await citizen.open()
    await citizen.post(token)
    await citizen.post(token, text="И ещё яма у дома 5")
    await citizen.drain()
    assert len(await rows(resources, Appeal)) == 2


async def test_the_same_words_of_two_people_are_two_appeals(citizen: Citizen, resources: Resources) -> None:
    await citizen.send()
    await citizen.send()
    await citizen.drain()
    assert len({appeal.thread_key for appeal in await rows(resources, Appeal)}) == 2


async def test_whatever_stands_in_a_form_is_an_appeal_with_a_promise(citizen: Citizen, resources: Resources) -> None:
    await citizen.send(text=THANKS)
    await citizen.drain()
    appeal, clock = await only(resources, Appeal), await only(resources, Clock)
    assert (appeal.is_talk, clock.is_counted, appeal.next_due_at) == (False, True, clock.due_at)


async def test_a_form_without_a_name_waits_for_nobody_to_tell_it(citizen: Citizen, resources: Resources) -> None:
    await citizen.send()
    await citizen.drain()
    appeal = await only(resources, Appeal)
    assert appeal.author_name is None
    assert appeal.author_external_id == f"form:{appeal.external_id}"
    assert appeal.has_attachments is False


async def test_an_operator_sees_the_photo_and_a_stranger_does_not(
    citizen: Citizen, resources: Resources, app: FastAPI, client: httpx.AsyncClient
) -> None:
    await citizen.send([("x.jpg", photo(), "image/jpeg")], contact="test@example.test", address="ул. Примерная, 10")
    await citizen.drain()
    appeal, message = await only(resources, Appeal), await only(resources, Message)
    path = f"/files/{message.attachments[0]['sha256']}"
    async with await signed_in(app, resources) as browser:
        card = (await browser.get(f"/appeals/{appeal.id}")).text
        shown = await browser.get(path)
        missing = await browser.get(path[:-1] + ("0" if path[-1] != "0" else "1"))
    assert f'src="{path}/thumbnail"' in card
    assert "Как ответить: test@example.test" in card
    assert "platform--web" in card
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert missing.status_code == 404
    assert (await client.get(path)).status_code == 303


async def test_a_photo_that_is_gone_from_the_store_does_not_stop_the_appeal(
    citizen: Citizen, resources: Resources
) -> None:
    await citizen.send([("x.jpg", photo(), "image/jpeg")])
    async with resources.database.transaction() as session:
        await session.execute(delete(StoredFile))
    await citizen.drain()
    assert (await only(resources, Appeal)).has_attachments
    async with resources.database.transaction() as session:
        file = (await session.scalars(select(MessageFile))).one()
    assert (file.state, file.sha256) == (FileState.FAILED, None)
    assert "больше нет" in (file.reason or "")
