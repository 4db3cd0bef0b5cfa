"""The webhook of a bot of MAX: asked for, and watched. Source: dev.max.ru/docs-api/methods/POST/subscriptions."""

import re
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.max_api import call, not_understood
from app.platforms.max_events import EVENT_TYPES

PATH = "/subscriptions"
SECRET = re.compile(r"[A-Za-z0-9_-]{5,256}")


async def subscribe(client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str) -> None:
    """Have all events delivered to this address. Raises SendFailed."""
    if not SECRET.fullmatch(credentials.secret):
        reason = "Секрет страницы не подходит MAX: от 5 до 256 латинских букв, цифр, знаков _ и -. Впишите другой."
        raise SendFailed(FailureKind.PERMANENT, reason, method=f"POST {PATH}")
    content = {"url": webhook_url, "update_types": list(EVENT_TYPES), "secret": credentials.secret}
    await call(client, api_url, credentials, "POST", PATH, content=content)


async def problem(client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str) -> str | None:
    """Why nothing is delivered to this address, None if MAX delivers. Raises SendFailed."""
    answer = await call(client, api_url, credentials, "GET", PATH)
    listed = answer.get("subscriptions")
    if not isinstance(listed, list):
        raise not_understood(f"GET {PATH}", FailureKind.RETRY)
    ours = [one for one in listed if isinstance(one, dict) and one.get("url") == webhook_url]
    if not ours:
        return (
            "MAX не доставляет события этой страницы: подписки нет. Он снимает её сам, если адрес 8 часов не отвечал. "
            "Подключите страницу снова."
        )
    missing = _missing(ours[0].get("update_types"))
    return f"MAX доставляет не все события, нет: {', '.join(missing)}. Подключите страницу снова." if missing else None


def _missing(subscribed: Any) -> list[str]:
    """The events that we need and are not told of; without a list MAX tells everything."""
    if not isinstance(subscribed, list) or not subscribed:
        return []
    return [name for name in EVENT_TYPES if name not in subscribed]
