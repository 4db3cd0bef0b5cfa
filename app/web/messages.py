"""One-shot messages: a sentence for the next page, or in the corner of this one."""

import base64
import json
from dataclasses import dataclass

import msgspec
from fastapi import Request
from starlette.responses import Response

from app.settings import Settings
from app.vault import CannotDecrypt, Vault

FLASH_COOKIE = "appeals_flash"
FLASH_SECONDS = 60
FLASH_TONES = {"good", "bad", "info", ""}


@dataclass(frozen=True, slots=True)
class FlashMessage:
    """A sentence for the next page. `tone` is good | bad | info | "" (warning)."""

    text: str
    tone: str


def toast(response: Response, text: str) -> None:
    """Show a sentence in the corner when htmx receives this response."""
    response.headers["HX-Trigger"] = json.dumps({"toast": text})


def flash(request: Request, response: Response, text: str, tone: str = "good") -> None:
    """Show a sentence on the next page. The cookie is sealed, so nobody else can put words on our pages."""
    if tone not in FLASH_TONES:
        raise ValueError(f"tone of a message: {tone!r}")
    vault: Vault = request.app.state.resources.vault
    settings: Settings = request.app.state.resources.settings
    sealed = vault.seal(msgspec.json.encode(FlashMessage(text, tone)))
    response.set_cookie(
        FLASH_COOKIE,
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=FLASH_SECONDS,
        httponly=True,
        samesite="lax",
        secure=settings.is_cookie_secure,
    )


def take_flashes(request: Request) -> list[FlashMessage]:
    """The messages that wait for this browser; a cookie that we did not seal is ignored."""
    cookie = request.cookies.get(FLASH_COOKIE)
    if not cookie:
        return []
    vault: Vault = request.app.state.resources.vault
    try:
        message = msgspec.json.decode(vault.open(base64.urlsafe_b64decode(cookie)), type=FlashMessage)
    except (CannotDecrypt, ValueError):  # not ours: somebody else's cookie, or another key
        return []
    return [message]
