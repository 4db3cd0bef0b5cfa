"""A MAX of our own for tests: the invented channel, its bot, two citizens."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from traceback import format_exception
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed
from app.platforms.incoming import Kind
from app.platforms.max_messenger import MaxMessenger
from app.sandbox.max_stand_in import MaxStandIn

CHANNEL, BOT = "-70801090403050", "600000001"
CITIZEN, NEIGHBOUR = "500000001", "500000002"
TOKEN, SECRET = "max-token-example", "Max-Secret_0123456789"
MAX_URL = "http://max.test"
CALLBACK_URL = "https://appeals.test/webhooks/max/key"
POST = "mid.ffffbf9a7c1d2e4e019d496b34394b00"
COMMENT_ID = "mid.c0ffee0a7c1d2e4e019d496b34394b77"
DIALOG = "182182182"
CREDENTIALS = Credentials(CHANNEL, secret=SECRET, access_token=TOKEN)
PAGE = CREDENTIALS.identity

max_messenger = MaxMessenger()
COMMENT = OutgoingMessage(
    Kind.COMMENT,
    "post",
    "Здравствуйте! Воду включат 25 ноября.",
    "answer-000123",
    CITIZEN,
    post_external_id=POST,
    reply_to_external_id=COMMENT_ID,
)
PRIVATE = OutgoingMessage(
    Kind.MESSAGE, "message", "Здравствуйте! Заявка принята.", "answer-000124", CITIZEN, chat_external_id=DIALOG
)
RETRY, STOP, HANDS, NEVER, UNKNOWN = (
    FailureKind.RETRY,
    FailureKind.PAGE_STOPPED,
    FailureKind.HANDS_NEEDED,
    FailureKind.PERMANENT,
    FailureKind.UNKNOWN,
)


@dataclass
class Receiver:
    """The page's webhook address: keeps what came and answers as told, an empty 200 by default."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    answers: list[httpx.Response | Exception] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        self.headers.append(request.headers)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def types(self) -> list[str]:
        return [body["update_type"] for body in self.bodies]


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


def always(status: int, content: Any, **headers: str) -> httpx.AsyncClient:
    """A MAX that answers everything so."""
    if isinstance(content, str):
        return answering(lambda request: httpx.Response(status, text=content, headers=headers))
    return answering(lambda request: httpx.Response(status, json=content, headers=headers))


def breaking(error: Exception) -> httpx.AsyncClient:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    return answering(handle)


async def failure(
    client: httpx.AsyncClient, message: OutgoingMessage, credentials: Credentials = CREDENTIALS
) -> SendFailed:
    """How sending fails; the token is never told."""
    with pytest.raises(SendFailed) as refusal:
        await max_messenger.send(client, MAX_URL, credentials, message)
    assert not credentials.access_token or credentials.access_token not in "".join(format_exception(refusal.value))
    return refusal.value


@dataclass
class Room:
    """The stand-in with the channel, its bot, two citizens, a post and an open dialog; who receives its webhooks."""

    stand_in: MaxStandIn
    receiver: Receiver
    client: httpx.AsyncClient
    post: str
    clock: "Clock"

    async def types(self) -> list[str]:
        """What the webhook was told of by now."""
        await self.stand_in.settle()
        return self.receiver.types


@dataclass
class Clock:
    """A time that passes when told to."""

    at: datetime = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@asynccontextmanager
async def max_room(*, is_started: bool = True) -> AsyncIterator[Room]:
    """A room whose webhooks are repeated twice, at once."""
    receiver, clock = Receiver(), Clock()
    async with answering(receiver.handle) as webhook_client:
        stand_in = MaxStandIn(
            client=webhook_client, now=clock.now, monotonic=clock.seconds, retry_delays_seconds=(0.0, 0.0)
        )
        stand_in.add_page(
            CHANNEL, "Администрация Примерска", access_token=TOKEN, username="primersk", callback_url=CALLBACK_URL,
            secret=SECRET,
        )  # fmt: skip
        stand_in.add_user(CITIZEN, "Анна", "Примерова")
        stand_in.add_user(NEIGHBOUR, "Пётр")
        post = stand_in.add_post(CHANNEL, "График отключения горячей воды").mid
        if is_started:
            stand_in.message(CHANNEL, CITIZEN, "Нет воды")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app), base_url=MAX_URL) as client:
            yield Room(stand_in, receiver, client, post, clock)
        await stand_in.aclose()


async def control(room: Room, path: str, **body: Any) -> tuple[int, Any]:
    answer = await room.client.post(f"/stand-in/{path}", json=body)
    return answer.status_code, answer.json()


async def see(room: Room, path: str, **params: str) -> Any:
    return (await room.client.get(f"/stand-in/{path}", params=params)).json()
