"""The Bot API of the MAX stand-in: who calls, how often, with which faults, and what was carried out."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.max_methods import METHODS, Call
from app.sandbox.max_webhooks import MaxWebhooks
from app.sandbox.max_world import MaxError, Page, World, bad_request
from app.sandbox.misbehaviour import Faults, Misbehaviour

BOT_PER_SECOND = 30
CHAT_PER_SECOND = 2
CALLS_KEPT = 10_000
SENDING = ("sendMessage", "sendComment")
TOO_MANY = MaxError(429, "too.many.requests", "Too many requests")
CODES = {401: "verify.token", 403: "access.denied", 404: "not.found", 429: TOO_MANY.code, 503: "service.unavailable"}


class MaxApiServer:
    """Plays the API. `calls` holds what was carried out, newest last, without tokens and secrets.

    A fault with `error_code` is MAX's own error of that HTTP status, one with `http_status` the bare page of a proxy.
    """

    def __init__(
        self,
        world: World,
        webhooks: MaxWebhooks,
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

    def routes(self) -> list[Route]:
        """One for each method."""
        return [Route(path, self._endpoint(verb, path), methods=[verb]) for verb, path in METHODS]

    def _endpoint(self, verb: str, path: str) -> Callable[[Request], Awaitable[Response]]:
        name, run = METHODS[verb, path]

        async def endpoint(request: Request) -> Response:
            fault = self.faults.take(name)
            if not fault.is_done:
                await asyncio.sleep(fault.delay_seconds)
                if failure := _played(fault):
                    return failure
            try:
                response: Response = JSONResponse(await self._carry_out(name, run, request))
            except MaxError as error:
                response = _error(error)
            if fault.is_done:
                await asyncio.sleep(fault.delay_seconds)
                return _played(fault) or response
            return response

        return endpoint

    async def _carry_out(self, name: str, run: Callable[[Call], Any], request: Request) -> Any:
        page = self._caller(request.headers.get("Authorization", ""))
        params, body = dict(request.query_params), await _body(request)
        at = int(self._now().timestamp() * 1000)
        call = Call(self._world, self._webhooks, page, params, body, request.path_params.get("post", ""), at)
        self._count(call, name)
        result = run(call)
        self._record(call, name, result)
        self._on_change()
        return result

    def _caller(self, token: str) -> Page:
        for page in self._world.pages.values():
            if token and token == page.token:
                return page
        raise MaxError(401, "verify.token", "Invalid access_token")

    def _count(self, call: Call, name: str) -> None:
        """Raises MaxError 429. What is refused so does not count."""
        limits = [("", BOT_PER_SECOND)]
        if name in SENDING:
            limits.append((_chat(call), CHAT_PER_SECOND))
        instant, counted = self._monotonic(), []
        for key, most in limits:
            recent = self._recent.setdefault((call.page.token, key), deque())
            while recent and instant - recent[0] >= 1:
                recent.popleft()
            if len(recent) >= most:
                raise TOO_MANY
            counted.append(recent)
        for recent in counted:
            recent.append(instant)

    def _record(self, call: Call, name: str, result: Any) -> None:
        self.calls.append(
            {
                "method": name,
                "page": call.page.id,
                "post": call.post,
                "params": dict(call.params),
                "body": {key: value for key, value in call.body.items() if key != "secret"},
                "response": result,
                "at": call.at // 1000,
            }
        )


def _chat(call: Call) -> str:
    """What "a chat" is for the limit: a person's dialog however it is named, or the channel."""
    if call.post:
        return str(call.page.channel_id)
    person = call.params.get("user_id", "")
    dialog = call.page.dialogs.get(int(person)) if person.isdigit() else None
    return str(dialog or call.params.get("chat_id", person))


async def _body(request: Request) -> Mapping[str, Any]:
    content = await request.body()
    if not content:
        return {}
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise bad_request("body is no JSON object")
    return body


def _played(fault: Misbehaviour) -> Response | None:
    if fault.http_status:
        return Response("played on command", status_code=fault.http_status)
    if not fault.error_code:
        return None
    return _error(MaxError(fault.error_code, CODES.get(fault.error_code, "internal.error"), fault.error_msg))


def _error(error: MaxError) -> Response:
    return JSONResponse({"code": error.code, "message": error.message}, status_code=error.status)
