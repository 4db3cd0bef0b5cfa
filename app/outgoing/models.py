"""Tables of channels to departments' systems, of what they are to be told, and of what they hold."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class ChannelKind(StrEnum):
    """How a system is spoken to."""

    WEBHOOK = "webhook"
    OPEN311 = "open311"
    EMAIL = "email"


class Event(StrEnum):
    """What a system can be told of."""

    ROUTED = "appeal.routed"  # it is the department's now
    WITHDRAWN = "appeal.withdrawn"  # it is another department's now
    APPENDED = "appeal.appended"  # the citizen wrote more, or restored what he had deleted
    EDITED = "appeal.edited"
    DELETED = "appeal.deleted"
    ANSWERED = "appeal.answered"  # the citizen has the answer
    CLOSED = "appeal.closed"
    DUE_CHANGED = "appeal.due_changed"
    PART_ASKED = "appeal.part_asked"  # another department answers, this one is to contribute
    PART_DROPPED = "appeal.part_dropped"  # answered or closed without its part


class DeliveryState(StrEnum):
    """The way of one event to one system."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up; a person may have it sent again


_UNFINISHED = text("state IN ('pending', 'sending')")


class DepartmentChannel(Row, table=True):
    """One system of one department. `secret` signs webhooks, or is the key of an Open311 server; sealed.

    `events` narrows what is told; empty means everything. `services` maps topics to Open311's service codes, "" to the
    code of all others. `paused_until` holds all of it back while the system is away or asks for patience.
    """

    __tablename__ = "department_channel"

    id: int | None = Field(default=None, primary_key=True)
    department_id: int = Field(foreign_key="department.id", index=True)
    kind: str = Field(max_length=10)
    url: str = Field(max_length=2000)
    secret: bytes = Field(sa_type=LargeBinary)
    events: list[str] = Field(default_factory=list, sa_type=JSONB)
    services: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)
    is_active: bool = True
    stopped_reason: str | None = None
    paused_until: datetime | None = utc_field(default=None)
    created_at: datetime = utc_field()


class DepartmentDelivery(Row, table=True):
    """One event for one system: an outbox row. Those of one appeal go in their order, one after another.

    `number` is the delivery's name for the receiver, the same at every repeat. After `give_up_at` it is not repeated.
    """

    __tablename__ = "department_delivery"
    __table_args__ = (
        Index("ix_department_delivery_due", "next_attempt_at", postgresql_where=_UNFINISHED),
        Index("ix_department_delivery_order", "channel_id", "appeal_id", "id", postgresql_where=_UNFINISHED),
        Index("ix_department_delivery_channel", "channel_id", "id"),
        Index("ix_department_delivery_created", "created_at"),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    number: str = Field(max_length=36, unique=True)
    channel_id: int = Field(foreign_key="department_channel.id")
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", index=True)
    event: str = Field(max_length=40)
    payload: dict[str, Any] = Field(sa_type=JSONB)
    state: str = Field(default=DeliveryState.PENDING, max_length=10)
    attempts: int = 0
    next_attempt_at: datetime = utc_field()
    give_up_at: datetime = utc_field()
    status_code: int | None = None
    error: str | None = None
    created_at: datetime = utc_field()
    delivered_at: datetime | None = utc_field(default=None)


class ChannelAppeal(Row, table=True):
    """What one system knows of one appeal: whether it was told that it is its own, and as what it goes there.

    An Open311 server gives a `service_request_id`, or first a `token` for one; it is asked for news at `next_poll_at`.
    """

    __tablename__ = "channel_appeal"
    __table_args__ = (
        Index("ix_channel_appeal_poll", "next_poll_at", postgresql_where=text("next_poll_at IS NOT NULL")),
    )

    channel_id: int = Field(foreign_key="department_channel.id", primary_key=True)
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", primary_key=True, index=True)
    is_held: bool
    service_request_id: str | None = Field(default=None, max_length=200)
    token: str | None = Field(default=None, max_length=200)
    remote_status: str | None = Field(default=None, max_length=40)
    remote_notes: str | None = None
    next_poll_at: datetime | None = utc_field(default=None)
    handed_at: datetime = utc_field()
