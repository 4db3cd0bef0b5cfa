"""After a change of keys: credentials are sealed anew, so that the old key can be forgotten."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import NO_KEY_UPDATE
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.vault import CannotDecrypt, Vault

PAGES_AT_ONCE = 500
# Deliveries are a table of a feature above this one; only how many are left is asked.
_OLD_DELIVERIES = text(
    "SELECT count(*) FROM inbox_event WHERE payload <> ''::bytea AND substring(payload FOR :length) <> :mark"
)


@dataclass(slots=True)
class RotationCounts:
    """Pages sealed anew, the names of pages that no key opens, and raw deliveries that are still to expire."""

    sealed: int = 0
    old_deliveries: int = 0
    unreadable: tuple[str, ...] = ()


async def rotate_keys(resources: Resources, on_share: Callable[[float], None]) -> RotationCounts:
    """Seal the credentials of every page with the newest key; raw deliveries are only counted, since they expire."""
    counts, vault = RotationCounts(), resources.vault
    async with resources.database.transaction() as session:
        has_keys = col(PublicPage.credentials).is_not(None)
        total = await session.scalar(select(func.count()).select_from(PublicPage).where(has_keys)) or 0
    after, seen = 0, 0
    while True:
        async with resources.database.transaction() as session:
            pages = await _lock_some(session, after)
            for page in pages:
                _seal_anew(vault, page, counts)
        if not pages:
            break
        after, seen = pages[-1].id or 0, seen + len(pages)
        on_share(seen / max(total, seen))
    async with resources.database.transaction() as session:
        asked = {"length": len(vault.mark), "mark": vault.mark}
        counts.old_deliveries = await session.scalar(_OLD_DELIVERIES, asked) or 0
    return counts


async def _lock_some(session: AsyncSession, after: int) -> list[PublicPage]:
    query = (
        select(PublicPage)
        .where(col(PublicPage.id) > after, col(PublicPage.credentials).is_not(None))
        .order_by(col(PublicPage.id))
        .limit(PAGES_AT_ONCE)
        .with_for_update(**NO_KEY_UPDATE)
    )
    return list((await session.scalars(query)).all())


def _seal_anew(vault: Vault, page: PublicPage, counts: RotationCounts) -> None:
    if page.credentials is None or vault.is_sealed_by_newest(page.credentials):
        return
    try:
        page.credentials = vault.seal(vault.open(page.credentials))
    except CannotDecrypt:
        counts.unreadable += (page.name,)
        return
    counts.sealed += 1
