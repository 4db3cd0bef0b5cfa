"""POST /method/{name} of the VK stand-in: who calls, how often, with which faults, and what was carried out."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.sandbox.misbehaviour import Faults, Misbehaviour
from app.sandbox.vk_call import Call, Outcome
from app.sandbox.vk_methods import METHODS, Method
from app.sandbox.vk_webhooks import Webhooks
from app.sandbox.vk_world import Community, VkError, World

COMMUNITY_CALLS_PER_SECOND = 20
USER_CALLS_PER_SECOND = 3
CALLS_KEPT = 10_000


class VkApiServer:
    """Plays the API. `calls` holds what was carried out, newest last, without tokens."""

    def __init__(
        self,
        world: World,
        webhooks: Webhooks,
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
        self._recent: dict[str, deque[float]] = {}

    async def handle(self, request: Request) -> Response:
        """One call. VK answers HTTP 200 even to errors; another status only when ordered."""
        name = request.path_params["name"]
        params = await _params(request)
        fault = self.faults.take(name)
        if not fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            if failure := _played(fault, name, params):
                return failure
        try:
            response: Response = JSONResponse({"response": self._carry_out(name, params, _token(request, params))})
        except VkError as error:
            response = _error(error, name, params)
        if fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            return _played(fault, name, params) or response
        return response

    def _carry_out(self, name: str, params: Mapping[str, str], token: str) -> Any:
        method, community, is_administrator = self._authorise(name, params, token)
        timestamp = int(self._now().timestamp())
        call = Call(self._world, self._webhooks, community, is_administrator, params, timestamp)
        outcome = method.run(call)
        self._record(name, call, outcome)
        self._on_change()
        return outcome.response

    def _authorise(self, name: str, params: Mapping[str, str], token: str) -> tuple[Method, Community, bool]:
        """Who calls and whether he may. Raises VkError: 3, 5, 6, 8, 27."""
        if "v" not in params:
            raise VkError(8, "Invalid request: v (version) is required")
        if name not in METHODS:
            raise VkError(3, "Unknown method passed")
        community, is_administrator = self._caller(token)
        if METHODS[name].is_user_only and not is_administrator:
            raise VkError(27, "Group authorization failed: method is unavailable with group auth.")
        self._count(token, USER_CALLS_PER_SECOND if is_administrator else COMMUNITY_CALLS_PER_SECOND)
        return METHODS[name], community, is_administrator

    def _caller(self, token: str) -> tuple[Community, bool]:
        for community in self._world.communities.values():
            if token and token == community.access_token:
                return community, False
            if token and token == community.user_token:
                return community, True
        raise VkError(5, "User authorization failed: invalid access_token (4).")

    def _count(self, token: str, per_second: int) -> None:
        recent = self._recent.setdefault(token, deque())
        instant = self._monotonic()
        while recent and instant - recent[0] >= 1:
            recent.popleft()
        if len(recent) >= per_second:
            raise VkError(6, "Too many requests per second")
        recent.append(instant)

    def _record(self, name: str, call: Call, outcome: Outcome) -> None:
        self.calls.append(
            {
                "method": name,
                "group_id": call.community.id,
                "params": {key: value for key, value in call.params.items() if key != "access_token"},
                "response": outcome.response,
                "is_repeat": outcome.is_repeat,
                "at": call.timestamp,
            }
        )


async def _params(request: Request) -> dict[str, str]:
    """Query and form together. A JSON body is no form: VK does not read it."""
    params = dict(request.query_params)
    async with request.form() as form:
        params |= {key: value for key, value in form.items() if isinstance(value, str)}
    return params


def _token(request: Request, params: Mapping[str, str]) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else params.get("access_token", "")


def _played(fault: Misbehaviour, name: str, params: Mapping[str, str]) -> Response | None:
    if fault.http_status:
        return Response("played on command", status_code=fault.http_status)
    return _error(VkError(fault.error_code, fault.error_msg), name, params) if fault.error_code else None


def _error(error: VkError, name: str, params: Mapping[str, str]) -> Response:
    shown = {key: value for key, value in params.items() if key != "access_token"}
    told = [{"key": key, "value": value} for key, value in {"method": name, "oauth": "1", **shown}.items()]
    content: dict[str, Any] = {"error_code": error.code, "error_msg": error.message, "request_params": told}
    if error.code == 14:
        content |= {"captcha_sid": "239633676097", "captcha_img": "https://api.vk.ru/captcha.php?sid=239633676097&s=1"}
    return JSONResponse({"error": content})
