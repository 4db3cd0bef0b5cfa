"""Callbacks of the Viber stand-in: signed with the bot's token, repeated for an hour until answered 200.

Source: Viber REST Bot API 7.3.0, "Callbacks"; its FAQ says "several times for an hour", the pauses are ours.
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec

from app.sandbox.deliveries import ANSWER_TIMEOUT_SECONDS, Deliveries, Webhook
from app.sandbox.viber_world import Account, Person, World

RETRY_DELAYS_SECONDS = (5.0, 30.0, 120.0, 600.0, 1200.0, 1600.0)
SIGNATURE_HEADER = "X-Viber-Content-Signature"
CHOSEN_BY_THE_BOT = ["delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"]
COMES_ALWAYS = {"message", "subscribed", "unsubscribed"}


class Webhooks:
    """Tells a bot's webhook what happened, if it asked for that."""

    def __init__(
        self,
        world: World,
        deliveries: Deliveries,
        client: Callable[[], httpx.AsyncClient],
        now: Callable[[], datetime],
    ) -> None:
        self._world = world
        self._deliveries = deliveries
        self._client = client
        self._now = now

    def publish(self, account: Account, event_type: str, token: int, content: dict[str, Any]) -> None:
        """Deliver one callback in the background."""
        is_wanted = event_type in COMES_ALWAYS or account.event_types is None or event_type in account.event_types
        if account.webhook and is_wanted:
            self._deliveries.send(self._webhook(account, account.webhook, event_type, token, content))

    async def is_taken(self, account: Account, url: str) -> bool:
        """Check an address as Viber does when it is set: it must answer 200 to the event `webhook`."""
        check = self._webhook(account, url, "webhook", self._world.new_token(), {"chat_hostname": "SN-CHAT-00_"})
        headers = {"Content-Type": "application/json", **check.headers}
        try:
            answer = await self._client().post(url, content=check.body, headers=headers, timeout=ANSWER_TIMEOUT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return is_acknowledged(answer)

    def timestamp(self) -> int:
        """Now, in milliseconds."""
        return int(self._now().timestamp() * 1000)

    def _webhook(self, account: Account, url: str, event_type: str, token: int, content: dict[str, Any]) -> Webhook:
        event = {"event": event_type, "timestamp": self.timestamp(), "message_token": token, **content}
        body = msgspec.json.encode(event)
        return Webhook(url, body, {SIGNATURE_HEADER: signature(account.access_token, body)})


def is_acknowledged(answer: httpx.Response) -> bool:
    """Viber wants 200 and nothing else."""
    return answer.status_code == httpx.codes.OK


def signature(token: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 of the raw body."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


def told_person(person: Person) -> dict[str, Any]:
    """A person as Viber describes him in callbacks."""
    return {
        "id": person.id,
        "name": person.name,
        "avatar": "",
        "country": "RU",
        "language": "ru",
        "api_version": person.api_version,
    }
