"""Table of public pages."""

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.db import utc_field
from app.platforms.incoming import PageIdentity


class PublicPage(SQLModel, table=True):
    """An official page in a social network.

    `key` is the unguessable part of its webhook address. `credentials` is a sealed JSON object with the secrets of
    `Credentials`. While `sending_stopped_reason` is set, answers wait for a person; until `sending_paused_until`, for
    the platform's flood control. `connection_problem` says why nothing comes in, `discussion_id` is the group linked to
    a Telegram channel.
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
    discussion_id: str | None = Field(default=None, max_length=64)
    connection_problem: str | None = None
    sending_stopped_reason: str | None = None
    sending_paused_until: datetime | None = utc_field(default=None)
    last_event_at: datetime | None = utc_field(default=None)
    created_at: datetime = utc_field()

    @property
    def identity(self) -> PageIdentity:
        """Who the page is on its platform."""
        return PageIdentity(self.external_id, self.discussion_id or "")
