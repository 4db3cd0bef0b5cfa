"""The demo city's pages in the other networks: founded, and lately written to."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import httpx

from app.intake.models import InboxEvent
from app.intake.service import drain_batch
from app.platforms import PLATFORMS
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials, webhook_path
from app.resources import Resources
from app.sandbox.city import FIRST_CITIZEN_ID, City, CityPage, Story
from app.sandbox.client import StandInClient
from app.sandbox.networks import OtherNetwork
from app.sandbox.process import state_file
from app.sandbox.stand_ins import STAND_INS
from app.sandbox.visitors import Visitor

API_URL = "http://stand-in"
SECRET_BYTES = 18
BOT_NUMBER = 600_000_011


def credentials_of(page: CityPage) -> Credentials:
    """Invented keys of a page, of the shape its network gives out."""
    token = secrets.token_urlsafe(SECRET_BYTES)
    return Credentials(
        external_id=page.id,
        secret=secrets.token_urlsafe(SECRET_BYTES),
        confirmation=secrets.token_hex(4),
        access_token=f"{BOT_NUMBER}:{token}" if page.platform == "telegram" else token,
        user_token=secrets.token_urlsafe(SECRET_BYTES) if page.platform == "ok" else "",
        app_key=secrets.token_hex(8) if page.platform == "ok" else "",
        app_secret=secrets.token_hex(12) if page.platform == "ok" else "",
        discussion_id=page.discussion_id,
    )


class Guests:
    """One of the other networks on the stage, with the moment it plays at. What it delivers is taken in at once."""

    def __init__(self, resources: Resources, code: str, now: datetime) -> None:
        self._resources = resources
        self._code = code
        self._moment = now
        self._pages: dict[str, PublicPage] = {}
        self._caught: list[tuple[str, httpx.Headers, bytes]] = []
        webhooks = httpx.AsyncClient(transport=httpx.MockTransport(self._catch))
        file = state_file(resources.settings, code)
        self._stand_in = STAND_INS[code](file, client=webhooks, now=lambda: self._moment)
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(self._stand_in.app))
        self._controls = StandInClient(self._http, API_URL)

    async def found(self, page: CityPage, row: PublicPage) -> Sequence[str]:
        """Let the page exist there with its posts; the ids of the posts."""
        await self.introduce(row)
        return [str((await self._controls.add_post(page=page.id, text=text))["post"]) for text in page.posts]

    async def introduce(self, row: PublicPage) -> None:
        """Tell the network of the page and where to deliver. By hand: networks take no local addresses by API."""
        self._pages[row.key] = row
        credentials = open_credentials(self._resources.vault, row)
        webhook_url = self._resources.settings.base_url + webhook_path(row)
        await self._controls.add_page(
            page=row.external_id,
            name=row.name,
            access_token=credentials.access_token,
            **_more(row.platform, credentials, webhook_url),
        )

    async def write(self, story: Story, page: CityPage, post: str, number: int, name: str, at: datetime) -> None:
        """One citizen writes, and the service hears of it."""
        self._moment = at
        first, _, last = name.partition(" ")
        citizen = Visitor(FIRST_CITIZEN_ID + number, first, last)
        network = OtherNetwork(self._code, self._controls)
        if story.kind == "message":
            await network.message(page.id, citizen, story.text)
        else:
            await network.comment(page.id, citizen, post, story.text)
        await self.take_in(at)

    async def take_in(self, at: datetime) -> None:
        """Store what was delivered and handle it."""
        await self._stand_in.settle()
        caught, self._caught = self._caught, []
        async with self._resources.database.transaction() as session:
            session.add_all([self._event(key, headers, body, at) for key, headers, body in caught])
        await drain_batch(self._resources, at)

    async def leave(self) -> None:
        """Save the world and close."""
        await self._stand_in.aclose()
        await self._http.aclose()

    def _catch(self, request: httpx.Request) -> httpx.Response:
        self._caught.append((request.url.path.rpartition("/")[2], request.headers, request.content))
        return httpx.Response(200)

    def _event(self, key: str, headers: httpx.Headers, body: bytes, at: datetime) -> InboxEvent:
        page = self._pages[key]
        credentials = open_credentials(self._resources.vault, page)
        delivery = PLATFORMS[self._code].authenticate(credentials, headers, body)
        return InboxEvent(
            page_id=page.id or 0,
            delivery_key=delivery.key,
            event_type=delivery.event_type,
            payload=self._resources.vault.seal(body),
            received_at=at,
            next_attempt_at=at,
        )


def _more(platform: str, credentials: Credentials, webhook_url: str) -> dict[str, str]:
    """What the stand-in of this network must know besides."""
    names = {
        "telegram": ("secret", "discussion_id"),
        "max": ("secret",),
        "ok": ("user_token", "app_key", "app_secret"),
        "viber": (),
    }
    return {"callback_url": webhook_url, **{name: getattr(credentials, name) for name in names[platform]}}


async def invite(resources: Resources, city: City, rows: Mapping[str, PublicPage], now: datetime) -> None:
    """Found the pages of the other networks and let citizens write there, the oldest first."""
    for code in sorted({page.platform for page in city.page} - {"vk"}):
        guests = Guests(resources, code, now - timedelta(days=1))
        pages = {page.key: page for page in city.page if page.platform == code and page.key in rows}
        posts = {key: await guests.found(page, rows[key]) for key, page in pages.items()}
        await guests.take_in(now - timedelta(days=1))
        stories = sorted((one for one in city.guest if one.page in pages), key=lambda one: -one.ago)
        for number, story in enumerate(stories):
            post = posts[story.page][story.post - 1] if story.kind == "comment" else ""
            name = city.citizen[-1 - number % len(city.citizen)].name
            at = now - timedelta(minutes=story.ago)
            await guests.write(story, pages[story.page], post, number, name, at)
        await guests.leave()


async def point_here(resources: Resources, rows: Sequence[PublicPage], now: datetime) -> None:
    """The service may have moved to another address since these pages were founded."""
    for code in sorted({row.platform for row in rows}):
        guests = Guests(resources, code, now)
        for row in rows:
            if row.platform == code:
                await guests.introduce(row)
        await guests.leave()
