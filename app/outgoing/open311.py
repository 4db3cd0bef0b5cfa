"""Open311 GeoReport v2 as a way out: an appeal becomes a service request of the department's own system.

https://wiki.open311.org/GeoReport_v2: form-urlencoded in, lists of objects out. The protocol has no idempotency key:
a request that may have arrived is not sent again by itself.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from app.outgoing.outcome import NotTaken, Outcome, Taken
from app.outgoing.webhook import not_reached, outcome_of
from app.outward import AddressRefused
from app.platforms.untrusted import NotJson, decode_json, storable

WHOLE_SECONDS = 30.0
MOST_ANSWER_BYTES = 256 * 1024
LONGEST_DESCRIPTION = 4000
LONGEST_ID = 200
LONGEST_NOTES = 2000
IN_DOUBT = "Система не ответила: неизвестно, приняла ли она обращение. Проверьте там и, если его нет, повторите."
NO_NUMBER = "Система приняла обращение, но не назвала номера заявки"


class AnswerNotUnderstood(Exception):
    """An Open311 server answered something else than the protocol says. Says what in a Russian sentence."""


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What a server says of a service request. `status` is "open" or "closed"."""

    status: str
    notes: str


def request_fields(payload: Mapping[str, Any], services: Mapping[str, str], api_key: str) -> dict[str, str]:
    """The form of one appeal. Where there is a point it is told, else the territory by name; never the author."""
    appeal, place = payload["appeal"], payload.get("place") or {}
    fields = {
        "api_key": api_key,
        "service_code": services.get(appeal.get("topic") or "", services.get("", "")),
        "description": str(appeal["text"] or "Без текста")[:LONGEST_DESCRIPTION],
        "account_id": str(appeal["id"]),
    }
    if place.get("latitude") is not None and place.get("longitude") is not None:
        fields |= {"lat": str(place["latitude"]), "long": str(place["longitude"])}
    else:
        fields["address_string"] = place.get("territory") or "Место не указано"
    return fields


async def hand_over(client: httpx.AsyncClient, url: str, fields: Mapping[str, str], now: datetime) -> Outcome:
    """POST a service request. What may have arrived without an answer is final: a person looks."""
    try:
        status, body, patience = await _ask(client, "POST", f"{url}/requests.json", data=fields)
    except (httpx.ConnectError, httpx.ConnectTimeout, AddressRefused) as error:
        return not_reached(error)
    except (httpx.HTTPError, TimeoutError, OSError):
        return NotTaken(IN_DOUBT, is_final=True)
    outcome = outcome_of(status, patience, now)
    if isinstance(outcome, NotTaken):
        return _refused(outcome, body)
    try:
        found = _first(body)
    except AnswerNotUnderstood:
        return Taken(status, note=NO_NUMBER)
    number, token = _text(found, "service_request_id", LONGEST_ID), _text(found, "token", LONGEST_ID)
    return Taken(status, number or None, token or None, note=None if number or token else NO_NUMBER)


def _refused(outcome: NotTaken, body: bytes) -> NotTaken:
    """A 4xx is about this very form; the server says in its own words what is wrong with it."""
    code = outcome.status_code or 0
    if not 400 <= code < 500 or code in (408, 410, 429):
        return outcome
    try:
        words = _text(_first(body), "description", LONGEST_NOTES)
    except AnswerNotUnderstood:
        words = ""
    return NotTaken(f"{outcome.reason}: {words}" if words else outcome.reason, code, is_final=True)


async def number_of(client: httpx.AsyncClient, url: str, token: str) -> str | None:
    """The request behind a token, None while there is none. Raises AnswerNotUnderstood, httpx.HTTPError, OSError."""
    status, body, _ = await _ask(client, "GET", f"{url}/tokens/{quote(token, safe='')}.json")
    if status == 404:
        return None
    _require_success(status)
    return _text(_first(body), "service_request_id", LONGEST_ID) or None


async def status_of(client: httpx.AsyncClient, url: str, number: str) -> RequestStatus:
    """How the request stands. Raises AnswerNotUnderstood, httpx.HTTPError, OSError."""
    status, body, _ = await _ask(client, "GET", f"{url}/requests/{quote(number, safe='')}.json")
    _require_success(status)
    found = _first(body)
    state = _text(found, "status", LONGEST_ID).lower()
    if state not in ("open", "closed"):
        raise AnswerNotUnderstood("Система назвала незнакомое состояние заявки")
    return RequestStatus(state, _text(found, "status_notes", LONGEST_NOTES))


async def services(client: httpx.AsyncClient, url: str) -> list[str]:
    """The codes that the server knows. Raises AnswerNotUnderstood, httpx.HTTPError, OSError."""
    status, body, _ = await _ask(client, "GET", f"{url}/services.json")
    _require_success(status)
    return [_text(one, "service_code", LONGEST_ID) for one in _all(body)]


async def _ask(client: httpx.AsyncClient, method: str, url: str, **content: Any) -> tuple[int, bytes, str | None]:
    body = bytearray()
    async with asyncio.timeout(WHOLE_SECONDS), client.stream(method, url, **content) as answer:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MOST_ANSWER_BYTES:
                break
        return answer.status_code, bytes(body), answer.headers.get("retry-after")


def _require_success(status: int) -> None:
    if not 200 <= status < 300:
        raise AnswerNotUnderstood(f"Система ответила {status}")


def _all(body: bytes) -> list[Mapping[str, Any]]:
    try:
        found = decode_json(body)
    except NotJson as error:
        raise AnswerNotUnderstood("Система ответила не в JSON") from error
    if not isinstance(found, list):
        raise AnswerNotUnderstood("Система ответила не списком, как велит Open311")
    return [one for one in found if isinstance(one, dict)]


def _first(body: bytes) -> Mapping[str, Any]:
    found = _all(body)
    if not found:
        raise AnswerNotUnderstood("Система ответила пустым списком")
    return found[0]


def _text(found: Mapping[str, Any], name: str, longest: int) -> str:
    """A text, or a number that a server has written for one."""
    value = found.get(name)
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return storable(str(value)).strip()[:longest] if is_plain else ""
