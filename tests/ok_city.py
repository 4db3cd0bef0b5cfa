"""An Odnoklassniki of our own with one official group, and the wire to it, on which a test may interfere."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.platforms.base import Credentials
from app.sandbox.ok_stand_in import OkStandIn
from app.sandbox.ok_world import Comment
from tests.conftest import NOW

GROUP = "70000000000001"
CITIZEN, NEIGHBOUR = "580000000001", "580000000002"
OK_URL = "http://ok.test"
WEBHOOK_URL = "http://appeals.test/webhooks/ok/key"
CREDENTIALS = Credentials(
    GROUP,
    secret="unused",
    access_token="group-token",
    user_token="administrator-token",
    app_key="APPKEY",
    app_secret="app-secret",
)


class Wire(httpx.AsyncBaseTransport):
    """The way to Odnoklassniki, on which a test may do something before and after each call."""

    def __init__(self, stand_in: OkStandIn) -> None:
        self._inner = httpx.ASGITransport(stand_in.app)
        self.requests: list[httpx.Request] = []
        self.before: Callable[[httpx.Request], Awaitable[None]] | None = None
        self.after: Callable[[httpx.Request], Awaitable[None]] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.before is not None:
            await self.before(request)
        response = await self._inner.handle_async_request(request)
        if self.after is not None:
            await self.after(request)
        return response


@dataclass
class City:
    """The platform, the way there, and a clock that a test may turn."""

    stand_in: OkStandIn
    wire: Wire
    client: httpx.AsyncClient
    clock: list[datetime]
    delivered: list[httpx.Request] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)
    post: str = ""

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.clock[0] += timedelta(**time)

    def comment(self, text: str, user: str = CITIZEN, reply_to: str = "") -> Comment:
        """A citizen comments under the group's topic."""
        return self.stand_in.comment(GROUP, self.post, user, text, reply_to=reply_to)

    def receive(self, request: httpx.Request) -> httpx.Response:
        """The page's webhook address, where no service stands behind it."""
        self.delivered.append(request)
        return self.answers.pop(0) if self.answers else httpx.Response(200)

    def bodies(self) -> list[dict[str, Any]]:
        """What came to the webhook."""
        return [json.loads(request.content) for request in self.delivered]


@asynccontextmanager
async def ok_city(webhooks: httpx.AsyncClient | None = None, webhook_url: str = WEBHOOK_URL) -> AsyncIterator[City]:
    """A group with one topic, an administrator and two citizens. `webhooks` leads to the service."""
    clock = [NOW]
    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: city.receive(request)))
    stand_in = OkStandIn(client=webhooks or own, now=lambda: clock[0], retry_delays_seconds=(0.0, 0.0))
    wire = Wire(stand_in)
    async with httpx.AsyncClient(transport=wire) as client, own:
        city = City(stand_in, wire, client, clock)
        stand_in.add_page(
            GROUP, "Администрация Примерска", access_token="group-token", user_token="administrator-token",
            app_key="APPKEY", app_secret="app-secret", callback_url=webhook_url,
        )  # fmt: skip
        stand_in.add_user(CITIZEN, "Анна", "Примерова")
        stand_in.add_user(NEIGHBOUR, "Пётр")
        city.post = stand_in.add_post(GROUP, "Ремонт дорог").id
        yield city
        await stand_in.aclose()
