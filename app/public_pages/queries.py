"""The registry of official pages as a list."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.departments.models import Department, Territory
from app.platforms import PLATFORMS
from app.public_pages.models import PublicPage

ROWS = 50
SILENT_DAYS = 3
MOST_ALERTS = 5
IS_CUT_OFF = or_(col(PublicPage.connection_problem).is_not(None), col(PublicPage.polling_problem).is_not(None))
_search_text = PublicPage.__table__.c.search_text  # type: ignore[attr-defined]
LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True, slots=True)
class PageRow:
    """One official page. `key` is the secret part of its webhook address."""

    id: int
    platform: str
    external_id: str
    key: str
    name: str
    owner: str | None
    territory: str | None
    audience: int | None
    is_active: bool
    connection_problem: str | None
    stopped_reason: str | None
    last_event_at: datetime | None
    created_at: datetime

    @property
    def entrance(self) -> str:
        """The path under which the page takes what is sent to it."""
        return PLATFORMS[self.platform].entrance.format(platform=self.platform, key=self.key)

    def silent_days(self, now: datetime) -> int:
        """Whole days without an event."""
        return (now - (self.last_event_at or self.created_at)).days

    def is_silent(self, now: datetime) -> bool:
        """Whether it is longer than a living page is usually silent."""
        return self.silent_days(now) >= SILENT_DAYS


@dataclass(frozen=True, slots=True)
class Summary:
    """How many pages there are, and in which state. A page counts once: off, cut off, stopped, silent or well."""

    total: int
    off: int
    cut_off: int
    stopped: int
    silent: int

    @property
    def well(self) -> int:
        """Active, not silent, sending."""
        return self.total - self.off - self.cut_off - self.stopped - self.silent


async def list_pages(session: AsyncSession, words: str, after: tuple[str, int] | None) -> list[PageRow]:
    """A page of the list by name, after the page with that name and number; one more than ROWS if more follow."""
    query = _rows().where(_matches(words)).order_by(_search_text, col(PublicPage.id)).limit(ROWS + 1)
    if after is not None:
        name, number = after
        query = query.where(tuple_(_search_text, col(PublicPage.id)) > tuple_(func.lower(name), literal(number)))
    return [PageRow(*row) for row in await session.execute(query)]


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(PublicPage.id), col(PublicPage.platform), col(PublicPage.external_id), col(PublicPage.key),
            col(PublicPage.name), col(Department.short_name), col(Territory.name), col(PublicPage.audience),
            col(PublicPage.is_active),
            func.coalesce(col(PublicPage.connection_problem), col(PublicPage.polling_problem)),
            col(PublicPage.sending_stopped_reason), col(PublicPage.last_event_at), col(PublicPage.created_at),
        )
        .outerjoin(Department, col(Department.id) == col(PublicPage.department_id))
        .outerjoin(Territory, col(Territory.code) == col(PublicPage.territory_code))
    )  # fmt: skip


def _matches(words: str) -> ColumnElement[bool]:
    pattern = f"%{words.strip().translate(LIKE_SPECIAL)}%"
    return or_(_search_text.like(func.lower(pattern)), col(PublicPage.external_id) == words.strip())


async def list_cut_off(session: AsyncSession) -> list[PageRow]:
    """Some of the active pages from which nothing comes, by number."""
    query = _rows().where(col(PublicPage.is_active), IS_CUT_OFF).order_by(col(PublicPage.id)).limit(MOST_ALERTS)
    return [PageRow(*row) for row in await session.execute(query)]


async def summarise(session: AsyncSession, now: datetime) -> Summary:
    """The counts of all pages."""
    is_active = col(PublicPage.is_active)
    is_stopped = and_(~IS_CUT_OFF, col(PublicPage.sending_stopped_reason).is_not(None))
    last_sign = func.coalesce(col(PublicPage.last_event_at), col(PublicPage.created_at))
    is_silent = and_(is_active, ~IS_CUT_OFF, ~is_stopped, last_sign <= now - timedelta(days=SILENT_DAYS))
    counts: list[Any] = [
        func.count(),
        func.count().filter(~is_active),
        func.count().filter(is_active, IS_CUT_OFF),
        func.count().filter(is_active, is_stopped),
        func.count().filter(is_silent),
    ]
    return Summary(*(await session.execute(select(*counts).select_from(PublicPage))).one())
