"""POST /webhooks/{platform}/{page_key}: authenticate, store, acknowledge. The hot path, so plain ASGI."""

import time

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Unavailable
from app.intake.inbox import Inbox, NewEvent
from app.intake.senders import is_within, sender_address
from app.platforms import PLATFORMS
from app.platforms.base import Delivery, Platform, Reply, WebhookRejected
from app.public_pages.service import KnownPage, PageDirectory
from app.resources import Resources
from app.settings import networks
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
        self.pages = PageDirectory(resources.database, resources.vault)
        self._inbox = Inbox(resources.database)
        self._sources = {code: resources.settings.source_networks(code) for code in PLATFORMS}
        self._proxies = networks(resources.settings.trusted_proxies)

    async def close(self) -> None:
        """Wait for what is being stored."""
        await self._inbox.close()

    async def answer(self, code: str, key: str, headers: Headers, receive: Receive, peer: str | None) -> Response:
        """Answer one delivery: the platform's own acknowledgement, or a 4xx/503 with the reason in plain text.

        `peer` is the address that opened the connection, None where the server does not know.
        """
        started = time.perf_counter()
        try:
            self._check_sender(code, headers, peer)
            reply = await self._take(code, key, headers, receive)
        except WebhookRejected as rejection:
            WEBHOOKS.labels(code if code in PLATFORMS else "?", str(rejection.status)).inc()
            return PlainTextResponse(rejection.reason, rejection.status)
        except (Unavailable, SQLAlchemyError, OSError) as error:
            WEBHOOKS.labels(code, "503").inc()
            log.error("webhook_not_stored", platform=code, error=type(error).__name__)
            wait = {"Retry-After": str(Unavailable.retry_after_seconds)}
            return PlainTextResponse("storage is unavailable, repeat later", 503, wait)
        ACKNOWLEDGED[code].inc()
        SECONDS.observe(time.perf_counter() - started)
        return Response(reply.body, media_type=reply.media_type)

    def _check_sender(self, code: str, headers: Headers, peer: str | None) -> None:
        """Raises WebhookRejected when the platform's networks are known and this comes from none of them."""
        allowed = self._sources.get(code)
        if not allowed:
            return
        address = sender_address(peer, headers.getlist("x-forwarded-for"), self._proxies)
        if address is None or not is_within(address, allowed):
            raise WebhookRejected(403, "the sender is none of the platform's networks")

    async def _take(self, code: str, key: str, headers: Headers, receive: Receive) -> Reply:
        platform = PLATFORMS.get(code)
        if platform is None:
            raise WebhookRejected(404, "unknown platform")
        page = await self.pages.find(code, key)
        if page is None:
            raise WebhookRejected(404, "unknown page")
        body = await read_body(headers, receive)
        page, delivery = await self._authenticate(platform, page, key, headers, body)
        if delivery.handshake is not None:
            return delivery.handshake
        await self.keep(page.id, delivery.key, delivery.event_type, body)
        return delivery.acknowledgement

    async def keep(self, page_id: int, key: str, event_type: str, body: bytes) -> None:
        """Return once the delivery is on disk, or was there before. Raises Unavailable."""
        await self._inbox.store(
            NewEvent(
                page_id=page_id,
                delivery_key=key[:MOST_KEY_LENGTH],
                event_type=event_type[:MOST_TYPE_LENGTH],
                payload=self._vault.seal(body),
                received_at=utc_now(),
            )
        )

    async def _authenticate(
        self, platform: Platform, page: KnownPage, key: str, headers: Headers, body: bytes
    ) -> tuple[KnownPage, Delivery]:
        """Prove the sender; a secret changed a moment ago is read again before a refusal."""
        try:
            return page, platform.authenticate(page.credentials, headers, body)
        except WebhookRejected as rejection:
            newer = await self.pages.find(page.platform, key, fresh_seconds=REFRESH_SECONDS)
            if rejection.status != 403 or newer is None or newer is page:
                raise
            return newer, platform.authenticate(newer.credentials, headers, body)


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """The whole body. Raises WebhookRejected: 413 past 1 MiB, 400 when the sender went away."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_BODY_BYTES:
        raise WebhookRejected(413, "body is larger than 1 MiB")
    chunks, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            raise WebhookRejected(400, "body was cut off")
        chunk, is_more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > MOST_BODY_BYTES:
            raise WebhookRejected(413, "body is larger than 1 MiB")
        chunks.append(chunk)
    return b"".join(chunks)


class WebhookGate:
    """Middleware: webhooks go straight to their endpoint, past everything that pages need.

    They need no role: each delivery proves itself by the platform's own secret.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/") if scope["type"] == "http" else []
        if len(parts) == 4 and parts[1] == "webhooks" and scope["method"] == "POST":
            webhooks: Webhooks = scope["app"].state.webhooks
            peer = scope["client"][0] if scope.get("client") else None
            answer = await webhooks.answer(parts[2], parts[3], Headers(scope=scope), receive, peer)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
