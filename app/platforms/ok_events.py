"""Deliveries of Odnoklassniki as incoming messages. Pure.

Webhooks bring private messages only; comments are asked for (ok_comments.py) and come as deliveries of two shapes of
our own, which no webhook may use: `{"webhookType": "COMMENT", "discussion", "comment", "root"}` and
`{"webhookType": "TOPIC", "discussion"}`. Source: apiok.ru, Bot API, graph.user.subscribe, discussions.getComments.
"""

import hashlib
from typing import Any

from app.platforms.incoming import (
    Action,
    Ignored,
    IncomingMessage,
    Kind,
    PageIdentity,
    PagePost,
    Parsed,
    PayloadNotUnderstood,
)
from app.platforms.ok_attachments import attachments_of
from app.platforms.ok_fields import (
    bare,
    comment_id,
    first_identifier,
    identifier,
    is_of_group,
    is_removed,
    moment,
    parent_id,
    topic_id,
    topic_text,
    written_at,
)
from app.platforms.untrusted import Fields, NotJson, decode_json, title_of

MESSAGE_CREATED = "MESSAGE_CREATED"
COMMENT, TOPIC = "COMMENT", "TOPIC"
POLLED = (COMMENT, TOPIC)
PLACE = "post"
TYPE_LIMIT = 64
NAME_LIMIT = 200
KEY_LIMIT = 200
_OF_NO_INTEREST = {
    "MESSAGE_CALLBACK": "нажатие кнопки под сообщением",
    "CHAT_SYSTEM": "служебное событие чата",
    "CONFIRMATION": "проверка адреса приложения",
}


def parse_event(page: PageIdentity, body: bytes) -> Parsed:
    """Read one delivery. Raises PayloadNotUnderstood and nothing else."""
    try:
        event = Fields(decode_json(body), "(тело запроса)")
    except NotJson as error:
        raise PayloadNotUnderstood("Тело запроса не является JSON.") from error
    kind = event.text("webhookType")
    if kind == COMMENT:
        return _comment(event, page)
    if kind == TOPIC:
        return _post(event, page)
    if kind == MESSAGE_CREATED or (not kind and (event.fields("message") or not event.fields("recipient"))):
        return _private(event, page)
    if not kind:  # the documented examples have no type at all, events of the chat included
        kind = "CHAT_SYSTEM"
    if kind in _OF_NO_INTEREST:
        return Ignored(f"Не обращение: {_OF_NO_INTEREST[kind]}.")
    return Ignored(f"Событие «{kind[:TYPE_LIMIT]}» не содержит сообщения.")


def message_key(mid: str) -> str:
    """The key of a private message."""
    return f"message:{mid}"


def comment_key(number: str) -> str:
    """The key of a comment: its id is unique over all topics."""
    return f"{PLACE}:{number}"


def _private(event: Fields, page: PageIdentity) -> IncomingMessage:
    message = Fields(event.get("message"), "message")
    sender = Fields(event.get("sender"), "sender")
    recipient = event.fields("recipient")
    mid, author = _required(message, "message", "mid"), _required(sender, "sender", "user_id")
    chat = identifier(recipient.get("chat_id")) if recipient else None
    reply_to = identifier(message.get("reply_to"))
    return IncomingMessage(
        action=Action.NEW,
        kind=Kind.MESSAGE,
        place="message",
        key=message_key(mid),
        external_id=mid,
        thread_key=f"message:{chat or author}",
        author_external_id=author,
        author_name=_name(sender.get("name")),
        text=message.text("text"),
        attachments=attachments_of(message),
        sent_at=moment(event.get("timestamp")),
        chat_external_id=chat,
        reply_to_external_id=reply_to,
        reply_to_key=message_key(reply_to) if reply_to else None,
        is_own=author.startswith("group:") or bare(author) == bare(page.external_id),
    )


def _required(fields: Fields, path: str, name: str) -> str:
    found = identifier(fields.get(name))
    if found is None:
        raise PayloadNotUnderstood(f"Поле {path}.{name} отсутствует или не идентификатор.")
    return found


def _name(value: object) -> str | None:
    name = title_of(value)
    return name[:NAME_LIMIT] if name else None


def _post(event: Fields, page: PageIdentity) -> PagePost:
    topic, discussion = _topic(event)
    return PagePost(
        external_id=topic,
        text=topic_text(discussion),
        published_at=moment(discussion.get("created_ms"), discussion.get("creation_date")),
        source_url=_address(page, topic),
    )


def _topic(event: Fields) -> tuple[str, dict[str, Any]]:
    discussion = event.get("discussion")
    found = topic_id(discussion) if isinstance(discussion, dict) else None
    if found is None:
        raise PayloadNotUnderstood("Поле discussion.id отсутствует или не идентификатор.")
    return found, discussion


def _comment(event: Fields, page: PageIdentity) -> IncomingMessage:
    topic, _ = _topic(event)
    comment = event.get("comment")
    number = comment_id(comment) if isinstance(comment, dict) else None
    if number is None:
        raise PayloadNotUnderstood("Поле comment.id отсутствует или не идентификатор.")
    if is_removed(comment):
        return IncomingMessage(Action.DELETE, Kind.COMMENT, PLACE, comment_key(number), number, post_external_id=topic)
    is_own = is_of_group(comment, page.external_id)
    author = first_identifier(comment, "author_id", "author_ref") or (page.external_id if is_own else None)
    if author is None:
        raise PayloadNotUnderstood("Поле comment.author_id отсутствует или не идентификатор.")
    reply_to = parent_id(comment)
    root = identifier(event.get("root")) or reply_to or number
    fields = Fields(comment, "comment")
    return IncomingMessage(
        action=Action.EDIT if event.flag("is_seen_again") else Action.NEW,
        kind=Kind.COMMENT,
        place=PLACE,
        key=comment_key(number),
        external_id=number,
        thread_key=_thread(topic, root, identifier(comment.get("reply_to_id")) if is_own else author),
        author_external_id=author,
        author_name=_name(comment.get("author_name")),
        text=fields.text("text"),
        attachments=attachments_of(fields),
        sent_at=written_at(comment),
        post_external_id=topic,
        reply_to_external_id=reply_to,
        reply_to_key=comment_key(reply_to) if reply_to else None,
        source_url=_address(page, topic),
        is_own=is_own,
        is_past=event.flag("is_past"),
    )


def _thread(topic: str, root: str, person: str | None) -> str | None:
    """The conversation of one author under one root comment; of the page's own comment, with the one it answers."""
    if person is None:
        return None
    key = f"{PLACE}:{topic}:{root}:{person}"
    return key if len(key) <= KEY_LIMIT else f"{PLACE}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _address(page: PageIdentity, topic: str) -> str:
    return f"https://ok.ru/group/{bare(page.external_id)}/topic/{bare(topic)}"
