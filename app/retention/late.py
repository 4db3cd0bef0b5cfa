"""Changes that come after the words are gone: known by the hidden key, noted, and not taken."""

from collections.abc import Collection

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Message
from app.retention.service import hidden_keys
from app.vault import Vault


async def find_emptied(
    session: AsyncSession, vault: Vault, keys: Collection[tuple[int, str]]
) -> dict[tuple[int, str], int | None]:
    """Those of these messages, by page and key, whose words are gone, each with the number of its appeal, if any."""
    hidden = {(page, name): (page, key) for page, key in keys for name in hidden_keys(vault, page, key)}
    if not hidden:
        return {}
    found = await session.execute(
        select(col(Message.page_id), col(Message.key), col(Message.appeal_id)).where(
            tuple_(col(Message.page_id), col(Message.key)).in_(hidden)
        )
    )
    return {hidden[page, name]: appeal_id for page, name, appeal_id in found}
