"""Many deliveries at once, as VK sends them: what is not acknowledged comes again, with the same event_id."""

import asyncio
import itertools
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

from tests.bench.load import request

CONNECTIONS = 64
PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 10.0
GIVE_UP_SECONDS = 120.0


class Crowd:
    """Delivers in the background, so that the test can do harm meanwhile. Plain sockets: a client must cost little."""

    def __init__(self, urls: Sequence[str], bodies: Sequence[bytes]) -> None:
        self.outcomes: Counter[str] = Counter()  # how the attempts ended: "200 ok", "503 …", "ConnectionRefusedError"
        self.acknowledged_by: Counter[str] = Counter()
        self._urls = urls
        self._bodies = bodies

    @property
    def acknowledged(self) -> int:
        """Deliveries that VK would not repeat."""
        return self.acknowledged_by.total()

    def send(self) -> "Future[None]":
        """Begin; the future is done once every delivery has been acknowledged, or fails with TimeoutError."""
        thread = ThreadPoolExecutor(1, "crowd")
        done = thread.submit(asyncio.run, self._send_all())
        thread.shutdown(wait=False)
        return done

    async def _send_all(self) -> None:
        queues = {url: iter(self._bodies[n :: len(self._urls)]) for n, url in enumerate(self._urls)}
        connections = itertools.islice(itertools.cycle(queues.items()), CONNECTIONS)
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await asyncio.gather(*(self._deliver(url, work) for url, work in connections))

    async def _deliver(self, url: str, work: Iterator[bytes]) -> None:
        connection = _Connection(url)
        for body in work:
            while (outcome := await connection.post(body)) != "200 ok":
                self.outcomes[outcome] += 1
                await asyncio.sleep(PAUSE_SECONDS)
            self.outcomes[outcome] += 1
            self.acknowledged_by[url] += 1
        connection.close()


class _Connection:
    """One keep-alive connection, opened again after it broke."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._streams: tuple[StreamReader, StreamWriter] | None = None

    async def post(self, body: bytes) -> str:
        """Status and text of the answer, or the name of what went wrong."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._exchange(request(self._address.path, body))
        except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is an OSError
            self.close()
            return type(error).__name__

    async def _exchange(self, data: bytes) -> str:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._address.hostname, self._address.port)
        reader, writer = self._streams
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return f"{head.split()[1].decode()} {(await reader.readexactly(length)).decode()}"

    def close(self) -> None:
        """Let go."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
