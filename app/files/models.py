"""Tables of files that are kept, and of attachments that are to be fetched."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row

HASH_LENGTH = 64


class FileState(StrEnum):
    """What has become of an attachment."""

    PENDING = "pending"
    STORED = "stored"
    REFUSED = "refused"  # we do not want it: too large, of another kind, at an address of our own network
    FAILED = "failed"  # the platform did not give it, and is asked no more
    REMOVED = "removed"  # its appeal keeps no words any longer


class StoredFile(Row, table=True):
    """One content, however many messages carry it. `width` and `height` are of pictures only.

    `fetched_at` is when it came last. `removed_at` is set while it is being removed: it must not be taken into use.
    """

    __tablename__ = "stored_file"

    sha256: str = Field(primary_key=True, max_length=HASH_LENGTH)
    media_type: str = Field(max_length=100)
    size_bytes: int
    width: int | None = None
    height: int | None = None
    created_at: datetime = utc_field()
    fetched_at: datetime = utc_field(index=True)
    removed_at: datetime | None = utc_field(default=None)


class MessageFile(Row, table=True):
    """One attachment of a message that is worth keeping, at its `position` among all of them.

    `source` is what the platform said of it; another source at the same position is another file.
    """

    __tablename__ = "message_file"
    __table_args__ = (
        Index("ix_message_file_due", "next_attempt_at", postgresql_where=text("state = 'pending'")),
        Index("ix_message_file_sha256", "sha256", postgresql_where=text("sha256 IS NOT NULL")),
    )

    message_id: int = Field(sa_type=BigInteger, foreign_key="message.id", ondelete="CASCADE", primary_key=True)
    position: int = Field(primary_key=True)
    page_id: int = Field(foreign_key="public_page.id")
    source: dict[str, Any] = Field(sa_type=JSONB)
    state: str = Field(default=FileState.PENDING, max_length=10)
    sha256: str | None = Field(default=None, max_length=HASH_LENGTH, foreign_key="stored_file.sha256")
    reason: str | None = None
    attempts: int = 0
    next_attempt_at: datetime = utc_field()
