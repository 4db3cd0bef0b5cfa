"""The outside of a delivery of MAX: is it an update, and which one. Pure."""

import hashlib
from collections.abc import Mapping
from typing import Any

from app.platforms.base import WebhookRejected
from app.platforms.untrusted import NotJson, decode_json


def read_update(body: bytes) -> dict[str, Any]:
    """The update with its type. Raises WebhookRejected."""
    try:
        update = decode_json(body)
    except NotJson as error:
        raise WebhookRejected(400, "тело запроса не JSON") from error
    if not isinstance(update, dict):
        raise WebhookRejected(400, "тело запроса не объект JSON")
    if not isinstance(update.get("update_type"), str) or not update["update_type"]:
        raise WebhookRejected(400, "нет типа события")
    return update


def delivery_key(update: Mapping[str, Any]) -> str:
    """A name for a delivery, the same for every repeat: MAX gives none.

    Made of the type, the message (for events without one: the chat and the person) and the time.
    """
    message = _part(update, "message")
    told = (
        _word(_part(update, "callback"), "callback_id")
        or _word(_part(message, "body"), "mid")
        or _word(update, "message_id")
        or _who_and_where(update, message)
    )
    content = "\n".join((update["update_type"], told, _word(update, "timestamp")))
    return hashlib.sha256(content.encode("utf-8", "backslashreplace")).hexdigest()


def _who_and_where(update: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    chat = _word(update, "chat_id") or _word(_part(message, "recipient"), "chat_id")
    person = (
        _word(update, "user_id")
        or _word(_part(update, "user"), "user_id")
        or _word(_part(message, "sender"), "user_id")
    )
    return "\n".join((chat, person, _word(_part(_part(message, "link"), "message"), "mid")))


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _word(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return str(found) if isinstance(found, str | int) else ""
