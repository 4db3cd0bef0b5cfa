"""Calls of the Odnoklassniki API: the Graph API of the group's bot, and the classic signed REST API.

Source: apiok.ru, Bot API and REST API. The Graph API takes its token in the query and nowhere else, so the address of
a call is a secret: it goes into no log, error or repr. REST calls carry theirs in a form.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.ok_errors import refusal
from app.platforms.untrusted import NotJson, decode_json, integer

UNAVAILABLE_WAIT_SECONDS = 5.0
MISCONFIGURED_WAIT_SECONDS = 60.0
# The request has certainly not reached the platform; after any other fault of the network it may have.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Session:
    """An administrator's OAuth session of an application: what signed calls need."""

    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    token: str = field(repr=False)

    def signature(self, params: Mapping[str, str]) -> str:
        """md5 of the sorted parameters and the session's secret, as the REST API wants it."""
        secret = _md5(self.token + self.app_secret)
        return _md5("".join(f"{name}={params[name]}" for name in sorted(params)) + secret)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class _Call:
    """What is called, for the sentences; whether it may leave something behind; whose token it carries."""

    method: str
    is_sending: bool
    is_administrator: bool


def group_token(credentials: Credentials) -> str:
    """The group's token. Raises SendFailed if the page has none."""
    if not credentials.access_token:
        reason = "У группы не указан ключ доступа: получите его в настройках группы и впишите (appeals pages update)."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason)
    return credentials.access_token


def administrator(credentials: Credentials) -> Session:
    """The session for comments. Raises SendFailed if a part of it is missing."""
    if not (credentials.app_key and credentials.app_secret and credentials.user_token):
        reason = (
            "Комментарии Одноклассников доступны только с ключом администратора группы и ключами приложения: "
            "впишите их (appeals pages update) или отвечайте вручную."
        )
        raise SendFailed(FailureKind.HANDS_NEEDED, reason)
    return Session(credentials.app_key, credentials.app_secret, credentials.user_token)


def chat_path(before: str, chat: str, after: str = "") -> str:
    """A path with the id of a chat in it: "/graph/chat:C1/messages"."""
    return f"{before}{quote(chat.encode('utf-8', 'replace'), safe=':')}{after}"


async def graph(
    client: httpx.AsyncClient,
    api_url: str,
    token: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
    is_sending: bool = False,
) -> Any:
    """What the Graph API answers: POST with a `body`, GET without. Raises SendFailed and nothing else."""
    options: dict[str, Any] = {"params": {**(query or {}), "access_token": token}}
    if body is not None:
        options |= {"json": body, "headers": {"Content-Type": "application/json;charset=utf-8"}}
    call = _Call(path.rsplit("/", 1)[-1], is_sending, is_administrator=False)
    return await _request(client, "GET" if body is None else "POST", api_url.rstrip("/") + path, options, call)


async def rest(
    client: httpx.AsyncClient,
    api_url: str,
    session: Session,
    method: str,
    params: Mapping[str, str],
    *,
    is_sending: bool = False,
) -> Any:
    """What a method of the REST API answers. Raises SendFailed and nothing else."""
    signed = {**params, "application_key": session.app_key, "method": method, "format": "json"}
    form = {**signed, "sig": session.signature(signed), "access_token": session.token}
    call = _Call(method, is_sending, is_administrator=True)
    return await _request(client, "POST", api_url.rstrip("/") + "/fb.do", {"data": form}, call)


async def _request(client: httpx.AsyncClient, verb: str, url: str, options: dict[str, Any], call: _Call) -> Any:
    try:
        answer = await client.request(verb, url, **options)
    except UnicodeEncodeError as error:
        reason = "В ключах или тексте есть знаки, которые нельзя передать: впишите их заново."
        raise SendFailed(FailureKind.HANDS_NEEDED, reason, method=call.method) from error
    except NOT_SENT as error:
        reason = f"Нет связи с Одноклассниками ({type(error).__name__})."
        raise _unsettled(call, "network", reason, may_be_done=False) from None
    except httpx.HTTPError as error:
        raise _unsettled(call, "network", f"Связь с Одноклассниками оборвалась ({type(error).__name__}).") from None
    return _response(answer, call)


def _response(answer: httpx.Response, call: _Call) -> Any:
    """The answer's JSON; an error object counts whatever the HTTP status."""
    try:
        body = decode_json(answer.content)
    except NotJson:
        body = None
    if isinstance(body, dict) and body.get("error_code") is not None:
        raise refusal(
            integer(body["error_code"]), body.get("error_msg"), call.method,
            is_sending=call.is_sending, is_administrator=call.is_administrator,
        )  # fmt: skip
    if answer.status_code != httpx.codes.OK:
        raise _http_failure(answer, call)
    if body is None:
        raise not_understood(call.method, is_sending=call.is_sending)
    return body


def _http_failure(answer: httpx.Response, call: _Call) -> SendFailed:
    status = answer.status_code
    code, reason = f"http-{status}", f"Одноклассники недоступны (ответ HTTP {status})."
    if status >= 500:
        return _unsettled(call, code, reason)
    is_limit = status == httpx.codes.TOO_MANY_REQUESTS
    least = UNAVAILABLE_WAIT_SECONDS if is_limit else MISCONFIGURED_WAIT_SECONDS
    wait = max(least, float(integer(answer.headers.get("Retry-After")) or 0))
    return SendFailed(
        FailureKind.RETRY, reason, code=code, retry_after_seconds=wait, method=call.method, is_of_page=is_limit
    )


def _unsettled(call: _Call, code: str, reason: str, *, may_be_done: bool = True) -> SendFailed:
    """Nobody told the outcome. It matters only for what people would see twice."""
    is_in_doubt = call.is_sending and may_be_done
    kind, more = (
        (FailureKind.UNKNOWN, "Неизвестно, дошёл ли ответ: проверим.")
        if is_in_doubt
        else (FailureKind.RETRY, "Попробуем ещё раз.")
    )
    return SendFailed(
        kind, f"{reason} {more}", code=code, retry_after_seconds=UNAVAILABLE_WAIT_SECONDS, method=call.method
    )


def not_understood(method: str, *, is_sending: bool) -> SendFailed:
    """An answer that is none of this API; what was asked for may have been done."""
    call = _Call(method, is_sending, is_administrator=False)
    return _unsettled(call, "not-understood", "Одноклассники ответили непонятно.")
