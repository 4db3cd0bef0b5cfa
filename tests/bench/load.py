"""A load generator: keep-alive connections on loopback, one request in flight on each, distinct payloads."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

WORDS = "Здравствуйте во дворе дома на улице Примерной не горит фонарь уже вторую неделю сделайте что-нибудь пожалуйста"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def payload(number: int, group_id: int, secret: str) -> bytes:
    """A VK comment of about 1.2 kB."""
    text = f"{WORDS} {number} {WORDS} {WORDS}"
    content = {
        "id": number, "from_id": 100000000 + number % 5000, "date": 1795312800, "text": text, "post_id": 700,
        "owner_id": -group_id, "parents_stack": [], "post_owner_id": -group_id,
        "thread": {"count": 0, "items": [], "can_post": True, "show_reply_button": True, "groups_can_post": True},
    }  # fmt: skip
    event = {
        "type": "wall_reply_new", "group_id": group_id, "event_id": f"{time.time_ns():x}{number:08x}", "v": "5.199",
        "object": content, "secret": secret,
    }  # fmt: skip
    return json.dumps(event, ensure_ascii=False).encode()


def request(path: str, body: bytes) -> bytes:
    """The bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _connection(
    port: int, next_request: Callable[[], bytes | None], times: list[float], bad: list[bytes]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (data := next_request()) is not None:
        started = time.perf_counter()
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        times.append(time.perf_counter() - started)
        if b" 200 " not in head[:20]:
            bad.append(head[:20] + body[:200])
    writer.close()


async def _run(port: int, path: str, bodies: list[bytes], connections: int) -> Outcome:
    requests = iter([request(path, body) for body in bodies])
    times: list[float] = []
    bad: list[bytes] = []
    started = time.perf_counter()
    await asyncio.gather(*(_connection(port, lambda: next(requests, None), times, bad) for _ in range(connections)))
    seconds = time.perf_counter() - started
    if bad:
        print("  первый отказ:", bad[0][:220])
    times.sort()
    return Outcome(len(times) / seconds, times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000, len(bad))


def fire(port: int, path: str, count: int, group_id: int, secret: str, connections: int = 64) -> Outcome:
    """Send `count` distinct comments over `connections` connections."""
    bodies = [payload(number, group_id, secret) for number in range(1, count + 1)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, path, bodies, connections))
