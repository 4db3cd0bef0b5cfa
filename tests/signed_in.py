"""A browser in which somebody has signed in, without the time that a password hash takes."""

import secrets

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from app.accounts.access import SESSION_COOKIE
from app.accounts.models import LoginSession, Role, User
from app.accounts.service import open_session
from app.resources import Resources
from app.time import utc_now


async def signed_in(
    app: FastAPI, resources: Resources, role: Role = Role.OPERATOR, department_id: int | None = None
) -> httpx.AsyncClient:
    """The browser of a new person of this role; its forms carry the right token."""
    login = f"{role}-{secrets.token_hex(3)}"
    async with resources.database.transaction() as session:
        user = User(
            login=login, name=f"Имя {role}", role=role, password_hash="-", department_id=department_id,
            created_at=utc_now(),
        )  # fmt: skip
        session.add(user)
        await session.flush()
        opened = await open_session(session, user, now=utc_now())
        csrf_token = await session.scalar(select(LoginSession.csrf_token).where(LoginSession.user_id == user.id))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://test",
        cookies={SESSION_COOKIE: opened.token},
        headers={"X-CSRF-Token": csrf_token or ""},
    )
