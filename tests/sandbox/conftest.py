"""A small demo city, its stand-in and the service, wired to each other without a network."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import AsyncMock

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from app.intake.service import drain_batch
from app.main import create_app
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sandbox import city, demo, pages
from app.sandbox.city import City
from app.sandbox.process import state_file
from app.sandbox.vk_stand_in import VkStandIn
from app.settings import Settings
from app.time import utc_now
from tests.conftest import NOW

SMALL_CITY = """
[[page]]
key = "roads"
id = "219500002"
name = "Дороги Омска (демо)"
territory = "52701000"
sphere = "transport"
department = "omsk-city"
audience = 31900
posts = ["Ямочный ремонт идёт на двенадцати улицах."]

[[page]]
key = "city"
id = "219500001"
name = "Администрация Омска (демо)"
territory = "52701000"
sphere = "administration"
audience = 84300
posts = ["Приём вопросов недели."]

[[citizen]]
name = "Ирина Калинкина"
[[citizen]]
name = "Сергей Дубравин"

[[history]]
page = "roads"
post = 1
day = 2
at = "09:20"
text = "На Космонавтов яма на всю полосу, вчера сосед пробил два колеса. Когда заделаете?"
after = 120
reply = "Здравствуйте! Яму закрыли."

[[fresh]]
page = "city"
post = 1
left = 0.4
text = "Третий день батареи еле тёплые, в комнате 16 градусов"
"""


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    """A demonstration."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path,
        database_url=postgres_url,
        redis_url="unix:///nowhere",
        time_zone="Asia/Omsk",
        vk_api_url="http://stand-in.test",
        public_url="http://test",
        is_demo=True,
    )


@pytest.fixture
def small_city(monkeypatch: pytest.MonkeyPatch) -> City:
    """Two pages, two stories."""
    small = msgspec.toml.decode(SMALL_CITY, type=City)
    for module in (city, demo, pages):
        monkeypatch.setattr(module, "read_city", lambda: small)
    return small


class Wires(httpx.AsyncBaseTransport):
    """Requests to the stand-in's host go to the stand-in, all others to the service."""

    def __init__(self) -> None:
        self.stand_in: VkStandIn | None = None
        self.service: FastAPI | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        app = self.stand_in and self.stand_in.app if request.url.host == "stand-in.test" else self.service
        if app is None:
            raise httpx.ConnectError("nobody listens", request=request)
        return await httpx.ASGITransport(app).handle_async_request(request)


@dataclass
class Sandbox:
    """The demo city in motion."""

    app: FastAPI
    resources: Resources
    stand_in: VkStandIn
    wires: Wires
    logins: dict[str, str]

    async def page(self, external_id: int = 219500002) -> PublicPage:
        """One page of the city."""
        async with self.resources.database.transaction() as session:
            query = select(PublicPage).where(col(PublicPage.external_id) == str(external_id))
            return (await session.scalars(query)).one()

    async def drain(self) -> int:
        """Let the stand-in deliver and the worker work."""
        await self.stand_in.settle()
        return await drain_batch(self.resources, utc_now())


@pytest.fixture
async def sandbox(
    resources: Resources, settings: Settings, small_city: City, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Sandbox]:
    """Everything running. Nobody signs in with a password, so nobody waits for its hash."""
    monkeypatch.setattr("app.accounts.service.hash_password", AsyncMock(return_value="-"))
    wires = Wires()
    async with httpx.AsyncClient(transport=wires) as http:
        wired = replace(resources, http=http)
        logins = await demo.seed_demo(wired, NOW)
        wires.stand_in = VkStandIn(state_file(settings), client=http)
        wires.service = create_app(settings, wired)
        wires.service.state.resources = wired
        async with wires.service.router.lifespan_context(wires.service):
            played = Sandbox(wires.service, wired, wires.stand_in, wires, logins)
            yield played
        await played.stand_in.aclose()
