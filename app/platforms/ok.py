"""Odnoklassniki: the group's private messages by webhook, comments by asking, answers by two APIs. Stateless."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from app.platforms import ok_answers
from app.platforms.base import (
    Credentials,
    Delivery,
    FailureKind,
    OutgoingMessage,
    Platform,
    Polled,
    Repeat,
    Reply,
    SendFailed,
    SentMessage,
    WebhookRejected,
)
from app.platforms.incoming import PageIdentity, Parsed
from app.platforms.ok_api import administrator, graph, group_token, not_understood
from app.platforms.ok_comments import poll_comments
from app.platforms.ok_discussions import Discussions
from app.platforms.ok_events import MESSAGE_CREATED, POLLED, parse_event
from app.platforms.ok_fields import identifier
from app.platforms.ok_people import names
from app.platforms.untrusted import NotJson, decode_json, storable

TYPE_LIMIT = 64
ACKNOWLEDGEMENT = Reply(b"")


class Odnoklassniki(Platform):
    """Odnoklassniki. Source: apiok.ru/dev/methods/botapi and the REST API's discussions."""

    code = "ok"
    name = "Одноклассники"
    rate_limit_per_second = 10.0  # not documented
    text_limit = ok_answers.TEXT_LIMIT
    repeat = Repeat.LOOKED_UP
    proof = ""  # the unguessable address is all there is
    poll_every_seconds = 30.0  # comments have no webhook
    tells_names = True  # for comments; private messages bring them

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See Platform. A delivery carries neither secret nor signature: its unguessable address is the proof.

        What only we ourselves ask for is refused. The check of an application's address is answered where the page has
        a confirmation string.
        """
        event = _event(body)
        kind = event.get("webhookType") or MESSAGE_CREATED
        if not isinstance(kind, str):
            raise WebhookRejected(400, "тип события не текст")
        if kind in POLLED:
            raise WebhookRejected(403, "комментарии вебхуком не приходят")
        if kind == "CONFIRMATION" and credentials.confirmation:
            return Delivery(kind, "", ACKNOWLEDGEMENT, handshake=Reply(credentials.confirmation.encode()))
        kind = storable(kind)[:TYPE_LIMIT]
        return Delivery(kind, _delivery_key(kind, event, body), ACKNOWLEDGEMENT)

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        """See Platform. One event a delivery."""
        return (parse_event(page, body),)

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """See Platform. Private answers need the group's token, comments an administrator's session."""
        return await ok_answers.send_answer(client, api_url, credentials, message)

    async def find_sent(
        self,
        client: httpx.AsyncClient,
        api_url: str,
        credentials: Credentials,
        message: OutgoingMessage,
        since: datetime,
    ) -> SentMessage | None:
        """See Platform. Found by its words in the chat or under the topic."""
        return await ok_answers.find_answer(client, api_url, credentials, message, since)

    async def author_names(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, external_ids: list[str]
    ) -> dict[str, str]:
        """See Platform."""
        return await names(client, api_url, administrator(credentials), external_ids)

    async def connect(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> None:
        """See Platform. Odnoklassniki do not call the address for a check."""
        body = {"url": webhook_url}
        answer = await graph(client, api_url, group_token(credentials), "/graph/me/subscribe", body=body)
        if not isinstance(answer, dict) or answer.get("success") is not True:
            reason = "Одноклассники не подключили вебхук: проверьте, что адрес службы доступен извне."
            raise SendFailed(FailureKind.PERMANENT, reason, method="subscribe")

    async def connection_problem(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        """See Platform. A webhook that fails for eight hours is unsubscribed."""
        answer = await graph(client, api_url, group_token(credentials), "/graph/me/subscriptions")
        listed = answer.get("subscriptions") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            raise not_understood("subscriptions", is_sending=False)
        if any(isinstance(item, dict) and item.get("url") == webhook_url for item in listed):
            return None
        return "Одноклассники не присылают сообщения группы: адрес службы отписан, подключите страницу заново."

    async def poll(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, cursor: str, now: datetime
    ) -> Polled:
        """See Platform. Comments of the group's active topics, and the topics' own words."""
        session = administrator(credentials)
        return await poll_comments(Discussions(client, api_url, session, credentials.external_id), cursor, now)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = decode_json(body)
    except NotJson as error:
        raise WebhookRejected(400, "тело запроса не JSON") from error
    if not isinstance(event, dict):
        raise WebhookRejected(400, "тело запроса не объект JSON")
    return event


def _delivery_key(kind: str, event: Mapping[str, Any], body: bytes) -> str:
    """The id of the message with the type; an event without one is the same whenever its body is."""
    message = event.get("message")
    mid = identifier(message.get("mid")) if isinstance(message, dict) else identifier(event.get("mid"))
    if mid and mid.isprintable():
        return f"{kind}:{mid}"
    return f"{kind}:sha256:{hashlib.sha256(body).hexdigest()}"
