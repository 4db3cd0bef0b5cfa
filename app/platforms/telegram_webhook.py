"""The webhook's registration and the files behind `file_id`.

Source: setWebhook, getWebhookInfo and getFile of Bot API 10.3.
"""

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from app.platforms.base import Credentials, FailureKind, FileSource, SendFailed
from app.platforms.telegram_api import bot_token, call
from app.platforms.telegram_events import UPDATES
from app.platforms.untrusted import instant, integer, storable

SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
MOST_CONNECTIONS = 40  # Telegram's own default
RECENT = timedelta(minutes=30)  # Telegram repeats every one or two minutes at most, so a trouble that lasts is newer
MANY_PENDING = 100
FILE_LIMIT_BYTES = 20 * 1024 * 1024  # what the public Bot API server gives out
REASON_LIMIT = 200
_NO_FILE = ("too big", "wrong file", "invalid file", "file_id")


async def set_webhook(client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str) -> None:
    """Ask for every update that we read. Raises SendFailed."""
    if not SECRET.fullmatch(credentials.secret):
        reason = "Секрет вебхука Telegram: от 1 до 256 латинских букв, цифр, знаков «_» и «-». Впишите другой."
        raise SendFailed(FailureKind.PERMANENT, reason)
    params = {
        "url": webhook_url,
        "secret_token": credentials.secret,
        "allowed_updates": list(UPDATES),
        "max_connections": MOST_CONNECTIONS,
        "drop_pending_updates": False,
    }
    await call(client, api_url, credentials, "setWebhook", params)


async def webhook_problem(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, webhook_url: str, now: datetime
) -> str | None:
    """Why updates do not come, None while they do. Raises SendFailed."""
    result = await call(client, api_url, credentials, "getWebhookInfo", {})
    info: dict[str, Any] = result if isinstance(result, dict) else {}
    if not info.get("url"):
        return "Вебхук Telegram не подключён: подключите страницу заново."
    if info["url"] != webhook_url:
        return "Telegram доставляет на другой адрес: подключите страницу заново."
    allowed = info.get("allowed_updates")  # absent where it is Telegram's default, which has all of ours
    if isinstance(allowed, list) and allowed and not all(name in allowed for name in UPDATES):
        return "Telegram присылает не все события: подключите страницу заново."
    return _backlog(info, now)


def _backlog(info: dict[str, Any], now: datetime) -> str | None:
    """Telegram keeps its last error for ever: it counts while something waits and it is not old."""
    waiting = integer(info.get("pending_update_count")) or 0
    failed_at, said = instant(info.get("last_error_date")), info.get("last_error_message")
    if waiting and failed_at and now - failed_at < RECENT:
        words = storable(said)[:REASON_LIMIT] if isinstance(said, str) else "причина не названа"
        return f"Telegram не может доставить события ({words}), ждут: {waiting}."
    return f"У Telegram скопились недоставленные события: {waiting}." if waiting >= MANY_PENDING else None


async def file_source(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, file_id: str
) -> FileSource | None:
    """Where the file can be fetched within the hour; None for one that Telegram does not give. Raises SendFailed."""
    try:
        result = await call(client, api_url, credentials, "getFile", {"file_id": file_id})
    except SendFailed as failure:
        if failure.code == "400" and any(words in failure.reason.casefold() for words in _NO_FILE):
            return None
        raise
    info: dict[str, Any] = result if isinstance(result, dict) else {}
    path = info.get("file_path")
    if (integer(info.get("file_size")) or 0) > FILE_LIMIT_BYTES or not isinstance(path, str) or not _is_plain(path):
        return None
    return FileSource(f"{api_url.rstrip('/')}/file/bot{bot_token(credentials)}/{quote(storable(path))}")


def _is_plain(path: str) -> bool:
    """A path below the bot's own folder; a server of one's own may give a path on its disk, which is no address."""
    return bool(path) and not path.startswith("/") and ".." not in path.split("/")
