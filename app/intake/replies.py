"""A citizen who replies to our answer goes on with the appeal that was answered, whatever thread the network names.

Telegram and MAX tell only the comment that is replied to, not where the conversation began.
"""

from collections.abc import Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Answer, Appeal, Message
from app.db import NO_KEY_UPDATE
from app.intake.batch import Touched


async def appeals_replied_to(session: AsyncSession, fresh: Sequence[Touched]) -> dict[tuple[int, str], Appeal]:
    """By the page and key of the message that is replied to: the appeal of our answer or of the author's own words."""
    keys = {(one.message.page_id, one.incoming.reply_to_key) for one in fresh if one.incoming.reply_to_key is not None}
    if not keys:
        return {}
    found = await _appeal_ids(session, keys)
    if not found:
        return {}
    query = select(Appeal).where(col(Appeal.id).in_(set(found.values()))).order_by(col(Appeal.id))
    appeals = {appeal.id: appeal for appeal in await session.scalars(query.with_for_update(**NO_KEY_UPDATE))}
    return {key: appeals[appeal_id] for key, appeal_id in found.items()}


async def _appeal_ids(session: AsyncSession, keys: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    ours = select(col(Answer.page_id), col(Answer.echo_key), col(Answer.appeal_id)).where(
        tuple_(col(Answer.page_id), col(Answer.echo_key)).in_(keys)
    )
    said = select(col(Message.page_id), col(Message.key), col(Message.appeal_id)).where(
        tuple_(col(Message.page_id), col(Message.key)).in_(keys), col(Message.appeal_id).is_not(None)
    )
    rows = [*await session.execute(said), *await session.execute(ours)]
    return {(page_id, key): appeal_id for page_id, key, appeal_id in rows}
