"""What private messages and comments of Telegram have in common: who speaks, keys, names, addresses. Pure."""

import re
from dataclasses import dataclass, replace

from app.platforms.incoming import Action, Attachment, Ignored, IncomingMessage, Kind
from app.platforms.telegram_attachments import attachments_of
from app.platforms.untrusted import Fields, instant, integer, title_of

NAME_LIMIT = 200
ALBUM_LIMIT = 64
SUPERGROUP_PREFIX = "-100"  # of channels, too; the rest is the number in links
USERNAME = re.compile(r"[A-Za-z0-9_]{3,40}")

TELEGRAM = 777000  # signs automatic forwards and service notices
SERVICE_ACCOUNTS = {TELEGRAM, 1087968824, 136817688}  # the other two stand in for anonymous admins and channels

_SERVICE_FIELDS = (
    "new_chat_members", "new_chat_member", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo",
    "group_chat_created", "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed",
    "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message", "successful_payment", "refunded_payment",
    "users_shared", "chat_shared", "gift", "unique_gift", "gift_upgrade_sent", "connected_website",
    "write_access_allowed", "passport_data", "proximity_alert_triggered", "boost_added", "chat_background_set",
    "checklist_tasks_done", "checklist_tasks_added", "community_chat_added", "community_chat_joined",
    "community_chat_removed", "direct_message_price_changed", "forum_topic_created", "forum_topic_edited",
    "forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden",
    "giveaway_created", "giveaway_completed", "managed_bot_created", "paid_message_price_changed",
    "poll_option_added", "poll_option_deleted", "suggested_post_approved", "suggested_post_approval_failed",
    "suggested_post_declined", "suggested_post_paid", "suggested_post_refunded", "video_chat_scheduled",
    "video_chat_started", "video_chat_ended", "video_chat_participants_invited", "web_app_data",
    "chat_owner_left", "chat_owner_changed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who wrote a message: a person, a bot, or a channel or group in its own name."""

    external_id: str
    name: str | None
    is_bot: bool = False


def speaker_of(message: Fields) -> Speaker | None:
    """The author; None for the accounts that Telegram puts where it names no person."""
    if chat := message.fields("sender_chat"):
        return Speaker(str(chat.integer("id")), name_of(chat))
    person = message.fields("from")
    if person is None or (number := person.integer("id")) in SERVICE_ACCOUNTS:
        return None
    return Speaker(str(number), name_of(person), is_bot=person.flag("is_bot"))


def name_of(party: Fields) -> str | None:
    """A person's or a chat's name, as it is shown in Telegram."""
    words = [word for name in ("first_name", "last_name") if (word := title_of(party.get(name)))]
    name = title_of(party.get("title")) or " ".join(words) or title_of(party.get("username"))
    return name[:NAME_LIMIT].strip() if name else None


def external_id(chat_id: int | str, message_id: int | str) -> str:
    """A message's number is unique within its chat only."""
    return f"{chat_id}:{message_id}"


def message_key(place: str, chat_id: int | str, message_id: int | str) -> str:
    """The key of a message that is no piece of an album."""
    return f"{place}:{external_id(chat_id, message_id)}"


def key_within_chat(message: Fields) -> str:
    """What is one message for people: the album that it is a piece of, or its own number."""
    album = _album(message)
    return f"album:{album}" if album else str(message.integer("message_id"))


def _album(message: Fields) -> str | None:
    value = message.get("media_group_id")
    if isinstance(value, str):
        return value if 0 < len(value) <= ALBUM_LIMIT and value.isascii() and value.isprintable() else None
    number = integer(value)
    return str(number) if number is not None else None


def text_of(message: Fields) -> str:
    """The text, or the caption of a file."""
    return message.text("text") or message.text("caption")


def told(message: Fields, action: Action, kind: Kind, place: str, chat_id: int, speaker: Speaker) -> IncomingMessage:
    """The message itself; where it belongs is for the caller to add.

    What carries nothing that we know still carries something: a kind of content that is newer than this code.
    """
    message_id, text = message.integer("message_id"), text_of(message)
    part = str(message_id) if _album(message) else None
    attachments = attachments_of(message, part)
    if not text and not attachments:
        attachments = (Attachment(kind="unknown", part=part),)
    return IncomingMessage(
        action=action,
        kind=kind,
        place=place,
        key=f"{place}:{chat_id}:{key_within_chat(message)}",
        external_id=external_id(chat_id, message_id),
        author_external_id=speaker.external_id,
        author_name=speaker.name,
        text=text,
        attachments=attachments,
        sent_at=message.instant("date"),
        edited_at=instant(message.get("edit_date")) if action is Action.EDIT else None,
        part=part,
    )


def answering(message: IncomingMessage, parent: Fields | None) -> IncomingMessage:
    """With the message of the same chat that it answers, if it answers one."""
    number = parent.optional_integer("message_id") if parent else None
    if parent is None or not number:
        return message
    chat_id, _, _ = message.external_id.partition(":")
    return replace(
        message,
        reply_to_external_id=external_id(chat_id, number),
        reply_to_key=f"{message.place}:{chat_id}:{key_within_chat(parent)}",
    )


def service_notice(message: Fields) -> Ignored | None:
    """What the chat tells about itself: members, titles, pins."""
    if text_of(message) or attachments_of(message):
        return None
    if any(message.get(name) not in (None, False) for name in _SERVICE_FIELDS):
        return Ignored("Служебное сообщение чата.")
    return None


def message_url(chat: Fields, message_id: int) -> str | None:
    """The address of a channel's or group's message; closed ones open for members only."""
    username = chat.get("username")
    if isinstance(username, str) and USERNAME.fullmatch(username):
        return f"https://t.me/{username}/{message_id}"
    number = str(integer(chat.get("id")) or "")
    if not number.startswith(SUPERGROUP_PREFIX):
        return None
    return f"https://t.me/c/{number.removeprefix(SUPERGROUP_PREFIX)}/{message_id}"
