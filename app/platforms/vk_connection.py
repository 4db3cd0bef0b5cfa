"""The community's Callback API server: set up, looked after. Source: VK API schema 5.199, groups/methods.json.

All of it works with the community's token (scope `manage`).
"""

from dataclasses import dataclass
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.untrusted import integer
from app.platforms.vk_api import VERSION, call, not_understood, page_token
from app.platforms.vk_events import UNDERSTOOD_EVENTS

TITLE = "Appeals"  # at most 14 characters
SECRET_LIMIT = 50
CONFIRMED = "ok"
RETRY_SECONDS = 10.0  # web processes remember a page's confirmation string for a few seconds


@dataclass(frozen=True, slots=True)
class _Server:
    """One of at most ten addresses of a community. `status`: unconfigured, wait, failed, ok."""

    number: int
    url: str
    status: str
    secret: str


class _Groups:
    """Methods groups.* of one community."""

    def __init__(self, client: httpx.AsyncClient, api_url: str, credentials: Credentials) -> None:
        self._client = client
        self._api_url = api_url
        self._token = page_token(credentials)
        self._group_id = credentials.external_id

    async def call(self, method: str, **params: str | int) -> Any:
        return await call(
            self._client, self._api_url, self._token, f"groups.{method}", {"group_id": self._group_id, **params}
        )

    async def server(self, url: str) -> _Server | None:
        """The server with this address."""
        response = await self.call("getCallbackServers")
        items = response.get("items") if isinstance(response, dict) else None
        if not isinstance(items, list):
            raise not_understood("groups.getCallbackServers")
        servers = [_Server(number, *_words(item)) for item in items if (number := _number(item))]
        return next((server for server in servers if server.url == url), None)


def _number(item: object) -> int | None:
    return integer(item.get("id")) if isinstance(item, dict) else None


def _words(item: dict[str, Any]) -> tuple[str, str, str]:
    url, status, secret = (str(item.get(name) or "") for name in ("url", "status", "secret_key"))
    return url, status, secret


async def fetch_confirmation(client: httpx.AsyncClient, api_url: str, credentials: Credentials) -> str:
    """The string that VK will expect when it checks an address next. Raises SendFailed."""
    response = await _Groups(client, api_url, credentials).call("getCallbackConfirmationCode")
    code = response.get("code") if isinstance(response, dict) else None
    if not isinstance(code, str) or not code:
        raise not_understood("groups.getCallbackConfirmationCode")
    return code


async def connect(client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str) -> None:
    """Let VK deliver every event that we understand to this address.

    A new or changed server is checked by VK at once, with the confirmation string fetched just before; that string is
    spent by the check. So a server that works is left as it is, and one call checks at most once. Raises SendFailed.
    """
    if len(credentials.secret) > SECRET_LIMIT:
        reason = f"Секретный ключ страницы длиннее {SECRET_LIMIT} знаков, ВКонтакте такого не примет."
        raise SendFailed(FailureKind.PERMANENT, reason)
    groups = _Groups(client, api_url, credentials)
    number = await _set_up(groups, await groups.server(webhook_url), webhook_url, credentials.secret)
    await groups.call(
        "setCallbackSettings", server_id=number, api_version=VERSION, **dict.fromkeys(UNDERSTOOD_EVENTS, 1)
    )
    server = await groups.server(webhook_url)
    if server is None or server.status == "failed":
        reason = "ВКонтакте не подтвердила адрес: он не ответил строкой подтверждения. Попробуем ещё раз."
        raise SendFailed(FailureKind.RETRY, reason, code="not-confirmed", retry_after_seconds=RETRY_SECONDS)


async def _set_up(groups: _Groups, known: _Server | None, url: str, secret: str) -> int:
    """The number of the server, added or mended if need be."""
    if known is not None and known.status == CONFIRMED and known.secret in ("", secret):
        return known.number
    if known is not None:
        await groups.call("editCallbackServer", server_id=known.number, url=url, title=TITLE, secret_key=secret)
        return known.number
    response = await groups.call("addCallbackServer", url=url, title=TITLE, secret_key=secret)
    number = integer(response.get("server_id")) if isinstance(response, dict) else None
    if not number:
        raise not_understood("groups.addCallbackServer")
    return number


async def problem(client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str) -> str | None:
    """Why VK delivers nothing, or not everything, to this address. Raises SendFailed."""
    groups = _Groups(client, api_url, credentials)
    server = await groups.server(webhook_url)
    if server is None:
        return "ВКонтакте не знает адреса этой страницы: подключите её (appeals pages connect)."
    if server.status == "failed":
        return "ВКонтакте отключила адрес этой страницы: он не подтверждён или отвечал ошибками."
    if server.status != CONFIRMED:
        return "ВКонтакте ещё не подтвердила адрес этой страницы."
    if server.secret not in ("", credentials.secret):
        return "Во ВКонтакте у адреса другой секретный ключ, доставки отвергаются: подключите страницу заново."
    missing = await _missing_events(groups, server.number)
    return f"ВКонтакте не присылает часть событий: {', '.join(missing)}." if missing else None


async def _missing_events(groups: _Groups, server_id: int) -> list[str]:
    response = await groups.call("getCallbackSettings", server_id=server_id)
    events = response.get("events") if isinstance(response, dict) else None
    if not isinstance(events, dict):
        raise not_understood("groups.getCallbackSettings")
    return [name for name in UNDERSTOOD_EVENTS if integer(events.get(name)) != 1 and events.get(name) is not True]
