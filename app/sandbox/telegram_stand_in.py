"""A stand-in of Telegram: its Bot API over HTTP, its updates, and its citizens.

Telegram's own part enforces the documented limits and errors. The part under /stand-in/ (telegram_controls.py) does not
exist in Telegram: there one writes as a citizen, reads what a visitor of the channel sees, and orders faults. No
authentication: for demonstrations and tests only.
"""

import base64
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from app.sandbox import telegram_views
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.telegram_api_server import TelegramApiServer
from app.sandbox.telegram_controls import control_routes
from app.sandbox.telegram_payloads import membership_object, message_object
from app.sandbox.telegram_webhooks import RETRY_DELAYS_SECONDS, TelegramWebhooks
from app.sandbox.telegram_world import Message, Page, User, Webhook, World
from app.sandbox.world_file import load_world, save_world
from app.time import utc_now


class TelegramStandIn:
    """One Telegram. With `state_file` the world survives restarts. `app` is the ASGI application.

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
        self._now = now
        self.webhooks = TelegramWebhooks(self.world, self._http, now, self._save, retry_delays_seconds)
        self.api = TelegramApiServer(self.world, self.webhooks, now, monotonic, self._save)
        routes = [
            Route("/bot{token}/{name}", self.api.handle, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self.api.download, methods=["GET"]),
            *control_routes(self),
        ]
        self.app = Starlette(routes=routes, lifespan=self._lifespan)

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
        discussion_id: str = "",
        username: str = "",
        callback_url: str = "",
        secret: str = "",
    ) -> Page:
        """Found a channel with its group and bot, or give a known one these settings; its messages stay."""
        bot_id = int(access_token.partition(":")[0]) if access_token.partition(":")[0].isdigit() else 600_000_002
        known = self.world.pages.setdefault(page, Page(int(page), name, access_token, bot_id))
        known.name, known.token, known.bot_id, known.username = name, access_token, bot_id, username
        known.discussion_id = int(discussion_id or 0)
        if callback_url:
            known.webhook = Webhook(callback_url, secret)
        self._save()
        return known

    def add_user(self, user_id: str, first_name: str, last_name: str = "") -> User:
        """Let a person exist, or with a negative id a channel that comments in its own name."""
        user = self.world.users[int(user_id)] = User(int(user_id), first_name, last_name)
        self._save()
        return user

    def add_file(self, path: str, content: bytes) -> str:
        """Let a file exist, by its path; the `file_id` for messages."""
        self.world.files[path] = base64.b64encode(content).decode()
        self._save()
        return path.replace("/", "~")

    def add_post(self, page: str, text: str) -> Message:
        """Publish in the channel; Telegram forwards it to the group by itself."""
        channel = self.world.page(page)
        post = channel.add(Message(0, channel.id, channel.id, text, self._timestamp()))
        self._tell(channel, "channel_post", post)
        if channel.discussion_id:
            forward = Message(0, channel.discussion_id, channel.id, text, self._timestamp(), post_id=post.id)
            self._tell(channel, "message", channel.add(forward))
        return post

    def comment(
        self, page: str, post: str, user_id: str, text: str, *, reply_to: str = "", extra: dict[str, Any] | None = None
    ) -> Message:
        """Comment as a person; as the page by hand with the channel's or the group's id. Raises TelegramError."""
        channel = self.world.page(page)
        thread = channel.forward_of(int(post))
        comment = Message(0, channel.discussion_id, int(user_id), text, self._timestamp(), thread_id=thread.id)
        comment.reply_to = int(reply_to.rpartition(":")[2]) if reply_to else thread.id
        comment.extra = extra or {}
        channel.message(comment.chat_id, comment.reply_to)
        self._tell(channel, "message", channel.add(comment))
        return comment

    def message(self, page: str, user_id: str, text: str, *, extra: dict[str, Any] | None = None) -> Message:
        """Write to the bot as a person; whoever had blocked it lets it write again."""
        bot, number = self.world.page(page), int(user_id)
        if number in bot.blocked:
            self.block(page, user_id, is_blocked=False)
        if number not in bot.started:
            bot.started.append(number)
        message = bot.add(Message(0, number, number, text, self._timestamp(), extra=extra or {}))
        self._tell(bot, "message", message)
        return message

    def edit(self, page: str, message_id: str, text: str) -> Message:
        """Change a comment or message ("chat:message") as its author. Raises TelegramError."""
        bot, message = self._find(page, message_id)
        message.text, message.edit_date = text, self._timestamp()
        self._tell(bot, "edited_message", message)
        return message

    def delete(self, page: str, message_id: str) -> Message:
        """Delete a comment or message: Telegram tells bots nothing of it. Raises TelegramError."""
        _, message = self._find(page, message_id)
        message.is_deleted = True
        self._save()
        return message

    def block(self, page: str, user_id: str, *, is_blocked: bool = True) -> None:
        """Forbid the bot to write, or allow it again."""
        bot, number = self.world.page(page), int(user_id)
        bot.blocked = [one for one in bot.blocked if one != number] + ([number] if is_blocked else [])
        self._tell_membership(bot, number, "kicked" if is_blocked else "member")

    def remove_bot(self, page: str) -> None:
        """Throw the bot out of the group."""
        bot = self.world.page(page)
        bot.is_in_group = False
        self._tell_membership(bot, bot.discussion_id, "kicked")

    def move_group(self, page: str, discussion_id: str) -> None:
        """Make the group a supergroup: another id, numbers from the beginning."""
        bot = self.world.page(page)
        bot.moved_from, moved_to = bot.discussion_id, int(discussion_id)
        notice = Message(0, bot.discussion_id, bot.discussion_id, "", self._timestamp())
        notice.extra = {"migrate_to_chat_id": moved_to}
        content = message_object(self.world, bot, bot.add(notice))
        bot.discussion_id = moved_to
        self.webhooks.publish(bot, "message", content)
        self._save()

    def misbehave(self, **fault: Any) -> None:
        """Order a fault, see Misbehaviour."""
        self.api.faults.add(Misbehaviour(**fault))

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What was carried out, of one method if given, oldest first."""
        return [call for call in self.api.calls if method in ("", call["method"])]

    def feed(self, page: str) -> dict[str, Any]:
        """What a visitor of the channel sees. Raises TelegramError."""
        return telegram_views.feed(self.world, self.world.page(page))

    def dialog(self, page: str, user_id: str) -> dict[str, Any]:
        """What a citizen sees in his chat with the bot. Raises TelegramError."""
        return telegram_views.dialog(self.world, self.world.page(page), int(user_id))

    def _find(self, page: str, message_id: str) -> tuple[Page, Message]:
        bot = self.world.page(page)
        chat_id, _, number = message_id.rpartition(":")
        return bot, bot.message(int(chat_id), int(number))

    def _tell(self, page: Page, kind: str, message: Message) -> None:
        is_heard = message.chat_id != page.discussion_id or page.is_in_group
        if is_heard:
            self.webhooks.publish(page, kind, message_object(self.world, page, message))
        self._save()

    def _tell_membership(self, page: Page, chat_id: int, status: str) -> None:
        content = membership_object(self.world, page, chat_id, status, self._timestamp())
        self.webhooks.publish(page, "my_chat_member", content)
        self._save()

    def _timestamp(self) -> int:
        return int(self._now().timestamp())

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
