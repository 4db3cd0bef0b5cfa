"""Updates of the MAX stand-in: sent to whom subscribed, repeated ten times, the silent are unsubscribed after 8 hours.

Source: dev.max.ru/docs-api/methods/POST/subscriptions: only HTTP 200 is an acknowledgement, the first repeat after
60 seconds, each next pause 2.5 times as long.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx
import msgspec

from app.sandbox.deliveries import Deliveries, Webhook
from app.sandbox.max_world import Page, Pending, Subscription, World

RETRY_DELAYS_SECONDS = tuple(60.0 * 2.5**attempt for attempt in range(10))
SILENCE_MILLISECONDS = 8 * 3600 * 1000
SECRET_HEADER = "X-Max-Bot-Api-Secret"  # noqa: S105


class MaxWebhooks:
    """Tells the subscribers of a bot what happened."""

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
        self.deliveries = Deliveries(client, self._is_accepted, delays_seconds)

    def publish(self, page: Page, update_type: str, content: dict[str, Any]) -> None:
        """Tell an update to those who asked for its kind."""
        update = {**content, "timestamp": self.milliseconds(), "update_type": update_type}
        for subscription in self.subscriptions(page):
            if not subscription.update_types or update_type in subscription.update_types:
                subscription.waiting_since = subscription.waiting_since or self.milliseconds()
                pending = Pending(page.id, subscription.url, msgspec.json.encode(update).decode())
                self._world.pending.append(pending)
                self._send(pending, subscription)

    def subscriptions(self, page: Page) -> list[Subscription]:
        """Those of a bot that are left: who has acknowledged nothing for 8 hours is one no more."""
        self._forget_given_up()
        expired = self.milliseconds() - SILENCE_MILLISECONDS
        silent = [one.url for one in page.subscriptions if one.waiting_since and one.waiting_since <= expired]
        page.subscriptions = [one for one in page.subscriptions if one.url not in silent]
        self._world.pending = [one for one in self._world.pending if one.page != page.id or one.url not in silent]
        return page.subscriptions

    def resume(self) -> None:
        """Go on with what was not acknowledged before a restart."""
        for pending in self._world.pending:
            page = self._world.pages.get(pending.page)
            for subscription in page.subscriptions if page else ():
                if subscription.url == pending.url:
                    self._send(pending, subscription)

    def milliseconds(self) -> int:
        """Now."""
        return int(self._now().timestamp() * 1000)

    def _send(self, pending: Pending, subscription: Subscription) -> None:
        headers = {SECRET_HEADER: subscription.secret} if subscription.secret else {}
        self.deliveries.send(Webhook(pending.url, pending.body.encode(), headers))

    def _is_accepted(self, answer: httpx.Response) -> bool:
        if answer.status_code != httpx.codes.OK:
            return False
        url, body = str(answer.request.url), answer.request.content.decode()
        self._world.pending = [one for one in self._world.pending if (one.url, one.body) != (url, body)]
        for page in self._world.pages.values():
            for subscription in page.subscriptions:
                if subscription.url == url:
                    subscription.waiting_since = 0
        self._on_change()
        return True

    def _forget_given_up(self) -> None:
        given_up = {(webhook.url, webhook.body.decode()) for webhook in self.deliveries.given_up}
        self.deliveries.given_up.clear()
        self._world.pending = [one for one in self._world.pending if (one.url, one.body) not in given_up]
