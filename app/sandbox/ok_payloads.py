"""What is in the stand-in's world, as the objects that Odnoklassniki put into webhooks and answers."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from app.sandbox.ok_world import Comment, Group, Message, Topic, World

MOSCOW = timezone(timedelta(hours=3))


def written_date(seconds: int) -> str:
    """A time as the REST API writes it."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(MOSCOW).strftime("%Y-%m-%d %H:%M:%S")


def message_object(world: World, group: Group, message: Message) -> dict[str, Any]:
    """A private message, the same in webhooks and in GET messages."""
    content: dict[str, Any] = {"text": message.text, "seq": message.seq, "mid": message.mid}
    if message.reply_to:
        content["reply_to"] = message.reply_to
    if message.attachments:
        content["attachments"] = message.attachments
    sender = (
        {"name": group.name, "user_id": f"group:{group.id}"}
        if message.is_page
        else {"name": world.person(message.user_id).name, "user_id": f"user:{message.user_id}"}
    )
    return {
        "sender": sender,
        "recipient": {"chat_id": message.chat},
        "message": content,
        "timestamp": message.timestamp,
    }


def comment_object(group: Group, comment: Comment) -> dict[str, Any]:
    """A comment; of a removed one only a trace."""
    content: dict[str, Any] = {"id": comment.id, "date": written_date(comment.date)}
    if comment.is_removed:
        return {**content, "type": "REMOVED_MESSAGE"}
    content |= {
        "type": "ACTIVE_MESSAGE",
        "text": comment.text,
        "author_id": comment.author_id,
        "author_type": "GROUP" if comment.is_group else "",
        "like_count": 0,
        "liked_it": False,
        "attrs": {"flags": "l,s"},
    }
    if comment.is_group:
        content["author_name"] = group.name
    if comment.reply_to:
        answered = next((one for one in group.comments if one.id == comment.reply_to), None)
        content |= {"reply_to_comment_id": comment.reply_to, "reply_to_id": answered.author_id if answered else ""}
    if comment.attachments:
        content["attachments"] = comment.attachments
    return content


def discussion_object(group: Group, topic: Topic) -> dict[str, Any]:
    """A topic in the list of discussions. Its last activity is when it was published, whatever was said since."""
    comments = [comment for comment in group.comments_of(topic.id) if not comment.is_removed]
    return {
        "object_id": topic.id,
        "object_type": "GROUP_TOPIC",
        "title": topic.text,
        "message": f"Topic in the {{group:{group.id}}}{group.name}{{group}} group",
        "creation_date": written_date(topic.date),
        "last_activity_date": written_date(topic.date),
        "new_comments_count": 0,
        "total_comments_count": len(comments),
        "ref_objects": [{"id": group.id, "type": "GROUP"}],
    }


def feed(world: World, group: Group) -> dict[str, Any]:
    """What a visitor of the page sees: topics, newest first, with their comments and replies, oldest first."""
    posts = [
        {"id": topic.id, "text": topic.text, "date": topic.date, "comments": _threads(world, group, topic.id, "")}
        for topic in reversed(group.topics)
        if not topic.is_gone
    ]
    return {"page": group.id, "name": group.name, "posts": posts}


def _threads(world: World, group: Group, topic: str, above: str) -> list[dict[str, Any]]:
    return [
        {
            "id": comment.id,
            "from_id": comment.author_id,
            "name": group.name if comment.is_group else world.person(comment.author_id).name,
            "text": "" if comment.is_removed else comment.text,
            "date": comment.date,
            "is_page": comment.is_group,
            "is_deleted": comment.is_removed,
            "replies": _threads(world, group, topic, comment.id),
        }
        for comment in group.comments_of(topic)
        if comment.reply_to == above
    ]


def dialog(world: World, group: Group, user_id: str) -> dict[str, Any]:
    """What a citizen sees in his chat with the group, oldest first."""
    messages = [
        {
            "id": message.mid,
            "from_id": group.id if message.is_page else user_id,
            "name": group.name if message.is_page else world.person(user_id).name,
            "text": message.text,
            "date": message.timestamp // 1000,
            "is_page": message.is_page,
        }
        for message in group.messages
        if message.user_id == user_id
    ]
    return {"page": group.id, "name": group.name, "user_id": user_id, "messages": messages}
