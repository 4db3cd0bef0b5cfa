"""Attachments of Odnoklassniki as Attachment.

Source: apiok.ru, graph.chat.messages (types IMAGE … STICKER, each with a `payload`). The keys inside of LOCATION,
CONTACT and FILE payloads are not documented: what fits is taken. Attachments of comments carry other names for the same
things (PHOTO, MOVIE, LINK) and no payload around them.
"""

from collections.abc import Mapping
from typing import Any

from app.platforms.incoming import Attachment
from app.platforms.untrusted import Fields, title_of, web_url

ATTACHMENT_LIMIT = 50  # documented: 5; the rest guards against a forged giant
KIND_LIMIT = 40
KINDS = {
    "image": "photo",
    "photo": "photo",
    "video": "video",
    "movie": "video",
    "audio": "audio",
    "music": "audio",
    "share": "link",
    "link": "link",
    "file": "doc",
    "contact": "contact",
    "location": "geo",
    "present": "gift",
    "inline_keyboard": "keyboard",
}  # CALL and STICKER keep their names
ADDRESS_FIELDS = ("url", "link", "pic_max", "standard_url", "pic640x480")
TITLE_FIELDS = ("title", "name", "fileName", "filename", "address", "text")
LATITUDE_FIELDS = ("latitude", "lat")
LONGITUDE_FIELDS = ("longitude", "lng", "lon", "long")


def attachments_of(source: Fields) -> tuple[Attachment, ...]:
    """What lies beside the text of a message or comment."""
    items = source.items("attachments", ATTACHMENT_LIMIT)
    single = source.get("attachment")  # the form for one
    return tuple(_attachment(item) for item in [*items, single] if isinstance(item, dict) and _kind(item))


def _kind(item: Mapping[str, Any]) -> str | None:
    name = title_of(item.get("type"))
    return KINDS.get(name.lower(), name.lower())[:KIND_LIMIT] if name else None


def _attachment(item: Mapping[str, Any]) -> Attachment:
    payload = item.get("payload")
    content = payload if isinstance(payload, dict) else item
    kind = _kind(item) or ""
    title = next((title for name in TITLE_FIELDS if (title := title_of(content.get(name)))), None)
    address = next((url for name in ADDRESS_FIELDS if (url := web_url(content.get(name)))), None)
    latitude, longitude = _point(content) if kind == "geo" else (None, None)
    return Attachment(kind=kind, url=address, title=title, latitude=latitude, longitude=longitude)


def _point(content: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Both coordinates or none of them."""
    inner = content.get("location") or content.get("coordinates")
    place = inner if isinstance(inner, dict) else content
    latitude = next((value for name in LATITUDE_FIELDS if (value := _degrees(place.get(name), 90)) is not None), None)
    longitude = next(
        (value for name in LONGITUDE_FIELDS if (value := _degrees(place.get(name), 180)) is not None), None
    )
    return (latitude, longitude) if latitude is not None and longitude is not None else (None, None)


def _degrees(value: object, limit: int) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= limit else None
