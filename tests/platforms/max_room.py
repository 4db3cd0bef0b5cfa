"""A MAX of our own for tests: the invented channel, its bot, two citizens."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed
from app.platforms.incoming import Kind
from app.platforms.max_messenger import MaxMessenger

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


async def failure(
    client: httpx.AsyncClient, message: OutgoingMessage, credentials: Credentials = CREDENTIALS
) -> SendFailed:
    """How sending fails; the token is never told."""
    with pytest.raises(SendFailed) as refusal:
        await max_messenger.send(client, MAX_URL, credentials, message)
    assert not credentials.access_token or credentials.access_token not in "".join(format_exception(refusal.value))
    return refusal.value
