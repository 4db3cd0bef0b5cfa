"""POST /pa/{method} of the Viber stand-in. Source: Viber REST Bot API 7.3.0; HTTP 200 even for errors."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.platforms.untrusted import integer
from app.sandbox.misbehaviour import Faults, Misbehaviour
from app.sandbox.viber_webhooks import CHOSEN_BY_THE_BOT, Webhooks
from app.sandbox.viber_world import Account, Said, ViberError, World

CHAT_HOSTNAME = "SN-CHAT-00_"
REQUEST_LIMIT_BYTES = 30 * 1024
TEXT_LIMIT = 7000
SENDER_NAME_LIMIT = 28
TRACKING_LIMIT = 4000
MESSAGES_WITHOUT_REPLY = 100
HOUR_SECONDS = 3600.0
CALLS_KEPT = 10_000


class ViberApiServer:
    """Plays the API. `calls` holds what was carried out, newest last, without tokens."""

    def __init__(
        self, world: World, webhooks: Webhooks, monotonic: Callable[[], float], on_change: Callable[[], None]
    ) -> None:
        self.faults = Faults()
        self.calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self._world = world
        self._webhooks = webhooks
        self._monotonic = monotonic
        self._on_change = on_change
        self._without_reply: dict[tuple[str, str], deque[float]] = {}

    async def handle(self, request: Request) -> Response:
        """One call. Another HTTP status than 200 only when ordered, and for a method that does not exist."""
        method, body = request.path_params["method"], await request.body()
        fault = self.faults.take(method)
        if not fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            if failure := self._played(fault):
                return failure
        try:
            result = await self._carry_out(method, request.headers.get("X-Viber-Auth-Token", ""), body)
            response: Response = JSONResponse({"status": 0, "status_message": "ok", **result})
        except ViberError as error:
            response = self._error(error)
        except LookupError:
            return Response("no such method", status_code=404)
        if fault.is_done:
            await asyncio.sleep(fault.delay_seconds)
            return self._played(fault) or response
        return response

    def heard(self, account: Account, user_id: str) -> None:
        """A citizen has replied: the hundred messages without a reply begin anew."""
        self._without_reply.pop((account.id, user_id), None)

    async def _carry_out(self, method: str, token: str, body: bytes) -> dict[str, Any]:
        content = _content(body)
        account = self._caller(token or str(content.get("auth_token", "")))
        result: dict[str, Any]
        if method == "set_webhook":
            result = await self._set_webhook(account, content)
        elif method == "send_message":
            result = self._send_message(account, content)
        elif method == "get_account_info":
            result = _account_info(account)
        else:
            raise LookupError(method)
        shown = {name: value for name, value in content.items() if name != "auth_token"}
        at = self._webhooks.timestamp() // 1000
        self.calls.append({"method": method, "page": account.id, "params": shown, "response": result, "at": at})
        self._on_change()
        return result

    def _caller(self, token: str) -> Account:
        for account in self._world.accounts.values():
            if token and token == account.access_token:
                return account
        raise ViberError(2, "invalidAuthToken")

    async def _set_webhook(self, account: Account, content: dict[str, Any]) -> dict[str, Any]:
        """An empty address takes the webhook away; another must answer before it is taken."""
        url, event_types = content.get("url"), content.get("event_types")
        if not isinstance(url, str):
            raise ViberError(4, "missingData: url")
        if url and not (url.startswith(("http://", "https://")) and await self._webhooks.is_taken(account, url)):
            raise ViberError(1, "invalidUrl")
        account.webhook = url
        account.event_types = [str(name) for name in event_types] if isinstance(event_types, list) else None
        return {"chat_hostname": CHAT_HOSTNAME, "event_types": _event_types(account)}

    def _send_message(self, account: Account, content: dict[str, Any]) -> dict[str, Any]:
        receiver = _checked(content)
        person = self._world.person(receiver)
        if not account.webhook:
            raise ViberError(10, "webhookNotSet")
        if receiver not in account.subscribers:
            raise ViberError(6, "receiverNotSubscribed")
        if person.api_version < (integer(content.get("min_api_version")) or 1):
            raise ViberError(13, "apiVersionNotSupported")
        self._count(account, receiver)
        token = self._world.new_token()
        told = {"type": content["type"], "text": content["text"], "tracking_data": content.get("tracking_data", "")}
        account.messages.append(Said(token, receiver, True, self._webhooks.timestamp(), told))
        if person.broken_because:
            self._webhooks.publish(account, "failed", token, {"user_id": receiver, "desc": person.broken_because})
        else:
            self._webhooks.publish(account, "delivered", token, {"user_id": receiver})
        return {"message_token": token, "chat_hostname": CHAT_HOSTNAME, "billing_status": 1}

    def _count(self, account: Account, receiver: str) -> None:
        recent = self._without_reply.setdefault((account.id, receiver), deque())
        instant = self._monotonic()
        while recent and instant - recent[0] >= HOUR_SECONDS:
            recent.popleft()
        if len(recent) >= MESSAGES_WITHOUT_REPLY:
            raise ViberError(12, "tooManyRequests")
        recent.append(instant)

    def _played(self, fault: Misbehaviour) -> Response | None:
        if fault.http_status:
            return Response("played on command", status_code=fault.http_status)
        return self._error(ViberError(fault.error_code, fault.error_msg)) if fault.error_code else None

    def _error(self, error: ViberError) -> Response:
        told = {"status": error.code, "status_message": error.message, "chat_hostname": CHAT_HOSTNAME}
        return JSONResponse({**told, "message_token": self._world.new_token()})


def _content(body: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises ViberError 3."""
    if len(body) > REQUEST_LIMIT_BYTES:
        raise ViberError(3, "badData: request is larger than 30 KB")
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ViberError(3, "badData") from None


def _checked(content: dict[str, Any]) -> str:
    """The receiver of a message that may be sent. Raises ViberError: 3, 4."""
    sender = content.get("sender")
    name = sender.get("name") if isinstance(sender, dict) else None
    required = {"receiver": content.get("receiver"), "type": content.get("type"), "sender.name": name}
    if content.get("type") == "text":
        required["text"] = content.get("text")
    if missing := [field for field, value in required.items() if not value or not isinstance(value, str)]:
        raise ViberError(4, f"missingData: {', '.join(missing)}")
    if content["type"] != "text":
        raise ViberError(3, "badData: the stand-in plays text messages only")
    if len(str(name)) > SENDER_NAME_LIMIT or len(content["text"]) > TEXT_LIMIT:
        raise ViberError(3, "badData: sender.name or text is too long")
    if len(str(content.get("tracking_data", ""))) > TRACKING_LIMIT:
        raise ViberError(3, "badData: tracking_data is too long")
    return str(content["receiver"])


def _account_info(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "uri": "",
        "webhook": account.webhook,
        "event_types": _event_types(account),
        "subscribers_count": len(account.subscribers),
    }


def _event_types(account: Account) -> list[str]:
    return CHOSEN_BY_THE_BOT if account.event_types is None else account.event_types
