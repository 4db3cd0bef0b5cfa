"""A Viber of our own for the tests, and the page that talks to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from app.platforms.base import Credentials
from app.sandbox.viber_stand_in import ViberStandIn

PAGE = "pa:1000000001"
CITIZEN = "01234567890AB+DE/GHIJA=="
TOKEN = "4453b6ac12345678-1234567890abcdef-ab12"
VIBER_URL = "http://viber.test"
WEBHOOK_URL = "http://appeals.test/webhooks/viber/key"
CREDENTIALS = Credentials(PAGE, access_token=TOKEN)


@dataclass
class Receiver:
    """The page's webhook address: keeps what came and answers as told, 200 by default."""

    requests: list[httpx.Request] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(request.content) for request in self.requests]

    @property
    def types(self) -> list[str]:
        return [event["event"] for event in self.events]


@dataclass
class Viber:
    """The stand-in, a client of its API, and what came to the webhook. `monotonic` is its clock of limits."""

    stand_in: ViberStandIn
    client: httpx.AsyncClient
    receiver: Receiver
    monotonic: list[float]


@asynccontextmanager
async def viber_world() -> AsyncIterator[Viber]:
    """One bot with its webhook set, one citizen who is not subscribed yet."""
    receiver, monotonic = Receiver(), [0.0]
    async with httpx.AsyncClient(transport=httpx.MockTransport(receiver.handle)) as callbacks:
        stand_in = ViberStandIn(client=callbacks, monotonic=lambda: monotonic[0], retry_delays_seconds=(0.0, 0.0))
        stand_in.add_page(PAGE, "Администрация Примерска", access_token=TOKEN, callback_url=WEBHOOK_URL)
        stand_in.add_user(CITIZEN, "Анна", "Примерова")
        transport = httpx.ASGITransport(stand_in.app)
        async with httpx.AsyncClient(transport=transport, base_url=VIBER_URL) as client:
            yield Viber(stand_in, client, receiver, monotonic)
        await stand_in.aclose()
