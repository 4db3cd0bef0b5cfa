"""Names behind the ids: a convenience that never stands in anybody's way."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from app.appeals.authors import fetch_authors
from app.appeals.models import Appeal, Message
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import seal_credentials
from app.resources import Resources
from app.sandbox.vk_stand_in import VkStandIn
from app.vault import Vault
from tests.conftest import GROUP, NOW, VK
from tests.office import only, opened, rows


@pytest.fixture
async def stand_in(vk: VK) -> VkStandIn:
    stand_in = VkStandIn()
    stand_in.add_community(GROUP, "Администрация Примерска", access_token="community-token")
    stand_in.add_user(100000002, "Анна", "Примерова")
    return stand_in


@pytest.fixture
async def connected(resources: Resources, stand_in: VkStandIn) -> AsyncIterator[Resources]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app)) as client:
        yield replace(resources, http=client)


async def test_names_are_asked_for_once_a_page_and_kept_on_appeals_and_messages(
    connected: Resources, stand_in: VkStandIn, vk: VK
) -> None:
    for number in (1, 2):
        await opened(vk, comment_id=number)
    await opened(vk, comment_id=3, author=100000009)  # VKontakte does not tell this one
    assert await fetch_authors(connected) == 1
    assert [appeal.author_name for appeal in await rows(connected, Appeal)] == ["Анна Примерова"] * 2 + [None]
    assert [message.author_name for message in await rows(connected, Message)] == ["Анна Примерова"] * 2 + [None]
    (call,) = stand_in.calls("users.get")
    assert call["params"]["user_ids"] == "100000002,100000009"
    await fetch_authors(connected)
    assert stand_in.calls("users.get")[-1]["params"]["user_ids"] == "100000009"


async def test_nobody_to_name_asks_nobody(connected: Resources, stand_in: VkStandIn) -> None:
    assert await fetch_authors(connected) == 0
    assert stand_in.calls() == []


async def test_a_platform_that_fails_is_asked_again_next_time(
    connected: Resources, stand_in: VkStandIn, vk: VK
) -> None:
    await opened(vk)
    stand_in.misbehave(error_code=6)
    assert await fetch_authors(connected) == 0
    assert await fetch_authors(connected) == 1


async def test_a_page_with_unreadable_credentials_does_not_hide_the_names_of_others(
    connected: Resources, vk: VK
) -> None:
    await opened(vk)
    foreign = seal_credentials(Vault(b"x" * 32), Credentials("5", "secret"))
    async with connected.database.transaction() as session:
        page = PublicPage(
            key="other", platform="vk", external_id="5", name="Соседи", credentials=foreign, created_at=NOW
        )  # fmt: skip
        session.add(page)
        await session.flush()
        appeal = await session.get_one(Appeal, 1)
        copy = {name: getattr(appeal, name) for name in Appeal.model_fields if name != "id"}
        session.add(Appeal(**copy | {"page_id": page.id, "thread_key": "another"}))
    assert await fetch_authors(connected) == 1
    assert [appeal.author_name for appeal in await rows(connected, Appeal)] == ["Анна Примерова", None]


async def test_authors_whom_no_platform_names_hide_nobody(
    connected: Resources, vk: VK, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(vk)
    async with connected.database.transaction() as session:
        appeal = await session.get_one(Appeal, 1)
        copy = {name: getattr(appeal, name) for name in Appeal.model_fields if name != "id"}
        session.add(Appeal(**copy | {"platform": "web", "thread_key": "form:1"}))
    monkeypatch.setattr("app.appeals.authors.APPEALS_AT_ONCE", 1)
    assert await fetch_authors(connected) == 1


async def test_further_words_of_a_named_citizen_carry_the_name_at_once(connected: Resources, vk: VK) -> None:
    await opened(vk, comment_id=1)
    await fetch_authors(connected)
    await vk.comment("И фонари не горят", 2, parents_stack=[1], reply_to_comment=1)
    await vk.drain()
    appeal, (_, further) = await only(connected, Appeal), await rows(connected, Message)
    assert (further.appeal_id, further.author_name) == (appeal.id, "Анна Примерова")
