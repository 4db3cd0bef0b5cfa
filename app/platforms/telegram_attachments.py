"""What lies beside the text of a Telegram message (Message of Bot API 10.3) as Attachment."""

from collections.abc import Callable, Iterator

from app.platforms.incoming import Attachment
from app.platforms.untrusted import Fields, degrees, integer, title_of, web_url

ATTACHMENT_LIMIT = 50  # Telegram allows 10 files and 100 entities; the rest guards against a forged giant
ENTITY_LIMIT = 100
FILE_ID_LIMIT = 300

# Field of the message -> our kind, and the fields of the content that make its title.
_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "video": ("video", ("file_name",)),
    "video_note": ("video_note", ()),
    "voice": ("audio_message", ()),
    "audio": ("audio", ("performer", "title", "file_name")),
    "sticker": ("sticker", ("emoji",)),
    "contact": ("contact", ("first_name", "last_name", "phone_number")),
    "poll": ("poll", ("question",)),
    "checklist": ("checklist", ("title",)),
    "game": ("game", ("title",)),
    "invoice": ("market", ("title",)),
    "dice": ("sticker", ("emoji",)),
    "story": ("story", ()),
    "paid_media": ("paid_media", ()),
    "giveaway": ("giveaway", ("prize_description",)),
    "giveaway_winners": ("giveaway", ("prize_description",)),
}


def attachments_of(message: Fields, part: str | None = None) -> tuple[Attachment, ...]:
    """Files, places, hidden links and whose words were forwarded; `part` marks a piece of an album."""
    readers: tuple[Callable[[Fields, str | None], Iterator[Attachment]], ...] = (
        _photo,
        _document,
        _files,
        _place,
        _links,
        _forwarded,
    )
    found = [attachment for read in readers for attachment in read(message, part)]
    return tuple(found[:ATTACHMENT_LIMIT])


def _photo(message: Fields, part: str | None) -> Iterator[Attachment]:
    """One picture in several sizes; the one with most pixels counts, the last of equals."""
    best: tuple[int, str] | None = None
    for item in message.items("photo", ATTACHMENT_LIMIT):
        if isinstance(item, dict) and (file_id := _file_id(item.get("file_id"))):
            pixels = (integer(item.get("width")) or 0) * (integer(item.get("height")) or 0)
            if best is None or pixels >= best[0]:
                best = (pixels, file_id)
    if best is not None:
        yield Attachment(kind="photo", file_id=best[1], part=part)


def _document(message: Fields, part: str | None) -> Iterator[Attachment]:
    """A file; an animation comes with a copy of itself as a document, for old programs."""
    for name, kind in (("animation", "animation"), ("document", "doc")):
        if content := message.fields(name):
            title, file_id = title_of(content.get("file_name")), _file_id(content.get("file_id"))
            yield Attachment(kind=kind, title=title, file_id=file_id, part=part)
            return


def _files(message: Fields, part: str | None) -> Iterator[Attachment]:
    for name, (kind, titles) in _FILES.items():
        if content := message.fields(name):
            words = [word for title in titles if (word := title_of(content.get(title)))]
            title = title_of(" ".join(words))
            yield Attachment(kind=kind, title=title, file_id=_file_id(content.get("file_id")), part=part)


def _place(message: Fields, part: str | None) -> Iterator[Attachment]:
    """A point on the map; a venue carries its point and comes with a copy of it."""
    venue = message.fields("venue")
    point = (venue.fields("location") if venue else None) or message.fields("location")
    latitude = degrees(point.get("latitude"), 90) if point else None
    longitude = degrees(point.get("longitude"), 180) if point else None
    words = [word for name in ("title", "address") if venue and (word := title_of(venue.get(name)))]
    title = title_of(", ".join(words))
    if latitude is not None and longitude is not None:
        yield Attachment(kind="geo", latitude=latitude, longitude=longitude, title=title, part=part)
    elif title:
        yield Attachment(kind="geo", title=title, part=part)


def _links(message: Fields, part: str | None) -> Iterator[Attachment]:
    """Addresses that hide behind words; those that stand in the text are read there."""
    for name in ("entities", "caption_entities"):
        for entity in message.items(name, ENTITY_LIMIT):
            if isinstance(entity, dict) and entity.get("type") == "text_link" and (url := web_url(entity.get("url"))):
                yield Attachment(kind="link", url=url, part=part)


def _forwarded(message: Fields, part: str | None) -> Iterator[Attachment]:
    """Whose words these are, if not the author's own."""
    origin = message.fields("forward_origin")
    if origin is None or message.flag("is_automatic_forward"):
        return
    source = origin.fields("sender_user") or origin.fields("sender_chat") or origin.fields("chat")
    title = title_of(origin.get("sender_user_name")) or (_name(source) if source else None)
    yield Attachment(kind="forwarded", title=title, part=part)


def _name(source: Fields) -> str | None:
    words = [word for name in ("first_name", "last_name") if (word := title_of(source.get(name)))]
    return title_of(source.get("title")) or title_of(" ".join(words))


def _file_id(value: object) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= FILE_ID_LIMIT and value.isascii() and value.isprintable():
        return value
    return None
