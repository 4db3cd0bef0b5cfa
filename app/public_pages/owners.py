"""Whose page it is: its own department, else its body's, else that of the nearest body above."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import Database
from app.departments.models import Department
from app.public_pages.bodies import MOST_PARENTS
from app.public_pages.models import OfficialBody, PublicPage

PAGES_AT_ONCE = 10_000

# Two ways up, the body's first. A department named on the page itself is never replaced.
_REFRESH = text(f"""
WITH RECURSIVE asked AS (
    SELECT id, body_id, parent_body_id FROM public_page
    WHERE id = ANY(:ids) AND (department_id IS NULL OR department_from_id IS NOT NULL)
), step AS (
    SELECT asked.id AS page_id, way.number AS way, 1 AS height, body.id AS body_id, body.parent_id, body.department_id
    FROM asked
    CROSS JOIN LATERAL (VALUES (1, asked.body_id), (2, asked.parent_body_id)) AS way (number, body_id)
    JOIN official_body AS body ON body.id = way.body_id
    UNION ALL
    SELECT step.page_id, step.way, step.height + 1, body.id, body.parent_id, body.department_id
    FROM step JOIN official_body AS body ON body.id = step.parent_id
    WHERE step.department_id IS NULL AND step.height <= {MOST_PARENTS}
), found AS (
    SELECT DISTINCT ON (page_id) page_id, department_id, body_id FROM step
    WHERE department_id IS NOT NULL ORDER BY page_id, way, height
)
UPDATE public_page SET department_id = found.department_id, department_from_id = found.body_id
FROM asked LEFT JOIN found ON found.page_id = asked.id
WHERE public_page.id = asked.id
    AND (public_page.department_id, public_page.department_from_id)
        IS DISTINCT FROM (found.department_id, found.body_id)
""")  # noqa: S608 (a constant of ours)

_PAGES_UNDER = text(f"""
WITH RECURSIVE under AS (
    SELECT id, 1 AS depth FROM official_body WHERE id = :body_id
    UNION ALL
    SELECT body.id, under.depth + 1 FROM under JOIN official_body AS body ON body.parent_id = under.id
    WHERE under.depth <= {MOST_PARENTS}
)
SELECT page.id FROM public_page AS page JOIN under ON under.id = page.body_id
UNION
SELECT page.id FROM public_page AS page JOIN under ON under.id = page.parent_body_id
""")  # noqa: S608 (a constant of ours)


@dataclass(frozen=True, slots=True)
class WayStep:
    """One step of the search for an owner."""

    name: str
    department: str | None
    body_id: int | None = None


async def find_owners(session: AsyncSession, page_ids: Sequence[int]) -> None:
    """Compute the owners of these pages anew."""
    await session.execute(_REFRESH, {"ids": list(page_ids)})


async def find_owners_under(session: AsyncSession, body_id: int) -> int:
    """The same for the pages of a body and of all bodies below it; how many there are."""
    page_ids = list(await session.scalars(_PAGES_UNDER, {"body_id": body_id}))
    await find_owners(session, page_ids)
    return len(page_ids)


async def find_all_owners(database: Database) -> None:
    """The same for every page, a slice a transaction: events and answers of these pages wait a moment at most."""
    async with database.transaction() as session:
        last = await session.scalar(select(func.max(col(PublicPage.id)))) or 0
    for first in range(1, last + 1, PAGES_AT_ONCE):
        async with database.transaction() as session:
            await find_owners(session, range(first, first + PAGES_AT_ONCE))


async def way_to_owner(session: AsyncSession, page: PublicPage) -> list[WayStep]:
    """How the owner was looked for, from the page up to where a department stands; or to the end of the way."""
    if page.department_id is not None and page.department_from_id is None:
        department = await session.get_one(Department, page.department_id)
        return [WayStep("страница", department.short_name)]
    steps = [WayStep("страница", None)]
    for start in (page.body_id, page.parent_body_id):
        body_id, height = start, 0
        while body_id is not None and height <= MOST_PARENTS:
            body = await session.get_one(OfficialBody, body_id)
            own = await session.get_one(Department, body.department_id) if body.department_id else None
            steps.append(WayStep(body.name, own.short_name if own else None, body.id))
            if own is not None:
                return steps
            body_id, height = body.parent_id, height + 1
    return steps
