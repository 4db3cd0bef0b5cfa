"""Our answers to Odnoklassniki: private ones by the group's bot, comments by its administrator; and looking them up.

Source: apiok.ru, graph.chat.messages, graph.user.messages, discussions.addDiscussionComment.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed, SentMessage
from app.platforms.incoming import Kind
from app.platforms.ok_api import administrator, chat_path, graph, group_token, not_understood, rest
from app.platforms.ok_discussions import Discussions
from app.platforms.ok_errors import REFUSED_MESSAGE
from app.platforms.ok_events import comment_key, message_key
from app.platforms.ok_fields import (
    TOPIC,
    bare,
    comment_id,
    first_identifier,
    identifier,
    is_of_group,
    is_removed,
    moment,
    parent_id,
    written_at,
)

TEXT_LIMIT = 4096  # not documented, neither for messages nor for comments
MESSAGES_PER_CALL = 100
LOOKED_PAGES = 10
# Clocks differ, and comments tell whole seconds: an answer from just before is taken for ours rather than sent twice.
CLOCK_SLACK = timedelta(minutes=1)


async def send_answer(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    """Send one answer as the group. Raises SendFailed and nothing else."""
    _check_text(message.text)
    if message.kind is Kind.MESSAGE:
        return await _send_private(client, api_url, credentials, message)
    return await _send_comment(client, api_url, credentials, message)


async def find_answer(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage, since: datetime
) -> SentMessage | None:
    """The answer, if people can see it; None if it certainly did not arrive. Raises SendFailed and nothing else."""
    if message.kind is Kind.MESSAGE:
        return await _find_private(client, api_url, credentials, message, since - CLOCK_SLACK)
    return await _find_comment(_discussions(client, api_url, credentials), message, since - CLOCK_SLACK)


def _check_text(text: str) -> None:
    if not text.strip():
        raise SendFailed(FailureKind.PERMANENT, "Пустой ответ отправить нельзя.", code="100")
    if len(text) > TEXT_LIMIT:
        reason = f"Ответ длиннее {TEXT_LIMIT} знаков: сократите его или разделите на части."
        raise SendFailed(FailureKind.PERMANENT, reason, code="100")


async def _send_private(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    content: dict[str, str] = {"text": message.text}
    if message.reply_to_external_id:
        content["reply_to"] = message.reply_to_external_id
    chat = message.chat_external_id
    recipient = {"chat_id": chat} if chat else {"user_ids": [message.author_external_id]}
    path = chat_path("/graph/", chat, "/messages") if chat else "/graph/me/messages"
    body = {"recipient": recipient, "message": content}
    answer = await graph(client, api_url, group_token(credentials), path, body=body, is_sending=True)
    return _sent_private(answer, message)


def _sent_private(answer: Any, message: OutgoingMessage) -> SentMessage:
    """The id of the message where the platform tells it. Of several recipients (we have one) each has its own word."""
    if not isinstance(answer, dict):
        raise not_understood("messages", is_sending=True)
    success = answer.get("success")
    if success is False or (isinstance(success, list) and True not in success):
        raise SendFailed(FailureKind.PERMANENT, REFUSED_MESSAGE.sentence, code="refused", method="messages")
    told, ids = answer.get("message"), answer.get("message_ids")
    mid = first_identifier(answer, "message_id", "mid")
    if mid is None and isinstance(told, dict):
        mid = identifier(told.get("mid"))
    if mid is None and isinstance(ids, list) and ids:
        mid = identifier(ids[0])
    if mid is None and success is None:
        raise not_understood("messages", is_sending=True)
    # Our own messages do not come back as events, so a made-up id stands in where none is told.
    return _private(mid or f"answer:{message.idempotency_key}")


def _private(mid: str) -> SentMessage:
    return SentMessage(mid, message_key(mid))


async def _send_comment(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    params = {"entityId": _topic(message), "entityType": TOPIC, "comment": message.text, "as_admin": "true"}
    if message.reply_to_external_id:
        params["reply_to_comment_id"] = message.reply_to_external_id
    method = "discussions.addDiscussionComment"
    answer = await rest(client, api_url, administrator(credentials), method, params, is_sending=True)
    told = answer.get("comment") if isinstance(answer, dict) and isinstance(answer.get("comment"), dict) else answer
    number = first_identifier(told, "comment_id", "id", "commentId") if isinstance(told, dict) else identifier(told)
    if number is None:
        raise not_understood(method, is_sending=True)
    return SentMessage(number, comment_key(number))


def _topic(message: OutgoingMessage) -> str:
    if not message.post_external_id:
        reason = "Неизвестно, под чем оставлен комментарий: ответьте вручную в группе."
        raise SendFailed(FailureKind.HANDS_NEEDED, reason)
    return message.post_external_id


def _discussions(client: httpx.AsyncClient, api_url: str, credentials: Credentials) -> Discussions:
    return Discussions(client, api_url, administrator(credentials), credentials.external_id)


async def _find_private(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage, earliest: datetime
) -> SentMessage | None:
    """Messages come newest first; `from` is the latest time wanted and `to` the earliest."""
    if not message.chat_external_id:
        raise SendFailed(FailureKind.UNKNOWN, "Чат с пользователем неизвестен: проверьте в группе, дошёл ли ответ.")
    path = chat_path("/graph/me/messages/", message.chat_external_id)
    query = {"to": str(int(earliest.timestamp() * 1000)), "count": str(MESSAGES_PER_CALL)}
    for _ in range(LOOKED_PAGES):
        answer = await graph(client, api_url, group_token(credentials), path, query=query)
        listed = answer.get("messages") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            raise not_understood("messages", is_sending=False)
        items = [item for item in listed if isinstance(item, dict)]
        for item in items:
            if mid := _our_message(item, message, earliest):
                return _private(mid)
        times = [at for item in items if (at := moment(item.get("timestamp")))]
        oldest = str(int(min(times).timestamp() * 1000)) if times else ""
        if len(items) < MESSAGES_PER_CALL or not oldest or oldest == query.get("from"):
            return None
        query["from"] = oldest
    raise _too_much_since()


def _our_message(item: dict[str, Any], message: OutgoingMessage, earliest: datetime) -> str | None:
    """The id of a message with our words that its recipient has not written himself."""
    content, sender = item.get("message"), item.get("sender")
    if not isinstance(content, dict):
        return None
    author = identifier(sender.get("user_id")) if isinstance(sender, dict) else None
    at = moment(item.get("timestamp"))
    is_ours = author is None or bare(author) != bare(message.author_external_id)
    is_same = _has_words(content, message) and (at is None or at >= earliest)
    return identifier(content.get("mid")) if is_ours and is_same else None


async def _find_comment(discussions: Discussions, message: OutgoingMessage, earliest: datetime) -> SentMessage | None:
    anchor = "LAST"
    for _ in range(LOOKED_PAGES):
        page = await discussions.comments(_topic(message), anchor, "BACKWARD")
        for comment in page.items:
            number, at = comment_id(comment), written_at(comment)
            is_recent = at is None or at >= earliest
            if number and is_recent and _is_our_comment(comment, message, discussions.group_id):
                return SentMessage(number, comment_key(number))
        times = [at for comment in page.items if (at := written_at(comment))]
        is_past = bool(times) and min(times) < earliest
        if is_past or not page.has_more or page.anchor in ("", anchor):
            return None
        anchor = page.anchor
    raise _too_much_since()


def _is_our_comment(comment: dict[str, Any], message: OutgoingMessage, group_id: str) -> bool:
    return (
        is_of_group(comment, group_id)
        and not is_removed(comment)
        and parent_id(comment) == message.reply_to_external_id
        and _has_words(comment, message)
    )


def _has_words(content: Mapping[str, Any], message: OutgoingMessage) -> bool:
    text = content.get("text")
    return isinstance(text, str) and text.strip() == message.text.strip()


def _too_much_since() -> SendFailed:
    reason = "С тех пор написано слишком много, чтобы найти ответ: проверьте в группе, дошёл ли он."
    return SendFailed(FailureKind.UNKNOWN, reason)
