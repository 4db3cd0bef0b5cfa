"""The stand-ins as a process of their own: `python -m app.sandbox.process`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from app.sandbox.stand_ins import OTHERS, STAND_INS
from app.settings import Settings, get_settings

HOST = "127.0.0.1"


def stand_in_port(settings: Settings) -> int:
    """The port beside the web process."""
    return settings.port + 1


def stand_in_url(settings: Settings, code: str = "vk") -> str:
    """Base address of a stand-in's API when it runs here. VKontakte's is at the root."""
    return f"http://{HOST}:{stand_in_port(settings)}" + ("" if code == "vk" else f"/{code}")


def state_file(settings: Settings, code: str = "vk") -> Path:
    """Where its world survives restarts."""
    return settings.data_dir / "stand-in" / f"{code}.json"


class StandInProcess:
    """Serves a stand-in and reads its world again when somebody else has written it (the demo city)."""

    def __init__(self, code: str, file: Path) -> None:
        self._code = code
        self._file = file
        self._current = STAND_INS[code](file)

    @property
    def path(self) -> str:
        """Where it is mounted."""
        return "" if self._code == "vk" else f"/{self._code}"

    async def play(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to the stand-in as it is now."""
        await self._current.app(scope, receive, send)

    async def reload(self, request: Request) -> Response:
        """POST /reload: drop the world in memory for the one on disk."""
        await self._current.aclose()
        self._current = STAND_INS[self._code](self._file)
        await self._current.start()
        return JSONResponse({"reloaded": self._code})

    async def start(self) -> None:
        """Go on with unacknowledged webhooks."""
        await self._current.start()

    async def aclose(self) -> None:
        """Stop delivering."""
        await self._current.aclose()


def stand_in_app(settings: Settings) -> Starlette:
    """The ASGI application of this process: every network under a path of its own."""
    played = [StandInProcess(code, state_file(settings, code)) for code in (*OTHERS, "vk")]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        for one in played:
            await one.start()
        yield
        for one in played:
            await one.aclose()

    routes: list[BaseRoute] = [Route(f"{one.path}/reload", one.reload, methods=["POST"]) for one in played]
    routes += [Mount(one.path or "/", app=one.play) for one in played]
    return Starlette(routes=routes, lifespan=lifespan)


async def reload_stand_in(settings: Settings, code: str = "vk") -> bool:
    """Tell a running stand-in of this installation that its file has changed; False when none runs here."""
    if settings.api_url(code) != stand_in_url(settings, code):
        return False
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            response = await client.post(f"{stand_in_url(settings, code)}/reload")
        except httpx.TransportError:  # it is not started yet and will read the file by itself
            return False
    return response.is_success


def main() -> None:
    """Serve until told to stop. No authentication, so on the loopback address only."""
    settings = get_settings()
    uvicorn.run(stand_in_app(settings), host=HOST, port=stand_in_port(settings), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
