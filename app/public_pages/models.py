"""Tables of public pages, of the bodies behind them and of their audience over time."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import DDL, Column, Computed, Date, Index, LargeBinary, Text, UniqueConstraint, event, text
from sqlmodel import Field, SQLModel

from app.db import utc_field
from app.platforms.incoming import PageIdentity
from app.rows import Row

NUMBERLESS = "@"  # begins the external id of a page of which only the name in its address is known


# A day and no moment: it changes once a day, and an event of the same day touches no index.
_HEARD_ON = "(coalesce(last_event_at, created_at) AT TIME ZONE 'UTC')::date"
_IS_UNHARMED = "is_active AND connection_problem IS NULL AND polling_problem IS NULL AND sending_stopped_reason IS NULL"


class Level(StrEnum):
    """Whose body it is."""

    FEDERAL = "federal"
    REGION = "region"
    MUNICIPALITY = "municipality"
    SETTLEMENT = "settlement"


class OfficialBody(Row, table=True):
    """A body that keeps public pages: a ministry, an administration, a school.

    `identity` tells bodies apart: by ОГРН, else by ИНН, else by territory and name. A body without a department of its
    own belongs to that of the nearest body above it that has one. `search_text` is computed by PostgreSQL (see
    `body_columns`).
    """

    __tablename__ = "official_body"
    __mapper_args__: ClassVar[dict[str, list[str]]] = {"exclude_properties": ["search_text"]}
    __table_args__ = (
        Column("search_text", Text, Computed("lower(name)", persisted=True)),
        Index("ix_official_body_search", "search_text", postgresql_using="gin",
              postgresql_ops={"search_text": "gin_trgm_ops"}),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    identity: str = Field(unique=True, max_length=330)
    name: str = Field(max_length=300)
    ogrn: str | None = Field(default=None, max_length=15)
    inn: str | None = Field(default=None, max_length=12)
    territory_code: str | None = Field(default=None, foreign_key="territory.code", max_length=11)
    parent_id: int | None = Field(default=None, foreign_key="official_body.id", index=True)
    department_id: int | None = Field(default=None, foreign_key="department.id")


class PublicPage(Row, table=True):
    """An official page in a social network.

    `key` is the unguessable part of its webhook address. `credentials` is a sealed JSON object with the secrets of
    `Credentials`, changed last at `credentials_changed_at`; a page without them receives nothing. While
    `sending_stopped_reason` is set, answers wait for a person; until `sending_paused_until`, for the platform's flood
    control. `connection_problem` says why nothing comes in by webhook, `polling_problem` why nothing is learned by
    asking; `discussion_id` is the group linked to a Telegram channel.

    `department_id` is the owner. With `department_from_id` it was found at that body, on the way up from `body_id` or,
    where that leads to none, from `parent_body_id`; without, it was named on the page itself. `search_text` and
    `heard_on`, the day of the last event in UTC, or that on which the page was added, are computed by PostgreSQL (see
    `page_columns`).
    """

    __tablename__ = "public_page"
    __mapper_args__: ClassVar[dict[str, list[str]]] = {"exclude_properties": ["search_text", "heard_on"]}
    __table_args__ = (
        # Sorted letter by letter on every server: only then is the beginning of a name a stretch of the index.
        Column("search_text", Text(collation="C"), Computed("lower(name)", persisted=True)),
        Column("heard_on", Date, Computed(_HEARD_ON, persisted=True)),
        UniqueConstraint("platform", "external_id"),
        # The list is walked by name; the columns beside it are what it is narrowed by, so that the walk stays here.
        Index("ix_public_page_name", "search_text", "id",
              postgresql_include=["platform", "external_id", "sphere", "level", "territory_code"]),
        Index("ix_public_page_filters", "sphere", "level", "platform", "territory_code"),
        Index("ix_public_page_off", "id", postgresql_where=text("NOT is_active")),
        Index("ix_public_page_stopped", "id", postgresql_where=text("sending_stopped_reason IS NOT NULL")),
        Index("ix_public_page_keyless", "id", postgresql_where=text(f"credentials IS NULL AND {_IS_UNHARMED}")),
        Index("ix_public_page_heard", "heard_on",
              postgresql_where=text(f"credentials IS NOT NULL AND {_IS_UNHARMED}")),
        Index("ix_public_page_search", "search_text", postgresql_using="gin",
              postgresql_ops={"search_text": "gin_trgm_ops"}),
        Index("ix_public_page_address", "platform", "address", postgresql_where=text("address IS NOT NULL")),
        Index("ix_public_page_problem", "id", 
              postgresql_where=text("connection_problem IS NOT NULL OR polling_problem IS NOT NULL")),
        Index("ix_public_page_watch", "platform", "next_check_at",
              postgresql_where=text("is_active AND credentials IS NOT NULL")),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=64)
    platform: str = Field(max_length=10)
    external_id: str = Field(max_length=64)
    name: str = Field(max_length=300)
    address: str | None = Field(default=None, max_length=300)
    body_id: int | None = Field(default=None, foreign_key="official_body.id", index=True)
    parent_body_id: int | None = Field(default=None, foreign_key="official_body.id", index=True)
    territory_code: str | None = Field(default=None, foreign_key="territory.code", max_length=11)
    sphere: str | None = Field(default=None, max_length=40)
    level: str | None = Field(default=None, max_length=20)
    kind: str | None = Field(default=None, max_length=80)
    department_id: int | None = Field(default=None, foreign_key="department.id")
    department_from_id: int | None = Field(default=None, foreign_key="official_body.id")
    audience: int | None = None
    credentials: bytes | None = Field(default=None, sa_type=LargeBinary, repr=False)
    credentials_changed_at: datetime | None = utc_field(default=None)
    is_active: bool = True
    discussion_id: str | None = Field(default=None, max_length=64)
    connected_at: datetime | None = utc_field(default=None)
    checked_at: datetime | None = utc_field(default=None)
    next_check_at: datetime | None = utc_field(default=None)
    failed_checks: int = 0
    check_failure: str | None = None
    connection_problem: str | None = None
    polling_problem: str | None = None
    sending_stopped_reason: str | None = None
    sending_paused_until: datetime | None = utc_field(default=None)
    last_event_at: datetime | None = utc_field(default=None)
    created_at: datetime = utc_field()

    @property
    def identity(self) -> PageIdentity:
        """Who the page is on its platform."""
        return PageIdentity(self.external_id, self.discussion_id or "")

    @property
    def has_number(self) -> bool:
        """Whether the platform's own number of the page is known, and not only the name in its address."""
        return not self.external_id.startswith(NUMBERLESS)


class PageAudience(Row, table=True):
    """How many people followed a page on a day, as somebody told us."""

    __tablename__ = "page_audience"

    page_id: int = Field(foreign_key="public_page.id", primary_key=True)
    on_date: date = Field(primary_key=True)
    count: int


page_columns: Any = PublicPage.__table__.c  # type: ignore[attr-defined]
body_columns: Any = OfficialBody.__table__.c  # type: ignore[attr-defined]

# The operator class of the search indexes comes with PostgreSQL itself, but has to be asked for once a database.
_TRIGRAMS = DDL("CREATE EXTENSION IF NOT EXISTS pg_trgm")  # type: ignore[no-untyped-call]
event.listen(SQLModel.metadata, "before_create", _TRIGRAMS)
