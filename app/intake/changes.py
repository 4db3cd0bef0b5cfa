"""What one delivery changes in the message we keep. Pure: rows in, rows out, no database.

Deliveries come late, twice and out of order: an edit or a deletion may arrive before the message itself. A message
that was edited is not set back by its own late creation; a deletion is remembered as a placeholder.
"""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.appeals.models import Message
from app.platforms.incoming import Action, IncomingMessage


class Change(StrEnum):
    """The effect on what we knew."""

    CREATED = "created"  # new words that nobody has handled yet
    EDITED = "edited"
    GATHERED = "gathered"  # another piece of a message that the platform delivers in several
    DELETED = "deleted"
    RESTORED = "restored"
    NONE = "none"


def apply(
    message: Message | None, incoming: IncomingMessage, page_id: int, platform: str, received_at: datetime
) -> tuple[Message, Change]:
    """The message as it stands after this delivery, and what changed."""
    if incoming.action is Action.DELETE:
        return _delete(message, incoming, page_id, platform, received_at)
    if message is None:
        return _create(incoming, page_id, platform, received_at), Change.CREATED
    if _is_placeholder(message):
        return _fill(message, incoming)
    if incoming.action is Action.NEW and incoming.part is not None:
        return message, _gather(message, incoming)
    if incoming.action is Action.EDIT:
        return message, _edit(message, incoming, received_at)
    if incoming.action is Action.RESTORE and message.deleted_at is not None:
        message.deleted_at = None
        _edit(message, incoming, received_at)
        return message, Change.RESTORED
    return message, Change.NONE


def _create(incoming: IncomingMessage, page_id: int, platform: str, received_at: datetime) -> Message:
    is_edit = incoming.action is Action.EDIT
    return Message(
        page_id=page_id,
        platform=platform,
        received_at=received_at,
        edited_at=(incoming.edited_at or received_at) if is_edit else incoming.edited_at,
        **_content(incoming),
    )


def _content(incoming: IncomingMessage) -> dict[str, Any]:
    return {
        "kind": incoming.kind.value,
        "place": incoming.place,
        "key": incoming.key,
        "external_id": incoming.external_id,
        "thread_key": incoming.thread_key,
        "post_external_id": incoming.post_external_id,
        "reply_to_external_id": incoming.reply_to_external_id,
        "author_external_id": incoming.author_external_id,
        "author_name": incoming.author_name,
        "chat_external_id": incoming.chat_external_id,
        "text": incoming.text,
        "attachments": [asdict(attachment) for attachment in incoming.attachments],
        "source_url": incoming.source_url,
        "is_own": incoming.is_own,
        "is_cropped": incoming.is_cropped,
        "sent_at": incoming.sent_at,
    }


def _is_placeholder(message: Message) -> bool:
    """A deletion came first: nothing but its key is known."""
    return message.deleted_at is not None and message.sent_at is None


def _fill(message: Message, incoming: IncomingMessage) -> tuple[Message, Change]:
    """The message behind a deletion that came first; a restoration brings it back to life."""
    for name, value in _content(incoming).items():
        setattr(message, name, value)
    if incoming.action is Action.RESTORE:
        message.deleted_at = None
        return message, Change.CREATED
    return message, Change.NONE


def _gather(message: Message, incoming: IncomingMessage) -> Change:
    """Put another piece beside those that are there; only one of them carries words."""
    attachments = _with_piece(message, incoming)
    if attachments == message.attachments and incoming.text in ("", message.text):
        return Change.NONE
    message.attachments, message.text = attachments, message.text or incoming.text
    return Change.GATHERED


def _with_piece(message: Message, incoming: IncomingMessage) -> list[dict[str, Any]]:
    """The attachments with those of this piece in place of its former ones, pieces in their order."""
    new = [asdict(attachment) for attachment in incoming.attachments]
    if incoming.part is None:
        return new
    others = [one for one in message.attachments if one.get("part") != incoming.part]
    return sorted([*others, *new], key=lambda one: (len(one.get("part") or ""), one.get("part") or ""))


def _edit(message: Message, incoming: IncomingMessage, received_at: datetime) -> Change:
    edited_at = incoming.edited_at or received_at
    attachments = _with_piece(message, incoming)
    text = incoming.text or (message.text if incoming.part is not None else "")  # the words are in another piece
    is_older = message.edited_at is not None and edited_at < message.edited_at
    if is_older or (message.text == text and message.attachments == attachments):
        return Change.NONE
    if message.original_text is None:
        message.original_text = message.text
    message.text, message.attachments, message.edited_at = text, attachments, edited_at
    message.is_cropped = incoming.is_cropped
    return Change.EDITED


def _delete(
    message: Message | None, incoming: IncomingMessage, page_id: int, platform: str, received_at: datetime
) -> tuple[Message, Change]:
    if message is None:
        placeholder = _create(incoming, page_id, platform, received_at)
        placeholder.deleted_at = received_at
        return placeholder, Change.NONE
    if message.deleted_at is not None:
        return message, Change.NONE
    message.deleted_at = received_at
    return message, Change.DELETED
