"""Names behind the ids: asked of the platforms in batches, remembered on appeals and messages."""

import structlog
from sqlalchemy import select, update

from app.appeals.models import Appeal, Message
from app.platforms import PLATFORMS
from app.platforms.base import SendFailed
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.resources import Resources

log = structlog.get_logger()
APPEALS_AT_ONCE = 500


async def fetch_authors(resources: Resources) -> int:
    """Ask the platforms for the names behind recent authors, in batches; how many were found."""
    found = 0
    for page, ids in await _nameless(resources):
        platform = PLATFORMS[page.platform]
        await resources.limiter.wait(f"{page.platform}:{page.id}", platform.rate_limit_per_second)
        try:
            names = await platform.author_names(
                resources.http, resources.settings.api_url(page.platform), open_credentials(resources.vault, page), ids
            )
        except SendFailed as failure:  # names are a convenience: the next run asks again
            log.warning("author_names_failed", page_id=page.id, code=failure.code)
            continue
        await _store_names(resources, page.id or 0, names)
        found += len(names)
    return found


async def _nameless(resources: Resources) -> list[tuple[PublicPage, list[str]]]:
    """Authors of the last appeals without a name, by page."""
    async with resources.database.transaction() as session:
        recent = (
            select(Appeal.page_id, Appeal.author_external_id)  # type: ignore[call-overload]
            .where(Appeal.author_name.is_(None))  # type: ignore[union-attr]
            .order_by(Appeal.id.desc())  # type: ignore[union-attr]
            .limit(APPEALS_AT_ONCE)
        )
        authors: dict[int, set[str]] = {}
        for page_id, author in (await session.execute(recent)).tuples():
            authors.setdefault(page_id, set()).add(author)
        pages = await session.scalars(select(PublicPage).where(PublicPage.id.in_(list(authors))))  # type: ignore[union-attr]
        return [(page, sorted(authors[page.id or 0])) for page in pages]


async def _store_names(resources: Resources, page_id: int, names: dict[str, str]) -> None:
    async with resources.database.transaction() as session:
        for author, name in sorted(names.items()):
            for model in (Appeal, Message):
                await session.execute(
                    update(model)
                    .where(
                        model.page_id == page_id,  # type: ignore[arg-type]
                        model.author_external_id == author,  # type: ignore[arg-type]
                        model.author_name.is_(None),  # type: ignore[union-attr]
                    )
                    .values(author_name=name)
                )
