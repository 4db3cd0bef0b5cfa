"""A stand-in of Odnoklassniki: its two APIs over HTTP, its webhooks, and its citizens.

The platform's part enforces documented errors and subscriptions. The part under /stand-in/ (ok_controls.py) does not
exist in Odnoklassniki. No authentication there: for demonstrations and tests only. Comments are pushed to nobody, as in
Odnoklassniki itself: one has to ask for them.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.applications import Starlette

from app.sandbox import ok_payloads
from app.sandbox.deliveries import Deliveries, Webhook
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.ok_api_server import OkApiServer
from app.sandbox.ok_controls import control_routes
from app.sandbox.ok_world import Comment, Group, Message, Person, Subscription, Topic, World
from app.sandbox.world_file import load_world, save_world
from app.time import utc_now

RETRY_DELAYS_SECONDS = (5.0, 60.0, 300.0, 900.0, 3600.0)  # documented is only "after some time"


class OkStandIn:
    """One Odnoklassniki. With `state_file` the world survives restarts. `app` is the ASGI application.

    `client` sends the webhooks (own one if None). Where `app` is mounted into another application, whose lifespan
    does not reach it, call `start()` and `aclose()`. No limit of rate is documented, so `monotonic` has no use here.
    """

    def __init__(
        self,
        state_file: Path | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        retry_delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
    ) -> None:
        self.world = load_world(World, state_file)
        self._state_file = state_file
        self._client = client
        self._own_client: httpx.AsyncClient | None = None
        self._now = now
        self.deliveries = Deliveries(self._http, self._is_acknowledged, retry_delays_seconds)
        self.api = OkApiServer(self.world, now, self._after_call)
        self.app = Starlette(routes=[*self.api.routes(), *control_routes(self)], lifespan=self._lifespan)

    async def start(self) -> None:
        """Nothing is under way at the start: webhooks that a restart interrupted are lost, as in an outage."""

    async def settle(self) -> None:
        """Wait until every webhook under way has been acknowledged or given up."""
        await self.deliveries.settle()

    async def aclose(self) -> None:
        """Stop delivering."""
        await self.deliveries.stop()
        if self._own_client is not None:
            await self._own_client.aclose()

    def add_page(
        self,
        page: str,
        name: str,
        *,
        access_token: str,
        user_token: str = "",
        app_key: str = "",
        app_secret: str = "",
        callback_url: str = "",
    ) -> Group:
        """Found a group, or give a known one these settings; its topics and chats stay."""
        group = self.world.groups.setdefault(page, Group(page, name, access_token))
        group.name, group.access_token = name, access_token
        group.user_token, group.app_key, group.app_secret = user_token, app_key, app_secret
        if callback_url and group.subscription(callback_url) is None:
            group.subscriptions.append(Subscription(callback_url, self._milliseconds()))
        self._save()
        return group

    def add_user(self, user_id: str, first_name: str, last_name: str = "") -> Person:
        """Let a person exist."""
        person = self.world.people[user_id] = Person(user_id, first_name, last_name)
        self._save()
        return person

    def add_post(self, page: str, text: str) -> Topic:
        """Publish a topic. Raises OkError."""
        group, seconds = self.world.group(page), self._milliseconds() // 1000
        topic = Topic(str(self.world.next_topic), text, seconds, seconds)
        self.world.next_topic += 1
        group.topics.append(topic)
        self._save()
        return topic

    def close_comments(self, page: str, post: str) -> None:
        """Allow no more comments: error 456. Raises OkError."""
        self.world.group(page).topic(post).is_closed = True
        self._save()

    def remove_post(self, page: str, post: str) -> None:
        """Take a topic back: error 300 from now on. Raises OkError."""
        self.world.group(page).topic(post).is_gone = True
        self._save()

    def expire_tokens(self, page: str) -> None:
        """Let the keys lapse: error 102. Raises OkError."""
        self.world.group(page).are_tokens_expired = True
        self._save()

    def unsubscribe(self, page: str) -> None:
        """Forget the group's webhooks. Raises OkError."""
        self.world.group(page).subscriptions = []
        self._save()

    def misbehave(self, **fault: Any) -> None:
        """Order a fault, see Misbehaviour."""
        self.api.faults.add(Misbehaviour(**fault))

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What was carried out, of one method if given, oldest first."""
        return [call for call in self.api.calls if method in ("", call["method"])]

    def comment(
        self,
        page: str,
        post: str,
        user_id: str,
        text: str,
        *,
        reply_to: str = "",
        attachments: Sequence[dict[str, Any]] = (),
    ) -> Comment:
        """Comment as a citizen; with the page's own id by hand as the group. Raises OkError."""
        draft = Comment("", 0, post, user_id, user_id == page, text, self._milliseconds() // 1000, reply_to)
        draft.attachments = list(attachments)
        comment = self.world.group(page).add_comment(draft)
        self._save()
        return comment

    def edit_comment(self, page: str, comment: str, text: str) -> Comment:
        """Change a comment as its author. Raises OkError."""
        changed = self.world.group(page).comment(comment)
        changed.text = text
        self._save()
        return changed

    def delete_comment(self, page: str, comment: str) -> Comment:
        """Remove a comment. Raises OkError."""
        removed = self.world.group(page).comment(comment)
        removed.is_removed = True
        self._save()
        return removed

    def message(
        self, page: str, user_id: str, text: str, *, reply_to: str = "", attachments: Sequence[dict[str, Any]] = ()
    ) -> Message:
        """Write to the group as a citizen. Raises OkError."""
        group = self.world.group(page)
        message = group.add_message(user_id, text, self._milliseconds(), is_page=False, reply_to=reply_to)
        message.attachments = list(attachments)
        self._tell(group, {"webhookType": "MESSAGE_CREATED", **ok_payloads.message_object(self.world, group, message)})
        return message

    def block(self, page: str, user_id: str) -> None:
        """Forbid the group to write. Nobody tells it. Raises OkError."""
        self.world.group(page).refusing.append(user_id)
        self._save()

    def feed(self, page: str) -> dict[str, Any]:
        """What a visitor of the page sees. Raises OkError."""
        return ok_payloads.feed(self.world, self.world.group(page))

    def dialog(self, page: str, user_id: str) -> dict[str, Any]:
        """What a citizen sees in his chat with the page. Raises OkError."""
        return ok_payloads.dialog(self.world, self.world.group(page), user_id)

    def _tell(self, group: Group, event: dict[str, Any]) -> None:
        self._unsubscribe_the_silent(group)
        for subscription in group.subscriptions:
            self.deliveries.send(Webhook(subscription.url, msgspec.json.encode(event)))
        self._save()

    def _after_call(self, group: Group) -> None:
        self._unsubscribe_the_silent(group)
        self._save()

    def _unsubscribe_the_silent(self, group: Group) -> None:
        """A webhook that could not be reached counts as failing since the event that was given up."""
        for webhook in self.deliveries.given_up:
            for known in self._subscriptions_to(webhook.url):
                known.failing_since = known.failing_since or msgspec.json.decode(webhook.body)["timestamp"] // 1000
        self.deliveries.given_up.clear()
        group.drop_lapsed_subscriptions(self._milliseconds() // 1000)

    def _subscriptions_to(self, url: str) -> list[Subscription]:
        return [known for group in self.world.groups.values() if (known := group.subscription(url))]

    def _is_acknowledged(self, answer: httpx.Response) -> bool:
        is_taken = answer.status_code == httpx.codes.OK
        for known in self._subscriptions_to(str(answer.request.url)):
            known.failing_since = 0 if is_taken else known.failing_since or self._milliseconds() // 1000
        return is_taken

    def _milliseconds(self) -> int:
        return int(self._now().timestamp() * 1000)

    def _save(self) -> None:
        save_world(self.world, self._state_file)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._own_client = httpx.AsyncClient(trust_env=False)  # webhooks are local
        return self._client

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self.start()
        yield
        await self.aclose()
