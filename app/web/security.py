"""Headers that tell browsers what our pages may do: nothing inline, nothing from elsewhere. How much may be sent."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

YEAR_SECONDS = 365 * 24 * 3600
MOST_BODY_BYTES = 1024 * 1024
# Pictures from elsewhere are the ones that citizens attached on their platform.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
)
CONTENT_SECURITY_POLICY = _POLICY + "'none'"
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


FRAMING = ("content-security-policy", "x-frame-options")


def embeddable(frame_ancestors: str) -> dict[str, str]:
    """Headers of a page that these sites may show in a frame and that may ask where its reader is.

    X-Frame-Options knows no list of sites, so it is left out beside a policy of the page's own.
    """
    return {
        "Content-Security-Policy": _POLICY + frame_ancestors,
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
    }


class SecurityHeaders:
    """ASGI middleware: security headers on everything but webhooks, which only machines read."""

    def __init__(self, app: ASGIApp, is_https: bool = False) -> None:
        self._app = app
        self._headers = dict(SECURITY_HEADERS)
        if is_https:
            self._headers["strict-transport-security"] = f"max-age={YEAR_SECONDS}; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/webhooks/"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                kept = FRAMING if FRAMING[0] in headers else ()
                for name, value in self._headers.items():
                    if name not in kept:
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """ASGI middleware: forms and JSON end at 1 MiB with 413; they are read into memory, before anybody is known.

    `larger` names what may be larger: the beginning of a path with exactly one more part, and the bytes it may take.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._larger = larger or {}

    def _most(self, scope: Scope) -> int:
        start, slash, _ = scope.get("path", "").rpartition("/")
        return self._larger.get(start + slash, MOST_BODY_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, most = 0, self._most(scope)

        async def receive_no_more() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_no_more, send)
