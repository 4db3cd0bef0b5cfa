"""Browsers of people who are signed in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.accounts.access import SESSION_COOKIE
from app.accounts.actor import Actor
from app.accounts.models import LoginSession, Role, User
from app.accounts.service import open_session
from app.resources import Resources
from app.time import utc_now
from tests.appeals.post_office import office
from tests.conftest import person

__all__ = ["office"]  # a fixture


@dataclass(frozen=True)
class Browser:
    """A signed-in person's browser; `htmx` sends what htmx sends."""

    client: httpx.AsyncClient
    actor: Actor
    csrf: str

    async def get(self, address: str, *, htmx_on: str = "") -> httpx.Response:
        """A page, or a fragment for htmx on the page with the address `htmx_on`."""
        return await self.client.get(address, headers=self._htmx(htmx_on))

    async def post(self, address: str, *, htmx_on: str = "", **form: object) -> httpx.Response:
        """A form, with the token against forgery; redirects are followed as browsers do."""
        headers = {"X-CSRF-Token": self.csrf, **self._htmx(htmx_on)}
        data = {name: str(value) for name, value in form.items()}
        return await self.client.post(address, data=data, headers=headers, follow_redirects=True)

    def _htmx(self, address: str) -> dict[str, str]:
        return {"HX-Request": "true", "HX-Current-URL": f"http://test{address}"} if address else {}


SignIn = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def sign_in(app: FastAPI, resources: Resources) -> AsyncIterator[SignIn]:
    """Makes a person of a role and opens a browser for them."""
    clients: list[httpx.AsyncClient] = []

    async def open_browser(role: Role = Role.OPERATOR, department: str = "", login: str = "") -> Browser:
        actor = await person(resources, login or str(role), role, department)
        async with resources.database.transaction() as session:
            user = await session.get(User, actor.user_id)
            assert user is not None
            opened = await open_session(session, user, now=utc_now())
            csrf = await session.scalar(select(LoginSession.csrf_token).where(LoginSession.user_id == user.id))
        app.state.resources = resources
        cookies = {SESSION_COOKIE: opened.token}
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", cookies=cookies)
        clients.append(client)
        return Browser(client, actor, csrf or "")

    yield open_browser
    for client in clients:
        await client.aclose()


@pytest.fixture
async def browser(sign_in: SignIn) -> Browser:
    """An operator's browser."""
    return await sign_in()
