"""The service and a VKontakte that keeps to its documented limits and errors, talking to each other."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.actor import Actor
from app.appeals import delivery
from app.appeals import service as appeals
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, Appeal
from app.public_pages.models import PublicPage
from app.public_pages.service import webhook_path
from app.resources import Resources
from app.sandbox.vk_stand_in import VkStandIn
from tests.conftest import GROUP, NOW, SECRET, VK
from tests.office import ROAD, clerk, do, rows

CITIZEN = 100000002
TOKEN = "community-token"
REPLY = "Здравствуйте! Яму заделают до конца недели."


class Wire(httpx.AsyncBaseTransport):
    """The way to VKontakte, on which a test may do something before and after each call."""

    def __init__(self, stand_in: VkStandIn) -> None:
        self._inner = httpx.ASGITransport(stand_in.app)
        self.before: Callable[[], Awaitable[None]] | None = None
        self.after: Callable[[], Awaitable[None]] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.before is not None:
            await self.before()
        response = await self._inner.handle_async_request(request)
        if self.after is not None:
            await self.after()
        return response


@dataclass
class Office:
    """The service and VKontakte, talking to each other."""

    resources: Resources
    stand_in: VkStandIn
    vk: VK
    wire: Wire
    operator: Actor
    now: datetime = NOW
    answered: list[int] = field(default_factory=list)

    async def drain(self) -> None:
        await self.stand_in.settle()
        await self.vk.drain(self.now)

    async def comment(self, text: str = ROAD, author: int = CITIZEN) -> Appeal:
        self.stand_in.comment(GROUP, author, text, post_id=700)
        await self.drain()
        return (await rows(self.resources, Appeal))[-1]

    async def answer(self, appeal: Appeal, text: str = REPLY, **options: Any) -> Answer:
        return await do(self.resources, appeals.answer, appeal.id, text, self.operator, now=self.now, **options)

    async def deliver(self, later: timedelta = timedelta(0)) -> int:
        self.now += later
        return await deliver_batch(self.resources, self.now)

    def own_comments(self) -> list[str]:
        """What visitors of the page see of us."""
        return [comment.text for comment in self.stand_in.world.community(GROUP).comments if comment.from_id < 0]


@pytest.fixture
async def office(
    app: FastAPI, resources: Resources, vk: VK, page: PublicPage, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    callbacks = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    stand_in = VkStandIn(client=callbacks, now=lambda: NOW, retry_delays_seconds=())
    stand_in.add_community(
        GROUP, page.name, access_token=TOKEN, callback_url=f"http://test{webhook_path(page)}", secret=SECRET
    )
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    stand_in.add_post(GROUP, "Ремонт дорог", post_id=700)
    wire = Wire(stand_in)
    async with httpx.AsyncClient(transport=wire) as client:
        connected = replace(resources, http=client)
        vk.resources = connected
        office = Office(connected, stand_in, vk, wire, await clerk(resources))
        monkeypatch.setattr(delivery, "utc_now", lambda: office.now)
        yield office
    await stand_in.aclose()
    await callbacks.aclose()
