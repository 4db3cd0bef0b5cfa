"""The stand-in of VKontakte as a process of its own: `python -m app.sandbox.process`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from app.sandbox.vk_stand_in import VkStandIn
from app.settings import Settings, get_settings

HOST = "127.0.0.1"


def stand_in_port(settings: Settings) -> int:
    """The port beside the web process."""
    return settings.port + 1


def stand_in_url(settings: Settings) -> str:
    """Base address of the stand-in's API when it runs here."""
    return f"http://{HOST}:{stand_in_port(settings)}"


def state_file(settings: Settings) -> Path:
    """Where its world survives restarts."""
    return settings.data_dir / "stand-in" / "vk.json"


class StandInProcess:
    """Serves the stand-in and reads its world again when somebody else has written it (the demo city)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._current = VkStandIn(file)

    async def play(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to the stand-in as it is now."""
        await self._current.app(scope, receive, send)

    async def reload(self, request: Request) -> Response:
        """POST /reload: drop the world in memory for the one on disk."""
        await self._current.aclose()
        self._current = VkStandIn(self._file)
        await self._current.start()
        return JSONResponse({"communities": len(self._current.world.communities)})

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Go on with unacknowledged webhooks; stop delivering at the end."""
        await self._current.start()
        yield
        await self._current.aclose()


def stand_in_app(settings: Settings) -> Starlette:
    """The ASGI application of this process."""
    process = StandInProcess(state_file(settings))
    routes = [Route("/reload", process.reload, methods=["POST"]), Mount("/", app=process.play)]
    return Starlette(routes=routes, lifespan=process.lifespan)


async def reload_stand_in(settings: Settings) -> bool:
    """Tell a running stand-in of this installation that its file has changed; False when none runs here."""
    if settings.api_url("vk") != stand_in_url(settings):
        return False
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            response = await client.post(f"{stand_in_url(settings)}/reload")
        except httpx.TransportError:  # it is not started yet and will read the file by itself
            return False
    return response.is_success


def main() -> None:
    """Serve until told to stop. No authentication, so on the loopback address only."""
    settings = get_settings()
    uvicorn.run(stand_in_app(settings), host=HOST, port=stand_in_port(settings), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
