"""A client with a bearer token, and three appeals of three kinds."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.models import Role
from app.accounts.service import create_token
from app.resources import Resources
from tests.conftest import NOW, VK

HEATING = "В доме на улице Ленина третий день нет отопления, дети мёрзнут, когда включат?"
ROAD = "На перекрёстке огромная яма, машины пробивают колёса, почините дорогу"
BUS = "Автобус номер 12 опять не пришёл, ждали на остановке сорок минут"


async def token_of(resources: Resources, role: Role) -> str:
    """A fresh token of a role."""
    async with resources.database.transaction() as session:
        return await create_token(session, f"система {role}", role, now=NOW)


@pytest.fixture
async def api(app: FastAPI, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """Another system with an operator's token."""
    headers = {"Authorization": f"Bearer {await token_of(resources, Role.OPERATOR)}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers) as client:
        yield client


@pytest.fixture
async def three_appeals(vk: VK) -> VK:
    """A comment about heating (1), one about a road (2), a private message about a bus (3)."""
    await vk.comment(HEATING, 731, author=100000001)
    await vk.comment(ROAD, 732, author=100000002)
    await vk.message(BUS, 17, author=100000003)
    await vk.drain()
    return vk
