"""A stand-in of MAX: its Bot API over HTTP, its webhooks, and its citizens.

MAX's own part enforces the documented limits and errors. The part under /stand-in/ (max_controls.py) does not exist in
MAX: there one writes as a citizen, reads what a visitor of the channel sees, and orders faults. No authentication: for
demonstrations and tests only.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from app.platforms.max_events import EVENT_TYPES
from app.sandbox import max_views
from app.sandbox.max_api_server import MaxApiServer
from app.sandbox.max_controls import control_routes
from app.sandbox.max_payloads import message_object, removal, user_object
from app.sandbox.max_webhooks import RETRY_DELAYS_SECONDS, MaxWebhooks
from app.sandbox.max_world import Message, Page, Subscription, User, World, forbidden
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.world_file import load_world, save_world
from app.time import utc_now


class MaxStandIn:
    """One MAX. With `state_file` the world survives restarts. `app` is the ASGI application.

    `client` sends the webhooks (own one if None). Where `app` is mounted into another application, whose lifespan
    does not reach it, call `start()` and `aclose()`. Pages and people are named by their ids as text.
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
        self.webhooks = MaxWebhooks(self.world, self._http, now, self._save, retry_delays_seconds)
        self.api = MaxApiServer(self.world, self.webhooks, now, monotonic, self._save)
        self.app = Starlette(routes=[*self.api.routes(), *control_routes(self)], lifespan=self._lifespan)

    async def start(self) -> None:
        """Go on with updates that were not acknowledged before a restart."""
        self.webhooks.resume()

    async def settle(self) -> None:
        """Wait until every update under way has been acknowledged or given up."""
        await self.webhooks.deliveries.settle()

    async def aclose(self) -> None:
        """Stop delivering. Unacknowledged updates stay in the saved world."""
        await self.webhooks.deliveries.stop()
        if self._own_client is not None:
            await self._own_client.aclose()

    def add_page(
        self,
        page: str,
        name: str,
        *,
        access_token: str,
        username: str = "",
        callback_url: str = "",
        secret: str = "",
        comments_as: Sequence[str] = ("comment",),
    ) -> Page:
        """Found a channel with its bot (negative id), or a bot alone; a known one gets these settings.

        `comments_as` holds "comment", "message" or both: the kinds of events that tell of comments.
        """
        known = self.world.found(page, name, access_token)
        known.username, known.comments_as = username, tuple(comments_as)
        if callback_url:
            now = self.webhooks.milliseconds()
            known.subscriptions = [Subscription(callback_url, secret, list(EVENT_TYPES), now)]
        self._save()
        return known

    def add_user(self, user_id: str, first_name: str, last_name: str = "") -> User:
        """Let a person exist."""
        user = self.world.users[int(user_id)] = User(int(user_id), first_name, last_name)
        self._save()
        return user

    def add_post(self, page: str, text: str) -> Message:
        """Publish in the channel, in its own name. Raises MaxError."""
        channel = self._channel(page)
        post = self._add(channel, channel.channel_id, 0, text)
        self._tell_of_channel(channel, "message_created", post)
        return post

    def comment(self, page: str, post: str, user_id: str, text: str, *, reply_to: str = "") -> Message:
        """Comment as a citizen, or by hand in the channel's name (`user_id` is the page's id). Raises MaxError."""
        channel = self._channel(page)
        if not channel.has_comments:
            raise forbidden("comments are switched off")
        if reply_to:
            channel.comment(reply_to)
        author = 0 if user_id == page else int(user_id)
        comment = self._add(channel, channel.channel_id, author, text, channel.post(post).mid, reply_to)
        self._tell_of_channel(channel, "comment_created", comment)
        return comment

    def edit(self, page: str, mid: str, text: str) -> Message:
        """Change a message, post or comment as its author. Raises MaxError."""
        known = self.world.page(page)
        message = known.message(mid)
        message.text = text
        if message.chat_id == known.channel_id:
            self._tell_of_channel(known, "comment_edited" if message.post else "message_edited", message)
        else:
            self._tell(known, "message_edited", {"message": message_object(self.world, known, message)})
        return message

    def delete(self, page: str, mid: str) -> Message:
        """Delete a message, post or comment as its author. Raises MaxError."""
        known = self.world.page(page)
        message = known.message(mid)
        message.is_deleted = True
        content = removal(known, message, message.author_id or known.bot_id)
        if message.post:
            self._tell_each(known, "comment_removed", content)
        else:
            self._tell(known, "message_removed", content)
        return message

    def message(self, page: str, user_id: str, text: str, *, extra: dict[str, Any] | None = None) -> Message:
        """Write to the bot in private; who had stopped it starts it again. `extra` are fields of the body."""
        known, person = self.world.page(page), int(user_id)
        if person in known.stopped:
            self.start_bot(page, user_id)
        message = self._add(known, self.world.dialog(known, person), person, text)
        message.extra = extra or {}
        told = {"message": message_object(self.world, known, message), "user_locale": "ru"}
        self._tell(known, "message_created", told)
        return message

    def start_bot(self, page: str, user_id: str) -> None:
        """Begin or resume the conversation with the bot. Raises MaxError."""
        known = self.world.page(page)
        known.stopped = [person for person in known.stopped if person != int(user_id)]
        self._tell_of_person(known, "bot_started", int(user_id))

    def stop_bot(self, page: str, user_id: str) -> None:
        """Forbid the bot to write. Raises MaxError."""
        known = self.world.page(page)
        known.stopped.append(int(user_id))
        self._tell_of_person(known, "bot_stopped", int(user_id))

    def set_rights(self, page: str, permissions: Sequence[str] | None) -> None:
        """Give the bot these rights in the channel, or (None) make it an administrator no more. Raises MaxError."""
        known = self._channel(page)
        known.is_admin, known.permissions = permissions is not None, tuple(permissions or ())
        told = {"bot_id": known.bot_id, "chat_id": known.channel_id, "is_admin": known.is_admin, "is_channel": True}
        content = {**told, "user_id": 1, "permissions": known.permissions if known.is_admin else None}
        self._tell(known, "bot_admin_permissions_changed", content)

    def misbehave(self, **fault: Any) -> None:
        """Order a fault, see Misbehaviour and MaxApiServer."""
        self.api.faults.add(Misbehaviour(**fault))

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What was carried out, of one method (its name in the reference: "sendMessage") if given, oldest first."""
        return [call for call in self.api.calls if method in ("", call["method"])]

    def feed(self, page: str) -> dict[str, Any]:
        """What a visitor of the channel sees. Raises MaxError."""
        return max_views.feed(self.world, self.world.page(page))

    def dialog(self, page: str, user_id: str) -> dict[str, Any]:
        """What a citizen sees in his dialog with the bot. Raises MaxError."""
        return max_views.dialog(self.world, self.world.page(page), int(user_id))

    def _channel(self, page: str) -> Page:
        known = self.world.page(page)
        if not known.channel_id:
            raise forbidden("the page is a bot without a channel")
        return known

    def _add(self, page: Page, chat: int, author: int, text: str, post: str = "", reply_to: str = "") -> Message:
        now = self.webhooks.milliseconds()
        return self.world.add(page, Message("", 0, chat, author, text, now, post=post, reply_to=reply_to))

    def _tell_of_channel(self, page: Page, update_type: str, message: Message) -> None:
        """What happens in a channel is told to a bot that may read it."""
        if page.is_admin and "read_all_messages" in page.permissions:
            self._tell_each(page, update_type, {"message": message_object(self.world, page, message)})
        self._save()

    def _tell_each(self, page: Page, update_type: str, content: dict[str, Any]) -> None:
        """A comment is told under the names that this bot hears."""
        place, _, what = update_type.partition("_")
        for name in page.comments_as if place == "comment" else [place]:
            self.webhooks.publish(page, f"{name}_{what}", content)
        self._save()

    def _tell_of_person(self, page: Page, update_type: str, person: int) -> None:
        user = user_object(self.world, person)
        self._tell(page, update_type, {"chat_id": self.world.dialog(page, person), "user": user, "user_id": person})

    def _tell(self, page: Page, update_type: str, content: dict[str, Any]) -> None:
        self.webhooks.publish(page, update_type, content)
        self._save()

    def _save(self) -> None:
        save_world(self.world, self._state_file)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._own_client = httpx.AsyncClient(trust_env=False)  # callbacks are local
        return self._client

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self.start()
        yield
        await self.aclose()
