"""GET /appeals and GET /messages: fields, filters, keyset pages, refusals."""

import base64

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.accounts.models import Role
from app.accounts.service import revoke_token
from app.resources import Resources
from tests.api.conftest import HEATING, token_of
from tests.conftest import GROUP, NOW, VK

PROMISED_OF_APPEAL = {
    "id", "platform", "kind", "page_external_id", "author_external_id", "external_id", "text", "state", "topic_group",
    "topic", "agency", "confidence", "department", "department_name", "next_due_at", "received_at", "source_url",
    "is_talk", "severity", "version",
}  # fmt: skip
PROMISED_OF_MESSAGE = {
    "platform", "kind", "page_external_id", "external_id", "post_external_id", "reply_to_external_id",
    "author_external_id", "author_name", "text", "attachments", "sent_at", "edited_at", "deleted_at", "is_own",
    "appeal_id",
}  # fmt: skip


async def ids(api: httpx.AsyncClient, path: str = "/appeals", **params: object) -> list[int]:
    answer = await api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_an_item_has_every_promised_field(api: httpx.AsyncClient, three_appeals: VK) -> None:
    items = (await api.get("/appeals")).json()["items"]
    heating = items[-1]
    assert set(heating) == PROMISED_OF_APPEAL
    assert heating["text"] == HEATING
    assert (heating["platform"], heating["kind"], heating["external_id"]) == ("vk", "comment", "731")
    assert (heating["page_external_id"], heating["author_external_id"]) == (str(GROUP), "100000001")
    assert heating["received_at"].endswith("Z")
    assert heating["next_due_at"].endswith("Z")
    assert heating["department"]
    assert 0 < heating["confidence"] <= 1


async def test_the_list_is_newest_first_and_pages_join_without_gap_or_overlap(
    api: httpx.AsyncClient, three_appeals: VK
) -> None:
    first = (await api.get("/appeals", params={"limit": 2})).json()
    assert [item["id"] for item in first["items"]] == [3, 2]
    second = (await api.get("/appeals", params={"limit": 2, "cursor": first["next"]})).json()
    assert [item["id"] for item in second["items"]] == [1]
    assert second["next"] is None


async def test_a_full_last_page_has_no_next(api: httpx.AsyncClient, three_appeals: VK) -> None:
    answer = (await api.get("/appeals", params={"limit": 3})).json()
    assert len(answer["items"]) == 3
    assert answer["next"] is None


async def test_appeals_are_filtered_by_each_condition(
    api: httpx.AsyncClient, three_appeals: VK, resources: Resources
) -> None:
    async with resources.database.transaction() as session:
        await session.execute(text("UPDATE appeal SET state = 'closed', topic = 'Яма' WHERE id = 2"))
    item = (await api.get("/appeals/1")).json()
    assert await ids(api, state="closed") == [2]
    assert await ids(api, is_open="false") == [2]
    assert await ids(api, is_open="true") == [3, 1]
    assert await ids(api, topic="Яма") == [2]
    assert 1 in await ids(api, department=item["department"])
    assert await ids(api, department="no-such-department") == []
    assert await ids(api, page=GROUP) == [3, 2, 1]
    assert await ids(api, page=GROUP, platform="vk") == [3, 2, 1]
    assert await ids(api, page=GROUP, platform="ok") == []
    assert await ids(api, page="999") == []
    assert await ids(api, platform="max") == []


async def test_text_is_found_in_any_form_of_its_words(api: httpx.AsyncClient, three_appeals: VK) -> None:
    assert await ids(api, text="отоплением") == [1]
    assert await ids(api, text="дороги") == [2]
    assert await ids(api, text="ленина -отопление") == []
    assert await ids(api, text="дом or автобусы") == [3, 1]
    assert await ids(api, text="дом or автобусы", limit=1) == [3]


async def test_a_search_goes_on_behind_its_cursor(api: httpx.AsyncClient, three_appeals: VK) -> None:
    first = (await api.get("/appeals", params={"text": "дом or автобусы", "limit": 1})).json()
    assert await ids(api, text="дом or автобусы", limit=1, cursor=first["next"]) == [1]


async def test_a_list_costs_a_fixed_number_of_queries(
    api: httpx.AsyncClient, three_appeals: VK, engine: AsyncEngine
) -> None:
    statements: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    await api.get("/appeals", params={"limit": 1})
    one = len(statements)
    statements.clear()
    await api.get("/appeals")
    assert len(statements) == one
    assert sum("FROM appeal" in statement for statement in statements) == 1


async def test_every_message_is_listed_appeal_or_not(api: httpx.AsyncClient, three_appeals: VK) -> None:
    vk = three_appeals
    await vk.comment("и фото", 733, attachments=[photo()])
    await vk.deliver(vk.event("wall_reply_delete", {"owner_id": -GROUP, "id": 732, "post_id": 700}))
    await vk.drain()
    items = {item["external_id"]: item for item in (await api.get("/messages")).json()["items"]}
    assert all(set(item) >= PROMISED_OF_MESSAGE for item in items.values())
    assert items["731"]["appeal_id"] == 1
    assert items["731"]["sent_at"] == "2026-11-23T05:59:00Z"
    assert items["731"]["post_external_id"] == "700"
    assert items["732"]["deleted_at"] is not None
    assert items["733"]["attachments"][0]["kind"] == "photo"
    assert items["733"]["attachments"][0]["url"] == "https://sun9-1.userapi.com/x.jpg"
    assert items["733"]["is_own"] is False


def photo() -> dict[str, object]:
    sizes = [{"type": "x", "width": 604, "height": 400, "url": "https://sun9-1.userapi.com/x.jpg"}]
    return {"type": "photo", "photo": {"id": 1, "owner_id": 1, "sizes": sizes}}


async def test_messages_are_found_by_number_key_page_and_appeal(api: httpx.AsyncClient, three_appeals: VK) -> None:
    items = (await api.get("/messages", params={"external_id": "731"})).json()["items"]
    assert [item["text"] for item in items] == [HEATING]
    key, message_id = items[0]["key"], items[0]["id"]
    assert await ids(api, "/messages", external_id=key) == [message_id]
    assert await ids(api, "/messages", external_id=key, platform="vk") == [message_id]
    assert await ids(api, "/messages", external_id=key, platform="ok") == []
    assert await ids(api, "/messages", appeal_id=1) == [message_id]
    assert await ids(api, "/messages", page="999") == []
    assert len(await ids(api, "/messages", page=GROUP)) == 3


async def test_messages_are_paged_like_appeals(api: httpx.AsyncClient, three_appeals: VK) -> None:
    everything = await ids(api, "/messages")
    first = (await api.get("/messages", params={"limit": 2})).json()
    rest = await ids(api, "/messages", limit=2, cursor=first["next"])
    assert [item["id"] for item in first["items"]] + rest == everything


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "not base64 at all"},
        {"cursor": base64.urlsafe_b64encode(b"-5").decode().rstrip("=")},
        {"cursor": base64.urlsafe_b64encode(str(2**63).encode()).decode().rstrip("=")},
        {"cursor": "МзI"},
        {"cursor": ""},
        {"limit": 0},
        {"limit": 201},
        {"state": "lost"},
        {"platform": "facebook"},
        {"text": "a\x00b"},
        {"topic": "\x00"},
        {"page": "\x00"},
        {"is_open": "perhaps"},
    ],
)
async def test_senseless_parameters_are_refused_with_a_reason(
    api: httpx.AsyncClient, params: dict[str, object]
) -> None:
    answer = await api.get("/appeals", params=params)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/appeals", "/messages", "/appeals/1", "/reports/sla"])
async def test_without_a_good_token_nothing_is_shown(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        answer = await client.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert set(answer.json()) == {"error"}


async def test_a_revoked_token_is_refused(client: httpx.AsyncClient, resources: Resources) -> None:
    headers = {"Authorization": f"Bearer {await token_of(resources, Role.MANAGER)}"}
    assert (await client.get("/api/v1/appeals", headers=headers)).status_code == 200
    async with resources.database.transaction() as session:
        await revoke_token(session, f"система {Role.MANAGER}", now=NOW)
    assert (await client.get("/api/v1/appeals", headers=headers)).status_code == 401


async def test_a_department_token_made_by_hand_sees_nothing(api: httpx.AsyncClient, resources: Resources) -> None:
    async with resources.database.transaction() as session:
        await session.execute(text("UPDATE api_token SET role = 'department'"))
    answer = await api.get("/appeals")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_allowed"


async def test_a_frequent_word_is_found_along_the_list(
    api: httpx.AsyncClient, three_appeals: VK, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.appeals.api_queries.MOST_HITS", 1)
    assert await ids(api, text="дом or автобусы") == [3, 1]
    assert await ids(api, text="отоплением") == [1]
    assert await ids(api, text="дом or автобусы", state="closed") == []
