"""Tables of what an official page has published, and of the citizens as that page knows them."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class PagePost(Row, table=True):
    """The page's own publication, under which citizens comment. `thread_external_id` leads to it from a comment."""

    __tablename__ = "page_post"
    __table_args__ = (
        UniqueConstraint("page_id", "external_id"),
        Index("ix_page_post_thread", "page_id", "thread_external_id"),
        Index("ix_page_post_worded", "published_at", postgresql_where=text("text <> ''")),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    page_id: int = Field(foreign_key="public_page.id")
    external_id: str = Field(max_length=200)
    thread_external_id: str | None = Field(default=None, max_length=200)
    text: str = ""
    source_url: str | None = None
    published_at: datetime | None = utc_field(default=None)


class Contact(Row, table=True):
    """A citizen as one page knows him: whether he lets the page write to him privately."""

    __table_args__ = (Index("ix_contact_changed", "changed_at"),)

    page_id: int = Field(foreign_key="public_page.id", primary_key=True)
    external_id: str = Field(max_length=200, primary_key=True)
    can_be_written: bool
    changed_at: datetime = utc_field()
