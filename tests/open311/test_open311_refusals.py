"""What the interface refuses, in its own form of refusal."""

from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import func, select

from app.errors import Unavailable
from app.intake.inbox import Inbox
from app.intake.models import InboxEvent
from app.platforms.base import Credentials
from app.public_pages import service as public_pages
from app.public_pages.models import PublicPage
from app.resources import Resources
from tests.conftest import NOW
from tests.open311.conftest import KEY, CityApp


async def stored(resources: Resources) -> int:
    async with resources.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(InboxEvent)) or 0


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"api_key": ""}, 403, "api_key"),
        ({"api_key": KEY + "x"}, 403, "api_key"),
        ({"api_key": "ключ"}, 403, "api_key"),
        ({"service_code": ""}, 400, "service_code"),
        ({"service_code": "\x00"}, 400, "service_code"),
        ({"service_code": "unknown"}, 404, "service_code"),
        ({"lat": "", "long": "", "address_string": ""}, 400, "место"),
        ({"lat": "55.7", "long": ""}, 400, "lat и long"),
        ({"lat": "91", "long": "37"}, 400, "lat и long"),
        ({"lat": "nan", "long": "37"}, 400, "lat и long"),
        ({"description": "я" * 4001}, 400, "description"),
        ({"first_name": "я" * 301}, 400, "first_name"),
        ({"media_url": "javascript:alert(1)"}, 400, "media_url"),
        ({"attribute[X]": "я" * 301}, 400, "attribute"),
        ({f"attribute[{number}]": "x" for number in range(21)}, 400, "attribute"),
    ],
)
async def test_a_wrong_request_is_refused_with_its_reason_and_not_stored(
    city_app: CityApp, resources: Resources, changes: dict[str, Any], status: int, words: str
) -> None:
    answer = await city_app.post(**changes)
    assert answer.status_code == status
    ((refusal),) = answer.json()
    assert refusal["code"] == status
    assert words in refusal["description"]
    assert await stored(resources) == 0


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("services/none", {}, 404),
        ("tokens/none", {}, 404),
        ("tokens/a%00b", {}, 404),
        ("requests/7", {}, 404),
        ("requests/x", {}, 404),
        ("requests/99999999999999999999999", {}, 404),
        ("requests", {"status": "new"}, 400),
        ("requests", {"start_date": "yesterday"}, 400),
        ("requests", {"start_date": "2026-11-23T12:00:00"}, 400),
        ("requests", {"start_date": "0001-01-01T00:00:00+06:00"}, 400),
        ("requests", {"start_date": "9999-12-31T00:00:00Z"}, 400),
        ("requests", {"end_date": "0001-01-02T00:00:00Z"}, 400),
        ("requests", {"start_date": "2026-08-01T00:00:00Z", "end_date": "2026-11-01T00:00:00Z"}, 400),
        ("requests", {"start_date": "2026-11-02T00:00:00Z", "end_date": "2026-11-01T00:00:00Z"}, 400),
        ("nothing", {}, 404),
    ],
)
async def test_a_wrong_question_is_refused_in_the_notation_of_the_address(
    city_app: CityApp, path: str, query: dict[str, str], status: int
) -> None:
    as_json = await city_app.get(f"{path}.json", **query)
    as_xml = await city_app.get(f"{path}.xml", **query)
    assert (as_json.status_code, as_xml.status_code) == (status, status)
    (refusal,) = as_json.json()
    root = ElementTree.fromstring(as_xml.content)
    assert (root.tag, root[0].tag) == ("errors", "error")
    assert root.findtext("error/code") == str(refusal["code"]) == str(status)
    assert root.findtext("error/description") == refusal["description"]


@pytest.mark.parametrize("path", ["services", "services.yaml", "requests.html", "", "services/x/y.json"])
async def test_addresses_that_lead_nowhere_are_refused_too(city_app: CityApp, path: str) -> None:
    answer = await city_app.get(path)
    assert answer.status_code in (400, 404)
    assert "error" in answer.text or "code" in answer.text


async def test_numbers_that_are_none_find_nothing(city_app: CityApp) -> None:
    assert await city_app.read("requests.json", service_request_id="x,,99999999999999999999,-1,\x00") == []


async def test_an_unknown_page_and_one_of_another_platform_have_no_interface(
    city_app: CityApp, page: PublicPage
) -> None:
    for key in ("nobody", page.key, "a%00b"):
        answer = await city_app.client.get(f"/open311/v2/{key}/services.json")
        assert (answer.status_code, answer.json()[0]["code"]) == (404, 404)


async def test_a_new_key_is_good_at_once_and_the_old_one_soon_no_more(
    city_app: CityApp, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await city_app.send()
    monkeypatch.setattr("app.open311.api.REFRESH_SECONDS", -1.0)
    async with resources.database.transaction() as session:
        await public_pages.change_credentials(
            session, resources.vault, "open311", Credentials("city-app-1", "newOpen311Key"), NOW
        )
    assert (await city_app.post(api_key="newOpen311Key")).status_code == 200
    assert (await city_app.post()).status_code == 403


async def test_the_key_is_not_taken_from_the_address(city_app: CityApp) -> None:
    answer = await city_app.client.post(f"/open311/v2/city-key/requests.json?api_key={KEY}", data={"service_code": "x"})
    assert answer.status_code == 403


async def test_what_could_not_be_stored_is_not_acknowledged(
    city_app: CityApp, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unavailable("x")

    monkeypatch.setattr(Inbox, "store", refuse)
    answer = await city_app.post()
    assert (answer.status_code, answer.json()[0]["code"]) == (503, 503)


async def test_bodies_of_any_shape_are_refused_and_never_a_failure(city_app: CityApp) -> None:
    address = "/open311/v2/city-key/requests.xml"
    huge = await city_app.client.post(address, data={"description": "x" * 1024 * 1024})
    shapes = [
        await city_app.client.post(address, json={"api_key": KEY}),
        await city_app.client.post(address, content=b"\xff\xfe", headers={"Content-Type": "text/plain"}),
        await city_app.client.post(address, files={"api_key": ("x", b"x", "text/plain")}),
    ]
    assert huge.status_code == 413
    assert {answer.status_code for answer in shapes} == {403}
    assert all(ElementTree.fromstring(answer.content).tag == "errors" for answer in [huge, *shapes])
