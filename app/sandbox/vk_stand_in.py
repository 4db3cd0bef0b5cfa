"""A stand-in of VKontakte: its API over HTTP, its webhooks, and its citizens.

VK's own part enforces VK's documented limits and errors. The part under /stand-in/ (vk_controls.py) does not exist in
VK: there one writes as a citizen, reads what a visitor of the page sees, and orders faults. No authentication: for
demonstrations and tests only.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from app.sandbox import vk_views
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.vk_api_server import VkApiServer
from app.sandbox.vk_controls import control_routes
from app.sandbox.vk_payloads import comment_event, contact_event, message_event, post_event
from app.sandbox.vk_webhooks import RETRY_DELAYS_SECONDS, Webhooks
from app.sandbox.vk_world import (
    CallbackServer,
    Comment,
    Community,
    Message,
    Thing,
    User,
    World,
    invalid_parameter,
)
from app.sandbox.world_file import load_world, save_world
from app.time import utc_now


class VkStandIn:
    """One VKontakte. With `state_file` the world survives restarts. `app` is the ASGI application.

    `client` sends the webhooks (own one if None), `stops_after_errors` is explained in Webhooks. Where `app` is mounted
    into another application, whose lifespan does not reach it, call `start()` and `aclose()`.
    """

    def __init__(
        self,
        state_file: Path | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        retry_delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
        stops_after_errors: int | None = None,
    ) -> None:
        self.world = load_world(World, state_file)
        self._state_file = state_file
        self._client = client
        self._own_client: httpx.AsyncClient | None = None
        self._now = now
        self.webhooks = Webhooks(self.world, self._http, now, self._save, retry_delays_seconds, stops_after_errors)
        self.api = VkApiServer(self.world, self.webhooks, now, monotonic, self._save)
        routes = [Route("/method/{name}", self.api.handle, methods=["GET", "POST"]), *control_routes(self)]
        self.app = Starlette(routes=routes, lifespan=self._lifespan)

    async def start(self) -> None:
        """Go on with webhooks that were not acknowledged before a restart."""
        self.webhooks.resume()

    async def settle(self) -> None:
        """Wait until every webhook under way has been acknowledged or given up."""
        await self.webhooks.settle()

    async def aclose(self) -> None:
        """Stop delivering. Unacknowledged webhooks stay in the saved world."""
        await self.webhooks.stop()
        if self._own_client is not None:
            await self._own_client.aclose()

    def add_community(
        self,
        group_id: int,
        name: str,
        *,
        access_token: str,
        user_token: str = "",
        confirmation: str = "",
        callback_url: str = "",
        secret: str = "",
    ) -> Community:
        """Found a community, or give a known one these settings; its posts and dialogs stay."""
        community = self.world.communities.setdefault(group_id, Community(group_id, name, access_token))
        community.name, community.access_token, community.user_token = name, access_token, user_token
        community.confirmation = confirmation or community.confirmation or secrets.token_hex(4)
        if callback_url:
            community.servers = [CallbackServer(1, callback_url, "appeals", secret, status="ok")]
        self._save()
        return community

    def add_user(self, user_id: int, first_name: str, last_name: str = "") -> User:
        """Let a person exist."""
        user = self.world.users[user_id] = User(user_id, first_name, last_name)
        self._save()
        return user

    def add_post(self, group_id: int, text: str, *, post_id: int = 0, place: str = "wall") -> Thing:
        """Publish a post, or with another `place` a photo, video, market item or board topic."""
        thing = self.world.community(group_id).add_thing(place, text, self._timestamp(), post_id)
        self._save()
        return thing

    def publish_post(self, group_id: int, text: str, *, place: str = "wall") -> Thing:
        """Publish as `add_post` does, and tell the page's servers of it."""
        thing = self.add_post(group_id, text, place=place)
        community = self.world.community(group_id)
        if event := post_event(community, thing):
            self._tell(community, event)
        return thing

    def stop_callbacks(self, group_id: int) -> None:
        """Switch the community's servers off, as VK does after several errors in a row. Raises VkError."""
        for server in self.world.community(group_id).servers:
            server.status = "failed"
        self._save()

    def close_comments(self, group_id: int, post_id: int, *, place: str = "wall") -> None:
        """Allow no more comments: VK's error 213."""
        self.world.community(group_id).thing(place, post_id).is_closed = True
        self._save()

    def refuse_messages(self, group_id: int, user_id: int, error_code: int) -> None:
        """From now on private messages to this user fail: 900 blacklist, 901 no permission, 902 privacy. 0: allowed."""
        self.world.community(group_id).refusals[user_id] = error_code
        self._save()

    def allow_messages(self, group_id: int, user_id: int, *, is_allowed: bool) -> None:
        """Allow or forbid the community to write, as a citizen: the page is told. Raises VkError."""
        self.refuse_messages(group_id, user_id, 0 if is_allowed else 901)
        self._tell(self.world.community(group_id), contact_event(user_id, is_allowed=is_allowed))

    def misbehave(self, **fault: Any) -> None:
        """Order a fault, see Misbehaviour."""
        self.api.faults.add(Misbehaviour(**fault))

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What was carried out, of one method if given, oldest first."""
        return [call for call in self.api.calls if method in ("", call["method"])]

    def comment(
        self,
        group_id: int,
        author_id: int,
        text: str,
        *,
        post_id: int,
        place: str = "wall",
        reply_to: int = 0,
        attachments: Sequence[dict[str, Any]] = (),
    ) -> Comment:
        """Comment as a citizen; with `author_id` = -group_id as a moderator by hand. Raises VkError."""
        community = self.world.community(group_id)
        draft = Comment(0, place, post_id, author_id, text, self._timestamp(), attachments=list(attachments))
        draft.reply_to_comment = reply_to
        if place == "board" and reply_to:
            draft.text = self._mention(community, reply_to) + text
        comment = community.add_comment(draft)
        self._tell(community, comment_event(community, comment, "new", author_id))
        return comment

    def _mention(self, community: Community, comment_id: int) -> str:
        """What VK's pages write before a reply on a discussion board, where there are no replies."""
        answered = community.comment("board", comment_id)
        kind, name = ("id" if answered.from_id > 0 else "club"), vk_views.name_of(self.world, answered.from_id)
        return f"[{kind}{abs(answered.from_id)}:bp-{community.id}_{comment_id}|{name}], "

    def edit_comment(self, group_id: int, comment_id: int, text: str, *, place: str = "wall") -> Comment:
        """Change a comment as its author. Raises VkError."""
        community = self.world.community(group_id)
        comment = community.comment(place, comment_id)
        comment.text = text
        self._tell(community, comment_event(community, comment, "edit", comment.from_id))
        return comment

    def delete_comment(self, group_id: int, comment_id: int, *, place: str = "wall", actor_id: int = 0) -> Comment:
        """Delete a comment as its author or as `actor_id`. Raises VkError."""
        return self._set_deleted(group_id, comment_id, place, actor_id, is_deleted=True)

    def restore_comment(self, group_id: int, comment_id: int, *, place: str = "wall", actor_id: int = 0) -> Comment:
        """Undo a deletion. Raises VkError."""
        return self._set_deleted(group_id, comment_id, place, actor_id, is_deleted=False)

    def _set_deleted(self, group_id: int, comment_id: int, place: str, actor_id: int, *, is_deleted: bool) -> Comment:
        community = self.world.community(group_id)
        comment = community.comment(place, comment_id)
        comment.is_deleted = is_deleted
        action = "delete" if is_deleted else "restore"
        self._tell(community, comment_event(community, comment, action, actor_id or comment.from_id))
        return comment

    def message(
        self,
        group_id: int,
        user_id: int,
        text: str,
        *,
        attachments: Sequence[dict[str, Any]] = (),
        geo: dict[str, Any] | None = None,
        moderator_id: int = 0,
    ) -> Message:
        """Write to the community as a citizen; with `moderator_id` to the citizen as a moderator by hand."""
        community = self.world.community(group_id)
        author_id = -group_id if moderator_id else user_id
        draft = Message(0, 0, user_id, author_id, text, self._timestamp(), admin_author_id=moderator_id)
        draft.attachments, draft.geo = list(attachments), geo
        message = community.add_message(draft)
        self._tell(community, message_event(message, "new"))
        return message

    def edit_message(self, group_id: int, user_id: int, conversation_message_id: int, text: str) -> Message:
        """Change a message of a dialog as its author. Raises VkError."""
        community = self.world.community(group_id)
        for message in community.dialog(user_id):
            if message.conversation_message_id == conversation_message_id:
                message.text, message.update_time = text, self._timestamp()
                self._tell(community, message_event(message, "edit"))
                return message
        raise invalid_parameter("conversation_message_id")

    def feed(self, group_id: int) -> dict[str, Any]:
        """What a visitor of the page sees. Raises VkError."""
        return vk_views.feed(self.world, self.world.community(group_id))

    def dialog(self, group_id: int, user_id: int) -> dict[str, Any]:
        """What a citizen sees in his dialog with the page. Raises VkError."""
        return vk_views.dialog(self.world, self.world.community(group_id), user_id)

    def _tell(self, community: Community, event: tuple[str, dict[str, Any]]) -> None:
        self.webhooks.publish(community, *event)
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
