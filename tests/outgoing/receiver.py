"""Departments' systems as the tests play them: one that takes webhooks, one that speaks Open311; both may misbehave."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

OUTER = "93.184.215.14"


@dataclass
class Receiver:
    """Takes webhooks. `answers` are given first, one each; then 204. `slow_seconds` is how long it thinks."""

    answers: list[Response | Exception] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    slow_seconds: float = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hook", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        self.requests.append((dict(request.headers), body))
        await asyncio.sleep(self.slow_seconds)
        answer = self.answers.pop(0) if self.answers else Response(status_code=204)
        if isinstance(answer, Exception):
            raise answer
        if answer.status_code < 300:
            self.taken.append(json.loads(body))
        return answer

    def events(self) -> list[str]:
        """What was taken, in order."""
        return [one["event"] for one in self.taken]


def refusal(status: int, **headers: str) -> Response:
    return PlainTextResponse("no", status, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Open311Server:
    """GeoReport v2 of a department. With `is_batch` it gives tokens first; `post_answers` are given before its own."""

    is_batch: bool = False
    post_answers: list[Response | Exception] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    statuses: dict[str, tuple[str, str]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v2/requests.json", self._create, methods=["POST"]),
                Route("/v2/tokens/{token}.json", self._token),
                Route("/v2/requests/{number}.json", self._status),
                Route("/v2/services.json", self._services),
            ]
        )

    async def _create(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if self.post_answers:
            answer = self.post_answers.pop(0)
            if isinstance(answer, Exception):
                self.forms.append(form)
                raise answer
            return answer
        self.forms.append(form)
        number = f"SR-{len(self.forms)}"
        self.statuses[number] = ("open", "")
        if self.is_batch:
            return JSONResponse([{"token": f"T-{number}", "service_notice": "позже"}])
        return JSONResponse([{"service_request_id": number, "service_notice": "", "account_id": None}])

    async def _token(self, request: Request) -> Response:
        token = request.path_params["token"]
        if token not in self.numbers:
            return JSONResponse([{"code": 404, "description": "token not found"}], 404)
        return JSONResponse([{"service_request_id": self.numbers[token], "token": token}])

    async def _status(self, request: Request) -> Response:
        number = request.path_params["number"]
        status, notes = self.statuses[number]
        return JSONResponse([{"service_request_id": number, "status": status, "status_notes": notes}])

    async def _services(self, request: Request) -> Response:
        return JSONResponse([{"service_code": "001"}, {"service_code": "roads"}])


class Wire(httpx.AsyncBaseTransport):
    """The way to these systems by address; an exception of theirs is a broken connection. `is_cut`: nobody is there."""

    def __init__(self) -> None:
        self.inner: dict[str, httpx.ASGITransport] = {}
        self.is_cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("nobody", request=request)
        try:
            return await self.inner[request.headers["host"]].handle_async_request(request)
        except Broken as error:
            raise httpx.ReadTimeout("cut off", request=request) from error


class Broken(Exception):
    """The system has read everything and says nothing."""
