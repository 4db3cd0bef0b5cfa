"""A city application with the key of its page."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from app.appeals.delivery import deliver_batch
from app.intake import webhooks
from app.intake.service import drain_batch
from app.open311 import api
from app.open311.services import code_of
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page
from app.resources import Resources
from tests.conftest import NOW

KEY = "open311KeyExample123"
POTHOLES = "Ямы и выбоины на дороге"
CODE = code_of(POTHOLES)
REQUEST = {
    "api_key": KEY, "jurisdiction_id": "primersk.example", "service_code": CODE, "lat": "55.751244",
    "long": "37.618423", "address_string": "ул. Примерная, 10", "account_id": "vk:100000002", "first_name": "Тест",
    "last_name": "Тестов", "email": "test@example.test", "description": "Яма у дома 10",
    "media_url": "https://media.example.test/p.jpg",
}  # fmt: skip


@pytest.fixture
async def city_page(resources: Resources) -> PublicPage:
    """The page through which a city application sends."""
    async with resources.database.transaction() as session:
        return await add_page(
            session, resources.vault, platform="open311", credentials=Credentials("city-app-1", KEY),
            name="Приложение Примерска", territory_code="52701000", now=NOW, key="city-key",
        )  # fmt: skip


@dataclass
class CityApp:
    """The application. `now` is what the service's clock shows."""

    client: httpx.AsyncClient
    resources: Resources
    now: datetime = NOW

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask for something below the address of the page."""
        return await self.client.get(f"/open311/v2/city-key/{path}", params=query)

    async def read(self, path: str, **query: Any) -> Any:
        """The same, as JSON."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return json.loads(answer.content)

    async def read_xml(self, path: str, **query: Any) -> ElementTree.Element:
        """The same, as XML."""
        answer = await self.get(path, **query)
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        return ElementTree.fromstring(answer.content)

    async def post(self, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        """Post a request."""
        return await self.client.post(
            "/open311/v2/city-key/requests.json", data=REQUEST | changes, headers=headers or {}
        )

    async def send(self, **changes: Any) -> str:
        """Post a request that is taken; its token."""
        answer = await self.post(**changes)
        assert answer.status_code == 200, answer.text
        (row,) = answer.json()
        token: str = row["token"]
        return token

    async def drain(self) -> int:
        """The worker reads what waits."""
        return await drain_batch(self.resources, self.now)

    async def deliver(self) -> int:
        """The worker sends what is due."""
        return await deliver_batch(self.resources, self.now)


@pytest.fixture
def city_app(
    client: httpx.AsyncClient, resources: Resources, city_page: PublicPage, monkeypatch: pytest.MonkeyPatch
) -> CityApp:
    """A city application at NOW."""
    city_app = CityApp(client, resources)
    for module in (api, webhooks):
        monkeypatch.setattr(module, "utc_now", lambda: city_app.now)
    return city_app
