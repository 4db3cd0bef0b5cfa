"""Names behind the ids: asked of the platforms in batches, remembered on appeals and messages."""

import structlog
from sqlalchemy import select, update
from sqlmodel import col

from app.appeals.models import Appeal, Message
from app.platforms import PLATFORMS
from app.platforms.base import Limit, SendFailed
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.resources import Resources
from app.vault import CannotDecrypt

log = structlog.get_logger()
APPEALS_AT_ONCE = 500
LONGEST_NAME = 200
TELL_NAMES = [code for code, platform in PLATFORMS.items() if platform.tells_names]


async def fetch_authors(resources: Resources) -> int:
    """Ask the platforms for the names behind recent authors, in batches; how many were found."""
    found = 0
    for page, ids in await _nameless(resources):
        try:
            names = await _ask(resources, page, ids)
        except (SendFailed, CannotDecrypt) as failure:  # names are a convenience: the next run asks again
            log.warning("author_names_failed", page_id=page.id, code=getattr(failure, "code", type(failure).__name__))
            continue
        await _store_names(resources, page.id or 0, names)
        found += len(names)
    return found


async def _ask(resources: Resources, page: PublicPage, ids: list[str]) -> dict[str, str]:
    platform = PLATFORMS[page.platform]
    credentials = open_credentials(resources.vault, page)
    await resources.limiter.wait(Limit(f"{page.platform}:{page.id}:", platform.rate_limit_per_second))
    return await platform.author_names(resources.http, resources.settings.api_url(page.platform), credentials, ids)


async def _nameless(resources: Resources) -> list[tuple[PublicPage, list[str]]]:
    """Authors of the last appeals without a name, by page; those whom no platform would name stand in nobody's way."""
    async with resources.database.transaction() as session:
        recent = (
            select(col(Appeal.page_id), col(Appeal.author_external_id))
            .where(col(Appeal.author_name).is_(None), col(Appeal.platform).in_(TELL_NAMES))
            .order_by(col(Appeal.id).desc())
            .limit(APPEALS_AT_ONCE)
        )
        authors: dict[int, set[str]] = {}
        for page_id, author in (await session.execute(recent)).tuples():
            authors.setdefault(page_id, set()).add(author)
        pages = await session.scalars(select(PublicPage).where(col(PublicPage.id).in_(list(authors))))
        return [(page, sorted(authors[page.id or 0])) for page in pages]


async def _store_names(resources: Resources, page_id: int, names: dict[str, str]) -> None:
    """A transaction an author, messages before appeals as in the drain: the two must not wait for each other."""
    for author, name in names.items():
        is_nameless = (
            col(Appeal.page_id) == page_id, col(Appeal.author_external_id) == author, col(Appeal.author_name).is_(None),
        )  # fmt: skip
        called = {"author_name": name[:LONGEST_NAME]}
        async with resources.database.transaction() as session:
            own_words = update(Message).where(
                col(Message.appeal_id).in_(select(col(Appeal.id)).where(*is_nameless)),
                col(Message.author_external_id) == author,
            )
            await session.execute(own_words.values(called))
            await session.execute(update(Appeal).where(*is_nameless).values(called))
