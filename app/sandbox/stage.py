"""Where the demo city is lived through: the stand-in in this process, moments in their order, webhooks taken in.

Everything goes the way of real deliveries, with the moments of the story instead of today's, and without a network.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import msgspec
from sqlalchemy import Select, func, select
from sqlmodel import col

from app.appeals.models import Answer, Message
from app.db import Database
from app.intake.models import EventState, InboxEvent
from app.intake.service import drain_batch
from app.jobs import Job, Queue
from app.platforms import PLATFORMS
from app.platforms.base import Credentials, OutgoingMessage, SentMessage
from app.platforms.incoming import Kind
from app.resources import Resources
from app.sandbox.city import CityPage
from app.sandbox.vk_stand_in import VkStandIn

Deed = Callable[[datetime], Awaitable[None]]
FOUNDED_DAYS_AGO = 20
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class DemoPage:
    """A page of the city, as registered in the service."""

    id: int
    city_page: CityPage
    credentials: Credentials


class _NoNudges(Queue):
    """A worker that runs beside need not hurry: the stage does the work itself."""

    def nudge(self, job: Job) -> None:
        """Tell nobody."""


def _noon(day: datetime, zone: str) -> datetime:
    return day.astimezone(ZoneInfo(zone)).replace(hour=12, minute=0, second=0, microsecond=0)


class Stage:
    """Deeds in the order of their moments; each may plan later ones."""

    def __init__(self, resources: Resources, pages: Mapping[str, DemoPage], now: datetime) -> None:
        self.now = now
        self.pages = pages
        self._moment = _noon(now - timedelta(days=FOUNDED_DAYS_AGO), resources.settings.time_zone)
        self._delivered: list[tuple[datetime, bytes]] = []
        self._plan: list[tuple[datetime, int, Deed]] = []
        self._count = itertools.count()
        webhooks = httpx.AsyncClient(transport=httpx.MockTransport(self._catch))
        self.stand_in = VkStandIn(client=webhooks, now=lambda: self._moment, monotonic=lambda: self._moment.timestamp())
        http = httpx.AsyncClient(transport=httpx.ASGITransport(self.stand_in.app))
        database = Database(resources.database.engine, _NoNudges(resources.settings.redis_url))
        self.resources = replace(resources, http=http, database=database)

    def plan(self, moment: datetime, deed: Deed) -> None:
        """Let this happen then; what would lie in the future does not happen."""
        if moment <= self.now:
            heapq.heappush(self._plan, (moment, next(self._count), deed))

    async def run(self) -> None:
        """Everything planned, and what it plans in turn."""
        while self._plan:
            self._moment, _, deed = heapq.heappop(self._plan)
            await deed(self._moment)
        self._moment = self.now
        await self.take_in(self.now)

    async def take_in(self, moment: datetime) -> None:
        """Store what the stand-in has delivered since the last time, and drain it."""
        await self.stand_in.settle()
        delivered, self._delivered = self._delivered, []
        async with self.resources.database.transaction() as session:
            events = [self._event(body, received_at) for received_at, body in delivered]
            session.add_all(events)
        if await drain_batch(self.resources, moment) < len(events):
            await self._until_handled([event.id for event in events])

    async def appeal_of(self, page: DemoPage, message_key: str) -> int:
        """The appeal that holds this message. Raises NoResultFound."""
        query = select(col(Message.appeal_id)).where(
            col(Message.page_id) == page.id, col(Message.key) == message_key, col(Message.appeal_id).is_not(None)
        )
        async with self.resources.database.transaction() as session:
            return (await session.execute(query)).scalar_one() or 0

    async def send(self, answer: Answer, page: DemoPage) -> SentMessage:
        """What the platform does with an answer. Raises SendFailed."""
        message = OutgoingMessage(
            kind=Kind(answer.kind),
            place=answer.place,
            text=answer.text,
            idempotency_key=answer.idempotency_key,
            author_external_id=answer.recipient_external_id,
            chat_external_id=answer.chat_external_id,
            post_external_id=answer.post_external_id,
            reply_to_external_id=answer.reply_to_external_id,
        )
        return await PLATFORMS["vk"].send(self.resources.http, "http://stand-in", page.credentials, message)

    def _catch(self, request: httpx.Request) -> httpx.Response:
        self._delivered.append((self._moment, request.content))
        return httpx.Response(200, text="ok")

    def _event(self, body: bytes, received_at: datetime) -> InboxEvent:
        group_id = str(msgspec.json.decode(body)["group_id"])
        page = next(page for page in self.pages.values() if page.credentials.external_id == group_id)
        delivery = PLATFORMS["vk"].authenticate(page.credentials, {}, body)
        return InboxEvent(
            page_id=page.id,
            delivery_key=delivery.key,
            event_type=delivery.event_type,
            payload=self.resources.vault.seal(body),
            received_at=received_at,
            next_attempt_at=received_at,
        )

    async def _until_handled(self, event_ids: list[int | None]) -> None:
        """A worker that runs beside may have claimed some of them: wait for it. Raises TimeoutError."""
        waiting = select(func.count()).where(
            col(InboxEvent.id).in_(event_ids), col(InboxEvent.state) == EventState.RECEIVED
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._number(waiting):  # noqa: ASYNC110  another process does it
                await asyncio.sleep(POLL_SECONDS)

    async def _number(self, query: Select[int]) -> int:
        async with self.resources.database.transaction() as session:
            return await session.scalar(query) or 0
