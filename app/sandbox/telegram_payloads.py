"""What happened in the Telegram stand-in's world, as objects of the Bot API."""

from typing import Any

from app.sandbox.telegram_world import Message, Page, World

TELEGRAM = 777000
ANONYMOUS_ADMIN = 1087968824
CHANNEL_BOT = 136817688


def chat_object(world: World, page: Page, chat_id: int) -> dict[str, Any]:
    """A chat as messages carry it."""
    if chat_id == page.id and chat_id < 0:
        named = {"username": page.username} if page.username else {}
        return {"id": chat_id, "title": page.name, **named, "type": "channel"}
    if chat_id == page.discussion_id:
        return {"id": chat_id, "title": f"Обсуждение: {page.name}", "type": "supergroup"}
    user = world.users.get(chat_id)
    name = user.first_name if user else f"id{chat_id}"
    if chat_id < 0:
        return {"id": chat_id, "title": name, "type": "channel"}
    surname = {"last_name": user.last_name} if user and user.last_name else {}
    return {"id": chat_id, "first_name": name, **surname, "type": "private"}


def person_object(world: World, page: Page, person_id: int) -> dict[str, Any]:
    """A person or the bot."""
    if person_id == page.bot_id:
        return {"id": person_id, "is_bot": True, "first_name": page.name, "username": f"bot{page.bot_id}_bot"}
    person = chat_object(world, page, person_id)
    del person["type"]
    return {**person, "is_bot": False}


def message_object(world: World, page: Page, message: Message, *, is_nested: bool = False) -> dict[str, Any]:
    """A message; what it replies to is told one level deep."""
    content: dict[str, Any] = {
        "message_id": message.id,
        "chat": chat_object(world, page, message.chat_id),
        "date": message.date,
        **_author(world, page, message),
        **message.extra,
    }
    if message.text:
        content["caption" if _is_file(message) else "text"] = message.text
    if message.edit_date:
        content["edit_date"] = message.edit_date
    if message.thread_id:
        content["message_thread_id"] = message.thread_id
    if message.post_id:
        post = {"chat": chat_object(world, page, page.id), "message_id": message.post_id, "date": message.date}
        content |= {"is_automatic_forward": True, "forward_origin": {"type": "channel", **post}}
    if message.reply_to and not is_nested:
        answered = page.message(message.chat_id, message.reply_to)
        if not answered.is_deleted:
            content["reply_to_message"] = message_object(world, page, answered, is_nested=True)
    return content


def _author(world: World, page: Page, message: Message) -> dict[str, Any]:
    """Channels and groups speak as `sender_chat`; `from` is a service account then, and absent in a channel."""
    if message.author_id > 0:
        return {"from": person_object(world, page, message.author_id)}
    sender = {"sender_chat": chat_object(world, page, message.author_id)}
    if message.chat_id == message.author_id == page.id:
        return sender
    if message.post_id:
        return {**sender, "from": {"id": TELEGRAM, "is_bot": False, "first_name": "Telegram"}}
    is_group = message.author_id == message.chat_id
    number, name = (ANONYMOUS_ADMIN, "Group") if is_group else (CHANNEL_BOT, "Channel")
    return {**sender, "from": {"id": number, "is_bot": True, "first_name": name}}


def _is_file(message: Message) -> bool:
    return any(name in message.extra for name in ("photo", "video", "document", "audio", "voice", "animation"))


def membership_object(world: World, page: Page, chat_id: int, status: str, date: int) -> dict[str, Any]:
    """The bot's place in a chat has changed."""
    bot = person_object(world, page, page.bot_id)
    actor = {"from": person_object(world, page, chat_id)} if chat_id > 0 else {}
    return {
        "chat": chat_object(world, page, chat_id),
        **actor,
        "date": date,
        "old_chat_member": {"user": bot, "status": "member"},
        "new_chat_member": {"user": bot, "status": status},
    }
