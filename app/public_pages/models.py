"""Table of public pages."""

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.db import utc_field


class PublicPage(SQLModel, table=True):
    """An official page in a social network.

    `key` is the unguessable part of its webhook address. `credentials` is a sealed JSON object with secret,
    confirmation, access_token and user_token. While `sending_stopped_reason` is set, answers wait.
    """

    __tablename__ = "public_page"
    __table_args__ = (UniqueConstraint("platform", "external_id"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=64)
    platform: str = Field(max_length=10)
    external_id: str = Field(max_length=64)
    name: str = Field(max_length=300)
    territory_code: str | None = Field(default=None, foreign_key="territory.code", max_length=11)
    sphere: str | None = Field(default=None, max_length=40)
    department_id: int | None = Field(default=None, foreign_key="department.id")
    audience: int | None = None
    credentials: bytes = Field(sa_type=LargeBinary, repr=False)
    is_active: bool = True
    sending_stopped_reason: str | None = None
    last_event_at: datetime | None = utc_field(default=None)
    created_at: datetime = utc_field()
