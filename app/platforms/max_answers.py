"""Our answers as calls of the MAX Bot API, and how one of unknown fate is found again.

Source: dev.max.ru/docs-api/methods: POST /messages, POST /messages/{messageId}/comments and the GET of both.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, Limit, OutgoingMessage, SendFailed, SentMessage
from app.platforms.incoming import Kind
from app.platforms.max_api import call, not_understood
from app.platforms.max_comments import MILLISECONDS, PAGE_SIZE, cannot_tell, comments_since, listed, mid_of
from app.platforms.max_messages import identifier
from app.platforms.untrusted import integer, storable

TEXT_LIMIT = 4000
BOT_PER_SECOND = 30.0
CHAT_PER_SECOND = 2.0
CLOCK_DIFFERENCE = timedelta(seconds=10)  # between ours and MAX's


def text_length(text: str) -> int:
    """UTF-16 units. MAX says "characters": counted so, a text that we find short enough is so either way."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def limits(message: OutgoingMessage) -> tuple[Limit, ...]:
    """Those of the bot and of the chat; the page's channel is one chat for all its posts."""
    chat = (
        "channel" if message.kind is Kind.COMMENT else message.chat_external_id or f"user:{message.author_external_id}"
    )
    return Limit("", BOT_PER_SECOND), Limit(f"chat:{chat}", CHAT_PER_SECOND)


async def send_answer(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    """Send one answer as the bot. Raises SendFailed and nothing else."""
    _check_text(message.text)
    path, params = _address(message)
    answer = await call(
        client, api_url, credentials, "POST", path, params=params, content=_content(message), is_repeatable=False
    )
    sent = answer.get("message")
    mid = mid_of(sent) if isinstance(sent, dict) else None
    if mid is None:
        raise not_understood(f"POST {path}", FailureKind.UNKNOWN)
    return SentMessage(external_id=mid, key=mid)


def _check_text(text: str) -> None:
    if not text.strip():
        raise SendFailed(FailureKind.PERMANENT, "Пустой ответ отправить нельзя.", code="empty")
    if text_length(text) > TEXT_LIMIT:
        reason = f"Ответ длиннее {TEXT_LIMIT} знаков: сократите его или разделите на части."
        raise SendFailed(FailureKind.PERMANENT, reason, code="too-long")


def _address(message: OutgoingMessage) -> tuple[str, dict[str, str]]:
    if message.kind is Kind.COMMENT:
        return f"/messages/{_post(message)}/comments", {}
    return "/messages", {**_receiver(message), "disable_link_preview": "true"}


def _post(message: OutgoingMessage) -> str:
    post = identifier(message.post_external_id)
    if post is None:
        reason = "Неизвестно, под какой записью оставлен комментарий: ответьте вручную в канале."
        raise SendFailed(FailureKind.HANDS_NEEDED, reason)
    return post


def _receiver(message: OutgoingMessage) -> dict[str, str]:
    if message.chat_external_id:
        return {"chat_id": message.chat_external_id}
    return {"user_id": message.author_external_id}


def _content(message: OutgoingMessage) -> dict[str, Any]:
    """The body: text without markup, so that nothing in it is taken for formatting."""
    reply_to = message.reply_to_external_id or ""
    # A forward without a body has no id that MAX would know.
    link = {"type": "reply", "mid": reply_to} if ":" not in reply_to and identifier(reply_to) else None
    if message.kind is Kind.COMMENT:
        return {"text": storable(message.text), **({"link": link} if link else {})}
    return {"text": storable(message.text), "attachments": None, "link": link, "notify": True}


async def find_sent(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage, since: datetime
) -> SentMessage | None:
    """The answer among what was said there after `since`. Raises SendFailed: UNKNOWN when that cannot be told."""
    earliest = int((since - CLOCK_DIFFERENCE).timestamp() * MILLISECONDS)
    if message.kind is Kind.COMMENT:
        found = await comments_since(client, api_url, credentials, _post(message), earliest)
    else:
        found = await _latest_messages(client, api_url, credentials, message, earliest)
    for said in found:
        if _is_answer(said, message, credentials.external_id, earliest):
            if (mid := mid_of(said)) is None:
                raise cannot_tell("ответ непонятен")
            return SentMessage(external_id=mid, key=mid)
    return None


async def _latest_messages(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage, earliest: int
) -> list[dict[str, Any]]:
    """The latest messages of the dialog, the newest first: its reference contradicts itself on `from` and `to`."""
    if not message.chat_external_id:
        raise cannot_tell("неизвестен номер диалога")
    params: dict[str, str | int] = {"chat_id": message.chat_external_id, "count": PAGE_SIZE}
    found = listed(await call(client, api_url, credentials, "GET", "/messages", params=params))
    times = [time for said in found if (time := integer(said.get("timestamp")))]
    if len(found) >= PAGE_SIZE and min(times, default=earliest) >= earliest:
        raise cannot_tell("в диалоге слишком много новых сообщений")
    return found


def _is_answer(said: Mapping[str, Any], message: OutgoingMessage, page: str, earliest: int) -> bool:
    """The same words by the page after that moment, to the same comment if both say to which."""
    body = said.get("body")
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or text.split() != storable(message.text).split():
        return False
    if (integer(said.get("timestamp")) or 0) < earliest or not _is_of_page(said.get("sender"), page):
        return False
    answered = _answered(said)
    return answered is None or not message.reply_to_external_id or answered == message.reply_to_external_id


def _is_of_page(sender: object, page: str) -> bool:
    """Written by a bot, or without a sender in the channel's name."""
    if not isinstance(sender, dict):
        return sender is None
    return sender.get("is_bot") is True or str(sender.get("user_id")) == page


def _answered(said: Mapping[str, Any]) -> str | None:
    link = said.get("link")
    linked = link.get("message") if isinstance(link, dict) else None
    return identifier(linked.get("mid")) if isinstance(linked, dict) else None
