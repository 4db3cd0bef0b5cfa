"""Tables of deliveries, the truth from which everything else can be derived again, and of what we ask for ourselves."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class EventState(StrEnum):
    """What became of a delivery."""

    RECEIVED = "received"
    HANDLED = "handled"
    IGNORED = "ignored"  # understood to be of no interest, or of an unknown type; kept
    FAILED = "failed"  # could not be handled; a person may retry or dismiss it
    DISMISSED = "dismissed"  # a person decided not to take it


class InboxEvent(Row, table=True):
    """One webhook as it came. `payload` is sealed, and emptied after the retention time.

    `waits_for` names the page's post without which an ignored event cannot be placed; when the post becomes known, the
    event is handled again.
    """

    __tablename__ = "inbox_event"
    __table_args__ = (
        UniqueConstraint("page_id", "delivery_key"),
        Index("ix_inbox_event_due", "id", postgresql_where=text("state = 'received'")),
        Index("ix_inbox_event_failed", "id", postgresql_where=text("state = 'failed'")),
        Index("ix_inbox_event_waits", "page_id", "waits_for", postgresql_where=text("waits_for IS NOT NULL")),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    page_id: int = Field(foreign_key="public_page.id")
    delivery_key: str = Field(max_length=200)
    event_type: str = Field(max_length=80)
    payload: bytes | None = Field(default=None, sa_type=LargeBinary, repr=False)
    received_at: datetime = utc_field(index=True)
    state: str = Field(default=EventState.RECEIVED, max_length=20)
    attempts: int = 0
    next_attempt_at: datetime = utc_field()
    error: str | None = None
    waits_for: str | None = Field(default=None, max_length=200)
    handled_at: datetime | None = utc_field(default=None)


class PagePoll(Row, table=True):
    """How far a page's comments have been asked for, where its platform does not push them.

    `cursor` is the platform's own text and is stored together with the deliveries that it stands behind. A poll is
    claimed by setting `next_at` to the end of its lease; `lease` names it. `error` is the last failure, None when all
    is well, `failures` how many there were in a row.
    """

    __tablename__ = "page_poll"

    page_id: int = Field(foreign_key="public_page.id", primary_key=True)
    cursor: str = ""
    polled_at: datetime | None = utc_field(default=None)
    next_at: datetime = utc_field(index=True)
    lease: int = 0
    failures: int = 0
    error: str | None = None
