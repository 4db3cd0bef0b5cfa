"""The table of models."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class ModelState(StrEnum):
    """What a model is here for."""

    CHALLENGER = "challenger"  # trained, waits for a comparison or a person
    CHAMPION = "champion"  # judges
    RETIRED = "retired"  # judged once, or waited too long
    REFUSED = "refused"  # a person did not want it, or its file is no model


class ModelVersion(Row, table=True):
    """A model in the registry; its files lie in `<data dir>/models/<version>/`.

    The shipped model has no row: it judges while there is no champion. `parent` is the model it was built upon (None:
    from scratch), `replaced` the champion before it (None: the shipped one). `taught_until` and `labels_until` are the
    times of the newest label that taught it and that was known then: what lies between was held out. `comparison` is
    the last one with a champion, `is_better` what came of it while that champion stands. `problem` says why a process
    could not open the file.
    """

    __tablename__ = "model_version"
    __table_args__ = (
        Index("uq_model_version_champion", "state", unique=True, postgresql_where=text("state = 'champion'")),
    )

    version: str = Field(primary_key=True, max_length=80)
    sha256: str = Field(max_length=64)
    state: str = Field(default=ModelState.CHALLENGER, max_length=20)
    created_at: datetime = utc_field(index=True)
    created_by: str = Field(max_length=200)
    parent: str | None = Field(default=None, max_length=80)
    is_adapted: bool = False
    rows: int
    taught_until: datetime | None = utc_field(default=None)
    labels_until: datetime | None = utc_field(default=None)
    metrics: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    report: list[str] = Field(default_factory=list, sa_type=JSONB)
    comparison: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    is_better: bool = False
    promoted_at: datetime | None = utc_field(default=None)
    promoted_by: str | None = Field(default=None, max_length=200)
    replaced: str | None = Field(default=None, max_length=80)
    note: str | None = None
    problem: str | None = None
    problem_at: datetime | None = utc_field(default=None)
