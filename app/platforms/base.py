"""What the application asks of every platform. Sees no database and no feature.

A platform authenticates a webhook, says how to acknowledge it, parses it (pure) and sends answers (I/O). A new one is a
class in a file of its own that derives from `Platform`, fixtures, and a line in the registry.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import httpx

from app.platforms.incoming import Attachment, Kind, PageIdentity, Parsed


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a platform needs to know of one public page. Secrets never appear in a repr.

    `user_token` is the key of a person who administers the page, `app_key` and `app_secret` those of an application:
    VKontakte and Odnoklassniki ask for them where the page's own key does not do.
    """

    external_id: str
    secret: str = field(repr=False, default="")
    confirmation: str = field(repr=False, default="")
    access_token: str = field(repr=False, default="")
    user_token: str = field(repr=False, default="")
    app_key: str = field(repr=False, default="")
    app_secret: str = field(repr=False, default="")
    discussion_id: str = ""

    @property
    def identity(self) -> PageIdentity:
        """The part that is no secret."""
        return PageIdentity(self.external_id, self.discussion_id)


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
class OutgoingMessage:
    """An answer to be sent. `idempotency_key` is stable over retries of one answer."""

    kind: Kind
    place: str
    text: str
    idempotency_key: str
    author_external_id: str
    chat_external_id: str | None = None
    post_external_id: str | None = None
    reply_to_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the platform returned for an answer: its id and the key under which it will echo."""

    external_id: str
    key: str


class FailureKind(StrEnum):
    """What to do with an answer that the platform did not take."""

    RETRY = "retry"  # it was certainly not taken: later, same idempotency key
    PAGE_STOPPED = "page_stopped"  # credentials: nothing of this page can be sent until a person acts
    HANDS_NEEDED = "hands_needed"  # captcha, hyperlink: a person must act on this answer
    PERMANENT = "permanent"  # never possible this way
    UNKNOWN = "unknown"  # it may have been taken (a time-out after sending), and a repeat would show twice


class Repeat(StrEnum):
    """What a platform does with an answer that is sent twice."""

    HARMLESS = "harmless"  # recognised by an idempotency key
    LOOKED_UP = "looked_up"  # shown twice, but `find_sent` tells whether the first one arrived
    SHOWN_TWICE = "shown_twice"  # nobody can tell: a person looks


class WebhookRejected(Exception):
    """The delivery is refused before anything is stored. `reason` is safe to log and to count."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class SendFailed(Exception):
    """The platform did not take an answer, or refused another call.

    `reason` is a Russian sentence for the operator with the platform's own code; `retry_after_seconds` is the least
    time to wait, for all answers of the page if `is_of_page` (flood control). `discussion_id` is set when the platform
    says that the discussion has moved there; the call may be repeated at once.
    """

    def __init__(
        self,
        kind: FailureKind,
        reason: str,
        *,
        code: str = "",
        retry_after_seconds: float = 0,
        method: str = "",
        is_of_page: bool = False,
        discussion_id: str = "",
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.method = method
        self.is_of_page = is_of_page
        self.discussion_id = discussion_id


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `per_second` requests that share this `key` within one page: "" for all, "chat:7" for one chat."""

    key: str
    per_second: float


@dataclass(frozen=True, slots=True)
class FileSource:
    """Where an attachment can be fetched from. The address may hold a token: it is neither logged nor shown."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PolledDelivery:
    """One event that was asked for instead of being pushed; stored and parsed like a webhook of the same page."""

    event_type: str
    key: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one round of asking has brought, and where to go on: an opaque text, stored with the deliveries."""

    deliveries: tuple[PolledDelivery, ...]
    cursor: str
    has_more: bool = False


class Platform(ABC):
    """One social network. Stateless: credentials, client and address are handed in.

    `text_limit` is the longest answer in the platform's own counting (`text_length`); longer ones are split.
    `poll_every_seconds` is None where everything is pushed. `entrance` is the path under which what is sent to a page
    comes in; where `is_pushed` is false, that is no webhook but a page or an interface of our own.
    """

    code: str
    name: str
    rate_limit_per_second: float
    text_limit: int
    repeat: Repeat
    poll_every_seconds: float | None = None
    entrance: str = "/webhooks/{platform}/{key}"
    is_pushed: bool = True
    takes_talk: bool = True
    """Whether people also just talk there, so that what the judge does not hold for an appeal is sorted apart."""
    tells_names: bool = False
    """Whether `author_names` is worth asking; others tell names in their events or not at all."""
    proof: str = "secret"
    """The credential without which no delivery is let in; empty where only the address of the webhook is secret."""

    @abstractmethod
    def authenticate(self, credentials: Credentials, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Prove that the platform sent this and say how to acknowledge it. Names of headers are in lower case.

        Raises WebhookRejected: 400 broken JSON or envelope, 403 wrong secret or another page's id.
        """

    def prove(self, credentials: Credentials, body: bytes) -> tuple[dict[str, str], bytes]:
        """Headers and body of a sample, as the platform would deliver it to this page. For replaying.

        Raises ValueError when the body is no delivery of this platform.
        """
        return {}, body

    @abstractmethod
    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        """Read an authenticated delivery; pure. Raises PayloadNotUnderstood and nothing else."""

    @abstractmethod
    async def send(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
    ) -> SentMessage:
        """Send one answer, at most `text_limit` long. Raises SendFailed and nothing else."""

    def text_length(self, text: str) -> int:
        """How long the platform finds this text."""
        return len(text)

    def limits(self, message: OutgoingMessage) -> tuple[Limit, ...]:
        """Every limit that sending this answer must keep."""
        return (Limit("", self.rate_limit_per_second),)

    def echoed_idempotency_key(self, idempotency_key: str) -> str:
        """What `own_idempotency_key` will be in the echo of an answer sent with this key, if the platform echoes it.

        An echo may arrive before the answer to our own request did, so `SentMessage.key` alone does not recognise it.
        """
        return idempotency_key

    async def find_sent(
        self,
        client: httpx.AsyncClient,
        api_url: str,
        credentials: Credentials,
        message: OutgoingMessage,
        since: datetime,
    ) -> SentMessage | None:
        """The answer, if it arrived after `since` although nobody told us; None if it certainly did not.

        Only where `repeat` is LOOKED_UP. Raises SendFailed (UNKNOWN when the platform cannot tell).
        """
        raise SendFailed(FailureKind.UNKNOWN, f"{self.name} не даёт проверить, дошёл ли ответ.")

    async def author_names(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, external_ids: list[str]
    ) -> dict[str, str]:
        """Names by author id, for those the platform tells. Raises SendFailed."""
        return {}

    async def full_text(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, message_key: str
    ) -> str | None:
        """The whole text of a message that arrived cut (`is_cropped`); None if it is gone. Raises SendFailed."""
        return None

    async def file_address(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, attachment: Attachment
    ) -> FileSource | None:
        """Where the file of an attachment can be fetched now; None if there is none. Raises SendFailed."""
        return FileSource(attachment.url) if attachment.url else None

    async def prepare_connection(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials
    ) -> Credentials:
        """Credentials as they must be stored before `connect`: VKontakte's confirmation string. Raises SendFailed."""
        return replace(credentials)

    async def connect(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> None:
        """Ask the platform to deliver to this address, all events that `parse` understands. May be called again.

        The platform may call the address before this returns. Raises SendFailed (PERMANENT where it cannot be done by
        API, with what a person has to do).
        """
        raise SendFailed(FailureKind.PERMANENT, f"{self.name}: вебхук этой площадки подключают вручную.")

    async def connection_problem(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        """Why nothing comes from the platform, as a Russian sentence; None while it delivers. Raises SendFailed."""
        return None

    async def poll(
        self, client: httpx.AsyncClient, api_url: str, credentials: Credentials, cursor: str, now: datetime
    ) -> Polled:
        """Ask for what is new since `cursor` ("" at first). Only with `poll_every_seconds`. Raises SendFailed."""
        return Polled((), cursor)
