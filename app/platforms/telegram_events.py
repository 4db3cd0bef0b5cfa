"""Telegram updates as values. Pure.

Source: core.telegram.org/bots/api (Bot API 10.3), Update, Message, ChatMemberUpdated.
"""

import re
from dataclasses import replace
from typing import Any

from app.platforms.incoming import (
    Action,
    ContactChange,
    Ignored,
    Kind,
    PageIdentity,
    PageNotice,
    PagePost,
    Parsed,
    PayloadNotUnderstood,
)
from app.platforms.telegram_comments import read_group_message
from app.platforms.telegram_messages import (
    Speaker,
    answering,
    message_url,
    name_of,
    service_notice,
    speaker_of,
    text_of,
    told,
)
from app.platforms.untrusted import Fields, NotJson, decode_json, instant, storable

TYPE_LIMIT = 64
PLACE = "message"
UPDATES = ("message", "edited_message", "channel_post", "edited_channel_post", "my_chat_member")
"""The updates that `parse_update` reads, and that a webhook must ask for."""

_START = re.compile(r"/start(@\w+)?\s*")
_LOST = {"left", "kicked"}
_IN_CHARGE = {"administrator", "creator"}
_OF_NO_INTEREST = {
    "callback_query": "нажатие кнопки под сообщением",
    "inline_query": "запрос встроенного режима",
    "chosen_inline_result": "выбор во встроенном режиме",
    "message_reaction": "реакция на сообщение",
    "message_reaction_count": "реакции на сообщение",
    "poll": "состояние опроса",
    "poll_answer": "голос в опросе",
    "chat_member": "изменение участника чата",
    "chat_join_request": "заявка на вступление",
    "chat_boost": "усиление чата",
    "removed_chat_boost": "усиление чата снято",
    "business_connection": "подключение рабочего профиля",
    "business_message": "сообщение рабочего профиля",
    "edited_business_message": "правка сообщения рабочего профиля",
    "deleted_business_messages": "удаление сообщений рабочего профиля",
}


def parse_update(page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
    """Read one authenticated delivery. Raises PayloadNotUnderstood and nothing else."""
    try:
        update = decode_json(body)
    except NotJson as error:
        raise PayloadNotUnderstood("Тело запроса не является JSON.") from error
    if not isinstance(update, dict):
        raise PayloadNotUnderstood("Тело запроса не является объектом JSON.")
    kind = kind_of(update)
    if kind not in UPDATES:
        return (_ignored(kind),)
    content = Fields(update[kind], kind)
    if kind == "my_chat_member":
        return (_membership(content, page),)
    if kind in ("channel_post", "edited_channel_post"):
        return (_channel_post(content, page),)
    return _message(content, Action.EDIT if kind == "edited_message" else Action.NEW, page)


def kind_of(update: dict[str, Any]) -> str:
    """The name of the one field that an update has beside its number; "" if it has none."""
    told = [name for name, content in update.items() if name != "update_id" and content is not None]
    return next((name for name in told if name in UPDATES), told[0] if told else "")


def _ignored(kind: str) -> Ignored:
    if kind in _OF_NO_INTEREST:
        return Ignored(f"Не обращение: {_OF_NO_INTEREST[kind]}.")
    return Ignored(f"Событие «{storable(kind)[:TYPE_LIMIT]}» не содержит комментария или сообщения.")


def _message(message: Fields, action: Action, page: PageIdentity) -> tuple[Parsed, ...]:
    """Chats of two have the number of the person, which is positive; groups have negative ones."""
    chat = Fields(message.get("chat"), "message.chat")
    if chat.flag("is_direct_messages"):
        return _direct_message(message, action, chat, page)
    return _private(message, action, chat) if chat.integer("id") > 0 else read_group_message(message, action, page)


def _private(message: Fields, action: Action, chat: Fields) -> tuple[Parsed, ...]:
    if notice := service_notice(message):
        return (notice,)
    chat_id = chat.integer("id")
    speaker = speaker_of(message) if message.fields("from") else Speaker(str(chat_id), name_of(chat))
    if speaker is None:
        return (Ignored("Сообщение служебной учётной записи Telegram."),)
    is_own = speaker.external_id != str(chat_id)
    if speaker.is_bot and not is_own:
        return (Ignored("Сообщение другого бота."),)
    if not is_own and _START.fullmatch(text_of(message)):
        started = ContactChange(speaker.external_id, True, instant(message.get("date")), speaker.name)
        return started, Ignored("Не обращение: житель начал разговор с ботом.")
    private = replace(
        told(message, action, Kind.MESSAGE, PLACE, chat_id, speaker),
        thread_key=f"{PLACE}:{chat_id}",
        chat_external_id=str(chat_id),
        is_own=is_own,
    )
    return (answering(private, message.fields("reply_to_message")),)


def _direct_message(message: Fields, action: Action, chat: Fields, page: PageIdentity) -> tuple[Parsed, ...]:
    """A private message to the channel itself: one chat for all citizens, a topic for each."""
    if notice := service_notice(message):
        return (notice,)
    chat_id, speaker = chat.integer("id"), speaker_of(message)
    topic = Fields(message.get("direct_messages_topic"), "message.direct_messages_topic").integer("topic_id")
    if speaker is None:
        return (Ignored("Сообщение служебной учётной записи Telegram."),)
    is_own = speaker.is_bot or speaker.external_id in (page.external_id, str(chat_id))
    private = replace(
        told(message, action, Kind.MESSAGE, PLACE, chat_id, speaker),
        thread_key=f"{PLACE}:{chat_id}:{topic}",
        chat_external_id=f"{chat_id}:{topic}",
        is_own=is_own,
        moderator_external_id=speaker.external_id if is_own and not speaker.is_bot else None,
    )
    return (answering(private, message.fields("reply_to_message")),)


def _channel_post(message: Fields, page: PageIdentity) -> Parsed:
    chat = Fields(message.get("chat"), "channel_post.chat")
    if str(chat.integer("id")) != page.external_id:
        return Ignored("Запись другого канала.")
    if notice := service_notice(message):
        return notice
    number = message.integer("message_id")
    return PagePost(str(number), text_of(message), instant(message.get("date")), message_url(chat, number))


def _membership(change: Fields, page: PageIdentity) -> Parsed:
    """The bot's own place in a chat: with a citizen it says whether he may be written to."""
    chat = Fields(change.get("chat"), "my_chat_member.chat")
    chat_id = str(chat.integer("id"))
    status = Fields(change.get("new_chat_member"), "my_chat_member.new_chat_member").text("status")
    if not chat_id.startswith("-"):
        name = name_of(change.fields("from") or chat)
        return ContactChange(chat_id, status not in _LOST, instant(change.get("date")), name)
    if chat_id not in (page.external_id, page.discussion_id):
        return Ignored("Изменение в чате, не связанном с этой страницей.")
    if status in _IN_CHARGE:
        return PageNotice(None)
    return PageNotice(_problem(is_channel=chat_id == page.external_id, is_lost=status in _LOST))


def _problem(*, is_channel: bool, is_lost: bool) -> str:
    where, what = ("канале", "записи") if is_channel else ("группе обсуждений", "комментарии")
    if is_lost:
        return f"Бота убрали из чата: верните его администратором в {where}, иначе {what} не придут."
    return f"Бот не администратор: назначьте его администратором в {where}, иначе {what} придут не все."
