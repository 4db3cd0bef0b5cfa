"""The Bot API of the Telegram stand-in: who calls, how often, with which faults, and what was carried out."""

import asyncio
import base64
import math
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.sandbox.misbehaviour import Faults, Misbehaviour
from app.sandbox.telegram_methods import METHODS, Call
from app.sandbox.telegram_webhooks import TelegramWebhooks
from app.sandbox.telegram_world import Page, TelegramError, World, bad_request

BOT_LIMIT = (30, 1.0)  # messages, seconds; core.telegram.org/bots/faq
CHAT_LIMIT = (1, 1.0)
GROUP_LIMIT = (20, 60.0)
CALLS_KEPT = 10_000


class TelegramApiServer:
    """Plays the API. `calls` holds what was carried out, newest last, without tokens."""

    def __init__(
        self,
        world: World,
        webhooks: TelegramWebhooks,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self.faults = Faults()
        self.calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self._world = world
        self._webhooks = webhooks
        self._now = now
        self._monotonic = monotonic
        self._on_change = on_change
        self._recent: dict[tuple[str, str], deque[float]] = {}

    async def handle(self, request: Request) -> Response:
        """One call of a method."""
        name, token = request.path_params["name"], request.path_params["token"]
        fault = self.faults.take(name)
        if not fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            if failure := _played(fault):
                return failure
        try:
            result = self._carry_out(name, token, await _params(request))
            response: Response = JSONResponse({"ok": True, "result": result})
        except TelegramError as error:
            response = _error(error)
        if fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            return _played(fault) or response
        return response

    async def download(self, request: Request) -> Response:
        """A file by the path that getFile has told."""
        content = self._world.files.get(request.path_params["path"])
        if content is None or self._caller(request.path_params["token"]) is None:
            return _error(TelegramError(404, "Not Found"))
        return Response(base64.b64decode(content), media_type="application/octet-stream")

    def _carry_out(self, name: str, token: str, params: Mapping[str, Any]) -> Any:
        page = self._caller(token)
        if page is None:
            raise TelegramError(401, "Unauthorized")
        if name not in METHODS:
            raise TelegramError(404, "Not Found: method not found")
        if name == "sendMessage":
            self._count(page, str(params.get("chat_id", "")))
        call = Call(self._world, self._webhooks, page, params, int(self._now().timestamp()))
        result = METHODS[name](call)
        shown = {key: value for key, value in params.items() if key != "secret_token"}
        self.calls.append(
            {"method": name, "page": str(page.id), "params": shown, "response": result, "at": call.timestamp}
        )
        self._on_change()
        return result

    def _caller(self, token: str) -> Page | None:
        return next((page for page in self._world.pages.values() if token == page.token), None)

    def _count(self, page: Page, chat: str) -> None:
        """Raises TelegramError 429 with the time to wait. What is refused so does not count."""
        limits = [("", *BOT_LIMIT), (chat, *CHAT_LIMIT)]
        if chat.startswith("-"):
            limits.append((f"{chat}/minute", *GROUP_LIMIT))
        instant, counted = self._monotonic(), []
        for key, most, seconds in limits:
            recent = self._recent.setdefault((page.token, key), deque())
            while recent and instant - recent[0] >= seconds:
                recent.popleft()
            if len(recent) >= most:
                wait = math.ceil(seconds - (instant - recent[0]))
                raise TelegramError(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
            counted.append(recent)
        for recent in counted:
            recent.append(instant)


async def _params(request: Request) -> dict[str, Any]:
    """Query, form and JSON, as Telegram takes them."""
    params: dict[str, Any] = dict(request.query_params)
    if "json" not in request.headers.get("content-type", ""):
        async with request.form() as form:
            return params | dict(form)
    try:
        body = msgspec.json.decode(await request.body())
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise bad_request("can't parse JSON object")
    return params | body


def _played(fault: Misbehaviour) -> Response | None:
    if fault.http_status:
        return Response("played on command", status_code=fault.http_status)
    if not fault.error_code:
        return None
    waits = {"retry_after": 1} if fault.error_code == 429 else {}
    return _error(TelegramError(fault.error_code, fault.error_msg, **waits))


def _error(error: TelegramError) -> Response:
    content: dict[str, Any] = {"ok": False, "error_code": error.code, "description": error.description}
    if error.parameters:
        content["parameters"] = error.parameters
    return JSONResponse(content, status_code=error.code)
