"""The whole way of a request: posted, read, answered, asked for; in both notations."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.accounts.actor import Actor
from app.appeals import service
from app.appeals.models import Appeal, Message
from app.open311.requests import Asked, _statement
from app.public_pages.models import PublicPage
from app.resources import Resources
from tests.conftest import NOW
from tests.office import do, only, rows
from tests.open311.conftest import CODE, POTHOLES, CityApp
from tests.signed_in import signed_in


async def test_a_request_becomes_an_appeal_with_its_author_words_place_and_kind(
    city_app: CityApp, resources: Resources, app: FastAPI
) -> None:
    token = await city_app.send()
    assert await city_app.read(f"tokens/{token}.json") == [{"service_request_id": None, "token": token}]
    assert await city_app.drain() == 1
    appeal, message = await only(resources, Appeal), await only(resources, Message)
    assert (appeal.platform, appeal.author_name, appeal.author_external_id) == (
        "open311",
        "Тест Тестов",
        "vk:100000002",
    )
    assert appeal.text == f"Яма у дома 10\n\nАдрес: ул. Примерная, 10\nРубрика: {POTHOLES}"
    assert (appeal.post_external_id, appeal.topic_group, appeal.is_talk) == (CODE, "Дороги", False)
    assert [(one["kind"], one["url"] or one["title"]) for one in message.attachments] == [
        ("photo", "https://media.example.test/p.jpg"), ("geo", "ул. Примерная, 10"),
        ("author_contact", "test@example.test"), ("service", POTHOLES),
    ]  # fmt: skip
    assert await city_app.read(f"tokens/{token}.json") == [{"service_request_id": str(appeal.id), "token": token}]
    async with await signed_in(app, resources) as browser:
        card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "platform--open311" in card
    assert f"Рубрика: {POTHOLES}" in card


async def test_a_request_is_shown_with_its_state_and_nothing_of_its_author(
    city_app: CityApp, resources: Resources, operator: Actor
) -> None:
    await city_app.send(phone="+7 900 000-00-01")
    await city_app.drain()
    appeal = await only(resources, Appeal)
    answer = await city_app.get(f"requests/{appeal.id}.json")
    (request,) = answer.json()
    assert request == {
        "service_request_id": str(appeal.id), "status": "open", "status_notes": request["status_notes"],
        "service_name": POTHOLES, "service_code": CODE, "description": "Яма у дома 10",
        "agency_responsible": request["agency_responsible"], "service_notice": None,
        "requested_datetime": "2026-11-23T12:00:00+06:00", "updated_datetime": "2026-11-23T12:00:00+06:00",
        "expected_datetime": request["expected_datetime"], "address": "ул. Примерная, 10", "address_id": None,
        "zipcode": None, "lat": 55.751244, "long": 37.618423, "media_url": "https://media.example.test/p.jpg",
    }  # fmt: skip
    assert request["agency_responsible"]
    assert request["expected_datetime"].endswith("+06:00")
    for secret in ("Тестов", "100000002", "test@example.test", "900 000"):
        assert secret not in answer.text


async def test_an_answer_is_the_note_to_a_closed_request(
    city_app: CityApp, resources: Resources, operator: Actor
) -> None:
    await city_app.send()
    await city_app.drain()
    appeal_id = (await only(resources, Appeal)).id or 0
    city_app.now += timedelta(hours=1)
    await do(resources, service.answer, appeal_id, "Яму засыпали.", operator, now=city_app.now)
    (before,) = await city_app.read(f"requests/{appeal_id}.json")
    assert (before["status"], before["status_notes"]) == ("open", "В работе")
    await city_app.deliver()
    (after,) = await city_app.read(f"requests/{appeal_id}.json")
    assert (after["status"], after["status_notes"], after["expected_datetime"]) == ("closed", "Яму засыпали.", None)
    assert after["updated_datetime"] > after["requested_datetime"]
    assert operator.label not in str(after)


async def test_a_request_closed_without_an_answer_says_why(
    city_app: CityApp, resources: Resources, operator: Actor
) -> None:
    await city_app.send()
    await city_app.drain()
    appeal_id = (await only(resources, Appeal)).id or 0
    await do(resources, service.close, appeal_id, "duplicate", operator, now=city_app.now)
    (request,) = await city_app.read(f"requests/{appeal_id}.json")
    assert (request["status"], request["status_notes"]) == ("closed", "Повтор другого обращения")


async def test_the_least_that_a_request_must_say(city_app: CityApp, resources: Resources) -> None:
    nothing = dict.fromkeys(
        ("address_string", "account_id", "first_name", "last_name", "email", "description", "media_url"), ""
    )
    await city_app.send(**nothing, service_code="other")
    await city_app.drain()
    appeal = await only(resources, Appeal)
    assert (appeal.author_name, appeal.author_external_id) == (None, f"request:{appeal.external_id}")
    (request,) = await city_app.read(f"requests/{appeal.id}.json")
    assert (request["description"], request["service_name"], request["address"]) == ("", "Другое", None)


async def test_answers_to_questions_that_nobody_asked_are_kept(city_app: CityApp, resources: Resources) -> None:
    await city_app.send(**{"attribute[SIZE]": "L", "attribute[WHEN][]": ["утро", "вечер"]})
    await city_app.drain()
    assert "Яма у дома 10\n\nSIZE: L\nWHEN: утро, вечер\n\nАдрес:" in (await only(resources, Appeal)).text


async def test_a_request_posted_again_within_the_hour_is_one_appeal(city_app: CityApp, resources: Resources) -> None:
    answers = await asyncio.gather(*(city_app.post() for _ in range(5)))
    assert len({answer.text for answer in answers}) == 1
    await city_app.send(description="Другая яма")
    city_app.now += timedelta(hours=1)
    await city_app.send()
    await city_app.drain()
    assert len(await rows(resources, Appeal)) == 3


async def test_an_application_may_name_its_repeats_itself(city_app: CityApp, resources: Resources) -> None:
    first = await city_app.post({"Idempotency-Key": "report-1"})
    city_app.now += timedelta(days=1)
    again = await city_app.post({"Idempotency-Key": "report-1"})
    other = await city_app.post({"Idempotency-Key": "report-2"})
    assert first.text == again.text
    assert other.text != first.text


async def three_requests(city_app: CityApp, resources: Resources, operator: Actor) -> list[str]:
    """The ids of three requests, a day apart: potholes, other, potholes; the last is closed."""
    for number, code in enumerate((CODE, "other", CODE)):
        city_app.now = NOW + timedelta(days=number)
        await city_app.send(description=f"Заявка {number}", service_code=code)
        await city_app.drain()
    found = await rows(resources, Appeal)
    await do(resources, service.close, found[2].id or 0, "spam", operator, now=city_app.now)
    return [str(appeal.id) for appeal in found]


async def ids(city_app: CityApp, **query: str) -> list[str]:
    return [one["service_request_id"] for one in await city_app.read("requests.json", **query)]


async def test_requests_are_found_by_number_kind_state_and_time(
    city_app: CityApp, resources: Resources, operator: Actor
) -> None:
    first, second, third = await three_requests(city_app, resources, operator)
    assert await ids(city_app) == [third, second, first]
    assert await ids(city_app, service_request_id=f"{first}, {third},0,x", status="open") == [third, first]
    assert await ids(city_app, service_code=f"{CODE},none") == [third, first]
    assert await ids(city_app, service_code="none") == []
    assert await ids(city_app, status="open") == [second, first]
    assert await ids(city_app, status="closed") == [third]
    assert await ids(city_app, status="open,closed") == [third, second, first]
    assert await ids(city_app, start_date="2026-11-24T12:00:00+06:00") == [third, second]
    assert await ids(city_app, end_date="2026-11-24T06:00:00Z") == [second, first]
    assert await ids(city_app, start_date="2026-11-24T06:00:00Z", end_date="2026-11-24T06:00:01Z") == [second]
    city_app.now = NOW + timedelta(days=91)
    assert await ids(city_app) == [third, second]
    assert await ids(city_app, end_date="2026-11-24T06:00:00Z") == [second, first]


async def test_another_page_sees_none_of_them(
    city_app: CityApp, resources: Resources, city_page: PublicPage, page: PublicPage
) -> None:
    await city_app.send()
    await city_app.drain()
    appeal = await only(resources, Appeal)
    async with resources.database.transaction() as session:
        (await session.get_one(Appeal, appeal.id)).page_id = page.id or 0
    assert await ids(city_app) == []
    assert (await city_app.get(f"requests/{appeal.id}.json")).status_code == 404


async def test_xml_says_the_same_as_json(city_app: CityApp, resources: Resources) -> None:
    await city_app.send(description="Яма <b> & \x0b\x01 «кавычки»")
    await city_app.drain()
    (request,) = await city_app.read("requests.json")
    root = await city_app.read_xml("requests.xml")
    (element,) = root
    assert (root.tag, element.tag) == ("service_requests", "request")
    told = {child.tag: child.text for child in element}
    assert told == {
        name: (None if value is None else str(value).replace("\x0b", "\ufffd").replace("\x01", "\ufffd"))
        for name, value in request.items()
    }
    assert (await city_app.get("requests.xml")).text.startswith("<?xml version='1.0' encoding='utf-8'?>")


async def test_many_requests_cost_as_many_queries_as_one(
    city_app: CityApp, resources: Resources, engine: AsyncEngine
) -> None:
    async def count() -> int:
        statements: list[str] = []

        def note(*arguments: Any) -> None:
            statements.append(arguments[2])

        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await city_app.read("requests.json")
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        return len(statements)

    await city_app.send()
    await city_app.drain()
    few = await count()
    for number in range(20):
        await city_app.send(description=f"Заявка {number}")
    await city_app.drain()
    assert len(await ids(city_app)) == 21
    assert await count() == few == 3


async def test_requests_are_read_by_indexes(resources: Resources, city_page: PublicPage) -> None:
    statement = _statement(city_page.id or 0, Asked(since=NOW, until=NOW + timedelta(days=90)))
    compiled = str(statement.compile(resources.database.engine, compile_kwargs={"literal_binds": True}))
    async with resources.database.transaction() as session:
        for way in ("seqscan", "mergejoin", "hashjoin"):  # by which only a table of a few rows is read
            await session.execute(text(f"SET LOCAL enable_{way} = off"))
        plan = "\n".join(await session.scalars(text(f"EXPLAIN {compiled}")))
    assert "Seq Scan" not in plan
    assert "ix_appeal_open311" in plan
    assert "Sort" not in plan
    assert "message_page_id_key_key" in plan


@pytest.mark.parametrize("notation", ["json", "xml"])
async def test_the_interface_describes_itself(city_app: CityApp, notation: str) -> None:
    for path in ("discovery", "services", f"services/{CODE}", "requests"):
        answer = await city_app.get(f"{path}.{notation}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].endswith("charset=utf-8")
    discovery = await city_app.read("discovery.json")
    (endpoint,) = discovery["endpoints"]
    assert endpoint["url"] == "http://test/open311/v2/city-key"
    assert endpoint["formats"] == ["text/xml", "application/json"]


async def test_services_are_the_topics_with_their_groups_under_codes_that_stay(city_app: CityApp) -> None:
    services = await city_app.read("services.json", jurisdiction_id="primersk.example")
    by_code = {one["service_code"]: one for one in services}
    assert len(by_code) == len(services) > 100
    assert by_code[CODE] == {
        "service_code": CODE, "service_name": POTHOLES, "description": POTHOLES, "metadata": False, "type": "batch",
        "keywords": "Дороги", "group": "Дороги",
    }  # fmt: skip
    assert CODE == "7849d0cd"
    assert not [one for one in services if "★" in one["service_name"]]
    assert await city_app.read(f"services/{CODE}.json") == {"service_code": CODE, "attributes": []}
    root = await city_app.read_xml("services.xml")
    assert (root.tag, root[0].tag, root[0].findtext("metadata")) == ("services", "service", "false")
    definition = await city_app.read_xml(f"services/{CODE}.xml")
    assert (definition.tag, definition.findtext("service_code")) == ("service_definition", CODE)
