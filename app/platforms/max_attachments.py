"""Attachments of MAX (Attachment of the Bot API schema, told apart by `type`) as Attachment. Pure."""

from collections.abc import Iterator
from typing import Any

from app.platforms.incoming import Attachment
from app.platforms.untrusted import Fields, degrees, title_of, web_url

ATTACHMENT_LIMIT = 50  # MAX itself allows 12; the rest guards against a forged giant
KIND_LIMIT = 40
VCARD_LIMIT = 20_000

KINDS = {"image": "photo", "file": "doc", "share": "link", "location": "geo"}
CONTROLS = {"inline_keyboard", "reply_keyboard"}  # buttons of a bot say nothing


def attachments_of(body: Fields) -> tuple[Attachment, ...]:
    """What lies beside the text."""
    return tuple(_attached(body))


def _attached(body: Fields) -> Iterator[Attachment]:
    for item in body.items("attachments", ATTACHMENT_LIMIT):
        kind = title_of(item.get("type")) if isinstance(item, dict) else None
        if kind and kind not in CONTROLS:
            yield _attachment(kind, item)


def _attachment(kind: str, item: dict[str, Any]) -> Attachment:
    given = item.get("payload")
    payload: dict[str, Any] = given if isinstance(given, dict) else {}
    if kind == "contact":
        return Attachment(kind, title=_contact(payload))
    if kind == "location":
        return _place(item, payload)
    return Attachment(KINDS.get(kind, kind)[:KIND_LIMIT], web_url(payload.get("url")), title=_title(item))


def _title(item: dict[str, Any]) -> str | None:
    """A file's name, the heading of a link, the words of a voice message as MAX recognised them."""
    names = ("filename", "title", "transcription", "description")
    return next((title for name in names if (title := title_of(item.get(name)))), None)


def _place(item: dict[str, Any], payload: dict[str, Any]) -> Attachment:
    latitude = degrees(item.get("latitude", payload.get("latitude")), 90)
    longitude = degrees(item.get("longitude", payload.get("longitude")), 180)
    if latitude is None or longitude is None:
        return Attachment("geo", title=_title(item))
    return Attachment("geo", latitude=latitude, longitude=longitude, title=_title(item))


def _contact(payload: dict[str, Any]) -> str | None:
    """Name and number of a person: from the card, else as MAX knows him."""
    card = payload.get("vcf_info")
    lines = card[:VCARD_LIMIT].splitlines() if isinstance(card, str) else []
    told = [_of_card(lines, "FN"), _of_card(lines, "TEL")]
    person = payload.get("max_info")
    if not told[0] and isinstance(person, dict):
        told[0] = " ".join(name for part in ("first_name", "last_name") if (name := title_of(person.get(part))))
    return title_of(", ".join(part for part in told if part))


def _of_card(lines: list[str], name: str) -> str:
    """The first value of this name in a vCard: `TEL;TYPE=CELL:+7…`."""
    for line in lines:
        head, _, value = line.partition(":")
        if head.partition(";")[0].upper() == name and value.strip():
            return value.strip()
    return ""
