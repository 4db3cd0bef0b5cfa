"""A server of files that answers as told, and the service that fetches from it."""

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from PIL import Image

from app.appeals.files import fetch_files
from app.outward import OutwardTransport, outward_client
from app.resources import Resources
from tests.conftest import NOW, VK

OUTER = "93.184.215.14"
SITE = "https://files.example"


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480), **options: Any) -> bytes:
    """A real picture."""
    written = io.BytesIO()
    Image.new("RGB", size, (40, 90, 160)).save(written, kind, **options)
    return written.getvalue()


class Pieces(httpx.AsyncByteStream):
    """A body that comes piece by piece; `sent` counts those that somebody took."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.sent += 1
            yield piece


@dataclass
class FileServer:
    """Files by path; what is not there is 404."""

    answers: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=lambda: {"files.example": [OUTER]})

    def put(self, path: str, content: bytes | Pieces, status: int = 200, **headers: str) -> str:
        """Publish; the address."""
        self.answers[path] = lambda: httpx.Response(
            status, stream=Pieces(content) if isinstance(content, bytes) else content, headers=headers
        )
        return SITE + path

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        return self.answers.get(request.url.path, lambda: httpx.Response(404))()

    async def resolve(self, host: str, port: int) -> list[str]:
        return self.names[host]


@pytest.fixture
def server() -> FileServer:
    return FileServer()


@dataclass
class Desk:
    """The service with its way to the file server."""

    resources: Resources
    server: FileServer
    vk: VK

    async def photo(self, url: str, comment_id: int = 731, **extra: Any) -> None:
        """A citizen's comment with this photo."""
        await self.vk.comment("Яма на улице Примерной, колёса пробиваем", comment_id, attachments=[photo(url)], **extra)
        await self.vk.drain()

    async def fetch(self, now: Any = NOW) -> int:
        return await fetch_files(self.resources, now)


@pytest.fixture
async def desk(resources: Resources, vk: VK, server: FileServer) -> AsyncIterator[Desk]:
    transport = OutwardTransport(resolve=server.resolve, inner=httpx.MockTransport(server.answer))
    async with outward_client(transport, timeout_seconds=5, is_led_on=True) as client:
        connected = replace(resources, downloads=client)
        vk.resources = connected
        yield Desk(connected, server, vk)


def photo(url: str) -> dict[str, Any]:
    """A photo as VK attaches it."""
    return {"type": "photo", "photo": {"id": 1, "sizes": [{"url": url, "width": 640, "height": 480}]}}
