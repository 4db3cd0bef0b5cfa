"""Updates of the MAX Bot API as what they mean for a page. Pure.

Source: dev.max.ru/docs-api/objects/Update, Bot API schema 0.0.33.
"""

from collections.abc import Callable

from app.platforms.incoming import (
    Action,
    ContactChange,
    Ignored,
    IncomingMessage,
    Kind,
    PageIdentity,
    PageNotice,
    Parsed,
    PayloadNotUnderstood,
)
from app.platforms.max_messages import PLACE, identifier, post_of, read_message, speaker_of
from app.platforms.untrusted import Fields, NotJson, decode_json, instant_of_milliseconds

TYPE_LIMIT = 64
NEEDED_PERMISSIONS = {"read_all_messages": "читать все сообщения", "write": "писать"}

_MESSAGES = {
    "message_created": (Action.NEW, False),
    "message_edited": (Action.EDIT, False),
    "comment_created": (Action.NEW, True),
    "comment_edited": (Action.EDIT, True),
}
# The guide to moderation of comments calls the last one by another name than the reference does.
_REMOVALS = {"message_removed": False, "comment_removed": True, "comment_deleted": True}
_CONTACTS = {"bot_started": True, "bot_stopped": False, "dialog_removed": False}

_OF_NO_INTEREST = {
    "message_callback": "нажатие кнопки под сообщением",
    "message_construction_request": "составление сообщения с помощью бота",
    "message_constructed": "составление сообщения с помощью бота",
    "message_chat_created": "создан чат по кнопке",
    "dialog_cleared": "житель очистил переписку у себя",
    "dialog_muted": "житель отключил уведомления",
    "dialog_unmuted": "житель включил уведомления",
    "user_added": "в чате новый участник",
    "user_removed": "участник вышел из чата",
    "chat_title_changed": "чат переименован",
}

# What a bot is told to; messages that it does not ask for are not delivered.
EVENT_TYPES = (
    *("message_created", "message_edited", "message_removed"),
    *("comment_created", "comment_edited", "comment_removed"),
    *("bot_started", "bot_stopped", "dialog_removed"),
    *("bot_added", "bot_removed", "bot_admin_permissions_changed"),
)


def parse_update(page: PageIdentity, body: bytes) -> Parsed:
    """Read one authenticated delivery. Raises PayloadNotUnderstood and nothing else."""
    try:
        update = Fields(decode_json(body), "(тело запроса)")
    except NotJson as error:
        raise PayloadNotUnderstood("Тело запроса не является JSON.") from error
    event_type = update.text("update_type")
    if event_type in _MESSAGES:
        action, is_comment = _MESSAGES[event_type]
        return read_message(update, action, page, is_comment=is_comment)
    if event_type in _REMOVALS:
        return _removal(update, is_comment=_REMOVALS[event_type])
    if event_type in _CONTACTS:
        return _contact(update, can_be_written=_CONTACTS[event_type])
    if event_type in _NOTICES:
        return _notice(update, page, _NOTICES[event_type])
    return _ignored(event_type)


def _ignored(event_type: str) -> Ignored:
    if event_type in _OF_NO_INTEREST:
        return Ignored(f"Не обращение: {_OF_NO_INTEREST[event_type]}.")
    return Ignored(f"Событие «{event_type[:TYPE_LIMIT]}» не содержит комментария или сообщения.")


def _removal(update: Fields, *, is_comment: bool) -> IncomingMessage:
    """A deletion. Comments and messages are numbered alike, so it is found even where MAX does not say which it was."""
    message = update.fields("message")
    body, recipient = (message.fields("body"), message.fields("recipient")) if message else (None, None)
    mid = identifier(update.get("message_id")) or (identifier(body.get("mid")) if body else None)
    if mid is None:
        raise PayloadNotUnderstood("Поле message_id отсутствует или не идентификатор.")
    post = post_of(update, update.fields("recipient"), recipient)
    is_comment = is_comment or post is not None
    return IncomingMessage(
        action=Action.DELETE,
        kind=Kind.COMMENT if is_comment else Kind.MESSAGE,
        place=PLACE if is_comment else "message",
        key=mid,
        external_id=mid,
        post_external_id=post,
    )


def _contact(update: Fields, *, can_be_written: bool) -> ContactChange:
    user, at = update.fields("user"), instant_of_milliseconds(update.get("timestamp"))
    if user is None or not user.optional_integer("user_id"):
        return ContactChange(str(update.integer("user_id")), can_be_written, at)
    speaker = speaker_of(user)
    return ContactChange(speaker.external_id, can_be_written, at, speaker.name)


def _notice(update: Fields, page: PageIdentity, problem_of: Callable[[Fields], str | None]) -> PageNotice | Ignored:
    """A bot may serve other chats too: what happens there says nothing of this page."""
    chat = str(update.integer("chat_id"))
    is_page_a_channel = page.external_id.startswith("-")
    if (is_page_a_channel and chat != page.external_id) or (not is_page_a_channel and _is_of_group(update)):
        return Ignored("Права бота в другом чате.")
    return PageNotice(problem_of(update))


def _is_of_group(update: Fields) -> bool:
    return update.get("is_channel") is False


def _problem_of_rights(update: Fields) -> str | None:
    if update.get("is_admin") is False:
        return "Бот больше не администратор канала: комментарии не приходят. Назначьте его администратором в MAX."
    granted = update.get("permissions")
    if not isinstance(granted, list):
        return None
    missing = [name for code, name in NEEDED_PERMISSIONS.items() if code not in granted]
    return f"Боту не хватает прав в канале: {', '.join(missing)}. Дайте их в настройках канала." if missing else None


def _problem_of_removal(update: Fields) -> str:
    return "Бота убрали из канала: комментарии не приходят. Верните его и назначьте администратором."


_NOTICES: dict[str, Callable[[Fields], str | None]] = {
    "bot_added": _problem_of_rights,
    "bot_removed": _problem_of_removal,
    "bot_admin_permissions_changed": _problem_of_rights,
}
