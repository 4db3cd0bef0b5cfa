"""What people see in the stand-in's world: the page with its threads, a dialog."""

from typing import Any

from app.sandbox.vk_world import Comment, Community, World


def overview(world: World) -> dict[str, Any]:
    """Every page and every person, for choosing who to be and where."""
    return {
        "communities": [{"id": c.id, "name": c.name} for c in world.communities.values()],
        "users": [{"id": u.id, "name": name_of(world, u.id)} for u in world.users.values()],
    }


def feed(world: World, community: Community) -> dict[str, Any]:
    """The page's posts (photos, videos, items, topics too), newest first, with threads of comments, oldest first."""
    children: dict[tuple[str, int, int], list[Comment]] = {}
    for comment in community.comments:
        root = comment.parents_stack[0] if comment.parents_stack else 0
        children.setdefault((comment.place, comment.container_id, root), []).append(comment)

    def threads(place: str, container_id: int, root: int) -> list[dict[str, Any]]:
        return [
            {**_comment(world, comment), "replies": threads(place, container_id, comment.id)}
            for comment in children.get((place, container_id, root), [])
        ]

    posts = [
        {
            "id": thing.id,
            "place": thing.place,
            "text": thing.text,
            "date": thing.date,
            "is_closed": thing.is_closed,
            "comments": threads(thing.place, thing.id, 0),
        }
        for thing in reversed(community.things)
    ]
    return {"group_id": community.id, "name": community.name, "posts": posts}


def dialog(world: World, community: Community, user_id: int) -> dict[str, Any]:
    """The private messages of one person with the page, oldest first."""
    messages = [
        {
            "id": message.id,
            "conversation_message_id": message.conversation_message_id,
            "from_id": message.from_id,
            "author": name_of(world, message.from_id),
            "is_own": message.from_id < 0,
            "text": message.text,
            "date": message.date,
            "is_edited": bool(message.update_time),
            "attachments": message.attachments,
        }
        for message in community.dialog(user_id)
    ]
    person = name_of(world, user_id)
    return {"group_id": community.id, "name": community.name, "user_id": user_id, "user": person, "messages": messages}


def name_of(world: World, owner_id: int) -> str:
    """A person's or a community's name."""
    if owner_id < 0:
        community = world.communities.get(-owner_id)
        return community.name if community else f"club{-owner_id}"
    user = world.users.get(owner_id)
    return f"{user.first_name} {user.last_name}".strip() if user else f"id{owner_id}"


def _comment(world: World, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "from_id": comment.from_id,
        "author": name_of(world, comment.from_id),
        "is_own": comment.from_id < 0,
        "text": "" if comment.is_deleted else comment.text,
        "date": comment.date,
        "is_deleted": comment.is_deleted,
        "reply_to_comment": comment.reply_to_comment or None,
        "attachments": [] if comment.is_deleted else comment.attachments,
    }
