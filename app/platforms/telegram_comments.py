"""Comments of Telegram: messages in the group that is linked to a channel. Pure.

A channel's post appears in its group as an automatic forward. What is written under the post is a message of the group
in the thread of that forward; only a direct reply to the forward tells which post it is.
"""

from dataclasses import dataclass, replace

from app.platforms.incoming import (
    Action,
    DiscussionMoved,
    Ignored,
    IncomingMessage,
    Kind,
    PageIdentity,
    PagePost,
    Parsed,
    PayloadNotUnderstood,
)
from app.platforms.telegram_messages import (
    TELEGRAM,
    Speaker,
    answering,
    external_id,
    key_within_chat,
    message_url,
    service_notice,
    speaker_of,
    text_of,
    told,
)
from app.platforms.untrusted import Fields, instant

PLACE = "post"


@dataclass(frozen=True, slots=True)
class _Forward:
    """The message of the group that carries a post of a channel."""

    channel_id: str
    post: PagePost


def read_group_message(message: Fields, action: Action, page: PageIdentity) -> tuple[Parsed, ...]:
    """A message of a group or supergroup. Raises PayloadNotUnderstood."""
    chat = Fields(message.get("chat"), "message.chat")
    chat_id = chat.integer("id")
    if moved := _migration(message, chat_id, page):
        return (moved,)
    if _is_forward(message):
        return _forwarded_post(message, chat_id, page)
    if not _is_discussion(page, chat_id):
        return (Ignored("Сообщение группы, не связанной с этой страницей."),)
    if notice := service_notice(message):
        return (notice,)
    return _comment(message, action, chat, page)


def _migration(message: Fields, chat_id: int, page: PageIdentity) -> DiscussionMoved | None:
    """A group that became a supergroup tells it twice: in the old chat and in the new one."""
    to, origin = message.optional_integer("migrate_to_chat_id"), message.optional_integer("migrate_from_chat_id")
    if to and str(chat_id) == page.discussion_id:
        return DiscussionMoved(str(to))
    return DiscussionMoved(str(chat_id)) if origin and str(origin) == page.discussion_id else None


def _is_discussion(page: PageIdentity, chat_id: int) -> bool:
    """While nobody has named the group, any may be it: its threads lead to posts of the channel, or nowhere."""
    if page.discussion_id:
        return page.discussion_id == str(chat_id)
    return page.external_id.startswith("-")


def _is_forward(message: Fields) -> bool:
    author = message.fields("from")
    return message.flag("is_automatic_forward") or (
        author is not None and author.optional_integer("id") == TELEGRAM and _origin(message) is not None
    )


def _origin(message: Fields) -> Fields | None:
    """Where a forwarded message comes from; before Bot API 7.0 it was told in the message itself."""
    origin = message.fields("forward_origin")
    return origin if origin and origin.fields("chat") else None


def _forward(message: Fields, chat_id: int) -> _Forward | None:
    """The post behind an automatic forward, None if the message does not name it."""
    origin = _origin(message)
    channel = origin.fields("chat") if origin else message.fields("forward_from_chat")
    number = (origin or message).optional_integer("message_id" if origin else "forward_from_message_id")
    channel_id = channel.optional_integer("id") if channel else None
    if channel is None or not number or not channel_id:
        return None
    post = PagePost(
        str(number),
        text_of(message),
        instant((origin or message).get("date")),
        message_url(channel, number),
        external_id(chat_id, message.integer("message_id")),
    )
    return _Forward(str(channel_id), post)


def _is_ours(page: PageIdentity, forward: _Forward, chat_id: int) -> bool:
    """A page that is only a bot does not name its channel: there the group vouches for it."""
    if page.external_id.startswith("-"):
        return forward.channel_id == page.external_id
    return page.discussion_id == str(chat_id)


def _forwarded_post(message: Fields, chat_id: int, page: PageIdentity) -> tuple[Parsed, ...]:
    forward = _forward(message, chat_id)
    if forward is None:
        raise PayloadNotUnderstood("Поле message.forward_origin отсутствует или не называет запись канала.")
    if not _is_ours(page, forward, chat_id):
        return (Ignored("Запись чужого канала."),)
    if page.discussion_id and page.discussion_id != str(chat_id):
        # Telegram itself forwards the channel's posts there: the channel has been linked to another group.
        return DiscussionMoved(str(chat_id)), forward.post
    return (forward.post,)


def _comment(message: Fields, action: Action, chat: Fields, page: PageIdentity) -> tuple[Parsed, ...]:
    chat_id, parent = chat.integer("id"), message.fields("reply_to_message")
    is_first_level = parent is not None and _is_forward(parent)
    forward = _forward(parent, chat_id) if parent and is_first_level else None
    if forward and not _is_ours(page, forward, chat_id):
        return (Ignored("Комментарий под записью чужого канала."),)
    thread = _thread(message, parent, is_first_level)
    if thread is None:
        return (Ignored("Не обращение: разговор в группе."),)
    speaker = speaker_of(message)
    if speaker is None:
        return (Ignored("Сообщение служебной учётной записи Telegram."),)
    own_sides = {str(chat_id), page.external_id, forward.channel_id if forward else ""}
    comment = replace(
        told(message, action, Kind.COMMENT, PLACE, chat_id, speaker),
        post_external_id=forward.post.external_id if forward else None,
        thread_external_id=external_id(chat_id, thread),
        source_url=_url(message, chat, thread, forward),
        is_own=speaker.is_bot or speaker.external_id in own_sides,
    )
    comment = _placed(comment, message, parent if not is_first_level else None, speaker, own_sides)
    return (forward.post, comment) if forward else (comment,)


def _thread(message: Fields, parent: Fields | None, is_first_level: bool) -> int | None:
    """The number of the message that the thread hangs on. Old clients give none to replies: then what they reply to."""
    if parent and is_first_level:
        return parent.integer("message_id")
    if thread := message.optional_integer("message_thread_id"):
        return thread
    return parent.optional_integer("message_thread_id", "message_id") if parent else None


def _placed(
    comment: IncomingMessage, message: Fields, parent: Fields | None, speaker: Speaker, own_sides: set[str]
) -> IncomingMessage:
    """With what it answers and whose conversation it belongs to.

    Telegram tells the comment above but not the root. A bot's words are a machine's: they answer nobody, so that no
    other bot of the group can close an appeal; the answers of our own are known by the key that Telegram gave them.
    """
    if speaker.is_bot:
        return comment
    if parent is None or not parent.optional_integer("message_id"):
        return replace(comment, thread_key=None if comment.is_own else _thread_key(comment, message, speaker))
    person = speaker_of(parent) if comment.is_own else speaker
    is_citizen = person is not None and not person.is_bot and person.external_id not in own_sides
    thread_key = _thread_key(comment, parent, person) if person and is_citizen else None
    return answering(replace(comment, thread_key=thread_key), parent)


def _thread_key(comment: IncomingMessage, root: Fields, person: Speaker) -> str:
    return f"{PLACE}:{comment.thread_external_id}:{key_within_chat(root)}:{person.external_id}"


def _url(message: Fields, chat: Fields, thread: int, forward: _Forward | None) -> str | None:
    """The comment under its post where the post is known, else in the group."""
    number = message.integer("message_id")
    if forward and forward.post.source_url:
        return f"{forward.post.source_url}?comment={number}"
    address = message_url(chat, number)
    return f"{address}?thread={thread}" if address else None
