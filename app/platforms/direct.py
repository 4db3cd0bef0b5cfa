"""What people and their applications send to the service itself: the form on a site, Open311.

Nothing comes by webhook. A submission is checked where it is taken in, stored as JSON of our own (`Submission`), and
read from there like a delivery of any platform. An answer is "sent" by being shown where the author looks for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from app.platforms.base import (
    Credentials,
    Delivery,
    FileSource,
    OutgoingMessage,
    Platform,
    Repeat,
    SentMessage,
    WebhookRejected,
)
from app.platforms.incoming import Action, Attachment, IncomingMessage, Kind, PageIdentity, PayloadNotUnderstood
from app.platforms.untrusted import Fields, NotJson, decode_json, storable, title_of, web_url

MOST_FILES = 10
MOST_CONTACTS = 5
LONGEST_NAME = 200
LONGEST_CODE = 64
LARGEST_LATITUDE, LARGEST_LONGITUDE = 90.0, 180.0
NUMBER = re.compile(r"[A-Za-z0-9-]{1,64}")
CONTENT_HASH = re.compile(r"[0-9a-f]{64}")
ADDRESS, SERVICE = "Адрес: ", "Рубрика: "


@dataclass(frozen=True, slots=True)
class Submission:
    """One appeal as it was sent in. `number` is unique within the page, `submitted_at` is in Unix seconds.

    `photos` are content hashes of files that are stored already, `links` addresses of photos elsewhere. `service_*` is
    the kind of problem that the author chose, `consent` names the text that he agreed to.
    """

    number: str
    submitted_at: int
    text: str
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    author_id: str = ""
    author_name: str = ""
    contacts: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    service_code: str = ""
    service_name: str = ""
    consent: str = ""

    def stored(self) -> bytes:
        """The submission as `parse` reads it."""
        return msgspec.json.encode(self)


class DirectPlatform(Platform):
    """A platform that is ourselves. `place` stands before the number in the key of a message."""

    place: str
    is_pushed = False
    takes_talk = False
    rate_limit_per_second = 1000.0
    text_limit = 10_000
    repeat = Repeat.HARMLESS

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See Platform. Nothing comes this way, so whatever does is refused."""
        raise WebhookRejected(403, "эта площадка не принимает вебхуков")

    def parse(self, page: PageIdentity, body: bytes) -> tuple[IncomingMessage, ...]:
        """See Platform. One submission is one message, and a conversation of its own."""
        return (parse_submission(body, self.place),)

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """See Platform. A stored answer is a shown one: from now on the author can read it."""
        return SentMessage(message.idempotency_key, f"answer:{message.idempotency_key}")

    async def file_address(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, attachment: Attachment
    ) -> FileSource | None:
        """See Platform. Photos of a form are stored before the appeal is; only links lead elsewhere."""
        return FileSource(attachment.url) if attachment.url and not attachment.file_id else None


def parse_submission(body: bytes, place: str) -> IncomingMessage:
    """Read a stored `Submission`. Raises PayloadNotUnderstood and nothing else."""
    try:
        fields = Fields(decode_json(body), "(обращение)")
    except NotJson as error:
        raise PayloadNotUnderstood("Обращение не является JSON.") from error
    number = fields.text("number")
    if not NUMBER.fullmatch(number):
        raise PayloadNotUnderstood("Поле number отсутствует или не номер.")
    key = f"{place}:{number}"
    return IncomingMessage(
        action=Action.NEW,
        kind=Kind.MESSAGE,
        place=place,
        key=key,
        external_id=number,
        thread_key=key,
        author_external_id=fields.text("author_id")[:LONGEST_NAME] or key,
        author_name=fields.text("author_name").strip()[:LONGEST_NAME] or None,
        text=_words(fields),
        attachments=_attachments(fields),
        sent_at=fields.instant("submitted_at"),
        post_external_id=fields.text("service_code")[:LONGEST_CODE] or None,
    )


def _words(fields: Fields) -> str:
    """The author's words with the place and the kind of problem below them, where rules, judge and search see them."""
    below = [
        f"{sign}{one_line(value)}"
        for sign, value in ((ADDRESS, fields.text("address")), (SERVICE, fields.text("service_name")))
        if value.strip()
    ]
    return "\n\n".join(part for part in (fields.text("text").strip(), "\n".join(below)) if part)


def own_words(text: str) -> str:
    """The author's words alone, without what `parse` has written below them."""
    before, _, last = text.rpartition("\n\n")
    return before if last.startswith((ADDRESS, SERVICE)) else text


def one_line(text: str) -> str:
    """The text without line breaks and doubled spaces."""
    return " ".join(text.split())


def _attachments(fields: Fields) -> tuple[Attachment, ...]:
    found = [
        Attachment("photo", sha256=value)
        for value in fields.items("photos", MOST_FILES)
        if isinstance(value, str) and CONTENT_HASH.fullmatch(value)
    ]
    found += [Attachment("photo", url=url) for value in fields.items("links", MOST_FILES) if (url := web_url(value))]
    found += _place(fields)
    contacts = [title_of(value) for value in fields.items("contacts", MOST_CONTACTS)]
    titled = [("author_contact", contact) for contact in contacts]
    titled += [(kind, title_of(fields.get(kind_field))) for kind, kind_field in _TITLED.items()]
    found += [Attachment(kind, title=title) for kind, title in titled if title]
    return tuple(found)


_TITLED = {"service": "service_name", "consent": "consent"}


def _place(fields: Fields) -> list[Attachment]:
    latitude = degrees(fields.get("latitude"), LARGEST_LATITUDE)
    longitude = degrees(fields.get("longitude"), LARGEST_LONGITUDE)
    is_point = latitude is not None and longitude is not None
    address = title_of(one_line(fields.text("address")))
    if not is_point and not address:
        return []
    return [Attachment("geo", None, latitude if is_point else None, longitude if is_point else None, address)]


def degrees(value: Any, largest: float) -> float | None:
    """The value as an angle between `-largest` and `largest`, written as a number or as text; None if it is none."""
    if isinstance(value, str):
        try:
            value = float(storable(value).replace(",", "."))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= largest else None
