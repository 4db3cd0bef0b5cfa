"""Updates of the Telegram stand-in: numbered, kept until acknowledged, dropped after a day.

Source: tdlib/telegram-bot-api, WebhookActor.cpp: the first repeat at once, then after 2, 4, 8… seconds, in the end
every 90; any 2xx is an acknowledgement; after 23 hours of HTTP 410 the webhook is removed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx
import msgspec

from app.sandbox import deliveries
from app.sandbox.deliveries import Deliveries
from app.sandbox.telegram_world import Page, Update, World

RETRY_DELAYS_SECONDS = (0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, *(90.0,) * 960)
KEPT_SECONDS = 24 * 3600
GONE_SECONDS = 23 * 3600
MOST_COMMAND_LENGTH = 64


class TelegramWebhooks:
    """Pushes updates. `commands` are methods that a receiver asked for in its answer, which Telegram carries out."""

    def __init__(
        self,
        world: World,
        client: Callable[[], httpx.AsyncClient],
        now: Callable[[], datetime],
        on_change: Callable[[], None],
        delays_seconds: Sequence[float],
    ) -> None:
        self._world = world
        self._now = now
        self._on_change = on_change
        self._under_way: set[tuple[int, int]] = set()
        self.deliveries = Deliveries(client, self._is_accepted, delays_seconds, self._on_unreachable)
        self.commands: list[str] = []

    def publish(self, page: Page, kind: str, content: dict[str, Any]) -> None:
        """Tell the bot, if it has asked for updates of this kind."""
        if page.webhook.allowed_updates and kind not in page.webhook.allowed_updates:
            return
        number = page.next_update_id
        page.next_update_id += 1
        page.pending[number] = Update({"update_id": number, kind: content}, self._timestamp())
        self.deliver_pending(page)

    def move(self, page: Page) -> None:
        """The address has changed: what was on its way to the old one goes to the new one."""
        self._under_way = {one for one in self._under_way if one[0] != page.id}
        self.deliver_pending(page)

    def deliver_pending(self, page: Page) -> None:
        """Start, or start again, what waits and is not under way."""
        for webhook in self.deliveries.given_up:
            self._under_way.discard((page.id, _number(webhook.body)))
        self.deliveries.given_up.clear()
        self._drop_old(page)
        for number, update in page.pending.items():
            if page.webhook.url and (page.id, number) not in self._under_way:
                self._under_way.add((page.id, number))
                self.deliveries.send(
                    deliveries.Webhook(
                        page.webhook.url,
                        msgspec.json.encode(update.body),
                        {"X-Telegram-Bot-Api-Secret-Token": page.webhook.secret_token},
                    )
                )

    def resume(self) -> None:
        """Go on with what was not acknowledged before a restart."""
        for page in self._world.pages.values():
            self.deliver_pending(page)

    def waiting(self, page: Page) -> int:
        """How many updates wait for an acknowledgement."""
        self._drop_old(page)
        return len(page.pending)

    def _drop_old(self, page: Page) -> None:
        too_old = self._timestamp() - KEPT_SECONDS
        page.pending = {number: update for number, update in page.pending.items() if update.date >= too_old}

    def _is_accepted(self, answer: httpx.Response) -> bool:
        page, number = self._page(str(answer.request.url)), _number(answer.request.content)
        if page is None or number not in page.pending:  # the webhook has been moved, or a twin was quicker
            return True
        if not answer.is_success:
            self._note_failure(page, f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
            self._count_gone(page, answer.status_code)
            return False
        page.webhook.gone_since = 0
        self._read_command(answer)
        del page.pending[number]
        self._under_way.discard((page.id, number))
        self._on_change()
        return True

    def _on_unreachable(self, webhook: deliveries.Webhook) -> None:
        if page := self._page(webhook.url):
            self._note_failure(page, "Connection refused")

    def _note_failure(self, page: Page, message: str) -> None:
        page.webhook.last_error_date, page.webhook.last_error_message = self._timestamp(), message
        self._on_change()

    def _count_gone(self, page: Page, status: int) -> None:
        if status != httpx.codes.GONE:
            page.webhook.gone_since = 0
            return
        page.webhook.gone_since = page.webhook.gone_since or self._timestamp()
        if self._timestamp() - page.webhook.gone_since >= GONE_SECONDS:
            page.webhook.url = ""

    def _read_command(self, answer: httpx.Response) -> None:
        try:
            body = msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            return
        if isinstance(body, dict) and body.get("method"):
            self.commands.append(str(body["method"])[:MOST_COMMAND_LENGTH])

    def _page(self, url: str) -> Page | None:
        return next((page for page in self._world.pages.values() if page.webhook.url == url), None)

    def _timestamp(self) -> int:
        return int(self._now().timestamp())


def _number(body: bytes) -> int:
    number: int = msgspec.json.decode(body)["update_id"]
    return number
