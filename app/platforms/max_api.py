"""Calls of the MAX Bot API: JSON over HTTP, the bot's token in the header `Authorization`.

Source: dev.max.ru/docs-api; errors are `{"code", "message"}` with an HTTP status.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.max_errors import CODES, STATUSES, UNKNOWN_STATUS
from app.platforms.untrusted import NotJson, decode_json, integer, storable

TOKEN = re.compile(r"[!-~]+")
BUSY_WAIT_SECONDS = 1.0  # doubled by the outbox with every attempt: MAX does not document how long to wait
UNAVAILABLE_WAIT_SECONDS = 5.0
MISCONFIGURED_WAIT_SECONDS = 60.0
SAID_LIMIT = 200
CODE_LIMIT = 40
BUSY = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)

# Nothing has left this machine: a repeat cannot show twice.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


def bot_token(credentials: Credentials) -> str:
    """The page's token. Raises SendFailed if there is none, or none that can stand in a header."""
    token = credentials.access_token
    if not token:
        reason = "У страницы не указан токен бота: впишите его (appeals pages update)."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason)
    if not TOKEN.fullmatch(token):
        reason = "В токене бота есть знаки, которых в токенах MAX не бывает: впишите его заново."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason)
    return token


async def call(
    client: httpx.AsyncClient,
    api_url: str,
    credentials: Credentials,
    method: str,
    path: str,
    *,
    params: Mapping[str, str | int] | None = None,
    content: Mapping[str, Any] | None = None,
    is_repeatable: bool = True,
) -> dict[str, Any]:
    """The answer to `method` ("GET", "POST") of `path`.

    Raises SendFailed: UNKNOWN where it may have been done and must not be repeated (not `is_repeatable`).
    """
    headers, name = {"Authorization": bot_token(credentials)}, f"{method} {path}"
    lost = FailureKind.RETRY if is_repeatable else FailureKind.UNKNOWN
    try:
        answer = await client.request(method, api_url.rstrip("/") + path, params=params, json=content, headers=headers)
    except NOT_SENT as error:
        raise _not_sent(error, name) from error
    except httpx.HTTPError as error:
        raise _unclear(lost, name, f"Связь с MAX прервалась ({type(error).__name__})", "network") from error
    return _result(answer, name, lost)


def _not_sent(error: Exception, name: str) -> SendFailed:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        reason = (
            "Сертификат MAX не вызывает доверия: он выдан российским удостоверяющим центром. "
            "Впишите файл с его корневым сертификатом в APPEALS_MAX_CA_FILE, отправим ещё раз."
        )
        return _later(name, reason, "certificate", MISCONFIGURED_WAIT_SECONDS)
    reason = f"Нет связи с MAX ({type(error).__name__}), отправим ещё раз."
    return _later(name, reason, "network", UNAVAILABLE_WAIT_SECONDS)


def _result(answer: httpx.Response, name: str, lost: FailureKind) -> dict[str, Any]:
    try:
        body = decode_json(answer.content)
    except NotJson:
        body = None
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    if answer.is_success and told and told.get("success") is not False:
        return told
    if answer.is_success and told:
        raise _refusal(answer, told, name)
    if answer.is_success:
        raise not_understood(name, lost)
    raise _failure(answer, told, name, lost)


def _failure(answer: httpx.Response, told: dict[str, Any], name: str, lost: FailureKind) -> SendFailed:
    status = answer.status_code
    if status in BUSY:
        return _busy(answer, told, name)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _unclear(lost, name, f"Внутренняя ошибка MAX (ответ HTTP {status})", _code(told) or f"http-{status}")
    if status in STATUSES or _code(told) in CODES or (told and answer.is_client_error):
        return _refusal(answer, told, name)
    reason = f"Адрес API MAX отвечает HTTP {status}: проверьте настройку адреса, отправим ещё раз."
    return _later(name, reason, f"http-{status}", MISCONFIGURED_WAIT_SECONDS)


def _busy(answer: httpx.Response, told: dict[str, Any], name: str) -> SendFailed:
    """Too many requests (of the page: the others wait too), or MAX asks for a pause: nothing was taken."""
    wait = float(max(integer(answer.headers.get("Retry-After")) or 0, 0)) or BUSY_WAIT_SECONDS
    is_flood = answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    reason = (
        "Слишком много запросов к MAX, отправим ещё раз." if is_flood else "MAX временно недоступен, отправим ещё раз."
    )
    code = _code(told) or f"http-{answer.status_code}"
    return SendFailed(FailureKind.RETRY, reason, code=code, retry_after_seconds=wait, method=name, is_of_page=is_flood)


def _refusal(answer: httpx.Response, told: dict[str, Any], name: str) -> SendFailed:
    """MAX says why not, and has not done it."""
    code, message = _code(told), told.get("message")
    kind, sentence = CODES.get(code) or STATUSES.get(answer.status_code, UNKNOWN_STATUS)
    said = storable(message)[:SAID_LIMIT] if isinstance(message, str) else ""
    reason = f"{sentence} Код MAX {code or answer.status_code}" + (f": {said}" if said else ".")
    wait = BUSY_WAIT_SECONDS if kind is FailureKind.RETRY else 0.0
    return SendFailed(kind, reason, code=code or f"http-{answer.status_code}", retry_after_seconds=wait, method=name)


def _code(told: dict[str, Any]) -> str:
    code = told.get("code")
    return storable(code)[:CODE_LIMIT] if isinstance(code, str) else ""


def not_understood(name: str, lost: FailureKind) -> SendFailed:
    """An answer that is none of MAX's; the request may have been carried out."""
    return _unclear(lost, name, "MAX ответил непонятно", "not-understood")


def _unclear(kind: FailureKind, name: str, what: str, code: str) -> SendFailed:
    what_next = "отправим ещё раз" if kind is FailureKind.RETRY else "неизвестно, дошёл ли ответ: проверим"
    reason = f"{what}, {what_next}."
    return SendFailed(kind, reason, code=code, retry_after_seconds=UNAVAILABLE_WAIT_SECONDS, method=name)


def _later(name: str, reason: str, code: str, wait_seconds: float) -> SendFailed:
    return SendFailed(FailureKind.RETRY, reason, code=code, retry_after_seconds=wait_seconds, method=name)
