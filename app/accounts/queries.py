"""Who comes with this cookie or this token: one query a request."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import ApiToken, LoginSession, User


async def open_login_session(
    session: AsyncSession, token_hash: str, now: datetime
) -> tuple[LoginSession, Actor] | None:
    """The session that has not expired, with its person; None when there is none or the person is switched off."""
    found = await session.execute(
        select(LoginSession, User)
        .join(User, col(User.id) == col(LoginSession.user_id))
        .where(col(LoginSession.token_hash) == token_hash, col(LoginSession.expires_at) > now, col(User.is_active))
    )
    row = found.one_or_none()
    if row is None:
        return None
    login_session, user = row
    actor = Actor(
        label=user.name,
        role=user.role,
        user_id=user.id,
        department_id=user.department_id,
        csrf_token=login_session.csrf_token,
        login=user.login,
    )
    return login_session, actor


async def actor_of_token(session: AsyncSession, token_hash: str) -> Actor | None:
    """The system behind a token that was not revoked."""
    token = await session.scalar(
        select(ApiToken).where(col(ApiToken.token_hash) == token_hash, col(ApiToken.revoked_at).is_(None))
    )
    return Actor(label=token.name, role=token.role) if token else None
