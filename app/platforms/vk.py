"""VKontakte: Callback API in, community's answers out. Stateless."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import msgspec

from app.platforms import vk_answers, vk_api, vk_connection
from app.platforms.base import (
    Credentials,
    Delivery,
    Limit,
    OutgoingMessage,
    Platform,
    Repeat,
    Reply,
    SentMessage,
    WebhookRejected,
)
from app.platforms.incoming import PageIdentity, Parsed
from app.platforms.untrusted import NotJson, decode_json_leniently, storable
from app.platforms.vk_events import parse_event

KEY_LIMIT = 128
TYPE_LIMIT = 64
ACKNOWLEDGEMENT = Reply(b"ok")


class _Envelope(msgspec.Struct, gc=False):
    """The outer object of a delivery; `object` stays unread bytes, which is what makes authentication quick."""

    type: Any = None
    group_id: Any = None
    event_id: Any = None
    secret: Any = None
    object: msgspec.Raw = msgspec.Raw(b"")


_DECODER = msgspec.json.Decoder(_Envelope)


class VK(Platform):
    """VKontakte. Source: dev.vk.com/ru/api/callback/getting-started, VK API schema 5.199."""

    code = "vk"
    name = "ВКонтакте"
    rate_limit_per_second = 20.0  # a community's token
    user_rate_limit_per_second = 3.0  # an administrator's
    text_limit = vk_answers.TEXT_LIMIT
    repeat = Repeat.HARMLESS
    tells_names = True

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See Platform. VK puts the secret in the body; a page without a secret takes no events."""
        envelope = _envelope(body)
        if str(envelope.group_id) != credentials.external_id:
            raise WebhookRejected(403, "чужое сообщество")
        if envelope.type == "confirmation":
            return _confirmation(credentials, envelope)
        if not credentials.secret or not _is_same(envelope.secret, credentials.secret):
            raise WebhookRejected(403, "неверный секрет")
        return Delivery(storable(envelope.type)[:TYPE_LIMIT], _delivery_key(envelope), ACKNOWLEDGEMENT)

    def prove(self, credentials: Credentials, body: bytes) -> tuple[dict[str, str], bytes]:
        """See Platform. VK names the community and its secret in the body."""
        event = json.loads(body)
        if not isinstance(event, dict) or "type" not in event:
            raise ValueError("нет типа события")
        own = {"group_id": int(credentials.external_id), "secret": credentials.secret}
        return {}, json.dumps({**event, **own}).encode()

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        """See Platform. VK tells one event a delivery."""
        return (parse_event(body),)

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """See Platform. Repeats are recognised by VK: random_id for messages, guid for comments."""
        return await vk_answers.send_answer(client, api_url, credentials, message)

    def limits(self, message: OutgoingMessage) -> tuple[Limit, ...]:
        """See Platform. VK counts the requests of each token."""
        if vk_answers.needs_administrator(message):
            return (Limit("user", self.user_rate_limit_per_second),)
        return super().limits(message)

    def echoed_idempotency_key(self, idempotency_key: str) -> str:
        """See Platform. VK echoes the random_id made of the key."""
        return str(vk_answers.random_id(idempotency_key))

    async def author_names(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, external_ids: list[str]
    ) -> dict[str, str]:
        """See Platform."""
        return await vk_api.names(client, api_url, credentials, external_ids)

    async def full_text(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message_key: str
    ) -> str | None:
        """See Platform. VK cuts private messages only."""
        _, peer_id, conversation_message_id = message_key.split(":")
        return await vk_api.fetch_full_text(client, api_url, credentials, peer_id, conversation_message_id)

    async def prepare_connection(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials
    ) -> Credentials:
        """See Platform. The string changes with every server, so it is fetched before each connection."""
        confirmation = await vk_connection.fetch_confirmation(client, api_url, credentials)
        return replace(credentials, confirmation=confirmation)

    async def connect(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> None:
        """See Platform. `credentials` must be what `prepare_connection` gave, stored before."""
        await vk_connection.connect(client, api_url, credentials, webhook_url)

    async def connection_problem(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        """See Platform."""
        return await vk_connection.problem(client, api_url, credentials, webhook_url)


def _envelope(body: bytes) -> _Envelope:
    try:
        envelope = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        envelope = _envelope_leniently(body)
    if not isinstance(envelope.type, str) or not envelope.type:
        raise WebhookRejected(400, "нет типа события")
    return envelope


def _envelope_leniently(body: bytes) -> _Envelope:
    """For bodies that msgspec refuses: a text with half a surrogate pair is still a citizen's text."""
    try:
        value = decode_json_leniently(body)
    except NotJson as error:
        raise WebhookRejected(400, "тело запроса не JSON") from error
    if not isinstance(value, dict):
        raise WebhookRejected(400, "тело запроса не объект JSON")
    names = ("type", "group_id", "event_id", "secret")
    return _Envelope(**{name: value.get(name) for name in names}, object=msgspec.Raw(body))


def _confirmation(credentials: Credentials, envelope: _Envelope) -> Delivery:
    """VK checks the address: it expects the community's confirmation string, and may or may not send the secret."""
    if envelope.secret is not None and not _is_same(envelope.secret, credentials.secret):
        raise WebhookRejected(403, "неверный секрет")
    if not credentials.confirmation:
        raise WebhookRejected(403, "не задана строка подтверждения")
    return Delivery("confirmation", "", ACKNOWLEDGEMENT, handshake=Reply(credentials.confirmation.encode()))


def _is_same(given: object, secret: str) -> bool:
    """Compare in constant time; as bytes, because compare_digest takes no Cyrillic text."""
    if not isinstance(given, str):
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass"))


def _delivery_key(envelope: _Envelope) -> str:
    """VK's event id; where it is missing or no fit key, the content's own hash, the same for every repeat."""
    event_id = envelope.event_id
    if isinstance(event_id, int) and not isinstance(event_id, bool):
        event_id = str(event_id)
    if isinstance(event_id, str) and 0 < len(event_id) <= KEY_LIMIT and event_id.isascii() and event_id.isprintable():
        return event_id
    content = (repr(event_id) if isinstance(event_id, str) else "") + "\n" + envelope.type + "\n"
    digest = hashlib.sha256(content.encode("utf-8", "backslashreplace") + bytes(envelope.object))
    return f"sha256:{digest.hexdigest()}"
