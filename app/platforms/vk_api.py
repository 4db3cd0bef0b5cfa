"""Calls of the VK API: POST {api_url}/method/<name>, form-encoded, version 5.199."""

from collections.abc import Mapping
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.untrusted import NotJson, decode_json, integer, storable
from app.platforms.vk_errors import REMEDIES, UNKNOWN_ERROR

VERSION = "5.199"
USERS_PER_CALL = 1000  # users.get
GROUPS_PER_CALL = 500  # groups.getById
UNAVAILABLE_WAIT_SECONDS = 5.0
MISCONFIGURED_WAIT_SECONDS = 60.0


async def call(
    client: httpx.AsyncClient, api_url: str, token: str, method: str, params: Mapping[str, str | int]
) -> Any:
    """The `response` of a method. Raises SendFailed and nothing else.

    The token travels in a header: it must not appear in access logs of a proxy.
    """
    try:
        answer = await client.post(
            f"{api_url.rstrip('/')}/method/{method}",
            data={**params, "v": VERSION},
            headers={"Authorization": f"Bearer {token}"},
        )
    except UnicodeEncodeError as error:  # headers are ASCII, and so are VK's keys
        reason = "В ключе доступа есть знаки, которых в ключах ВКонтакте не бывает: впишите ключ заново."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason, method=method) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # VK repeats are harmless (random_id, guid), so an unknown outcome is simply tried again.
        reason = f"Нет связи с ВКонтакте ({type(error).__name__}), отправим ещё раз."
        raise _unavailable(method, reason, "network", UNAVAILABLE_WAIT_SECONDS) from error
    return _response(answer, method)


def _response(answer: httpx.Response, method: str) -> Any:
    if answer.status_code != httpx.codes.OK:
        raise _http_failure(answer, method)
    try:
        body = decode_json(answer.content)
    except NotJson:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        raise refusal(integer(body["error"].get("error_code")), body["error"].get("error_msg"), method)
    if not isinstance(body, dict) or "response" not in body:
        raise not_understood(method)
    return body["response"]


def _http_failure(answer: httpx.Response, method: str) -> SendFailed:
    """VK answers 200 even to errors: another status comes from a proxy, an outage or a wrong base address."""
    is_outage = answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    least = UNAVAILABLE_WAIT_SECONDS if is_outage else MISCONFIGURED_WAIT_SECONDS
    wait = max(least, float(integer(answer.headers.get("Retry-After")) or 0))
    reason = f"ВКонтакте недоступна (ответ HTTP {answer.status_code}), отправим ещё раз."
    return _unavailable(method, reason, f"http-{answer.status_code}", wait)


def _unavailable(method: str, reason: str, code: str, wait_seconds: float) -> SendFailed:
    return SendFailed(FailureKind.RETRY, reason, code=code, retry_after_seconds=wait_seconds, method=method)


def not_understood(method: str) -> SendFailed:
    """An answer that is no answer of VK; the request may have been carried out."""
    reason = "ВКонтакте ответила непонятно, отправим ещё раз."
    return _unavailable(method, reason, "not-understood", UNAVAILABLE_WAIT_SECONDS)


def refusal(code: int | None, message: object, method: str) -> SendFailed:
    """An error of VK, or of one recipient, with what to do about it."""
    remedy = REMEDIES.get(code or 0, UNKNOWN_ERROR)
    said = storable(message)[:200] if isinstance(message, str) else ""
    reason = f"{remedy.sentence} Код ВКонтакте {code if code is not None else 'не указан'}" + (
        f": {said}" if said else "."
    )
    return SendFailed(
        remedy.kind,
        reason,
        code=str(code or ""),
        retry_after_seconds=remedy.wait_seconds,
        method=method,
        is_of_page=remedy.is_of_page,
    )


def page_token(credentials: Credentials) -> str:
    """The community's token. Raises SendFailed if the page has none."""
    if not credentials.access_token:
        reason = "У страницы не указан ключ доступа сообщества: впишите его (appeals pages update)."
        raise SendFailed(FailureKind.PAGE_STOPPED, reason)
    return credentials.access_token


async def names(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, external_ids: list[str]
) -> dict[str, str]:
    """Names of people (users.get) and communities (groups.getById, negative ids). Raises SendFailed."""
    token = page_token(credentials)
    numbers = sorted({number for external_id in external_ids if (number := integer(external_id))})
    people = [number for number in numbers if number > 0]
    communities = [-number for number in numbers if number < 0]
    found: dict[str, str] = {}
    for start in range(0, len(people), USERS_PER_CALL):
        ids = ",".join(map(str, people[start : start + USERS_PER_CALL]))
        found |= _people(await call(client, api_url, token, "users.get", {"user_ids": ids}))
    for start in range(0, len(communities), GROUPS_PER_CALL):
        ids = ",".join(map(str, communities[start : start + GROUPS_PER_CALL]))
        found |= _communities(await call(client, api_url, token, "groups.getById", {"group_ids": ids}))
    return found


def _people(response: Any) -> dict[str, str]:
    return {
        str(person["id"]): name
        for person in _objects(response)
        if (name := f"{_word(person.get('first_name'))} {_word(person.get('last_name'))}".strip())
    }


def _communities(response: Any) -> dict[str, str]:
    listed = response.get("groups") if isinstance(response, dict) else response  # a bare list before 5.139
    return {f"-{group['id']}": name for group in _objects(listed) if (name := _word(group.get("name")))}


def _objects(value: object) -> list[dict[str, Any]]:
    return (
        [item for item in value if isinstance(item, dict) and integer(item.get("id"))]
        if isinstance(value, list)
        else []
    )


def _word(value: object) -> str:
    return storable(value).strip() if isinstance(value, str) else ""


async def fetch_full_text(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, peer_id: str, conversation_message_id: str
) -> str | None:
    """The whole text of a private message that VK cut in the webhook (`is_cropped`). None if it is gone.

    Source: messages.getByConversationMessageId. Raises SendFailed.
    """
    method = "messages.getByConversationMessageId"
    params = {"peer_id": peer_id, "conversation_message_ids": conversation_message_id}
    response = await call(client, api_url, page_token(credentials), method, params)
    items = response.get("items") if isinstance(response, dict) else None
    message = items[0] if isinstance(items, list) and items else None
    text = message.get("text") if isinstance(message, dict) else None
    return storable(text) if isinstance(text, str) else None
