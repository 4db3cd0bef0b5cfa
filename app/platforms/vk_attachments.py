"""VK attachments (objects photo, video, doc… and geo of the VK API schema 5.199) as Attachment."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.platforms.incoming import Attachment
from app.platforms.untrusted import Fields, degrees, integer, title_of, web_url

ATTACHMENT_LIMIT = 50  # VK itself allows 10; the rest guards against a forged giant
KIND_LIMIT = 40


def attachments_of(source: Fields) -> tuple[Attachment, ...]:
    """What lies beside the text of a comment or message, forwarded messages and the place included."""
    found = list(_attached(source))
    for forwarded in source.items("fwd_messages", ATTACHMENT_LIMIT):
        if isinstance(forwarded, dict):
            fields = Fields(forwarded, "fwd_messages")
            found.append(Attachment(kind="forwarded", title=title_of(fields.get("text"))))
            found.extend(_attached(fields))
    return tuple(found[:ATTACHMENT_LIMIT])


def _attached(source: Fields) -> Iterator[Attachment]:
    for item in source.items("attachments", ATTACHMENT_LIMIT):
        if isinstance(item, dict) and isinstance(item.get("type"), str):
            yield _attachment(item)
    if (place := source.fields("geo")) and (attachment := _place(place)):
        yield attachment


def _attachment(item: dict[str, Any]) -> Attachment:
    kind = title_of(item["type"]) or "unknown"
    content = item.get(item["type"])
    if not isinstance(content, dict):
        return Attachment(kind=kind[:KIND_LIMIT])
    address = _ADDRESSES.get(kind, _direct_url)(content)
    title = title_of(content.get("title")) or title_of(content.get("text")) or title_of(content.get("question"))
    return Attachment(kind=kind[:KIND_LIMIT], url=address, title=title)


def _direct_url(content: Mapping[str, Any]) -> str | None:
    return web_url(content.get("url"))


def _photo(content: Mapping[str, Any]) -> str | None:
    original = content.get("orig_photo")
    if isinstance(original, dict) and (address := web_url(original.get("url"))):
        return address
    return _largest(content.get("sizes"))


def _largest(variants: object) -> str | None:
    """The address of the variant with most pixels; old photos have no dimensions, the last variant is the largest."""
    best: tuple[int, str] | None = None
    for variant in variants if isinstance(variants, list) else []:
        if isinstance(variant, dict) and (address := web_url(variant.get("url"))):
            pixels = (integer(variant.get("width")) or 0) * (integer(variant.get("height")) or 0)
            if best is None or pixels >= best[0]:
                best = (pixels, address)
    return best[1] if best else None


def _sticker(content: Mapping[str, Any]) -> str | None:
    return _largest(content.get("images"))


def _audio_message(content: Mapping[str, Any]) -> str | None:
    return web_url(content.get("link_mp3")) or web_url(content.get("link_ogg"))


def _gift(content: Mapping[str, Any]) -> str | None:
    return web_url(content.get("thumb_256")) or web_url(content.get("thumb_96"))


def _on_site(prefix: str, *owner_fields: str) -> Callable[[Mapping[str, Any]], str | None]:
    """The page of an object on vk.com, for objects that carry ids instead of an address."""

    def address(content: Mapping[str, Any]) -> str | None:
        owner = next((value for name in owner_fields if (value := integer(content.get(name)))), None)
        number = integer(content.get("id"))
        return f"https://vk.com/{prefix}{owner}_{number}" if owner and number else None

    return address


_ADDRESSES: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "photo": _photo,
    "sticker": _sticker,
    "audio_message": _audio_message,
    "gift": _gift,
    "video": _on_site("video", "owner_id"),
    "wall": _on_site("wall", "owner_id", "to_id", "from_id"),
    "market": _on_site("product", "owner_id"),
    "poll": _on_site("poll", "owner_id"),
    "story": _on_site("story", "owner_id"),
}


def _place(geo: Fields) -> Attachment | None:
    point = geo.fields("coordinates")
    latitude = degrees(point.get("latitude"), 90) if point else None
    longitude = degrees(point.get("longitude"), 180) if point else None
    place = geo.fields("place")
    title = title_of(place.get("title")) if place else None
    if latitude is None or longitude is None:
        return Attachment(kind="geo", title=title) if title else None
    return Attachment(kind="geo", latitude=latitude, longitude=longitude, title=title)
