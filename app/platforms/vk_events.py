"""VK Callback API events as incoming messages. Pure.

Source: VK API schema 5.199, callback/objects.json, messages_message and wall_wall_comment.
"""

from dataclasses import dataclass

from app.platforms.incoming import Action, ContactChange, Ignored, IncomingMessage, Kind, Parsed, PayloadNotUnderstood
from app.platforms.untrusted import Fields, NotJson, decode_json, instant, integer
from app.platforms.vk_attachments import attachments_of
from app.platforms.vk_mentions import Mentioned, mentioned_first
from app.platforms.vk_posts import photo, wall_post

CHAT_PEER_BASE = 2_000_000_000
TYPE_LIMIT = 64


@dataclass(frozen=True, slots=True)
class _Place:
    """Where comments of one sort hang: the fields that name the thing commented on, and its address on vk.com."""

    code: str
    container_field: str
    owner_fields: tuple[str, ...]
    link: str


_PLACES = {
    "wall_reply": _Place("wall", "post_id", ("owner_id", "post_owner_id"), "wall{}_{}?reply={}"),
    "photo_comment": _Place("photo", "photo_id", ("photo_owner_id", "owner_id"), "photo{}_{}?reply={}"),
    "video_comment": _Place("video", "video_id", ("video_owner_id", "owner_id"), "video{}_{}?reply={}"),
    "market_comment": _Place("market", "item_id", ("market_owner_id", "owner_id"), "product{}_{}?reply={}"),
    "board_post": _Place("board", "topic_id", ("topic_owner_id",), "topic{}_{}?post={}"),
}
_COMMENT_EVENTS = {f"{prefix}_{action}": (place, action) for prefix, place in _PLACES.items() for action in Action}
_MESSAGE_EVENTS = {"message_new": Action.NEW, "message_reply": Action.NEW, "message_edit": Action.EDIT}
_CONTACT_EVENTS = {"message_allow": True, "message_deny": False}
_POST_EVENTS = {"wall_post_new": wall_post, "photo_new": photo}
UNDERSTOOD_EVENTS = (*_MESSAGE_EVENTS, *_CONTACT_EVENTS, *_POST_EVENTS, *_COMMENT_EVENTS)

_OF_NO_INTEREST = {
    "message_read": "сообщение прочитано",
    "message_typing_state": "собеседник набирает текст",
    "message_reaction_event": "реакция на сообщение",
    "message_event": "нажатие кнопки под сообщением",
    "like_add": "отметка «Нравится»",
    "like_remove": "отметка «Нравится» снята",
    "wall_repost": "запись скопирована",
    "wall_schedule_post_new": "запись отложена",
    "wall_schedule_post_delete": "отложенная запись удалена",
    "group_join": "вступление в сообщество",
    "group_leave": "выход из сообщества",
    "poll_vote_new": "голос в опросе",
}


def parse_event(body: bytes) -> Parsed:
    """Read one authenticated delivery. Raises PayloadNotUnderstood and nothing else."""
    try:
        envelope = Fields(decode_json(body), "(тело запроса)")
    except NotJson as error:
        raise PayloadNotUnderstood("Тело запроса не является JSON.") from error
    event_type, group_id = envelope.text("type"), envelope.integer("group_id")
    if event_type in _COMMENT_EVENTS:
        place, action = _COMMENT_EVENTS[event_type]
        comment = Fields(envelope.get("object"), "object")
        return _deletion(comment, place) if action is Action.DELETE else _comment(comment, place, action, group_id)
    if event_type in _MESSAGE_EVENTS:
        return _private(Fields(envelope.get("object"), "object"), _MESSAGE_EVENTS[event_type], group_id)
    if event_type in _CONTACT_EVENTS:
        person = Fields(envelope.get("object"), "object").integer("user_id")
        return ContactChange(str(person), _CONTACT_EVENTS[event_type])
    if event_type in _POST_EVENTS:
        return _POST_EVENTS[event_type](Fields(envelope.get("object"), "object"), group_id)
    return _ignored(event_type)


def _ignored(event_type: str) -> Ignored:
    if event_type in _OF_NO_INTEREST:
        return Ignored(f"Не обращение: {_OF_NO_INTEREST[event_type]}.")
    return Ignored(f"Событие «{event_type[:TYPE_LIMIT]}» не содержит комментария или сообщения.")


def comment_key(place: str, container: int | str | None, comment_id: int | str) -> str:
    """The key of a comment, the same in every event about it.

    A comment's number is unique within its owner (wall.deleteComment, photos.deleteComment, video.deleteComment and
    market.deleteComment take no more), except on the discussion board, where it is unique within its topic
    (board.deleteComment). So the key stays the same where an event omits the photo, video or product.
    """
    return f"board:{container}:{comment_id}" if place == "board" else f"{place}:{comment_id}"


def message_key(peer_id: int | str, conversation_message_id: int | str) -> str:
    """The key of a private message: `id` may be 0, the pair is always there."""
    return f"message:{peer_id}:{conversation_message_id}"


def _container(comment: Fields, place: _Place) -> int | None:
    """The thing commented on. Only the board cannot do without: there it is part of the key."""
    if place.code == "board":
        return comment.integer(place.container_field)
    return comment.optional_integer(place.container_field)


def _deletion(comment: Fields, place: _Place) -> IncomingMessage:
    comment_id, container = comment.integer("id"), _container(comment, place)
    return IncomingMessage(
        action=Action.DELETE,
        kind=Kind.COMMENT,
        place=place.code,
        key=comment_key(place.code, container, comment_id),
        external_id=str(comment_id),
        post_external_id=str(container) if container else None,
    )


def _comment(comment: Fields, place: _Place, action: Action, group_id: int) -> IncomingMessage:
    comment_id, author_id, container = comment.integer("id"), comment.integer("from_id"), _container(comment, place)
    owner_id = comment.optional_integer(*place.owner_fields) or -group_id
    parents, text = _parents(comment), comment.text("text")
    mentioned = mentioned_first(text) if place.code == "board" else Mentioned()
    reply_to = comment.optional_integer("reply_to_comment") or mentioned.post or (parents[-1] if parents else None)
    is_own = author_id in (-group_id, owner_id)
    person = (comment.optional_integer("reply_to_user") or mentioned.person) if is_own else author_id
    root = (*parents, mentioned.post if is_own and mentioned.post else comment_id)[0]
    return IncomingMessage(
        action=action,
        kind=Kind.COMMENT,
        place=place.code,
        key=comment_key(place.code, container, comment_id),
        external_id=str(comment_id),
        thread_key=_comment_thread(place, container, root, person),
        author_external_id=str(author_id),
        text=text,
        attachments=attachments_of(comment),
        sent_at=comment.instant("date"),
        post_external_id=str(container) if container else None,
        reply_to_external_id=str(reply_to) if reply_to else None,
        reply_to_key=comment_key(place.code, container, reply_to) if reply_to else None,
        source_url=_comment_url(place, owner_id, container, comment_id, parents),
        is_own=is_own,
    )


def _parents(comment: Fields) -> list[int]:
    """The comments above this one, the root of the thread first."""
    return [parent for item in comment.items("parents_stack", 10) if (parent := integer(item))]


def _comment_thread(place: _Place, container: int | None, root: int, person: int | None) -> str | None:
    """The conversation of one author under one root comment.

    The page's own comment belongs to the conversation of the person it answers; where VK does not say whom, None.
    """
    return f"{place.code}:{container or '-'}:{root}:{person}" if person else None


def _comment_url(place: _Place, owner: int, container: int | None, comment_id: int, parents: list[int]) -> str | None:
    if not container:
        return None
    thread = f"&thread={parents[0]}" if parents and place.code == "wall" else ""
    return "https://vk.com/" + place.link.format(owner, container, comment_id) + thread


def _private(event: Fields, action: Action, group_id: int) -> IncomingMessage | Ignored:
    message = event.fields("message") or event  # message_new wraps the message, message_reply and message_edit do not
    if message.fields("action"):
        return Ignored("Служебное сообщение беседы.")
    peer_id, number = message.integer("peer_id"), message.integer("conversation_message_id")
    author_id = message.integer("from_id")
    is_own = author_id == -group_id or message.flag("out")
    moderator = message.optional_integer("admin_author_id")
    random_id = message.optional_integer("random_id")
    reply = message.fields("reply_message")
    reply_number = reply.optional_integer("conversation_message_id") if reply else None
    return IncomingMessage(
        action=action,
        kind=Kind.MESSAGE,
        place="message",
        key=message_key(peer_id, number),
        external_id=_message_id(message, peer_id) or f"{peer_id}_{number}",
        thread_key=f"message:{peer_id}",
        author_external_id=str(author_id),
        text=message.text("text"),
        attachments=attachments_of(message),
        sent_at=message.instant("date"),
        edited_at=instant(message.get("update_time")) if action is Action.EDIT else None,
        post_external_id=str(peer_id) if peer_id >= CHAT_PEER_BASE else None,
        reply_to_external_id=_message_id(reply, peer_id) if reply else None,
        reply_to_key=message_key(peer_id, reply_number) if reply_number else None,
        source_url=f"https://vk.com/gim{group_id}?sel={_selection(peer_id)}",
        is_own=is_own,
        is_cropped=message.flag("is_cropped"),
        own_idempotency_key=str(random_id) if is_own and random_id else None,
        moderator_external_id=str(moderator) if is_own and moderator else None,
    )


def _message_id(message: Fields, peer_id: int) -> str | None:
    """The bare number, or the pair that stands for it in chats, where VK gives 0."""
    if number := message.optional_integer("id"):
        return str(number)
    in_conversation = message.optional_integer("conversation_message_id")
    return f"{peer_id}_{in_conversation}" if in_conversation else None


def _selection(peer_id: int) -> str:
    return f"c{peer_id - CHAT_PEER_BASE}" if peer_id >= CHAT_PEER_BASE else str(peer_id)
