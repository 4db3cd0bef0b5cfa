"""What the list can be narrowed by, and the names of what an address names by key."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.queue import Queue
from app.departments.models import Department, Territory
from app.public_pages.models import PublicPage

MOST_PAGES_TO_CHOOSE = 300

_page = PublicPage.__table__.c  # type: ignore[attr-defined]
_department = Department.__table__.c  # type: ignore[attr-defined]
_territory = Territory.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ConditionNames:
    """Readable names of what the address names by key."""

    page: str | None
    department: str | None
    territory: str | None


async def name_conditions(session: AsyncSession, queue: Queue) -> ConditionNames:
    """The names for the removable tokens, in one query; none when there is nothing to name."""
    if not {"page", "department", "territory"} & set(queue.conditions()):
        return ConditionNames(None, None, None)
    found = await session.execute(
        select(
            select(_page.name).where(_page.id == queue.page).scalar_subquery(),
            select(_department.short_name).where(_department.id == queue.department).scalar_subquery(),
            select(_territory.name).where(_territory.code == queue.territory).scalar_subquery(),
        )
    )
    return ConditionNames(*found.one())


async def active_departments(session: AsyncSession) -> Sequence[Department]:
    """The departments that can be given an appeal, by name."""
    found = await session.scalars(select(Department).where(_department.is_active).order_by(_department.short_name))
    return found.all()


async def territories(session: AsyncSession) -> Sequence[Territory]:
    """All territories, from the region down."""
    return (await session.scalars(select(Territory).order_by(_territory.path))).all()


async def pages_to_choose(session: AsyncSession) -> Sequence[PublicPage]:
    """Pages for a list to choose from, the first by name; the rest are reached from a card."""
    return (await session.scalars(select(PublicPage).order_by(_page.name).limit(MOST_PAGES_TO_CHOOSE))).all()
