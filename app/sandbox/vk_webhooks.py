"""Webhooks of the VK stand-in: delivered over HTTP, repeated with the same event_id until acknowledged.

Source: dev.vk.com Callback API (answer 200 with the body `ok`; X-Retry-Counter; Retry-After on 410, 429, 503 under
three hours; several errors in a row switch the server off). VK publishes no schedule of repeats and no number of
errors: our schedule is short enough to watch, the number is chosen by whoever plays.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.sandbox.vk_world import CallbackServer, Community, PendingEvent, World

VERSION = "5.199"
RETRY_DELAYS_SECONDS = (1.0, 5.0, 18.0, 60.0, 300.0, 900.0)
LONGEST_DELAY_SECONDS = 3 * 3600.0
ANSWER_TIMEOUT_SECONDS = 10.0


class Webhooks:
    """Delivers events of a world in the background. `on_change` is called when the world must be saved.

    After `stops_after_errors` failed attempts in a row (None: never) a server is switched off: what happens then is
    told to nobody, until groups.editCallbackServer has the address checked again.
    """

    def __init__(
        self,
        world: World,
        client: Callable[[], httpx.AsyncClient],
        now: Callable[[], datetime],
        on_change: Callable[[], None],
        delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
        stops_after_errors: int | None = None,
    ) -> None:
        self._world = world
        self._client = client
        self._now = now
        self._on_change = on_change
        self._delays_seconds = delays_seconds
        self._stops_after_errors = stops_after_errors
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[str] = []
        self._doubled = 0
        self._mixed_up = 0

    def double(self, times: int = 1) -> None:
        """Deliver each of the next `times` events twice."""
        self._doubled = times

    def mix_up(self, times: int = 1) -> None:
        """Hold the next `times` events back and deliver them, the last first, after the one that follows."""
        self._mixed_up = times

    def publish(self, community: Community, event_type: str, content: dict[str, Any]) -> str:
        """Tell every subscribed server of the community; returns the last event id, empty without servers."""
        event_id = ""
        for server in community.servers:
            if server.status == "ok" and (server.events is None or event_type in server.events):
                event_id = secrets.token_hex(20)
                body = _body(community, server, event_type, event_id, content)
                self._world.pending[event_id] = PendingEvent(community.id, server.id, body)
                self._send(event_id)
        return event_id

    def _send(self, event_id: str) -> None:
        if self._mixed_up:
            self._mixed_up -= 1
            self._held.append(event_id)
            return
        held, self._held = self._held, []
        self.in_background(self._deliver_in_order([event_id, *reversed(held)]))

    def resume(self) -> None:
        """Go on with what was not acknowledged before a restart."""
        for event_id in self._world.pending:
            self.in_background(self._deliver(event_id))

    async def settle(self) -> None:
        """Wait until every delivery under way has been acknowledged or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Stop delivering; what is pending stays in the world."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def confirm(self, community: Community, server: CallbackServer) -> bool:
        """Check an address as VK does: it must answer the community's confirmation string."""
        body = {"type": "confirmation", "group_id": community.id, "secret": server.secret}
        if not server.secret:
            del body["secret"]
        try:
            answer = await self._client().post(server.url, json=body, timeout=ANSWER_TIMEOUT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return answer.status_code == httpx.codes.OK and answer.text.strip() == community.confirmation

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start this now; `settle` waits for it, `stop` ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_in_order(self, event_ids: Sequence[str]) -> None:
        for event_id in event_ids:
            is_doubled = self._doubled > 0
            self._doubled -= is_doubled
            if is_doubled:
                await self._attempt(self._world.pending[event_id])
            await self._deliver(event_id)

    async def _deliver(self, event_id: str) -> None:
        pending = self._world.pending[event_id]
        while (delay := await self._attempt(pending)) is not None:
            pending.attempts += 1
            self._on_change()
            await asyncio.sleep(delay)
        del self._world.pending[event_id]
        self._on_change()

    async def _attempt(self, pending: PendingEvent) -> float | None:
        """Seconds until the next attempt, None when acknowledged or given up."""
        server = self._server(pending)
        if server is None or server.status == "failed":
            return None
        headers = {"X-Retry-Counter": str(pending.attempts)} if pending.attempts else {}
        least = 0.0
        try:
            answer = await self._client().post(
                server.url, json=pending.body, headers=headers, timeout=ANSWER_TIMEOUT_SECONDS
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            pass  # unreachable counts as an error answer: VK repeats
        else:
            if answer.status_code == httpx.codes.OK and answer.text.strip() == "ok":
                server.errors_in_a_row = 0
                return None
            least = self._asked_delay(answer)
        self._count_error(server)
        if pending.attempts >= len(self._delays_seconds):
            return None
        return max(self._delays_seconds[pending.attempts], least)

    def _count_error(self, server: CallbackServer) -> None:
        server.errors_in_a_row += 1
        if self._stops_after_errors is not None and server.errors_in_a_row >= self._stops_after_errors:
            server.status = "failed"

    def _server(self, pending: PendingEvent) -> CallbackServer | None:
        """Where the event goes now: the address may have been edited since."""
        community = self._world.communities.get(pending.group_id)
        servers = community.servers if community else []
        return next((server for server in servers if server.id == pending.server_id), None)

    def _asked_delay(self, answer: httpx.Response) -> float:
        asked = answer.headers.get("Retry-After", "")
        if answer.status_code not in (410, 429, 503) or not asked:
            return 0.0
        if asked.isdigit():
            return min(float(asked), LONGEST_DELAY_SECONDS)
        try:
            seconds = (parsedate_to_datetime(asked) - self._now()).total_seconds()
        except (ValueError, TypeError):
            return 0.0
        return min(max(seconds, 0.0), LONGEST_DELAY_SECONDS)


def _body(
    community: Community, server: CallbackServer, event_type: str, event_id: str, content: dict[str, Any]
) -> dict[str, Any]:
    body = {"group_id": community.id, "type": event_type, "event_id": event_id, "v": VERSION, "object": content}
    return {**body, "secret": server.secret} if server.secret else body
