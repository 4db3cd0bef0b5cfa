"""The service with a department's webhook receiver and a department's Open311 server beside it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.accounts.actor import Actor
from app.appeals.models import Appeal
from app.outgoing import sending
from app.outgoing.channels import add_channel
from app.outgoing.models import ChannelKind, DepartmentChannel, DepartmentDelivery
from app.outgoing.sending import tell_batch
from app.outward import OutwardTransport, outward_client
from app.resources import Resources
from tests.conftest import NOW, VK
from tests.office import clerk, do, only, opened, rows
from tests.outgoing.receiver import OUTER, Open311Server, Receiver, Wire

SECRET = "a-secret-of-the-department"
HOOK = "https://hook.example/hook?key=private"
OPEN311 = "https://open311.example/v2/"


@dataclass
class Desk:
    """Everything that a test of channels needs. Time is what the test says."""

    resources: Resources
    vk: VK
    operator: Actor
    receiver: Receiver
    open311: Open311Server
    wire: Wire
    names: dict[str, list[str]]
    now: datetime = NOW

    async def channel(self, department_id: int, kind: ChannelKind = ChannelKind.WEBHOOK, **options: Any) -> int:
        """Open a channel for this department."""
        async with self.resources.database.transaction() as session:
            code = await session.scalar(text("SELECT code FROM department WHERE id = :id"), {"id": department_id})
        url, services = (HOOK, {}) if kind is ChannelKind.WEBHOOK else (OPEN311, {"": "001"})
        values: dict[str, Any] = {
            "department": code, "kind": kind, "url": url, "secret": SECRET, "internal": (), "actor": self.operator,
            "now": self.now, "services": services,
        }  # fmt: skip
        channel, _ = await do(self.resources, add_channel, self.resources.vault, **values | options)
        return channel.id or 0

    async def appeal(self, **options: Any) -> Appeal:
        """A citizen's new appeal. Rules send this one to the same department every time."""
        return await opened(self.vk, **options)

    async def department_of_appeals(self) -> int:
        """Where the rules send it: found out with a first one, before there are channels."""
        return (await self.appeal(comment_id=700, author=100000077)).department_id

    async def tell(self, later: timedelta = timedelta(0)) -> int:
        """Send what is due, until nothing is."""
        self.now += later
        total = 0
        while count := await tell_batch(self.resources, self.now):
            total += count
        return total

    async def deliveries(self) -> list[DepartmentDelivery]:
        return await rows(self.resources, DepartmentDelivery)

    async def delivery(self) -> DepartmentDelivery:
        return await only(self.resources, DepartmentDelivery)

    async def the_channel(self) -> DepartmentChannel:
        return await only(self.resources, DepartmentChannel)


@pytest.fixture
async def desk(resources: Resources, vk: VK, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    receiver, open311, wire = Receiver(), Open311Server(), Wire()
    names = {"hook.example": [OUTER], "open311.example": [OUTER]}
    wire.inner = {
        "hook.example": httpx.ASGITransport(receiver.app),
        "open311.example": httpx.ASGITransport(open311.app),
    }

    async def resolve(host: str, port: int) -> list[str]:
        return names[host]

    async with outward_client(
        OutwardTransport(resolve=resolve, inner=wire), timeout_seconds=5, is_led_on=False
    ) as client:
        connected = replace(resources, channels=client)
        vk.resources = connected
        desk = Desk(connected, vk, await clerk(resources), receiver, open311, wire, names)
        monkeypatch.setattr(sending, "utc_now", lambda: desk.now)
        yield desk
