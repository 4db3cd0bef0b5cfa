"""A stand-in of Viber: its bot API over HTTP, its callbacks, and its citizens.

The API part enforces Viber's documented limits and errors. The part under /stand-in/ (viber_controls.py) does not exist
in Viber. No authentication there: for demonstrations and tests only. A bot of Viber has private conversations only, and
nobody edits or deletes in them.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from app.sandbox.deliveries import Deliveries
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.viber_api_server import ViberApiServer
from app.sandbox.viber_controls import control_routes
from app.sandbox.viber_webhooks import RETRY_DELAYS_SECONDS, Webhooks, is_acknowledged, told_person
from app.sandbox.viber_world import Account, Person, Said, World
from app.sandbox.world_file import load_world, save_world
from app.time import utc_now


class ViberStandIn:
    """One Viber. With `state_file` the world survives restarts. `app` is the ASGI application.

    `client` sends the callbacks (own one if None). Where `app` is mounted into another application, whose lifespan
    does not reach it, call `start()` and `aclose()`.
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
        self.deliveries = Deliveries(self._http, is_acknowledged, retry_delays_seconds)
        self.webhooks = Webhooks(self.world, self.deliveries, self._http, now)
        self.api = ViberApiServer(self.world, self.webhooks, monotonic, self._save)
        routes = [Route("/pa/{method}", self.api.handle, methods=["POST"]), *control_routes(self)]
        self.app = Starlette(routes=routes, lifespan=self._lifespan)

    async def start(self) -> None:
        """Nothing is under way at the start: callbacks that a restart interrupted are lost, as in an outage."""

    async def settle(self) -> None:
        """Wait until every callback under way has been acknowledged or given up."""
        await self.deliveries.settle()

    async def aclose(self) -> None:
        """Stop delivering."""
        await self.deliveries.stop()
        if self._own_client is not None:
            await self._own_client.aclose()

    def add_page(self, page: str, name: str, *, access_token: str, callback_url: str = "") -> Account:
        """Found a bot, or give a known one these settings; its conversations stay."""
        account = self.world.accounts.setdefault(page, Account(page, name, access_token))
        account.name, account.access_token = name, access_token
        account.webhook = callback_url or account.webhook
        self._save()
        return account

    def add_user(self, user_id: str, first_name: str, last_name: str = "") -> Person:
        """Let a person exist."""
        person = self.world.people[user_id] = Person(user_id, f"{first_name} {last_name}".strip())
        self._save()
        return person

    def drop_webhook(self, page: str) -> None:
        """Forget the bot's webhook, as if somebody had set an empty one. Raises ViberError."""
        self.world.account(page).webhook = ""
        self._save()

    def break_device(self, user_id: str, description: str) -> None:
        """From now on answers are taken but not shown on this person's device; an empty description mends it."""
        self.world.person(user_id).broken_because = description
        self._save()

    def misbehave(self, **fault: Any) -> None:
        """Order a fault, see Misbehaviour; `error_code` is a status of Viber."""
        self.api.faults.add(Misbehaviour(**fault))

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What was carried out, of one method if given, oldest first."""
        return [call for call in self.api.calls if method in ("", call["method"])]

    def message(self, page: str, user_id: str, text: str, extra: dict[str, Any] | None = None) -> Said:
        """Write to the bot as a citizen, which subscribes him. Raises ViberError.

        `extra` are more fields of the message object: those of a picture, a place…
        """
        account, person = self.world.account(page), self.world.person(user_id)
        account.subscribe(user_id)
        self.api.heard(account, user_id)
        told = {"type": "text", "text": text, "tracking_data": "", **(extra or {})}
        said = Said(self.world.new_token(), user_id, False, self.webhooks.timestamp(), told)
        account.messages.append(said)
        about = {"chat_hostname": "SN-CHAT-00_", "sender": told_person(person), "message": told, "silent": False}
        self.webhooks.publish(account, "message", said.token, about)
        self._save()
        return said

    def open_conversation(self, page: str, user_id: str) -> None:
        """Come to the bot without writing anything. Raises ViberError."""
        account, person = self.world.account(page), self.world.person(user_id)
        is_subscribed = user_id in account.subscribers
        about = {"type": "open", "context": "", "user": told_person(person), "subscribed": is_subscribed}
        self._tell(account, "conversation_started", about)

    def subscribe(self, page: str, user_id: str) -> None:
        """Allow the bot to write. Raises ViberError."""
        account, person = self.world.account(page), self.world.person(user_id)
        account.subscribe(user_id)
        self._tell(account, "subscribed", {"user": told_person(person)})

    def block(self, page: str, user_id: str) -> None:
        """Unsubscribe: the bot may no longer write. Raises ViberError."""
        account = self.world.account(page)
        account.subscribers = [known for known in account.subscribers if known != user_id]
        self._tell(account, "unsubscribed", {"user_id": user_id})

    def feed(self, page: str) -> dict[str, Any]:
        """What a visitor of the page sees: a bot publishes nothing. Raises ViberError."""
        account = self.world.account(page)
        return {"page": account.id, "name": account.name, "posts": []}

    def dialog(self, page: str, user_id: str) -> dict[str, Any]:
        """What a citizen sees in his conversation with the bot. Raises ViberError."""
        account, person = self.world.account(page), self.world.person(user_id)
        messages = [
            {
                "id": str(said.token),
                "from_id": account.id if said.is_page else user_id,
                "name": account.name if said.is_page else person.name,
                "text": str(said.content.get("text") or ""),
                "date": said.timestamp // 1000,
                "is_page": said.is_page,
            }
            for said in account.conversation(user_id)
        ]
        return {"page": account.id, "name": account.name, "user_id": user_id, "messages": messages}

    def _tell(self, account: Account, event_type: str, content: dict[str, Any]) -> None:
        self.webhooks.publish(account, event_type, self.world.new_token(), content)
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
