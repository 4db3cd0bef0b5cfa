"""Table of administrative actions."""

from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class AuditEntry(Row, table=True):
    """One action of a person or of the command line. `details` carries no personal data of citizens."""

    __tablename__ = "audit_entry"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = utc_field(index=True)
    actor: str = Field(max_length=120)
    action: str = Field(max_length=80)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
