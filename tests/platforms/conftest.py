"""A VKontakte of our own and a page that talks to it."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials
from app.sandbox.vk_stand_in import VkStandIn

GROUP = 200_000_001
CITIZEN = 100_000_002
NEIGHBOUR = 100_000_003
VK_URL = "http://vk.test"
CALLBACK_URL = "http://appeals.test/webhooks/vk/key"


@dataclass
class Receiver:
    """The page's webhook address: keeps what came and answers as told, else as `respond` says: `ok`."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)
    respond: Callable[[dict[str, Any]], httpx.Response] = lambda _: httpx.Response(200, text="ok")

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        self.headers.append(request.headers)
        return self.answers.pop(0) if self.answers else self.respond(self.bodies[-1])

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(
        str(GROUP),
        secret="vkSecretExample123",
        confirmation="c0nf1rm",
        access_token="community-token",
        user_token="administrator-token",
    )


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def stand_in(receiver: Receiver) -> AsyncIterator[VkStandIn]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(receiver.handle))
    stand_in = VkStandIn(client=client, retry_delays_seconds=(0.0, 0.0))
    stand_in.add_community(
        GROUP,
        "Администрация Примерска",
        access_token="community-token",
        user_token="administrator-token",
        confirmation="c0nf1rm",
        callback_url=CALLBACK_URL,
        secret="vkSecretExample123",
    )
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    stand_in.add_user(NEIGHBOUR, "Пётр")
    stand_in.add_post(GROUP, "Ремонт дорог", post_id=700)
    yield stand_in
    await stand_in.aclose()
    await client.aclose()


@pytest.fixture
async def vk_client(stand_in: VkStandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app), base_url=VK_URL) as client:
        yield client
