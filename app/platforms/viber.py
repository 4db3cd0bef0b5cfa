"""Viber: a bot's private messages in, answers out. Stateless."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import httpx

from app.platforms import viber_api
from app.platforms.base import (
    Credentials,
    Delivery,
    OutgoingMessage,
    Platform,
    Repeat,
    Reply,
    SentMessage,
    WebhookRejected,
)
from app.platforms.incoming import PageIdentity, Parsed
from app.platforms.untrusted import NotJson, decode_json, integer, storable
from app.platforms.viber_events import parse_event

SIGNATURE_HEADER = "x-viber-content-signature"
TYPE_LIMIT = 64
# The answer to conversation_started could carry one welcome message: an empty body says nothing.
ACKNOWLEDGEMENT = Reply(b"")
# Besides `message`, which comes always. `seen` is not asked for: nothing follows from it.
EVENT_TYPES = ("delivered", "failed", "subscribed", "unsubscribed", "conversation_started")


class Viber(Platform):
    """Viber. Source: developers.viber.com/docs/api/rest-bot-api, version 7.3.0."""

    code = "viber"
    name = "Viber"
    rate_limit_per_second = 20.0  # Viber publishes none
    text_limit = viber_api.TEXT_LIMIT
    repeat = Repeat.SHOWN_TWICE
    proof = "access_token"

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See Platform. Viber signs every callback, the check of the address too, with the bot's own token."""
        if not credentials.access_token or not _is_signed(headers, credentials.access_token, body):
            raise WebhookRejected(403, "неверная подпись")
        event = _event(body)
        event_type = storable(event["event"])[:TYPE_LIMIT]
        if event_type == "webhook":
            return Delivery("webhook", "", ACKNOWLEDGEMENT, handshake=ACKNOWLEDGEMENT)
        return Delivery(event_type, _delivery_key(event_type, event, body), ACKNOWLEDGEMENT)

    def prove(self, credentials: Credentials, body: bytes) -> tuple[dict[str, str], bytes]:
        """See Platform. The sample goes as it is, signed with the page's token."""
        try:
            _event(body)
        except WebhookRejected as rejection:
            raise ValueError(rejection.reason) from rejection
        return {SIGNATURE_HEADER: _signature(credentials.access_token, body)}, body

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        """See Platform. Viber tells one event a callback."""
        return (parse_event(body),)

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """See Platform. Viber knows no key that would make a repeat harmless and shows no conversation to look up."""
        return await viber_api.send_answer(client, api_url, credentials, message)

    def text_length(self, text: str) -> int:
        """See Platform."""
        return viber_api.text_length(text)

    async def connect(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> None:
        """See Platform. Viber calls the address before it answers, and keeps one address a bot."""
        content = {"url": webhook_url, "event_types": EVENT_TYPES, "send_name": True, "send_photo": False}
        await viber_api.call(client, api_url, credentials, "set_webhook", content)

    async def connection_problem(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        """See Platform."""
        account = await viber_api.call(client, api_url, credentials, "get_account_info", {})
        address = account.get("webhook")
        if not address:
            return "Viber не знает адреса этой страницы: подключите её (appeals pages connect)."
        if address != webhook_url:
            return "Viber доставляет сообщения на другой адрес: подключите страницу заново (appeals pages connect)."
        told = account.get("event_types")
        missing = [name for name in EVENT_TYPES if isinstance(told, list) and name not in told]
        return f"Viber не присылает часть событий: {', '.join(missing)}." if missing else None


def _is_signed(headers: Mapping[str, str], token: str, body: bytes) -> bool:
    """Compare in constant time; as bytes, because compare_digest takes no Cyrillic text."""
    given = headers.get(SIGNATURE_HEADER, "").strip().lower()
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), _signature(token, body).encode())


def _signature(token: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 of the raw body."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), body, hashlib.sha256).hexdigest()


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = decode_json(body)
    except NotJson as error:
        raise WebhookRejected(400, "тело запроса не JSON") from error
    if not isinstance(event, dict):
        raise WebhookRejected(400, "тело запроса не объект JSON")
    if not isinstance(event.get("event"), str) or not event["event"]:
        raise WebhookRejected(400, "нет типа события")
    return event


def _delivery_key(event_type: str, event: dict[str, Any], body: bytes) -> str:
    """The token, with the type: `delivered`, `seen` and `failed` carry the token of the answer that they tell of.

    Where there is none, the content's own hash, the same for every repeat.
    """
    if token := integer(event.get("message_token")):
        return f"{event_type}:{token}"
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
