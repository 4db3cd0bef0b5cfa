"""What happened in the stand-in's world, as the objects of the MAX Bot API (schema 0.0.33)."""

from typing import Any

from app.sandbox.max_world import Message, Page, User, World


def user_object(world: World, person: int) -> dict[str, Any]:
    """A User; somebody whom nobody has introduced is a citizen without a name of his own."""
    user = world.users.get(person) or User(person, "Житель")
    told: dict[str, Any] = {"user_id": user.id, "first_name": user.first_name, "is_bot": False, "last_activity_time": 0}
    if user.last_name:
        told["last_name"] = user.last_name
    return {**told, "name": f"{user.first_name} {user.last_name}".strip()}


def bot_object(page: Page) -> dict[str, Any]:
    """The page's bot as a User."""
    named = {"first_name": page.name, "username": page.username or f"id{page.bot_id}_bot", "name": page.name}
    return {"user_id": page.bot_id, "is_bot": True, "last_activity_time": 0, **named}


def message_object(world: World, page: Page, message: Message) -> dict[str, Any]:
    """A Message or CommentMessage. What the channel says in its own name has no sender."""
    body = {"mid": message.mid, "seq": message.seq, "text": message.text, **message.extra}
    told: dict[str, Any] = {"recipient": _recipient(page, message), "timestamp": message.date, "body": body}
    if message.author_id:
        told["sender"] = _sender(world, page, message.author_id)
    if message.reply_to:
        told["link"] = _link(world, page, message.reply_to)
    if message.chat_id == page.channel_id and not message.post:
        told |= {"stat": {"views": 0}, "url": f"https://max.ru/{page.username or page.id}/{message.seq}"}
    return told


def _recipient(page: Page, message: Message) -> dict[str, Any]:
    if message.chat_id == page.channel_id:
        channel = {"chat_id": message.chat_id, "chat_type": "channel"}
        return {**channel, "post_id": message.post} if message.post else channel
    person = page.person_of(message.chat_id)
    other = page.bot_id if message.author_id == person else person
    return {"chat_id": message.chat_id, "chat_type": "dialog", "user_id": other}


def _sender(world: World, page: Page, author: int) -> dict[str, Any]:
    return bot_object(page) if author == page.bot_id else user_object(world, author)


def _link(world: World, page: Page, mid: str) -> dict[str, Any]:
    answered = next(one for one in page.messages if one.mid == mid)
    linked = {"mid": answered.mid, "seq": answered.seq, "text": answered.text}
    link: dict[str, Any] = {"type": "reply", "message": linked}
    return {**link, "sender": _sender(world, page, answered.author_id)} if answered.author_id else link


def removal(page: Page, message: Message, actor: int) -> dict[str, Any]:
    """What is told of a message that was deleted."""
    told = {"message_id": message.mid, "chat_id": message.chat_id, "user_id": actor}
    return {**told, "post_id": message.post} if message.post else told
