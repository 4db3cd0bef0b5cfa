"""MAX: webhook of the page's bot in, its answers out; private messages and comments of a channel. Stateless."""

import hmac
from collections.abc import Mapping
from datetime import datetime

import httpx

from app.platforms import max_answers, max_comments, max_subscription
from app.platforms.base import (
    Credentials,
    Delivery,
    Limit,
    OutgoingMessage,
    Platform,
    Polled,
    Repeat,
    Reply,
    SentMessage,
    WebhookRejected,
)
from app.platforms.incoming import PageIdentity, Parsed
from app.platforms.max_delivery import delivery_key, read_update
from app.platforms.max_events import TYPE_LIMIT, parse_update
from app.platforms.untrusted import storable

SECRET_HEADER = "x-max-bot-api-secret"  # noqa: S105
ACKNOWLEDGEMENT = Reply(b"")


class MaxMessenger(Platform):
    """MAX. A page is a channel with the bot that is its administrator, or only a bot; one bot serves one page.

    `external_id` is the channel's chat_id (negative) or the bot's user_id. Source: dev.max.ru/docs-api.
    """

    code = "max"
    name = "MAX"
    rate_limit_per_second = max_answers.BOT_PER_SECOND
    text_limit = max_answers.TEXT_LIMIT
    repeat = Repeat.LOOKED_UP
    poll_every_seconds = max_comments.POLL_EVERY_SECONDS

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See Platform. The secret stands in a header; a page without one takes no updates."""
        given = headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        secret = credentials.secret.encode("utf-8", "surrogatepass")
        if not secret or not hmac.compare_digest(given, secret):
            raise WebhookRejected(403, "неверный секрет")
        update = read_update(body)
        return Delivery(storable(update["update_type"])[:TYPE_LIMIT], delivery_key(update), ACKNOWLEDGEMENT)

    def prove(self, credentials: Credentials, body: bytes) -> tuple[dict[str, str], bytes]:
        """See Platform."""
        try:
            read_update(body)
        except WebhookRejected as rejection:
            raise ValueError(rejection.reason) from rejection
        return {SECRET_HEADER: credentials.secret}, body

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        """See Platform. MAX tells one update a delivery."""
        return (parse_update(page, body),)

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """See Platform. MAX knows no idempotency key: an answer of unknown fate is looked up."""
        return await max_answers.send_answer(client, api_url, credentials, message)

    def text_length(self, text: str) -> int:
        """See Platform."""
        return max_answers.text_length(text)

    def limits(self, message: OutgoingMessage) -> tuple[Limit, ...]:
        """See Platform."""
        return max_answers.limits(message)

    async def find_sent(
        self,
        client: httpx.AsyncClient,
        api_url: str,
        credentials: Credentials,
        message: OutgoingMessage,
        since: datetime,
    ) -> SentMessage | None:
        """See Platform."""
        return await max_answers.find_sent(client, api_url, credentials, message, since)

    async def connect(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> None:
        """See Platform. MAX drops a subscription after 8 hours without a success; this brings it back."""
        await max_subscription.subscribe(client, api_url, credentials, webhook_url)

    async def connection_problem(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        """See Platform."""
        return await max_subscription.problem(client, api_url, credentials, webhook_url)

    async def poll(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, cursor: str, now: datetime
    ) -> Polled:
        """See Platform. Reconciles comments: webhooks bring them first, where MAX sends any."""
        return await max_comments.poll_comments(client, api_url, credentials, cursor, now)
