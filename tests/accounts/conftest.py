"""A small site with the login pages and one route of each kind of guard."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import httpx
import pytest
from account_people import NOW, PASSWORD, People
from fastapi import APIRouter, Depends, FastAPI, Form
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.accounts import pages, passwords, service
from app.accounts.access import Actor, AdminDep, StaffDep, require_token
from app.accounts.models import Role, User
from app.resources import Resources
from app.web import SecurityHeaders, install_error_handlers

TokenDep = Annotated[Actor, Depends(require_token(Role.OPERATOR, Role.ADMIN))]


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """argon2id with the smallest cost: what is tested here is who comes in, not how long guessing takes."""
    cheap = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)])
    monkeypatch.setattr(passwords, "_argon2", cheap)
    passwords._hash_of_nobody.cache_clear()
    yield
    passwords._hash_of_nobody.cache_clear()


@pytest.fixture
def people(resources: Resources) -> People:
    """Makes a person with the test password."""

    async def make(login: str = "anna@city.example", role: Role = Role.OPERATOR, name: str = "Анна Л.") -> User:
        async with resources.database.transaction() as session:
            return await service.create_user(session, login, name, role, PASSWORD, now=NOW)

    return make


@pytest.fixture
def site(resources: Resources) -> FastAPI:
    """What an application does with accounts, and nothing else. `app.state.notes` is what was written."""
    app = FastAPI()
    app.state.resources = resources
    app.state.notes = []
    app.include_router(pages.router)
    app.include_router(_routes(app))
    app.add_middleware(SecurityHeaders)
    install_error_handlers(app)
    return app


def _routes(app: FastAPI) -> APIRouter:
    router = APIRouter()

    @router.get("/whoami")
    async def whoami(actor: StaffDep) -> dict[str, str | int | None]:
        return {"label": actor.label, "role": actor.role, "department_id": actor.department_id}

    @router.get("/settings")
    async def settings(actor: AdminDep) -> str:
        return actor.label

    @router.post("/notes")
    async def write(actor: StaffDep, text: str = Form()) -> str:
        app.state.notes.append(f"{actor.label}: {text}")
        return text

    @router.get("/token")
    async def token(actor: StaffDep) -> str:
        return actor.csrf_token

    @router.get("/api/v1/ping")
    async def ping(actor: TokenDep) -> str:
        return actor.label

    return router


@pytest.fixture
async def browser(site: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a cookie jar."""
    transport = httpx.ASGITransport(site, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def signed_in(browser: httpx.AsyncClient, people: People) -> httpx.AsyncClient:
    """A browser of the operator Анна."""
    await people()
    response = await browser.post("/login", data={"login": "anna@city.example", "password": PASSWORD})
    assert response.status_code == 303
    return browser
