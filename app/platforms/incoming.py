"""What a platform tells: messages, and what else happens around a page. Values, nothing else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
class PageIdentity:
    """Who the page is on its platform: what a parser needs to tell the page's own words from a citizen's.

    `discussion_id` is the second id of a page that has one: the group linked to a Telegram channel.
    """

    external_id: str
    discussion_id: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, place or link beside the text. `url` is the largest variant and may expire.

    `file_id` is what a platform gives instead of an address (Telegram), see `Platform.file_address`. `part` names the
    piece of a gathered message that it came with, see `IncomingMessage.part`. `sha256` is set where the file is in our
    own store already: it came with a form.
    """

    kind: str
    url: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    title: str | None = None
    file_id: str | None = None
    part: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One change of one message, as the platform tells it.

    `key` is unique within the page over all places ("wall:731", "message:100000001:17") and stays the same through
    edits, deletions and restorations; `external_id` is the platform's own bare id. `thread_key` names the
    conversation from one author's side: messages with the same key belong to one appeal while it is open.
    A deletion carries no text, author or time. `moderator_external_id` is the person behind an own private message; a
    machine's has none.

    `chat_external_id` is where a private answer goes when that is not the author's id. A comment whose post is known
    only by its thread (Telegram) has `thread_external_id` and no `post_external_id`: intake finds the post by the
    `PagePost` that came before. A message delivered in several pieces (an album) has one `key` for all of them and its
    own `part` in each: pieces are gathered, not replaced. What is_past was written long before the page was connected:
    it is kept as a message and asks for no answer.
    """

    action: Action
    kind: Kind
    place: str
    key: str
    external_id: str
    thread_key: str | None = None
    author_external_id: str | None = None
    author_name: str | None = None
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime | None = None
    edited_at: datetime | None = None
    chat_external_id: str | None = None
    post_external_id: str | None = None
    thread_external_id: str | None = None
    reply_to_external_id: str | None = None
    reply_to_key: str | None = None
    source_url: str | None = None
    part: str | None = None
    is_own: bool = False
    is_cropped: bool = False
    is_past: bool = False
    own_idempotency_key: str | None = None
    moderator_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A citizen has allowed or forbidden the page to write to him privately. `at` is the platform's time."""

    author_external_id: str
    can_be_written: bool
    at: datetime | None = None
    author_name: str | None = None


@dataclass(frozen=True, slots=True)
class PagePost:
    """The page's own publication, under which citizens comment.

    `thread_external_id` is the name of the conversation under it where that differs from the post's (Telegram: the
    message of the linked group that carries the post). An edit is told as the whole post again.
    """

    external_id: str
    text: str = ""
    published_at: datetime | None = None
    source_url: str | None = None
    thread_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class PageNotice:
    """What the platform says of the page's connection. `problem` is a Russian sentence, None when all is well again."""

    problem: str | None


@dataclass(frozen=True, slots=True)
class DiscussionMoved:
    """The page's discussion has another id from now on (a Telegram group became a supergroup)."""

    discussion_id: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is understood to be of no interest, or of an unknown type. Kept, never an error."""

    reason: str


Parsed = IncomingMessage | ContactChange | PagePost | PageNotice | DiscussionMoved | Ignored


class PayloadNotUnderstood(Exception):
    """An authenticated delivery of a known type lacks what it must carry. Names the field, never a value."""
