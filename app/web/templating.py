"""Templates, and render(): the one way to answer with HTML."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from app import formats
from app.settings import Settings
from app.time import utc_now
from app.web.messages import FLASH_COOKIE, take_flashes
from app.web.static import static_url

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static_url=static_url, plural=formats.plural)
    for plain in (formats.number, formats.percent, formats.initials, formats.tone):
        environment.filters[plain.__name__] = plain
    for relative in (formats.local_date, formats.day_text, formats.due_text):
        environment.filters[relative.__name__] = _with_zone_and_now(relative)
    environment.filters["local_time"] = jinja2.pass_context(
        lambda context, moment: formats.local_time(moment, context["zone"])
    )
    return environment


def _with_zone_and_now(write: Any) -> Any:
    return jinja2.pass_context(lambda context, moment: write(moment, context["zone"], context["now"]))


templates = _environment()


def render(
    request: Request, template: str, *, status_code: int = 200, headers: dict[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """A page or a fragment. Adds what base.html and the macros need; the caller's values win.

    `badges` (counts for the frame: `overdue`, `urgent`, `failed_events`, `cut_off_pages`, `model_news`) come from the
    caller or from `request.state.badges`.
    """
    settings: Settings = request.app.state.resources.settings
    actor = getattr(request.state, "actor", None)
    flashes = [] if is_htmx(request) else take_flashes(request)  # a fragment has no place for them
    page = templates.get_template(template).render(
        {
            "actor": actor,
            "csrf_token": actor.csrf_token if actor else "",
            "center_name": settings.center_name,
            "settings": settings,
            "is_demo": settings.is_demo,
            "path": request.url.path,
            "now": utc_now(),
            "zone": ZoneInfo(settings.time_zone),
            "badges": getattr(request.state, "badges", {}),
            "flashes": flashes,
        }
        | context
    )
    # Pages hold personal data: neither proxies nor the disk of a shared workplace should keep them.
    response = HTMLResponse(page, status_code, {"Cache-Control": "no-store"} | (headers or {}))
    if FLASH_COOKIE in request.cookies and not is_htmx(request):
        response.delete_cookie(FLASH_COOKIE)
    return response


def is_htmx(request: Request) -> bool:
    """Whether htmx asks for a fragment (and not for a whole page from its history)."""
    return "hx-request" in request.headers
