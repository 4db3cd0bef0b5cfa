"""A citizen at the form of a city: opens it, fills it in, reads what became of it."""

import html
import io
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from app.appeals.delivery import deliver_batch
from app.forms import pages
from app.intake import webhooks
from app.intake.service import drain_batch
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page
from app.resources import Resources
from app.web import templating
from tests.conftest import NOW

TOKEN = re.compile(r'name="token" value="([\w-]+)"')
GPS, LATITUDE_REF, MAKE = 0x8825, 1, 0x010F
Upload = tuple[str, bytes, str]


@pytest.fixture
async def form_page(resources: Resources) -> PublicPage:
    """The form of a city, added without any secret."""
    async with resources.database.transaction() as session:
        return await add_page(
            session, resources.vault, platform="web", credentials=Credentials("site-1"), name="Сайт Примерска",
            territory_code="52701000", now=NOW, key="form-key",
        )  # fmt: skip


@dataclass
class Citizen:
    """A browser without an account. `now` is what the service's clock shows."""

    client: httpx.AsyncClient
    resources: Resources
    page: PublicPage
    now: datetime = NOW
    filled: dict[str, Any] = field(default_factory=lambda: {"text": "Во дворе не горят фонари", "consent": "yes"})

    async def open(self) -> str:
        """A fresh form; its token. The citizen takes a minute to fill it in."""
        answer = await self.client.get("/forms/form-key")
        assert answer.status_code == 200
        self.now += timedelta(minutes=1)
        return token_in(answer)

    async def post(self, token: str, photos: list[Upload] | None = None, **changes: Any) -> httpx.Response:
        """The filled form as it is sent."""
        files = [("photos", photo) for photo in photos or [("", b"", "application/octet-stream")]]
        return await self.client.post("/forms/form-key", data=self.filled | {"token": token} | changes, files=files)

    async def send(self, photos: list[Upload] | None = None, **changes: Any) -> str:
        """Open, fill in, send; the address of the receipt."""
        answer = await self.post(await self.open(), photos, **changes)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def read(self, receipt: str) -> str:
        """The page behind the receipt, without markup that a person does not see."""
        answer = await self.client.get(receipt)
        assert answer.status_code == 200
        return html.unescape(answer.text)

    async def drain(self) -> int:
        """The worker reads what waits."""
        return await drain_batch(self.resources, self.now)

    async def deliver(self) -> int:
        """The worker sends what is due."""
        return await deliver_batch(self.resources, self.now)


def token_in(answer: httpx.Response) -> str:
    """The token of the form that is shown."""
    found = TOKEN.search(answer.text)
    assert found is not None
    return found[1]


@pytest.fixture
def citizen(
    client: httpx.AsyncClient, resources: Resources, form_page: PublicPage, monkeypatch: pytest.MonkeyPatch
) -> Citizen:
    """A citizen in front of the form at NOW."""
    citizen = Citizen(client, resources, form_page)
    for module in (pages, webhooks, templating):
        monkeypatch.setattr(module, "utc_now", lambda: citizen.now)
    return citizen


def photo(side: int = 64, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """A small picture that tells where and with what it was taken."""
    image, drawn = Image.new(mode, (side, side // 2), "green" if mode == "RGB" else (0, 128, 0, 100)), io.BytesIO()
    exif = Image.Exif()
    exif[MAKE] = "Example camera"
    exif.get_ifd(GPS)[LATITUDE_REF] = "N"
    image.save(drawn, kind, exif=exif)
    return drawn.getvalue()
