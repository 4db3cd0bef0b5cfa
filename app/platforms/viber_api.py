"""Calls of the Viber REST Bot API: POST {api_url}/pa/<method>, JSON, the bot's token in a header."""

from typing import Any

import httpx
import msgspec

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed, SentMessage
from app.platforms.untrusted import NotJson, decode_json, integer, storable
from app.platforms.viber_errors import REMEDIES, UNKNOWN_STATUS, WAIT_SECONDS
from app.platforms.viber_events import message_key

TEXT_LIMIT = 7000  # characters; not promised by Viber's own reference, but told by its partners
REQUEST_LIMIT_BYTES = 30 * 1024
BYTES_PER_CHARACTER = 4  # 7,000 of them leave 2,700 bytes of a request for all that is not text
SENDER_NAME = "Официальный ответ"  # at most 28 characters; the name of the bot stands above the conversation anyway
UNAVAILABLE_WAIT_SECONDS = 5.0
MISCONFIGURED_WAIT_SECONDS = 60.0
NOT_STARTED = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol,
    httpx.LocalProtocolError, httpx.InvalidURL,
)  # fmt: skip
NOT_TAKEN = (429, 503)  # any other 5xx may come after the request was carried out


def text_length(text: str) -> int:
    """UTF-16 units, or a quarter of the bytes where that is more: Viber limits characters and bytes."""
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    size = len(msgspec.json.encode(storable(text)))
    return max(units, -(-size // BYTES_PER_CHARACTER))


async def send_answer(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    """send_message. Raises SendFailed and nothing else: UNKNOWN when nobody told whether it was taken."""
    if not message.text.strip():
        raise SendFailed(FailureKind.PERMANENT, "Пустой ответ отправить нельзя.", code="4")
    if text_length(message.text) > TEXT_LIMIT:
        reason = f"Ответ длиннее {TEXT_LIMIT} знаков: сократите его или разделите на части."
        raise SendFailed(FailureKind.PERMANENT, reason, code="3")
    content = {
        "receiver": message.chat_external_id or message.author_external_id,
        "min_api_version": 1,
        "sender": {"name": SENDER_NAME},
        "tracking_data": message.idempotency_key,
        "type": "text",
        "text": storable(message.text),
    }
    answer = await call(client, api_url, credentials, "send_message", content, FailureKind.UNKNOWN)
    # Taken, even if its number is not told: the key of our own does no harm, for Viber echoes nothing.
    number = integer(answer.get("message_token")) or message.idempotency_key
    return SentMessage(external_id=str(number), key=message_key(number))


async def call(
    client: httpx.AsyncClient,
    api_url: str,
    credentials: Credentials,
    method: str,
    content: dict[str, Any],
    if_unclear: FailureKind = FailureKind.RETRY,
) -> dict[str, Any]:
    """The answer of a method whose status is 0.

    Raises SendFailed: `if_unclear` when the request may have been carried out although nobody told us.
    """
    if not credentials.access_token:
        reason = "У страницы не указан ключ доступа бота: впишите его (appeals pages update)."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason, method=method)
    try:
        answer = await client.post(
            f"{api_url.rstrip('/')}/pa/{method}",
            content=msgspec.json.encode(content),
            headers={"X-Viber-Auth-Token": credentials.access_token, "Content-Type": "application/json"},
        )
    except UnicodeEncodeError as error:  # headers are ASCII, and so are Viber's tokens
        reason = "В ключе доступа есть знаки, которых в ключах Viber не бывает: впишите ключ заново."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason, method=method) from error
    except NOT_STARTED as error:
        reason = f"Нет связи с Viber ({type(error).__name__}), попробуем ещё раз."
        raise _unavailable(method, reason, "network", UNAVAILABLE_WAIT_SECONDS) from error
    except httpx.HTTPError as error:
        raise _unclear(method, type(error).__name__, "network", if_unclear) from error
    return _result(answer, method, if_unclear)


def _result(answer: httpx.Response, method: str, if_unclear: FailureKind) -> dict[str, Any]:
    if answer.status_code != httpx.codes.OK:
        raise _http_failure(answer, method, if_unclear)
    try:
        body = decode_json(answer.content)
    except NotJson:
        body = None
    status = integer(body.get("status")) if isinstance(body, dict) else None
    if not isinstance(body, dict) or status is None:
        raise _unclear(method, "непонятный ответ", "not-understood", if_unclear)
    if status:
        raise _refusal(status, body.get("status_message"), method)
    return body


def _refusal(status: int, message: object, method: str) -> SendFailed:
    kind, sentence = REMEDIES.get(status, UNKNOWN_STATUS)
    said = storable(message)[:200] if isinstance(message, str) else ""
    reason = f"{sentence} Код Viber {status}" + (f": {said}" if said else ".")
    return SendFailed(kind, reason, code=str(status), retry_after_seconds=WAIT_SECONDS.get(status, 0.0), method=method)


def _http_failure(answer: httpx.Response, method: str, if_unclear: FailureKind) -> SendFailed:
    """Viber answers 200 even to errors: another status comes from an outage, a proxy or a wrong base address."""
    code, is_refused = answer.status_code, answer.status_code in NOT_TAKEN
    if code >= 500 and not is_refused:
        return _unclear(method, f"ответ HTTP {code}", f"http-{code}", if_unclear)
    least = UNAVAILABLE_WAIT_SECONDS if is_refused else MISCONFIGURED_WAIT_SECONDS
    wait = max(least, float(integer(answer.headers.get("Retry-After")) or 0))
    return _unavailable(method, f"Viber недоступен (ответ HTTP {code}), попробуем ещё раз.", f"http-{code}", wait)


def _unavailable(method: str, reason: str, code: str, wait_seconds: float) -> SendFailed:
    return SendFailed(FailureKind.RETRY, reason, code=code, retry_after_seconds=wait_seconds, method=method)


def _unclear(method: str, what: str, code: str, kind: FailureKind) -> SendFailed:
    """The request has left, and its fate is unknown."""
    if kind is FailureKind.RETRY:
        return _unavailable(method, f"Viber не ответил ({what}), попробуем ещё раз.", code, UNAVAILABLE_WAIT_SECONDS)
    reason = f"Viber не подтвердил ответ ({what}): проверьте переписку, прежде чем отправлять его снова."
    return SendFailed(kind, reason, code=code, method=method)
