"""A Telegram of our own for tests: the invented channel, its group, its bot and two citizens."""

import json
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed
from app.platforms.incoming import Kind
from app.platforms.telegram import Telegram

CHANNEL, GROUP, BOT = "-1001000000001", "-1001000000002", 600_000_002
CITIZEN, NEIGHBOUR = "700000001", "700000002"
TOKEN = f"{BOT}:AAexampleExampleExampleExampleExample"
SECRET = "Tg_Secret-0123456789"
TELEGRAM_URL = "http://telegram.test"
CALLBACK_URL = "https://appeals.test/webhooks/telegram/key"
CREDENTIALS = Credentials(CHANNEL, secret=SECRET, access_token=TOKEN, discussion_id=GROUP)
PAGE = CREDENTIALS.identity

telegram = Telegram()
COMMENT = OutgoingMessage(
    Kind.COMMENT,
    "post",
    "Здравствуйте! Инвентарь выдадим на месте.",
    "answer-000123",
    CITIZEN,
    post_external_id="321",
    reply_to_external_id=f"{GROUP}:5001",
)
PRIVATE = OutgoingMessage(Kind.MESSAGE, "message", "Здравствуйте! Заявка принята.", "answer-000124", CITIZEN)


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
    def kinds(self) -> list[str]:
        return [name for body in self.bodies for name in body if name != "update_id"]


async def failure(
    client: httpx.AsyncClient, message: OutgoingMessage, credentials: Credentials = CREDENTIALS
) -> SendFailed:
    """How sending fails; the token is never told."""
    with pytest.raises(SendFailed) as refusal:
        await telegram.send(client, TELEGRAM_URL, credentials, message)
    assert not credentials.access_token or credentials.access_token not in "".join(format_exception(refusal.value))
    return refusal.value


RETRY, STOP, HANDS, NEVER, UNKNOWN = (
    FailureKind.RETRY,
    FailureKind.PAGE_STOPPED,
    FailureKind.HANDS_NEEDED,
    FailureKind.PERMANENT,
    FailureKind.UNKNOWN,
)
