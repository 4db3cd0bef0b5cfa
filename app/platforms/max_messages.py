"""One message of MAX: private, a comment under a channel's post, or the post itself. Pure.

Source: dev.max.ru/docs-api/objects (Message, CommentMessage, LinkedMessage), Bot API schema 0.0.33.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from app.platforms.incoming import (
    Action,
    Attachment,
    IncomingMessage,
    Kind,
    PageIdentity,
    PagePost,
    PayloadNotUnderstood,
)
from app.platforms.max_attachments import attachments_of
from app.platforms.untrusted import Fields, instant_of_milliseconds, title_of, web_url

PLACE = "post"
CHANNEL, GROUP = "channel", "chat"
ID_LIMIT = 80  # real ones have 36 characters; two of them stand in the key of a thread
NAME_LIMIT = 200
IDENTIFIER = re.compile(r"[A-Za-z0-9_.:~-]+")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who wrote a message."""

    external_id: str
    name: str | None
    is_bot: bool


@dataclass(frozen=True, slots=True)
class _Content:
    """What a message says, forwarded words included."""

    mid: str
    text: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class _Reply:
    """The message that this one answers, and who wrote that."""

    mid: str | None
    speaker: Speaker | None


def identifier(value: object) -> str | None:
    """A message's id (`mid`), None if it is none."""
    if isinstance(value, str) and len(value) <= ID_LIMIT and IDENTIFIER.fullmatch(value):
        return value
    return None


def post_of(*sources: Fields | None) -> str | None:
    """The post that a comment hangs under: MAX names it beside the message or in its recipient."""
    return next((mid for one in sources if one and (mid := identifier(one.get("post_id")))), None)


def speaker_of(person: Fields) -> Speaker:
    """A User. Raises PayloadNotUnderstood without an id."""
    words = [word for name in ("first_name", "last_name") if (word := title_of(person.get(name)))]
    name = " ".join(words) or title_of(person.get("name")) or title_of(person.get("username"))
    return Speaker(str(person.integer("user_id")), name[:NAME_LIMIT].strip() if name else None, person.flag("is_bot"))


def read_message(update: Fields, action: Action, page: PageIdentity, *, is_comment: bool) -> IncomingMessage | PagePost:
    """What a created or edited message is: `is_comment` where the type of the event says so.

    Some bots are told of comments as of messages, so a post in the recipient says it too. Raises PayloadNotUnderstood.
    """
    message = Fields(update.get("message"), "message")
    recipient = message.fields("recipient") or Fields({}, "message.recipient")
    post = post_of(recipient, message, update)
    at = instant_of_milliseconds(update.get("timestamp"))
    sent_at = instant_of_milliseconds(message.get("timestamp")) or at
    if sent_at is None:
        raise PayloadNotUnderstood("Поле message.timestamp отсутствует или не время.")
    edited_at = at if action is Action.EDIT else None
    if is_comment or post:
        return _comment(message, recipient, page, action, post, sent_at, edited_at)
    if _is_of_channel(message, recipient):
        content = _content(message, recipient)
        return PagePost(content.mid, content.text, sent_at, web_url(message.get("url")))
    return _private(message, recipient, page, action, sent_at, edited_at)


def _is_of_channel(message: Fields, recipient: Fields) -> bool:
    """Only administrators write in a channel itself, most in its name: then there is no sender."""
    if recipient.get("chat_type") is None:
        return message.fields("sender") is None and (recipient.optional_integer("chat_id") or 0) < 0
    return bool(recipient.get("chat_type") == CHANNEL)


def _comment(
    message: Fields,
    recipient: Fields,
    page: PageIdentity,
    action: Action,
    post: str | None,
    sent_at: datetime,
    edited_at: datetime | None,
) -> IncomingMessage:
    """A comment. One without a sender is published in the channel's name (CommentMessage.sender)."""
    content, sender = _content(message, recipient), message.fields("sender")
    channel = str(recipient.optional_integer("chat_id") or page.external_id)
    speaker = speaker_of(sender) if sender else Speaker(channel, None, is_bot=False)
    # A bot can comment only where an administrator has made it one.
    is_own = sender is None or speaker.is_bot or speaker.external_id in (page.external_id, channel)
    reply = None if _is_machine(speaker, page) else _reply(message, post)
    parent = reply.mid if reply else None
    person = (reply.speaker if reply else None) if is_own else speaker
    return IncomingMessage(
        action=action,
        kind=Kind.COMMENT,
        place=PLACE,
        key=content.mid,
        external_id=content.mid,
        thread_key=_comment_thread(post, parent or content.mid, person, page, channel),
        author_external_id=speaker.external_id,
        author_name=speaker.name,
        text=content.text,
        attachments=content.attachments,
        sent_at=sent_at,
        edited_at=edited_at,
        post_external_id=post,
        reply_to_external_id=parent,
        reply_to_key=parent,
        source_url=web_url(message.get("url")),
        is_own=is_own,
    )


def _is_machine(speaker: Speaker, page: PageIdentity) -> bool:
    """A bot that is not the page's own answers nobody: no greeting of another one may close an appeal."""
    return speaker.is_bot and speaker.external_id != page.external_id


def _comment_thread(
    post: str | None, root: str, person: Speaker | None, page: PageIdentity, channel: str
) -> str | None:
    """The conversation of one person under one comment. MAX tells the comment above, not the root."""
    if person is None or person.is_bot or person.external_id in (page.external_id, channel):
        return None
    return f"{PLACE}:{post or '-'}:{root}:{person.external_id}"


def _private(
    message: Fields,
    recipient: Fields,
    page: PageIdentity,
    action: Action,
    sent_at: datetime,
    edited_at: datetime | None,
) -> IncomingMessage:
    """A message of a dialog with the bot, or of a group that the bot is in."""
    content, speaker = _content(message, recipient), speaker_of(Fields(message.get("sender"), "message.sender"))
    chat, is_group = recipient.optional_integer("chat_id"), recipient.get("chat_type") == GROUP
    is_own = _is_page_in_private(speaker, page, is_group)
    reply = _reply(message, None)
    parent = reply.mid if reply else None
    return IncomingMessage(
        action=action,
        kind=Kind.MESSAGE,
        place="message",
        key=content.mid,
        external_id=content.mid,
        thread_key=_private_thread(chat, is_group, (reply.speaker if reply else None) if is_own else speaker),
        author_external_id=speaker.external_id,
        author_name=speaker.name,
        text=content.text,
        attachments=content.attachments,
        sent_at=sent_at,
        edited_at=edited_at,
        chat_external_id=str(chat) if chat else None,
        reply_to_external_id=parent,
        reply_to_key=parent,
        source_url=web_url(message.get("url")),
        is_own=is_own,
    )


def _is_page_in_private(speaker: Speaker, page: PageIdentity, is_group: bool) -> bool:
    """A dialog has two sides, and the bot is the page's. A group may have other bots, if we know which is ours."""
    if speaker.external_id == page.external_id:
        return True
    return speaker.is_bot and (not is_group or page.external_id.startswith("-"))


def _private_thread(chat: int | None, is_group: bool, person: Speaker | None) -> str | None:
    if chat and not is_group:
        return f"message:{chat}"
    if person is None or person.is_bot:
        return None
    return f"message:{chat}:{person.external_id}" if chat else f"message:{person.external_id}"


def _reply(message: Fields, post: str | None) -> _Reply | None:
    """What is answered; an answer to the post itself is a comment of the first level."""
    link = message.fields("link")
    if link is None or link.get("type") != "reply":
        return None
    linked, sender = link.fields("message"), link.fields("sender")
    mid = identifier((linked or link).get("mid"))
    return None if mid and mid == post else _Reply(mid, speaker_of(sender) if sender else None)


def _content(message: Fields, recipient: Fields) -> _Content:
    """Words and files. A pure forward has no body: all it says stands in the forwarded message."""
    body, link = message.fields("body"), message.fields("link")
    forwarded = link.fields("message") if link and link.get("type") == "forward" else None
    text = body.text("text") if body else ""
    attachments = attachments_of(body) if body else ()
    if forwarded:
        words = forwarded.text("text")
        above = Attachment(kind="forwarded", title=title_of(words))
        text, attachments = text or words, (*attachments, above, *attachments_of(forwarded))
    mid = identifier(body.get("mid")) if body else _made_up_id(message, recipient, forwarded)
    if mid is None:
        raise PayloadNotUnderstood("Поле message.body.mid отсутствует или не идентификатор.")
    return _Content(mid, text, attachments)


def _made_up_id(message: Fields, recipient: Fields, forwarded: Fields | None) -> str | None:
    """The name of a message that has none of its own: the same forward in another chat or moment is another message."""
    sender = message.fields("sender")
    if forwarded is None:
        return None
    parts = (recipient.get("chat_id"), sender.get("user_id") if sender else "", message.get("timestamp"))
    content = "\n".join(map(str, (*parts, forwarded.get("mid"))))
    return f"forward:{hashlib.sha256(content.encode('utf-8', 'backslashreplace')).hexdigest()[:32]}"
