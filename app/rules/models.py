"""Tables of rule sets, of their simulations, and of how often each rule decides."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class RuleSetState(StrEnum):
    """The life of a version: one is published at a time, what was stays retired."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class RuleSetVersion(Row, table=True):
    """A rule set, by the very files of its directory. Only a draft changes; `edition` counts its changes.

    `version` is the name that decisions are stored with, and stands in `rules.toml` too. `parent_id` is the version in
    force that the draft was made from: another one in force means that the draft has fallen behind. `editor_ids` are
    all who changed it: none of them can be its second person. `problems` is what the last check found, if nothing has
    changed since.
    """

    __tablename__ = "rule_set"
    __table_args__ = (
        Index("uq_rule_set_published", "state", unique=True, postgresql_where=text("state = 'published'")),
    )

    id: int | None = Field(default=None, primary_key=True)
    version: str = Field(unique=True, max_length=80)
    state: str = Field(default=RuleSetState.DRAFT, max_length=10)
    parent_id: int | None = Field(default=None, foreign_key="rule_set.id")
    files: dict[str, str] = Field(sa_type=JSONB)
    edition: int = 1
    note: str = Field(default="", max_length=200)
    author: str = Field(max_length=200)
    editor_ids: list[int] = Field(default_factory=list, sa_type=JSONB)
    created_at: datetime = utc_field()
    changed_at: datetime = utc_field()
    problems: list[dict[str, Any]] | None = Field(default=None, sa_type=JSONB)
    checked_at: datetime | None = utc_field(default=None)
    approved_by: str | None = Field(default=None, max_length=200)
    approved_at: datetime | None = utc_field(default=None)
    published_by: str | None = Field(default=None, max_length=200)
    published_at: datetime | None = utc_field(default=None)


class SimulationState(StrEnum):
    """The way of a simulation."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RuleSimulation(Row, table=True):
    """A draft replayed over past appeals. `edition` tells which state of the draft it was, `against_id` what it was
    compared with; `share` is how much is done, `beat_at` when the worker last said so.
    """

    __tablename__ = "rule_simulation"
    __table_args__ = (
        Index("ix_rule_simulation_due", "id", postgresql_where=text("state IN ('waiting', 'running')")),
        Index("ix_rule_simulation_rule_set", "rule_set_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    rule_set_id: int = Field(foreign_key="rule_set.id")
    against_id: int | None = Field(default=None, foreign_key="rule_set.id")
    edition: int
    last: int
    state: str = Field(default=SimulationState.WAITING, max_length=10)
    share: float = 0.0
    result: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    error: str | None = Field(default=None, max_length=300)
    asked_by: str = Field(max_length=200)
    asked_at: datetime = utc_field()
    beat_at: datetime | None = utc_field(default=None)
    finished_at: datetime | None = utc_field(default=None)


class RuleHit(Row, table=True):
    """How many appeals of the last 90 days a rule decided (in the shadow: would have decided)."""

    __tablename__ = "rule_hit"

    rule: str = Field(primary_key=True, max_length=200)
    hits: int
    counted_at: datetime = utc_field()
