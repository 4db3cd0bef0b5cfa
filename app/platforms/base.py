"""What the application asks of every platform. Sees no database and no feature.

A platform authenticates a webhook, says how to acknowledge it, parses it (pure) and sends answers (I/O).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

import httpx


class Action(StrEnum):
    """What happened to a message, as the platform says."""

    NEW = "new"
    EDIT = "edit"
    DELETE = "delete"
    RESTORE = "restore"


class Kind(StrEnum):
    """Public comment under something, or private message to the page."""

    COMMENT = "comment"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a platform needs to know of one public page. Secrets never appear in a repr."""

    external_id: str
    secret: str = field(repr=False, default="")
    confirmation: str = field(repr=False, default="")
    access_token: str = field(repr=False, default="")
    user_token: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Reply:
    """The HTTP answer that the platform expects."""

    body: bytes
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One authenticated webhook.

    `handshake` is the answer to a message that is only a check of the address and must not be stored.
    `key` is the platform's own delivery id: two deliveries of one page with the same key are one event.
    """

    event_type: str
    key: str
    acknowledgement: Reply
    handshake: Reply | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, place or link beside the text. `url` is the largest variant and may expire."""

    kind: str
    url: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One change of one message, as the platform tells it.

    `key` is unique within the page over all places ("wall:731", "message:100000001:17") and stays the same through
    edits, deletions and restorations; `external_id` is the platform's own bare number. `thread_key` names the
    conversation from one author's side: messages with the same key belong to one appeal while it is open.
    A deletion carries no text, author or time. `moderator_external_id` is the person behind an own private message; a
    machine's has none.
    """

    action: Action
    kind: Kind
    place: str
    key: str
    external_id: str
    thread_key: str | None = None
    author_external_id: str | None = None
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime | None = None
    edited_at: datetime | None = None
    post_external_id: str | None = None
    reply_to_external_id: str | None = None
    reply_to_key: str | None = None
    source_url: str | None = None
    is_own: bool = False
    is_cropped: bool = False
    own_idempotency_key: str | None = None
    moderator_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is understood to be of no interest, or of an unknown type. Kept, never an error."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """An answer to be sent. `idempotency_key` is stable over retries of one answer."""

    kind: Kind
    place: str
    text: str
    idempotency_key: str
    author_external_id: str
    post_external_id: str | None = None
    reply_to_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the platform returned for an answer: its id and the key under which it will echo."""

    external_id: str
    key: str


class FailureKind(StrEnum):
    """What to do with an answer that the platform did not take."""

    RETRY = "retry"  # later, same idempotency key
    PAGE_STOPPED = "page_stopped"  # credentials: nothing of this page can be sent until a person acts
    HANDS_NEEDED = "hands_needed"  # captcha, hyperlink: a person must act on this answer
    PERMANENT = "permanent"  # never possible this way
    UNKNOWN = "unknown"  # timed out after sending, on a platform without idempotency


class WebhookRejected(Exception):
    """The delivery is refused before anything is stored. `reason` is safe to log and to count."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class PayloadNotUnderstood(Exception):
    """An authenticated delivery of a known type lacks what it must carry. Names the field, never a value."""


class SendFailed(Exception):
    """The platform did not take an answer.

    `reason` is a Russian sentence for the operator with the platform's own code; `retry_after_seconds` is the least
    time to wait.
    """

    def __init__(
        self, kind: FailureKind, reason: str, *, code: str = "", retry_after_seconds: float = 0, method: str = ""
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.method = method


class Platform(Protocol):
    """One social network. Stateless: credentials, client and address are handed in."""

    code: Literal["vk", "ok", "max", "tg", "vb"]
    name: str
    rate_limit_per_second: float
    text_limit: int

    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Prove that the platform sent this and say how to acknowledge it.

        Raises WebhookRejected: 400 broken JSON or envelope, 403 wrong secret or another page's id.
        """
        ...

    def parse(self, body: bytes) -> tuple[IncomingMessage | Ignored, ...]:
        """Read an authenticated delivery; pure. Raises PayloadNotUnderstood and nothing else."""
        ...

    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """Send one answer. Raises SendFailed and nothing else."""
        ...

    def echoed_idempotency_key(self, idempotency_key: str) -> str:
        """What `own_idempotency_key` will be in the echo of an answer sent with this key, if the platform echoes it.

        An echo may arrive before the answer to our own request did, so `SentMessage.key` alone does not recognise it.
        """
        ...

    async def author_names(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, external_ids: list[str]
    ) -> dict[str, str]:
        """Names by author id, for those the platform tells. Raises SendFailed."""
        ...

    async def full_text(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message_key: str
    ) -> str | None:
        """The whole text of a message that arrived cut (`is_cropped`); None if it is gone. Raises SendFailed."""
        ...
