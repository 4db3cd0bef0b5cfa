"""Everything that the view of one page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.platforms import PLATFORMS
from app.public_pages.audience import Count
from app.public_pages.models import PageAudience, PublicPage

RECENT_DAYS = 30
MOST_DAYS = 90
MOST_COUNTED = 1000
# Appeals and polls are tables of features above this one; here they are only counted and told. Numbers of appeals grow
# with time, so the newest are enough.
_APPEALS = text(
    "SELECT count(*) FILTER (WHERE received_at >= :since), count(*) FILTER (WHERE received_at >= :since AND is_open)"
    " FROM (SELECT received_at, is_open FROM appeal WHERE page_id = :page_id AND NOT is_talk"
    " ORDER BY id DESC LIMIT :most) AS newest"
)
_POLL = text("SELECT polled_at, next_at, failures, error FROM page_poll WHERE page_id = :page_id")


@dataclass(frozen=True, slots=True)
class AppealCounts:
    """Appeals of the last RECENT_DAYS days, up to MOST_COUNTED + 1, and how many of them are open."""

    recent: int
    still_open: int


@dataclass(frozen=True, slots=True)
class PollState:
    """The last and the next time the platform is asked for what it does not push; `error` is the last failure."""

    polled_at: datetime | None
    next_at: datetime
    failures: int
    error: str | None


async def count_appeals(session: AsyncSession, page_id: int, now: datetime) -> AppealCounts:
    """The counts of one page."""
    asked = {"page_id": page_id, "since": now - timedelta(days=RECENT_DAYS), "most": MOST_COUNTED + 1}
    return AppealCounts(*(await session.execute(_APPEALS, asked)).one())


async def read_poll(session: AsyncSession, page_id: int) -> PollState | None:
    """How asking the platform goes; None where nothing is asked."""
    found = (await session.execute(_POLL, {"page_id": page_id})).one_or_none()
    return PollState(*found) if found else None


async def audience_of(session: AsyncSession, page_id: int) -> Sequence[Count]:
    """The newest MOST_DAYS counts, oldest first."""
    newest = (
        select(col(PageAudience.on_date), col(PageAudience.count))
        .where(col(PageAudience.page_id) == page_id)
        .order_by(col(PageAudience.on_date).desc())
        .limit(MOST_DAYS)
    )
    return [Count(*row) for row in await session.execute(newest)][::-1]


def connection_obstacle(page: PublicPage) -> str:
    """Why the platform cannot be asked to deliver, or whether it does; "" when it can."""
    if not PLATFORMS[page.platform].is_pushed:
        return "Эту страницу подключать не нужно: сюда пишут прямо нам."
    if not page.is_active:
        return "Страница выключена."
    if page.credentials is None:
        return "Ключей доступа нет: администратор вписывает их ниже."
    return "" if page.has_number else "Номер страницы на площадке неизвестен: загрузите таблицу с её номером."
