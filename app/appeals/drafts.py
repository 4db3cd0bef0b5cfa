"""Answers that are being written: kept at every pause in typing, never refused."""

from datetime import datetime

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.models import Appeal, Draft


async def save_draft(session: AsyncSession, appeal_id: int, actor: Actor, text: str, *, now: datetime) -> None:
    """Keep what the person has typed. Never refused: a draft is never lost, but for an appeal without words."""
    values = select(col(Appeal.id), literal(actor.user_id), literal(text), literal(now)).where(
        col(Appeal.id) == appeal_id, col(Appeal.depersonalised_at).is_(None)
    )
    await session.execute(
        insert(Draft)
        .from_select(["appeal_id", "user_id", "text", "updated_at"], values)
        .on_conflict_do_update(index_elements=["appeal_id", "user_id"], set_={"text": text, "updated_at": now})
    )


async def drop_draft(session: AsyncSession, appeal_id: int, actor: Actor) -> None:
    """Forget the draft: it has become an answer."""
    draft = await session.get(Draft, (appeal_id, actor.user_id)) if actor.user_id is not None else None
    if draft is not None:
        await session.delete(draft)
