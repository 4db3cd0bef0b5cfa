"""POST /webhooks/{platform}/{page_key}: authenticate, store, acknowledge. The hot path, so plain Starlette."""

import time

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Unavailable
from app.intake.inbox import Inbox, NewEvent
from app.platforms import PLATFORMS
from app.platforms.base import Delivery, Platform, Reply, WebhookRejected
from app.public_pages.service import KnownPage, PageDirectory
from app.resources import Resources
from app.time import utc_now

log = structlog.get_logger()
WEBHOOKS = Counter("appeals_webhooks_total", "Webhook requests", ["platform", "outcome"])
ACKNOWLEDGED = {code: WEBHOOKS.labels(code, "200") for code in PLATFORMS}
SECONDS = Histogram(
    "appeals_webhook_seconds", "Time to acknowledge", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
)
MOST_BODY_BYTES = 1024 * 1024
MOST_KEY_LENGTH = 200
MOST_TYPE_LENGTH = 80
REFRESH_SECONDS = 1.0


class Webhooks:
    """The endpoint with what it remembers: pages by key and the deliveries that wait for a commit."""

    def __init__(self, resources: Resources) -> None:
        self._vault = resources.vault
        self._pages = PageDirectory(resources.database, resources.vault)
        self._inbox = Inbox(resources.database)

    async def close(self) -> None:
        """Wait for what is being stored."""
        await self._inbox.close()

    async def receive(self, request: Request) -> Response:
        """Answer one delivery: the platform's own acknowledgement, or a 4xx/503 with the reason in plain text."""
        code, started = request.path_params["platform"], time.perf_counter()
        try:
            reply = await self._receive(request, code)
        except WebhookRejected as rejection:
            WEBHOOKS.labels(code if code in PLATFORMS else "?", str(rejection.status)).inc()
            return PlainTextResponse(rejection.reason, rejection.status)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            WEBHOOKS.labels(code, "503").inc()
            log.error("webhook_not_stored", platform=code, error=type(error).__name__)
            headers = {"Retry-After": str(Unavailable.retry_after_seconds)}
            return PlainTextResponse("storage is unavailable, repeat later", 503, headers)
        ACKNOWLEDGED[code].inc()
        SECONDS.observe(time.perf_counter() - started)
        return Response(reply.body, media_type=reply.media_type)

    async def _receive(self, request: Request, code: str) -> Reply:
        platform = PLATFORMS.get(code)
        if platform is None:
            raise WebhookRejected(404, "unknown platform")
        key = request.path_params["page_key"]
        page = await self._pages.find(code, key)
        if page is None:
            raise WebhookRejected(404, "unknown page")
        body = await read_body(request)
        page, delivery = await self._authenticate(platform, page, key, request, body)
        if delivery.handshake is not None:
            return delivery.handshake
        await self._inbox.store(
            NewEvent(
                page_id=page.id,
                delivery_key=delivery.key[:MOST_KEY_LENGTH],
                event_type=delivery.event_type[:MOST_TYPE_LENGTH],
                payload=self._vault.seal(body),
                received_at=utc_now(),
            )
        )
        return delivery.acknowledgement

    async def _authenticate(
        self, platform: Platform, page: KnownPage, key: str, request: Request, body: bytes
    ) -> tuple[KnownPage, Delivery]:
        """Prove the sender; a secret changed a moment ago is read again before a refusal."""
        try:
            return page, platform.authenticate(page.credentials, request.headers, body)
        except WebhookRejected as rejection:
            newer = await self._pages.find(page.platform, key, fresh_seconds=REFRESH_SECONDS)
            if rejection.status != 403 or newer is None or newer is page:
                raise
            return newer, platform.authenticate(newer.credentials, request.headers, body)


async def read_body(request: Request) -> bytes:
    """The whole body. Raises WebhookRejected: 413 past 1 MiB, 400 when the sender went away."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_BODY_BYTES:
        raise WebhookRejected(413, "body is larger than 1 MiB")
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MOST_BODY_BYTES:
                raise WebhookRejected(413, "body is larger than 1 MiB")
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise WebhookRejected(400, "body was cut off") from error
    return b"".join(chunks)


async def receive(request: Request) -> Response:
    """Find the endpoint of this process and let it answer."""
    response: Response = await request.app.state.webhooks.receive(request)
    return response


receive.is_public = True  # type: ignore[attr-defined]  # authenticated by the platform's own secret
route = Route("/webhooks/{platform}/{page_key}", receive, methods=["POST"])


class Shortcut:
    """Middleware: webhooks go straight to their endpoint, past everything that pages need. Halves their CPU time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/webhooks/"):
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                await route.handle(scope, receive, send)
                return
        await self._app(scope, receive, send)
