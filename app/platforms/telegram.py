"""Telegram: bot's webhook in, answers of the bot out; private messages and comments of a channel. Stateless."""

import hmac
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from app.platforms import telegram_answers, telegram_webhook
from app.platforms.base import (
    Credentials,
    Delivery,
    FileSource,
    Limit,
    OutgoingMessage,
    Platform,
    Repeat,
    Reply,
    SentMessage,
    WebhookRejected,
)
from app.platforms.incoming import Attachment, PageIdentity, Parsed
from app.platforms.telegram_events import TYPE_LIMIT, kind_of, parse_update
from app.platforms.untrusted import NotJson, decode_json, decode_json_leniently, integer, storable
from app.time import utc_now

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105
ACKNOWLEDGEMENT = Reply(b"")  # a body with "method" would be carried out as a call of the API

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])  # contents stay unread, which makes authentication quick


class Telegram(Platform):
    """Telegram. A page is a channel with the group linked to it, or only a bot. Source: core.telegram.org/bots/api."""

    code = "telegram"
    name = "Telegram"
    rate_limit_per_second = telegram_answers.BOT_PER_SECOND
    text_limit = telegram_answers.TEXT_LIMIT
    repeat = Repeat.SHOWN_TWICE

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See Platform. The secret stands in a header; a page without one takes no updates."""
        given = headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        secret = credentials.secret.encode("utf-8", "surrogatepass")
        if not secret or not hmac.compare_digest(given, secret):
            raise WebhookRejected(403, "неверный секрет")
        update = _envelope(body)
        number = integer(update.get("update_id"))
        if number is None:
            raise WebhookRejected(400, "нет номера обновления")
        return Delivery(storable(kind_of(update))[:TYPE_LIMIT] or "unknown", str(number), ACKNOWLEDGEMENT)

    def prove(self, credentials: Credentials, body: bytes) -> tuple[dict[str, str], bytes]:
        """See Platform."""
        try:
            update = _envelope(body)
        except WebhookRejected as rejection:
            raise ValueError(rejection.reason) from rejection
        if integer(update.get("update_id")) is None:
            raise ValueError("нет номера обновления")
        return {SECRET_HEADER: credentials.secret}, body

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        """See Platform."""
        return parse_update(page, body)

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """See Platform. Telegram knows no idempotency key and shows a bot no list of its messages."""
        return await telegram_answers.send_answer(client, api_url, credentials, message)

    def text_length(self, text: str) -> int:
        """See Platform."""
        return telegram_answers.text_length(text)

    def limits(self, message: OutgoingMessage) -> tuple[Limit, ...]:
        """See Platform."""
        return telegram_answers.limits(message)

    async def file_address(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, attachment: Attachment
    ) -> FileSource | None:
        """See Platform. Files of up to 20 MB; the address holds the token and lasts an hour."""
        if attachment.file_id is None:
            return None
        return await telegram_webhook.file_source(client, api_url, credentials, attachment.file_id)

    async def connect(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> None:
        """See Platform. A bot has one webhook: this replaces another address."""
        await telegram_webhook.set_webhook(client, api_url, credentials, webhook_url)

    async def connection_problem(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        """See Platform."""
        return await telegram_webhook.webhook_problem(client, api_url, credentials, webhook_url, utc_now())


def _envelope(body: bytes) -> dict[str, Any]:
    """The update with its number read. Raises WebhookRejected."""
    try:
        update: dict[str, Any] = {name: raw for name, raw in _DECODER.decode(body).items() if bytes(raw) != b"null"}
        return update | {"update_id": decode_json(bytes(update.get("update_id", b"null")))}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, NotJson):
        return _envelope_leniently(body)


def _envelope_leniently(body: bytes) -> dict[str, Any]:
    """For bodies that msgspec refuses: a text with half a surrogate pair is still a citizen's text."""
    try:
        update = decode_json_leniently(body)
    except NotJson as error:
        raise WebhookRejected(400, "тело запроса не JSON") from error
    if not isinstance(update, dict):
        raise WebhookRejected(400, "тело запроса не объект JSON")
    return update
