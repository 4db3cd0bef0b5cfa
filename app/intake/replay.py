"""Delivering a stored sample to a page over HTTP, as the platform would."""

from sqlalchemy import select
from sqlmodel import col

from app.errors import Invalid, NotFound
from app.platforms import platform_by_code
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials, webhook_path
from app.resources import Resources


async def deliver_fixture(resources: Resources, code: str, payload: bytes, page_external_id: str) -> str:
    """Post a sample with the page's own proof; what the service answered. Without an id, to the platform's first page.

    Raises UnknownPlatform, Invalid (no delivery), NotFound (no such page), httpx.HTTPError (the service does not run).
    """
    platform = platform_by_code(code)
    query = select(PublicPage).where(col(PublicPage.platform) == code).order_by(col(PublicPage.id)).limit(1)
    if page_external_id:
        query = query.where(col(PublicPage.external_id) == page_external_id)
    async with resources.database.transaction() as session:
        page = await session.scalar(query)
    if page is None:
        raise NotFound(f"Страница {code} {page_external_id} не заведена")
    try:
        headers, body = platform.prove(open_credentials(resources.vault, page), payload)
    except ValueError as error:
        raise Invalid(f"В файле нет доставки {platform.name}: {error}") from error
    answer = await resources.http.post(
        resources.settings.base_url + webhook_path(page),
        content=body,
        headers={"Content-Type": "application/json", **headers},
    )
    return f"{answer.status_code} {answer.text}"
