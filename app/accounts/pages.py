"""GET and POST /login, POST /logout."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from app.accounts import service
from app.accounts.access import SESSION_COOKIE, StaffDep, current_actor, public
from app.db import SessionDep
from app.errors import NotAllowed
from app.settings import Settings
from app.time import utc_now
from app.web import render

router = APIRouter(include_in_schema=False)
HOME = "/"


def safe_path(path: str) -> str:
    """A path of this site to go to after login; home for anything that could lead elsewhere."""
    is_local = path.startswith("/") and not path.startswith("//")
    has_tricks = "\\" in path or any(ord(character) < 32 for character in path)
    return path if is_local and not has_tricks and urlsplit(path).path not in {"/login", "/logout"} else HOME


def check_origin(request: Request) -> None:
    """The login form has no session to tie a token to, so the browser's own word decides. Raises NotAllowed.

    Sec-Fetch-Site is sent by every current browser, Origin by older ones; a client with neither is no browser.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_foreign = (
        site not in {"same-origin", "none"} if site else origin and urlsplit(origin).netloc != request.url.netloc
    )
    if is_foreign:
        raise NotAllowed("Вход возможен только со страницы входа этого сервиса")


@router.get("/login")
@public
async def login_page(request: Request, next: str = HOME) -> Response:
    if await current_actor(request):
        return RedirectResponse(safe_path(next), 303)
    return render(request, "accounts/login.html", login="", problem="", next=safe_path(next))


@router.post("/login")
@public
async def log_in(
    request: Request,
    session: SessionDep,
    login: Annotated[str, Form(max_length=service.LONGEST_NAME)],
    password: Annotated[str, Form()],
    next: Annotated[str, Form()] = HOME,
    is_remembered: Annotated[bool, Form()] = False,
) -> Response:
    check_origin(request)
    outcome = await service.verify_login(session, login, password, now=utc_now())
    if outcome.user is None:
        status = 429 if outcome.retry_after_seconds else 422
        headers = {"Retry-After": str(outcome.retry_after_seconds)} if outcome.retry_after_seconds else {}
        context = {"login": login, "problem": outcome.problem, "next": safe_path(next)}
        return render(request, "accounts/login.html", status_code=status, headers=headers, **context)
    await service.close_session(session, request.cookies.get(SESSION_COOKIE, ""))
    opened = await service.open_session(session, outcome.user, now=utc_now(), is_remembered=is_remembered)
    response = RedirectResponse(safe_path(next), 303)
    settings: Settings = request.app.state.resources.settings
    response.set_cookie(
        SESSION_COOKIE,
        opened.token,
        max_age=opened.max_age_seconds,
        httponly=True,
        samesite="lax",
        secure=settings.is_cookie_secure,
    )
    return response


@router.post("/logout")
async def log_out(request: Request, session: SessionDep, _actor: StaffDep) -> Response:
    await service.close_session(session, request.cookies[SESSION_COOKIE])
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response
