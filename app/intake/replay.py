"""Delivering a stored sample to a page over HTTP, as the platform would."""

import json

from sqlalchemy import select
from sqlmodel import col

from app.errors import Invalid, NotFound
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials, webhook_path
from app.resources import Resources


async def deliver_fixture(resources: Resources, payload: bytes, page_external_id: str) -> str:
    """Post a VK sample with the page's own id and secret in it; what the service answered.

    Raises Invalid (not a JSON object), NotFound (no such page), httpx.HTTPError (the service does not run).
    """
    try:
        event = dict(json.loads(payload))
        group_id = int(page_external_id or event["group_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("В файле нет доставки ВКонтакте: нужен объект JSON с group_id") from error
    async with resources.database.transaction() as session:
        page = await session.scalar(
            select(PublicPage).where(col(PublicPage.platform) == "vk", col(PublicPage.external_id) == str(group_id))
        )
    if page is None:
        raise NotFound(f"Страница vk {group_id} не заведена")
    secret = open_credentials(resources.vault, page).secret
    body = json.dumps({**event, "group_id": group_id, "secret": secret}).encode()
    answer = await resources.http.post(
        resources.settings.base_url + webhook_path(page), content=body, headers={"Content-Type": "application/json"}
    )
    return f"{answer.status_code} {answer.text}"
