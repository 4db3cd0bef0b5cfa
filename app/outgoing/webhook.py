"""One signed webhook: its body, its signature, what the answer means. docs/outgoing.md tells those who receive it."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from app.outgoing.outcome import AWAY_PAUSE, NotTaken, Outcome, Taken, patience_of

WHOLE_SECONDS = 15.0
AGENT = "Appeals-Webhook/1"
GONE, TOO_MANY, AWAY = 410, 429, 503


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256 of "timestamp.body" in hex. The time is signed too: what was caught grows old."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def headers_of(secret: str, event: str, number: str, body: bytes, now: datetime) -> dict[str, str]:
    """Everything that tells the receiver who speaks."""
    timestamp = str(int(now.timestamp()))
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "Appeals-Event": event,
        "Appeals-Delivery": number,
        "Appeals-Timestamp": timestamp,
        "Appeals-Signature": signature(secret, timestamp, body),
    }


async def post(
    client: httpx.AsyncClient, url: str, secret: str, event: str, number: str, payload: Mapping[str, Any], now: datetime
) -> Outcome:
    """Tell it once. Only the status of the answer is read."""
    body = msgspec.json.encode(payload)
    headers = headers_of(secret, event, number, body, now)
    try:
        async with asyncio.timeout(WHOLE_SECONDS), client.stream("POST", url, content=body, headers=headers) as answer:
            return outcome_of(answer.status_code, answer.headers.get("retry-after"), now)
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        return not_reached(error)


def not_reached(error: Exception) -> NotTaken:
    """Nobody answered, or we did not go there."""
    reason = "Система не ответила вовремя" if isinstance(error, httpx.TimeoutException | TimeoutError) else str(error)
    return NotTaken(reason or "Система не отвечает", pause=AWAY_PAUSE)


def outcome_of(status_code: int, retry_after: str | None, now: datetime) -> Outcome:
    """2xx: taken. 410: the system wants nothing more. Everything else is tried again."""
    if 200 <= status_code < 300:
        return Taken(status_code)
    if status_code == GONE:
        return NotTaken("Система ответила 410: событий больше не ждёт", status_code, is_final=True, is_gone=True)
    return NotTaken(f"Система ответила {status_code}", status_code, pause=_pause(status_code, retry_after, now))


def _pause(status_code: int, retry_after: str | None, now: datetime) -> timedelta | None:
    return patience_of(retry_after, now) if status_code in (TOO_MANY, AWAY) else None
