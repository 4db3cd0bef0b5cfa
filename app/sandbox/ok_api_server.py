"""/graph/… and /fb.do of the Odnoklassniki stand-in: who calls, with which faults, and what was carried out.

How often one may call is not documented, so nobody is refused for calling often; errors 7, 8 and 11 come on command.
"""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.misbehaviour import Faults, Misbehaviour
from app.sandbox.ok_methods import GRAPH_METHODS, REST_METHODS, Call
from app.sandbox.ok_world import Group, OkError, World

CALLS_KEPT = 10_000
SECRET_PARAMS = {"access_token", "application_key", "sig"}


class OkApiServer:
    """Plays the API. `calls` holds what was carried out, newest last, without tokens."""

    def __init__(self, world: World, now: Callable[[], datetime], on_call: Callable[[Group], None]) -> None:
        self.faults = Faults()
        self.calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self.is_mixed_up = False
        self._world = world
        self._now = now
        self._on_call = on_call

    def routes(self) -> list[Route]:
        """The addresses of both APIs."""
        return [
            Route("/fb.do", self._rest, methods=["GET", "POST"]),
            Route("/graph/me/subscribe", self._graph("subscribe"), methods=["POST"]),
            Route("/graph/me/unsubscribe", self._graph("unsubscribe"), methods=["POST"]),
            Route("/graph/me/subscriptions", self._graph("subscriptions"), methods=["GET"]),
            Route("/graph/me/messages", self._graph("messages.send"), methods=["POST"]),
            Route("/graph/me/messages/{chat}", self._graph("messages.send"), methods=["POST"]),
            Route("/graph/me/messages/{chat}", self._graph("messages.get"), methods=["GET"]),
            Route("/graph/{chat}/messages", self._graph("messages.send"), methods=["POST"]),
        ]

    def _graph(self, method: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            params = {**request.query_params, **request.path_params}
            body = await _json(request) if request.method == "POST" else {}
            return await self._answer(method, GRAPH_METHODS[method], params, body, self._group_of_token)

        return endpoint

    async def _rest(self, request: Request) -> Response:
        params = dict(request.query_params)
        async with request.form() as form:
            params |= {key: value for key, value in form.items() if isinstance(value, str)}
        method = params.get("method", "")
        return await self._answer(method, REST_METHODS.get(method, _unknown), params, {}, self._group_of_session)

    async def _answer(
        self,
        name: str,
        method: Callable[[Call], Any],
        params: Mapping[str, str],
        body: Mapping[str, Any],
        authorise: Callable[[Mapping[str, str]], Group],
    ) -> Response:
        """One call. Errors come with HTTP 200; another status only when ordered."""
        fault = self.faults.take(name)
        if not fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            if failure := _played(fault):
                return failure
        try:
            response: Response = JSONResponse(self._carry_out(name, method, params, body, authorise(params)))
        except OkError as error:
            response = _error(error)
        if fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            return _played(fault) or response
        return response

    def _carry_out(
        self,
        name: str,
        method: Callable[[Call], Any],
        params: Mapping[str, str],
        body: Mapping[str, Any],
        group: Group,
    ) -> Any:
        self._on_call(group)
        milliseconds = int(self._now().timestamp() * 1000)
        answer = method(Call(self._world, group, params, body, milliseconds, self.is_mixed_up))
        shown = {key: value for key, value in params.items() if key not in SECRET_PARAMS}
        self.calls.append({"method": name, "page": group.id, "params": shown, "body": dict(body), "response": answer})
        self._on_call(group)
        return answer

    def _group_of_token(self, params: Mapping[str, str]) -> Group:
        """Whose key it is. Raises OkError: 102 expired, 103 unknown."""
        token = params.get("access_token", "")
        found = [group for group in self._world.groups.values() if token and group.access_token == token]
        return _valid(found)

    def _group_of_session(self, params: Mapping[str, str]) -> Group:
        """Whose administrator it is, and of which group the topic. Raises OkError: 101, 102, 103, 104."""
        token, key = params.get("access_token", ""), params.get("application_key", "")
        found = [group for group in self._world.groups.values() if token and group.user_token == token]
        group = _valid(found)
        if key != group.app_key:
            raise OkError(101, "PARAM_API_KEY : Application not exist")
        if params.get("sig") != _signature(params, token + group.app_secret):
            raise OkError(104, "PARAM_SIGNATURE : Invalid signature")
        topic = params.get("discussionId") or params.get("entityId")
        owners = [one for one in found if any(known.id == topic for known in one.topics)]
        return owners[0] if owners else group


def _valid(groups: list[Group]) -> Group:
    if not groups:
        raise OkError(103, "PARAM_SESSION_KEY : Invalid session key")
    if groups[0].are_tokens_expired:
        raise OkError(102, "PARAM_SESSION_EXPIRED : Session expired")
    return groups[0]


def _signature(params: Mapping[str, str], secret: str) -> str:
    signed = "".join(f"{name}={params[name]}" for name in sorted(params) if name not in ("sig", "access_token"))
    return _md5(signed + _md5(secret))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _unknown(call: Call) -> Any:
    raise OkError(3, "METHOD : Method does not exist")


async def _json(request: Request) -> Mapping[str, Any]:
    """The JSON body, nothing if it is none."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _played(fault: Misbehaviour) -> Response | None:
    if fault.http_status:
        return Response("played on command", status_code=fault.http_status)
    return _error(OkError(fault.error_code, fault.error_msg)) if fault.error_code else None


def _error(error: OkError) -> Response:
    return JSONResponse({"error_code": error.code, "error_msg": error.message, "error_data": None})
