"""What people see in the stand-in's world: the channel with its comments, a dialog. Times are Unix seconds."""

from typing import Any

from app.sandbox.max_payloads import user_object
from app.sandbox.max_world import Message, Page, World


def feed(world: World, page: Page) -> dict[str, Any]:
    """The channel's posts, newest first, with threads of comments, oldest first."""
    posts = page.said_in(page.channel_id) if page.channel_id else []
    return {"posts": [_post(world, page, post) for post in reversed(posts)]}


def _post(world: World, page: Page, post: Message) -> dict[str, Any]:
    children: dict[str, list[Message]] = {}
    for comment in page.comments_under(post.mid):
        children.setdefault(comment.reply_to, []).append(comment)

    def threads(parent: str) -> list[dict[str, Any]]:
        return [{**_said(world, page, one), "replies": threads(one.mid)} for one in children.get(parent, [])]

    return {"id": post.mid, "text": post.text, "date": post.date // 1000, "comments": threads("")}


def dialog(world: World, page: Page, person: int) -> dict[str, Any]:
    """The messages of one person with the bot, oldest first."""
    said = page.said_in(page.dialogs[person]) if person in page.dialogs else []
    return {"messages": [_said(world, page, message) for message in said]}


def _said(world: World, page: Page, message: Message) -> dict[str, Any]:
    is_page = message.author_id in (0, page.bot_id)
    return {
        "id": message.mid,
        "from_id": str(message.author_id or page.channel_id),
        "name": page.name if is_page else user_object(world, message.author_id)["name"],
        "text": "" if message.is_deleted else message.text,
        "date": message.date // 1000,
        "is_page": is_page,
        "is_deleted": message.is_deleted,
    }
