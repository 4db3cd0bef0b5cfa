"""Methods of the VK API as the stand-in plays them. Source: VK API schema 5.199, */methods.json and errors.json."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.sandbox.vk_call import Call, Outcome
from app.sandbox.vk_callback_methods import (
    add_callback_server,
    edit_callback_server,
    get_callback_servers,
    get_callback_settings,
    get_confirmation_code,
    set_callback_settings,
)
from app.sandbox.vk_payloads import comment_event, message_event, message_object
from app.sandbox.vk_world import Comment, Message, VkError, invalid_parameter

MESSAGE_LIMIT = 9000
PEERS_LIMIT = 100
USERS_LIMIT = 1000


def send_message(call: Call) -> Outcome:
    """messages.send: one peer (`peer_id`) fails with an error object, several (`peer_ids`) each with their own."""
    if "random_id" not in call.params:
        raise invalid_parameter("random_id")
    text = call.params.get("message", "")
    if len(text) > MESSAGE_LIMIT:
        raise VkError(914, "Message is too long")
    if not text.strip() and not call.params.get("attachment"):
        raise VkError(100, "One of the parameters specified was missing or invalid: message is empty or invalid")
    if "peer_ids" not in call.params:
        peer_id = call.integer("peer_id" if "peer_id" in call.params else "user_id")
        message, is_repeat = _write(call, peer_id, text)
        return Outcome(message.id, is_repeat)
    results = [_write_to_one(call, peer_id, text) for peer_id in call.integers("peer_ids", PEERS_LIMIT)]
    return Outcome([item for item, _ in results], all(is_repeat for _, is_repeat in results))


def _write_to_one(call: Call, peer_id: int, text: str) -> tuple[dict[str, Any], bool]:
    try:
        message, is_repeat = _write(call, peer_id, text)
    except VkError as error:
        return {"peer_id": peer_id, "message_id": 0, "error": {"code": error.code, "description": error.message}}, False
    numbers = {"message_id": message.id, "conversation_message_id": message.conversation_message_id}
    return {"peer_id": peer_id, **numbers}, is_repeat


def _write(call: Call, peer_id: int, text: str) -> tuple[Message, bool]:
    random_id = call.optional_integer("random_id")
    if before := call.community.sent_before(peer_id, random_id):
        return before, True
    call.community.check_recipient(peer_id)
    draft = Message(0, 0, peer_id, -call.community.id, text, call.timestamp, random_id=random_id)
    message = call.community.add_message(draft)
    call.webhooks.publish(call.community, *message_event(message, "new"))
    return message, False


def get_messages(call: Call) -> Outcome:
    """messages.getByConversationMessageId: uncropped."""
    numbers = call.integers("conversation_message_ids", PEERS_LIMIT)
    found = [m for m in call.community.dialog(call.integer("peer_id")) if m.conversation_message_id in numbers]
    return Outcome({"count": len(found), "items": [message_object(message) for message in found]})


def create_comment(place: str, container_field: str) -> Callable[[Call], Outcome]:
    """wall.createComment and its like of the other places; they differ in names and in what they return."""

    def create(call: Call) -> Outcome:
        owner = call.integer("group_id" if place == "board" else "owner_id")
        if abs(owner) != call.community.id or (owner > 0) != (place == "board"):
            raise VkError(15, "Access denied")
        if before := call.community.comment_by_guid(call.params.get("guid", "")):
            return Outcome(_created(before), is_repeat=True)
        comment = call.community.add_comment(_comment_draft(call, place, call.integer(container_field)))
        call.webhooks.publish(call.community, *comment_event(call.community, comment, "new", comment.from_id))
        return Outcome(_created(comment))

    return create


def _comment_draft(call: Call, place: str, container_id: int) -> Comment:
    text = call.params.get("message", "")
    if not text.strip() and not call.params.get("attachments"):
        raise VkError(100, "One of the parameters specified was missing or invalid: message is empty or invalid")
    is_from_group = not call.is_administrator or bool(call.optional_integer("from_group"))
    return Comment(
        id=0,
        place=place,
        container_id=container_id,
        from_id=-call.community.id if is_from_group else call.community.administrator_id,
        text=text,
        date=call.timestamp,
        reply_to_comment=call.optional_integer("reply_to_comment") if place != "board" else 0,
        guid=call.params.get("guid", ""),
    )


def _created(comment: Comment) -> Any:
    if comment.place == "wall":
        return {"comment_id": comment.id, "parents_stack": comment.parents_stack}
    return comment.id


def get_users(call: Call) -> Outcome:
    """users.get: unknown ids are left out."""
    users = [call.world.users.get(user_id) for user_id in call.integers("user_ids", USERS_LIMIT)]
    return Outcome(
        [
            {"id": u.id, "first_name": u.first_name, "last_name": u.last_name, "is_closed": False}
            for u in users
            if u is not None
        ]
    )


def get_groups(call: Call) -> Outcome:
    """groups.getById."""
    field = "group_ids" if "group_ids" in call.params else "group_id"
    communities = [call.world.communities.get(group_id) for group_id in call.integers(field, 500)]
    groups = [
        {"id": c.id, "name": c.name, "screen_name": f"club{c.id}", "is_closed": 0, "type": "page"}
        for c in communities
        if c is not None
    ]
    return Outcome({"groups": groups, "profiles": []})


@dataclass(frozen=True, slots=True)
class Method:
    """A method and whether only a user's token may call it."""

    run: Callable[[Call], Outcome]
    is_user_only: bool = False


METHODS: dict[str, Method] = {
    "messages.send": Method(send_message),
    "messages.getByConversationMessageId": Method(get_messages),
    "wall.createComment": Method(create_comment("wall", "post_id")),
    "photos.createComment": Method(create_comment("photo", "photo_id"), is_user_only=True),
    "video.createComment": Method(create_comment("video", "video_id"), is_user_only=True),
    "market.createComment": Method(create_comment("market", "item_id"), is_user_only=True),
    "board.createComment": Method(create_comment("board", "topic_id"), is_user_only=True),
    "users.get": Method(get_users),
    "groups.getById": Method(get_groups),
    "groups.getCallbackConfirmationCode": Method(get_confirmation_code),
    "groups.addCallbackServer": Method(add_callback_server),
    "groups.editCallbackServer": Method(edit_callback_server),
    "groups.setCallbackSettings": Method(set_callback_settings),
    "groups.getCallbackSettings": Method(get_callback_settings),
    "groups.getCallbackServers": Method(get_callback_servers),
}
