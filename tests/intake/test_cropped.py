"""Texts that VK cut are fetched whole, against the stand-in of its API."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.appeals.models import Appeal, HistoryEntry, Message
from app.intake.cropped import fetch_texts
from app.jobs import Job
from app.resources import Resources
from app.sandbox.vk_stand_in import VkStandIn
from tests.conftest import GROUP, NOW, VK, private

CITIZEN = 100000001
CUT = "Здравствуйте! Пишу вам"
WHOLE = "Здравствуйте! Пишу вам, потому что третий день нет отопления, батареи холодные, в квартире 14 градусов"


@pytest.fixture
async def stand_in(resources: Resources) -> AsyncIterator[Resources]:
    """Resources whose platform calls reach a stand-in that knows the whole message."""
    world = VkStandIn()
    world.add_community(GROUP, "Администрация Примерска", access_token="community-token")
    world.add_user(CITIZEN, "Ирина", "Калинкина")
    world.message(GROUP, CITIZEN, WHOLE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app)) as client:
        fields = {name: getattr(resources, name) for name in Resources.__dataclass_fields__}
        yield Resources(**{**fields, "http": client})


async def deliver_cut(vk: VK) -> None:
    content = {"message": private(CUT, 1, CITIZEN, is_cropped=True)}
    await vk.deliver(vk.event("message_new", content))
    await vk.drain()


async def test_a_cut_message_is_completed_and_judged_again(vk: VK, resources: Resources, stand_in: Resources) -> None:
    await deliver_cut(vk)
    assert Job.FETCH_TEXTS in resources.database.queue.nudges  # type: ignore[attr-defined]
    assert await fetch_texts(stand_in, NOW) == 1
    async with resources.database.transaction() as session:
        appeal = (await session.scalars(select(Appeal))).one()
        message = (await session.scalars(select(Message))).one()
        actions = [
            entry.action for entry in (await session.scalars(select(HistoryEntry).order_by(col(HistoryEntry.id)))).all()
        ]
    assert (message.text, message.is_cropped, message.edited_at) == (WHOLE, False, None)
    assert appeal.text == appeal.search_text == WHOLE
    assert appeal.topic_group == "ЖКХ"
    assert "edited" not in actions
    assert await fetch_texts(stand_in, NOW) == 0


async def test_a_refusal_is_tried_again_for_a_day(vk: VK, resources: Resources) -> None:
    await deliver_cut(vk)

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"error": {"error_code": 10, "error_msg": "Internal server error"}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        fields = {name: getattr(resources, name) for name in Resources.__dataclass_fields__}
        refused = Resources(**{**fields, "http": client})
        assert await fetch_texts(refused, NOW) == 0
        assert await fetch_texts(refused, NOW + timedelta(days=2)) == 0
    async with resources.database.transaction() as session:
        message = (await session.scalars(select(Message))).one()
    assert message.is_cropped
