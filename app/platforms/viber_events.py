"""Viber callbacks as messages and contacts. Pure.

Source: Viber REST Bot API 7.3.0, "Callbacks" and "Receive messages from user".
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.platforms.incoming import (
    Action,
    Attachment,
    ContactChange,
    Ignored,
    IncomingMessage,
    Kind,
    Parsed,
    PayloadNotUnderstood,
)
from app.platforms.untrusted import (
    LAST_SECOND,
    Fields,
    NotJson,
    decode_json,
    degrees,
    integer,
    storable,
    title_of,
    web_url,
)

NAME_LIMIT = 200
PERSON_LIMIT = 100  # a Viber id has 24 characters
KIND_LIMIT = 40
TYPE_LIMIT = 64
REASON_LIMIT = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_OF_NO_INTEREST = {
    "delivered": "Ответ доставлен на устройство жителя.",
    "seen": "Житель прочитал ответ.",
    "webhook": "Проверка адреса.",
}


def parse_event(body: bytes) -> Parsed:
    """Read one authenticated callback. Raises PayloadNotUnderstood and nothing else."""
    try:
        event = Fields(decode_json(body), "(тело запроса)")
    except NotJson as error:
        raise PayloadNotUnderstood("Тело запроса не является JSON.") from error
    event_type = event.text("event")
    if event_type == "message":
        return _message(event)
    if event_type in ("subscribed", "unsubscribed"):
        return _contact(event, can_be_written=event_type == "subscribed")
    return _opened(event) if event_type == "conversation_started" else _ignored(event, event_type)


def message_key(message_token: int | str) -> str:
    """The key of a message: the token is unique within the bot."""
    return f"message:{message_token}"


def _message(event: Fields) -> IncomingMessage:
    """A citizen's words. Writing also subscribes him, without a callback of its own."""
    message, token = Fields(event.get("message"), "message"), event.integer("message_token")
    person = _person_id(event)
    return IncomingMessage(
        action=Action.NEW,
        kind=Kind.MESSAGE,
        place="message",
        key=message_key(token),
        external_id=str(token),
        thread_key=f"message:{person}",
        author_external_id=person,
        author_name=_name(event),
        text=message.text("text"),
        attachments=_attachments(message),
        sent_at=_moment(event),
    )


def _contact(event: Fields, *, can_be_written: bool) -> ContactChange:
    return ContactChange(_person_id(event), can_be_written, _moment(event), _name(event))


def _opened(event: Fields) -> ContactChange | Ignored:
    """Who opens the conversation without being subscribed cannot be written to until he writes himself."""
    if not isinstance(event.get("subscribed"), bool | int):
        return Ignored("Житель открыл переписку, подписан ли он, не сказано.")
    return _contact(event, can_be_written=event.flag("subscribed"))


def _ignored(event: Fields, event_type: str) -> Ignored:
    if event_type == "failed":
        said = event.get("desc")
        why = storable(said).strip()[:REASON_LIMIT] if isinstance(said, str) else ""
        return Ignored(f"Ответ принят Viber, но не показан на устройстве жителя: {why or 'причина не названа'}.")
    if event_type in _OF_NO_INTEREST:
        return Ignored(_OF_NO_INTEREST[event_type])
    return Ignored(f"Событие «{event_type[:TYPE_LIMIT]}» не содержит сообщения.")


def _person(event: Fields) -> Fields | None:
    return event.fields("sender") or event.fields("user")


def _person_id(event: Fields) -> str:
    """The author's id, unique within the bot; it may hold `+`, `/` and `=`."""
    person = _person(event)
    value = person.get("id") if person else event.get("user_id")
    if isinstance(value, int) and (number := integer(value)):
        value = str(number)
    value = storable(value).strip() if isinstance(value, str) else ""
    if not 0 < len(value) <= PERSON_LIMIT:
        raise PayloadNotUnderstood("Поле sender.id (user.id, user_id) отсутствует или не идентификатор.")
    return value


def _name(event: Fields) -> str | None:
    person = _person(event)
    name = title_of(person.get("name")) if person else None
    return name[:NAME_LIMIT] if name else None


def _moment(event: Fields) -> datetime | None:
    """Milliseconds since 1970 as aware UTC."""
    milliseconds = integer(event.get("timestamp"))
    if milliseconds is None or not 0 < milliseconds <= LAST_SECOND * 1000:
        return None
    return EPOCH + timedelta(milliseconds=milliseconds)


def _attachments(message: Fields) -> tuple[Attachment, ...]:
    kind = message.text("type")
    if kind in ("", "text"):
        return ()
    describe = _ATTACHMENTS.get(kind)
    return (describe(message) if describe else _file(kind[:KIND_LIMIT])(message),)


def _file(kind: str) -> Callable[[Fields], Attachment]:
    """What lies at the address `media`, under its name if it has one."""

    def describe(message: Fields) -> Attachment:
        return Attachment(kind, url=web_url(message.get("media")), title=title_of(message.get("file_name")))

    return describe


def _link(message: Fields) -> Attachment:
    """An address that cannot be shown as a link is still shown as a text."""
    address = web_url(message.get("media"))
    return Attachment("link", url=address, title=None if address else title_of(message.get("media")))


def _shared_contact(message: Fields) -> Attachment:
    contact = message.fields("contact")
    told = [title_of(contact.get(name)) for name in ("name", "phone_number")] if contact else []
    return Attachment("contact", title=title_of(", ".join(part for part in told if part)))


def _location(message: Fields) -> Attachment:
    place = message.fields("location")
    if place is None:
        return Attachment("geo")
    latitude, longitude = degrees(_number(place.get("lat")), 90), degrees(_number(place.get("lon")), 180)
    title = title_of(place.get("address"))
    if latitude is None or longitude is None:
        return Attachment("geo", title=title)
    return Attachment("geo", latitude=latitude, longitude=longitude, title=title)


def _number(value: object) -> object:
    """Viber writes degrees as numbers or as texts."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


_ATTACHMENTS: dict[str, Callable[[Fields], Attachment]] = {
    "picture": _file("photo"),
    "video": _file("video"),
    "file": _file("doc"),
    "sticker": _file("sticker"),
    "url": _link,
    "contact": _shared_contact,
    "location": _location,
}
