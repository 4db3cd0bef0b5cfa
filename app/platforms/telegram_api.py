"""Calls of the Telegram Bot API: POST {api_url}/bot<token>/<method>, JSON.

The token is a part of the address, so no error may quote one: neither httpx's nor a proxy's page.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.telegram_errors import remedy_for
from app.platforms.untrusted import NotJson, decode_json, integer, storable

TOKEN = re.compile(r"[A-Za-z0-9_:.-]+")
UNAVAILABLE_WAIT_SECONDS = 5.0
MISCONFIGURED_WAIT_SECONDS = 60.0
SAID_LIMIT = 200

# Nothing has left this machine: a repeat cannot show twice.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


def bot_token(credentials: Credentials) -> str:
    """The page's token. Raises SendFailed if there is none, or none that can stand in an address."""
    token = credentials.access_token
    if not token:
        reason = "У страницы не указан токен бота: впишите его (appeals pages update)."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason)
    if not TOKEN.fullmatch(token):
        reason = "В токене бота есть знаки, которых в токенах Telegram не бывает: впишите его заново."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason)
    return token


async def call(
    client: httpx.AsyncClient,
    api_url: str,
    credentials: Credentials,
    method: str,
    params: Mapping[str, Any],
    *,
    is_repeatable: bool = True,
) -> Any:
    """The `result` of a method. Raises SendFailed: UNKNOWN where it may have been done and must not be repeated."""
    token = bot_token(credentials)
    lost = FailureKind.RETRY if is_repeatable else FailureKind.UNKNOWN
    try:
        answer = await client.post(f"{api_url.rstrip('/')}/bot{token}/{method}", json=dict(params))
    except NOT_SENT as error:
        name = type(error).__name__
        raise _unavailable(FailureKind.RETRY, method, f"Нет связи с Telegram ({name})", "network") from None
    except httpx.HTTPError as error:
        name = type(error).__name__
        raise _unavailable(lost, method, f"Связь с Telegram прервалась ({name})", "network") from None
    return _result(answer, method, lost, token)


def _result(answer: httpx.Response, method: str, lost: FailureKind, token: str) -> Any:
    try:
        body = decode_json(answer.content)
    except NotJson:
        body = None
    if isinstance(body, dict) and body.get("ok") is True and body.get("result") is not None:
        return body["result"]
    if isinstance(body, dict) and body.get("ok") is False:
        raise _refusal(body, answer, method, lost, token)
    raise _strange(answer, method, lost)


def _refusal(body: dict[str, Any], answer: httpx.Response, method: str, lost: FailureKind, token: str) -> SendFailed:
    code = integer(body.get("error_code")) or answer.status_code
    description = body.get("description")
    said = storable(description).replace(token, "…")[:SAID_LIMIT] if isinstance(description, str) else ""
    given = body.get("parameters")
    parameters: dict[str, Any] = given if isinstance(given, dict) else {}
    if code == httpx.codes.TOO_MANY_REQUESTS:
        return _flood(method, _seconds(parameters.get("retry_after")) or _asked_wait(answer))
    if moved_to := integer(parameters.get("migrate_to_chat_id")):
        reason = "Группа обсуждений стала супергруппой, отправим ответ туда."
        return SendFailed(FailureKind.RETRY, reason, code=str(code), method=method, discussion_id=str(moved_to))
    if code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _unavailable(lost, method, f"Внутренняя ошибка Telegram ({code})", str(code))
    remedy = remedy_for(code, said)
    reason = f"{remedy.sentence} Код Telegram {code}" + (f": {said}" if said else ".")
    return SendFailed(remedy.kind, reason, code=str(code), method=method)


def _flood(method: str, wait_seconds: float) -> SendFailed:
    """Too many requests: Telegram lengthens the pause for a bot that does not keep it, so all answers wait."""
    reason = "Telegram просит подождать: слишком много сообщений подряд, отправим ещё раз."
    wait = max(wait_seconds, 1.0)
    return SendFailed(FailureKind.RETRY, reason, code="429", retry_after_seconds=wait, method=method, is_of_page=True)


def _strange(answer: httpx.Response, method: str, lost: FailureKind) -> SendFailed:
    """An answer that is none of Telegram's: from a proxy, an outage or a wrong base address."""
    status = answer.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return _flood(method, _asked_wait(answer))
    if answer.is_success:
        return _unavailable(lost, method, "Telegram ответил непонятно", "not-understood")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _unavailable(lost, method, f"Telegram недоступен (ответ HTTP {status})", f"http-{status}")
    reason = f"Адрес API Telegram отвечает HTTP {status}: проверьте настройку адреса"
    return _unavailable(FailureKind.RETRY, method, reason, f"http-{status}", MISCONFIGURED_WAIT_SECONDS)


def _asked_wait(answer: httpx.Response) -> float:
    return _seconds(answer.headers.get("Retry-After")) or UNAVAILABLE_WAIT_SECONDS


def _seconds(value: object) -> float:
    return float(max(integer(value) or 0, 0))


def _unavailable(
    kind: FailureKind, method: str, what: str, code: str, wait_seconds: float = UNAVAILABLE_WAIT_SECONDS
) -> SendFailed:
    what_next = "отправим ещё раз" if kind is FailureKind.RETRY else "неизвестно, дошёл ли ответ: проверьте в чате"
    return SendFailed(kind, f"{what}, {what_next}.", code=code, retry_after_seconds=wait_seconds, method=method)


def not_understood(method: str) -> SendFailed:
    """A result that is no message: it was taken, but nobody knows under which number."""
    return _unavailable(FailureKind.UNKNOWN, method, "Telegram ответил непонятно", "not-understood")
