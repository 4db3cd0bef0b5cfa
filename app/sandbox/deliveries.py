"""Webhooks of a stand-in: delivered over HTTP, repeated until acknowledged, doubled or mixed up on command."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

ANSWER_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """One delivery: where to, what, with which headers."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Deliveries:
    """Delivers in the background, each webhook on its own.

    `is_accepted` is the platform's idea of an acknowledgement, `delays_seconds` its pauses between attempts; after the
    last of them it gives up. `client` is asked for at each attempt; `on_unreachable` hears of those without an answer.
    """

    def __init__(
        self,
        client: Callable[[], httpx.AsyncClient],
        is_accepted: Callable[[httpx.Response], bool],
        delays_seconds: Sequence[float],
        on_unreachable: Callable[[Webhook], None] = lambda webhook: None,
    ) -> None:
        self._client = client
        self._is_accepted = is_accepted
        self._delays_seconds = delays_seconds
        self._on_unreachable = on_unreachable
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Webhook] = []
        self._doubled = 0
        self._mixed_up = 0
        self.given_up: list[Webhook] = []

    def double(self, times: int = 1) -> None:
        """Deliver each of the next `times` webhooks twice."""
        self._doubled = times

    def mix_up(self, times: int = 1) -> None:
        """Hold the next `times` webhooks back and deliver them, the last first, after the one that follows."""
        self._mixed_up = times

    def send(self, webhook: Webhook) -> None:
        """Deliver this, as soon and as often as was ordered."""
        if self._mixed_up:
            self._mixed_up -= 1
            self._held.append(webhook)
            return
        held, self._held = self._held, []
        self.in_background(self._deliver_in_order([webhook, *reversed(held)]))

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start this now; `settle` waits for it, `stop` ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until every delivery under way has been acknowledged or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Stop delivering."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver_in_order(self, webhooks: Sequence[Webhook]) -> None:
        for webhook in webhooks:
            is_doubled = self._doubled > 0
            self._doubled -= is_doubled
            for _ in range(1 + is_doubled):
                await self._deliver(webhook)

    async def _deliver(self, webhook: Webhook) -> None:
        for delay in (*self._delays_seconds, None):
            if await self._is_taken(webhook):
                return
            if delay is not None:
                await asyncio.sleep(delay)
        self.given_up.append(webhook)

    async def _is_taken(self, webhook: Webhook) -> bool:
        headers = {"Content-Type": "application/json", **webhook.headers}
        try:
            answer = await self._client().post(
                webhook.url, content=webhook.body, headers=headers, timeout=ANSWER_TIMEOUT_SECONDS
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            self._on_unreachable(webhook)
            return False
        return self._is_accepted(answer)
