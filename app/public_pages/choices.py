"""What a page can be given, or the list be narrowed by."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.departments.models import Department, Territory
from app.public_pages.models import OfficialBody, body_columns
from app.public_pages.queries import LEAST_LETTERS, LIKE_SPECIAL

MOST_BODIES = 20

# Each sphere is one step along the index, however many pages have it.
_SPHERES = text(
    "WITH RECURSIVE known AS ("
    "SELECT min(sphere) AS sphere FROM public_page UNION ALL"
    " SELECT (SELECT min(page.sphere) FROM public_page AS page WHERE page.sphere > known.sphere) FROM known"
    " WHERE known.sphere IS NOT NULL"
    ") SELECT sphere FROM known WHERE sphere IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class TerritoryChoice:
    """A territory; `depth` counts the territories above it."""

    code: str
    name: str
    depth: int


async def territories(session: AsyncSession) -> list[TerritoryChoice]:
    """Every territory, each before those inside it."""
    depth = func.cardinality(func.string_to_array(col(Territory.path), "/")) - 1
    found = select(col(Territory.code), col(Territory.name), depth).order_by(col(Territory.path))
    return [TerritoryChoice(*row) for row in await session.execute(found)]


async def departments(session: AsyncSession) -> list[tuple[int, str]]:
    """Number and name of every department that works."""
    found = select(col(Department.id), col(Department.short_name)).where(col(Department.is_active))
    return [(number or 0, name) for number, name in await session.execute(found.order_by(col(Department.short_name)))]


async def spheres(session: AsyncSession) -> list[str]:
    """Codes of the spheres that pages have."""
    return list(await session.scalars(_SPHERES))


async def bodies(session: AsyncSession, words: str) -> list[OfficialBody]:
    """Some bodies by a part of the name or by the ОГРН."""
    if len(words) < LEAST_LETTERS:
        return []
    pattern = f"%{words.translate(LIKE_SPECIAL)}%"
    is_meant = or_(body_columns.search_text.like(func.lower(pattern)), col(OfficialBody.identity) == f"ogrn:{words}")
    found = select(OfficialBody).where(is_meant).limit(MOST_BODIES)
    return sorted(await session.scalars(found), key=lambda body: body.name)
