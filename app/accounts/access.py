"""Who may use a route. Every route of the application names one of these, or is marked `public`."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.accounts import queries, service
from app.accounts.actor import RIGHTS, Actor, Right, may_see
from app.accounts.models import Role
from app.db import Database
from app.errors import NotAllowed
from app.time import utc_now
from app.web import is_htmx
from app.web.errors import LoginRequired, TokenRequired

__all__ = [
    "Actor", "AdminDep", "ManagerDep", "OperatorDep", "Require", "RequireToken", "StaffDep", "is_public", "may_see",
    "public", "require", "require_token",
]  # fmt: skip

SESSION_COOKIE = "appeals_session"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
BEARER = HTTPBearer(auto_error=False, description="Ключ из `appeals token create`")
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


@dataclass(frozen=True)
class Require:
    """Dependency: a signed-in person of one of the roles.

    Raises LoginRequired without a session, NotAllowed for another role or a forged form. The session is read in a
    transaction of its own, which is over before the endpoint begins.
    """

    roles: tuple[Role, ...]

    async def __call__(self, request: Request) -> Actor:
        actor = await current_actor(request)
        if actor is None:
            raise LoginRequired(login_url(request))
        request.state.actor = actor
        if actor.role not in self.roles:
            raise NotAllowed("У вашей роли нет доступа к этой странице")
        if request.method not in SAFE_METHODS:
            await check_csrf(request, actor)
        elif not is_htmx(request):
            request.state.badges = await _badges(request, actor)
        return actor


@dataclass(frozen=True)
class RequireToken:
    """Dependency: another system with a bearer token of one of the roles. Raises TokenRequired, NotAllowed."""

    roles: tuple[Role, ...]

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> Actor:
        if credentials is None:
            raise TokenRequired("Нужен ключ в заголовке Authorization: Bearer …")
        database: Database = request.app.state.resources.database
        async with database.transaction() as session:
            actor = await queries.actor_of_token(session, service.hash_of(credentials.credentials))
        if actor is None:
            raise TokenRequired("Ключ неизвестен или отозван")
        if actor.role not in self.roles:
            raise NotAllowed("У роли этого ключа нет доступа")
        return actor


def require(*roles: Role) -> Require:
    """A signed-in person of one of the roles; without roles anybody signed in."""
    return Require(roles or tuple(Role))


def require_token(*roles: Role) -> RequireToken:
    """A token of one of the roles; without roles any token."""
    return RequireToken(roles or tuple(Role))


def public(endpoint: Endpoint) -> Endpoint:
    """Mark a route that anybody may use on purpose."""
    endpoint.is_public = True  # type: ignore[attr-defined]
    return endpoint


def is_public(endpoint: object) -> bool:
    """Whether the route was marked."""
    return getattr(endpoint, "is_public", False) is True


async def current_actor(request: Request) -> Actor | None:
    """The person behind the session cookie, if any; slides the session."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    now = utc_now()
    database: Database = request.app.state.resources.database
    async with database.transaction() as session:
        found = await queries.open_login_session(session, service.hash_of(token), now)
        if found is None:
            return None
        login_session, actor = found
        service.extend_session(login_session, now)
    return actor


async def _badges(request: Request, actor: Actor) -> dict[str, int]:
    """What the frame of a whole page counts; the application says how, since the counts are of features above."""
    read = getattr(request.app.state, "read_badges", None)
    counts: dict[str, int] = await read(actor) if read is not None else {}
    return counts


def login_url(request: Request) -> str:
    """Where to sign in, and come back from: the page asked for, or the page that htmx acts on."""
    if is_htmx(request):
        came_from = urlsplit(request.headers.get("HX-Current-URL", ""))
    elif request.method in SAFE_METHODS:
        came_from = urlsplit(str(request.url))
    else:
        return "/login"
    path = came_from.path + (f"?{came_from.query}" if came_from.query else "")
    return "/login" if path in {"", "/"} else "/login?" + urlencode({"next": path})


async def check_csrf(request: Request, actor: Actor) -> None:
    """The token of this session in the header or in the form. Raises NotAllowed."""
    sent: object = request.headers.get("X-CSRF-Token")
    if not sent and request.headers.get("content-type", "").startswith(FORM_TYPES):
        sent = (await request.form()).get("csrf_token")
    if not isinstance(sent, str) or not secrets.compare_digest(sent.encode(), actor.csrf_token.encode()):
        raise NotAllowed("Страница устарела. Обновите её и повторите действие")


StaffDep = Annotated[Actor, Depends(require(*RIGHTS[Right.ANSWER]))]
OperatorDep = Annotated[Actor, Depends(require(*RIGHTS[Right.ROUTE]))]
ManagerDep = Annotated[Actor, Depends(require(*RIGHTS[Right.OVERSEE]))]
AdminDep = Annotated[Actor, Depends(require(*RIGHTS[Right.ADMINISTER]))]
