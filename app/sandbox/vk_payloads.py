"""What happened in the stand-in's world, as the objects that VK puts into its webhooks (API 5.199)."""

from typing import Any

from app.sandbox.vk_world import Comment, Community, Message, Thing

CROPPED_AFTER = 4096  # VK cuts long messages for bots and marks them is_cropped

ACTIONS = ("new", "edit", "delete", "restore")
# place -> (event prefix, field of the container, field of its owner in full objects)
COMMENT_FIELDS = {
    "wall": ("wall_reply", "post_id", "owner_id"),
    "photo": ("photo_comment", "photo_id", "photo_owner_id"),
    "video": ("video_comment", "video_id", "video_owner_id"),
    "market": ("market_comment", "item_id", "market_owner_id"),
    "board": ("board_post", "topic_id", "topic_owner_id"),
}
EVENT_TYPES = (
    *("message_new", "message_reply", "message_edit", "message_allow", "message_deny", "wall_post_new", "photo_new"),
    *(f"{prefix}_{action}" for prefix, _, _ in COMMENT_FIELDS.values() for action in ACTIONS),
)


def comment_event(community: Community, comment: Comment, action: str, actor_id: int) -> tuple[str, dict[str, Any]]:
    """Type and object of the event "`actor_id` did `action` (new, edit, restore, delete) to this comment"."""
    prefix, _, _ = COMMENT_FIELDS[comment.place]
    content = (
        deleted_comment(community, comment, actor_id) if action == "delete" else comment_object(community, comment)
    )
    return f"{prefix}_{action}", content


def comment_object(community: Community, comment: Comment) -> dict[str, Any]:
    """The full comment, as in new, edit and restore."""
    _, container_field, owner_field = COMMENT_FIELDS[comment.place]
    content: dict[str, Any] = {
        "id": comment.id,
        "from_id": comment.from_id,
        "date": comment.date,
        "text": comment.text,
        container_field: comment.container_id,
        owner_field: -community.id,
    }
    if comment.place != "board":
        content["parents_stack"] = comment.parents_stack
    if comment.place == "wall":
        content["post_owner_id"] = -community.id
    if comment.reply_to_comment and comment.place != "board":  # there, only the words tell whom it answers
        content |= {"reply_to_comment": comment.reply_to_comment, "reply_to_user": comment.reply_to_user}
    if comment.attachments:
        content["attachments"] = comment.attachments
    return content


def post_event(community: Community, thing: Thing) -> tuple[str, dict[str, Any]] | None:
    """Type and object of the event "this was published"; VK tells of wall posts and photos."""
    content = {"id": thing.id, "owner_id": -community.id, "date": thing.date, "text": thing.text}
    if thing.place == "wall":
        return "wall_post_new", {**content, "from_id": -community.id, "post_type": "post"}
    return ("photo_new", {**content, "album_id": -7, "sizes": []}) if thing.place == "photo" else None


def contact_event(user_id: int, *, is_allowed: bool) -> tuple[str, dict[str, Any]]:
    """Type and object of the event "this citizen has allowed or forbidden the community to write to him"."""
    return ("message_allow", {"user_id": user_id, "key": ""}) if is_allowed else ("message_deny", {"user_id": user_id})


def deleted_comment(community: Community, comment: Comment, actor_id: int) -> dict[str, Any]:
    """What remains of a comment in its deletion."""
    _, container_field, _ = COMMENT_FIELDS[comment.place]
    content: dict[str, Any] = {"id": comment.id, container_field: comment.container_id}
    if comment.place == "board":
        return {**content, "topic_owner_id": -community.id}
    content |= {"owner_id": -community.id, "deleter_id": actor_id}
    return content if comment.place == "wall" else {**content, "user_id": comment.from_id}


def message_event(message: Message, action: str) -> tuple[str, dict[str, Any]]:
    """Type and object of the event "this private message was written (`new`) or changed (`edit`)"."""
    content = cropped(message_object(message))
    if action == "edit":
        return "message_edit", content
    if message.from_id < 0:
        return "message_reply", content
    client = {"button_actions": ["text", "location", "open_link"], "keyboard": True, "lang_id": 0}
    return "message_new", {"client_info": client, "message": content}


def message_object(message: Message) -> dict[str, Any]:
    """The full private message."""
    content: dict[str, Any] = {
        "date": message.date,
        "from_id": message.from_id,
        "id": message.id,
        "version": 10_000_000 + message.id,
        "out": int(message.from_id < 0),
        "important": False,
        "is_hidden": False,
        "attachments": message.attachments,
        "conversation_message_id": message.conversation_message_id,
        "fwd_messages": [],
        "text": message.text,
        "peer_id": message.peer_id,
        "random_id": message.random_id,
    }
    optional = {
        "geo": message.geo,
        "update_time": message.update_time,
        "admin_author_id": message.admin_author_id,
    }
    return content | {name: value for name, value in optional.items() if value}


def cropped(content: dict[str, Any]) -> dict[str, Any]:
    """The message as bots get it."""
    if len(content["text"]) <= CROPPED_AFTER:
        return content
    return {**content, "text": content["text"][:CROPPED_AFTER], "is_cropped": True}
