"""What people see in the Telegram stand-in's world: the channel with its comments, a dialog with the bot."""

from typing import Any

from app.platforms.telegram_messages import external_id
from app.sandbox.telegram_payloads import chat_object
from app.sandbox.telegram_world import Message, Page, World


def feed(world: World, page: Page) -> dict[str, Any]:
    """The channel's posts, newest first, with threads of comments, oldest first."""
    posts = [
        {"id": str(post.id), "text": post.text, "date": post.date, "comments": _comments(world, page, post)}
        for post in reversed(page.chat(page.id))
    ]
    return {"page": str(page.id), "name": page.name, "posts": posts if page.id < 0 else []}


def _comments(world: World, page: Page, post: Message) -> list[dict[str, Any]]:
    forwards = [message for message in page.chat(page.discussion_id) if message.post_id == post.id]
    if not forwards:
        return []
    thread = [message for message in page.chat(page.discussion_id) if message.thread_id == forwards[0].id]

    def replies(number: int) -> list[dict[str, Any]]:
        return [{**_shown(world, page, m), "replies": replies(m.id)} for m in thread if m.reply_to == number]

    return replies(forwards[0].id)


def dialog(world: World, page: Page, user_id: int) -> dict[str, Any]:
    """The messages of one person with the bot, oldest first."""
    messages = [_shown(world, page, message) for message in page.chat(user_id)]
    return {"page": str(page.id), "name": page.name, "user_id": str(user_id), "messages": messages}


def _shown(world: World, page: Page, message: Message) -> dict[str, Any]:
    return {
        "id": external_id(message.chat_id, message.id),
        "from_id": str(message.author_id),
        "name": name_of(world, page, message.author_id),
        "text": "" if message.is_deleted else message.text,
        "date": message.date,
        "is_page": message.author_id in page.sides,
        "is_deleted": message.is_deleted,
    }


def name_of(world: World, page: Page, author_id: int) -> str:
    """A person's, a channel's or the page's name."""
    if author_id in page.sides:
        return page.name
    party = chat_object(world, page, author_id)
    return party.get("title") or f"{party['first_name']} {party.get('last_name', '')}".strip()
