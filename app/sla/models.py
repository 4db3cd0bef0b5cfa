"""Table of clocks. The arithmetic is in calendar, clock and policy, which are pure."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class Clock(Row, table=True):
    """One promise of time to one appeal.

    A clock is open while `closed_at` is empty. `met_at` is set when the promise was kept or kept late,
    `breached_at` when the due time passed first; reports read `is_met` and `spent_minutes`, written at closing.
    `own` keeps what the clock was started with while it runs by an earlier one, of a repeat of its appeal.
    """

    __table_args__ = (
        Index("ix_clock_due_open", "due_at", postgresql_where=text("closed_at IS NULL AND breached_at IS NULL")),
        Index("ix_clock_department_started", "department_id", "started_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", index=True)
    department_id: int = Field(foreign_key="department.id")
    kind: str = Field(max_length=40)
    cycle: int = 1
    policy_code: str = Field(max_length=80)
    policy_version: int
    calendar_code: str = Field(max_length=80)
    started_at: datetime = utc_field(index=True)
    span: dict[str, Any] = Field(sa_type=JSONB)
    holes: list[Any] = Field(default_factory=list, sa_type=JSONB)
    due_at: datetime | None = utc_field(default=None)
    met_at: datetime | None = utc_field(default=None)
    breached_at: datetime | None = utc_field(default=None)
    closed_at: datetime | None = utc_field(default=None)
    close_reason: str | None = Field(default=None, max_length=40)
    spent_minutes: float | None = None
    is_counted: bool = True
    own: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
