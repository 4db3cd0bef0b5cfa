"""Our answers as calls of sendMessage. Source: core.telegram.org/bots/api#sendmessage, Bot API 10.3."""

from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, Limit, OutgoingMessage, SendFailed, SentMessage
from app.platforms.incoming import Kind
from app.platforms.telegram_api import call, not_understood
from app.platforms.telegram_messages import external_id, message_key
from app.platforms.untrusted import integer

METHOD = "sendMessage"
TEXT_LIMIT = 4096
BOT_PER_SECOND = 30.0  # core.telegram.org/bots/faq: about 30 messages a second over all chats,
CHAT_PER_SECOND = 1.0  # one a second in one chat,
GROUP_PER_SECOND = 20 / 60  # and 20 a minute in one group
UTF16_UNIT_BYTES = 2


def text_length(text: str) -> int:
    """In UTF-16 units, as Telegram counts: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // UTF16_UNIT_BYTES


def limits(message: OutgoingMessage) -> tuple[Limit, ...]:
    """Over all chats of the bot, and within the chat or group."""
    whole = Limit("", BOT_PER_SECOND)
    if message.kind is Kind.MESSAGE:
        return whole, Limit(f"chat:{message.chat_external_id or message.author_external_id}", CHAT_PER_SECOND)
    group, _ = _answered(message)
    return whole, Limit(f"chat:{group}", GROUP_PER_SECOND)


async def send_answer(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    """Send one answer as the bot. Raises SendFailed and nothing else."""
    _check_text(message.text)
    where = _private_chat(message) if message.kind is Kind.MESSAGE else _under_comment(credentials, message)
    params = {**where, "text": message.text, "link_preview_options": {"is_disabled": True}}
    sent = await call(client, api_url, credentials, METHOD, params, is_repeatable=False)
    number = integer(sent.get("message_id")) if isinstance(sent, dict) else None
    if not number:
        raise not_understood(METHOD)
    chat = sent.get("chat")
    chat_id = (integer(chat.get("id")) if isinstance(chat, dict) else None) or where["chat_id"]
    return SentMessage(external_id(chat_id, number), message_key(message.place, chat_id, number))


def _check_text(text: str) -> None:
    if not text.strip():
        raise SendFailed(FailureKind.PERMANENT, "Пустой ответ отправить нельзя.", code="400")
    if text_length(text) > TEXT_LIMIT:
        reason = f"Ответ длиннее {TEXT_LIMIT} знаков: сократите его или разделите на части."
        raise SendFailed(FailureKind.PERMANENT, reason, code="400")


def _private_chat(message: OutgoingMessage) -> dict[str, Any]:
    """The chat with a person, or his topic in the chat of a channel's private messages ("chat:topic")."""
    chat, _, topic = (message.chat_external_id or message.author_external_id).partition(":")
    if chat.startswith("-") and not topic:
        reason = "Автор пишет от имени канала или группы, личного сообщения ему не отправить: ответьте публично."
        raise SendFailed(FailureKind.PERMANENT, reason, code="channel-author")
    where: dict[str, Any] = {"chat_id": _number(chat)}
    if topic:
        where["direct_messages_topic_id"] = _number(topic)
    replied_chat, replied = _answered(message)
    return where | (_reply(replied) if replied and replied_chat == chat else {})


def _under_comment(credentials: Credentials, message: OutgoingMessage) -> dict[str, Any]:
    """The group of the comment. Where that has moved, numbers have begun anew: a reply would be under a stranger's."""
    group, comment = _answered(message)
    if not comment:
        reason = "Неизвестно, на какой комментарий отвечать: ответьте вручную в группе обсуждений."
        raise SendFailed(FailureKind.HANDS_NEEDED, reason)
    now_in = credentials.discussion_id or group
    return {"chat_id": _number(now_in)} | (_reply(comment) if now_in == group else {})


def _answered(message: OutgoingMessage) -> tuple[str, str]:
    chat, _, number = (message.reply_to_external_id or "").rpartition(":")
    return chat, number


def _reply(message_id: str) -> dict[str, Any]:
    return {"reply_parameters": {"message_id": _number(message_id), "allow_sending_without_reply": True}}


def _number(text: str) -> int | str:
    number = integer(text)
    return text if number is None else number
