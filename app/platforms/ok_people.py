"""Names behind the ids of Odnoklassniki. Source: apiok.ru, users.getInfo."""

from typing import Any

import httpx

from app.platforms.ok_api import Session, rest
from app.platforms.ok_fields import bare, first_identifier
from app.platforms.untrusted import title_of

PEOPLE_PER_CALL = 100


async def names(client: httpx.AsyncClient, api_url: str, session: Session, external_ids: list[str]) -> dict[str, str]:
    """Names by the ids as they were given, with or without "user:". Raises SendFailed."""
    numbers = sorted({number for external_id in external_ids if (number := _number(external_id))})
    found: dict[str, str] = {}
    for start in range(0, len(numbers), PEOPLE_PER_CALL):
        uids = ",".join(numbers[start : start + PEOPLE_PER_CALL])
        params = {"uids": uids, "fields": "uid,first_name,last_name,name"}
        found |= _people(await rest(client, api_url, session, "users.getInfo", params))
    return {
        external_id: found[number]
        for external_id in external_ids
        if (number := _number(external_id)) and number in found
    }


def _number(external_id: str) -> str | None:
    """A person's number; a group is none."""
    kind, _, number = external_id.rpartition(":")
    return number if kind in ("", "user") and number.isascii() and number.isdigit() else None


def _people(answer: Any) -> dict[str, str]:
    people = [person for person in (answer if isinstance(answer, list) else [answer]) if isinstance(person, dict)]
    return {
        bare(number): name
        for person in people
        if (number := first_identifier(person, "uid", "id")) and (name := _name(person))
    }


def _name(person: dict[str, Any]) -> str:
    parts = (title_of(person.get("first_name")), title_of(person.get("last_name")))
    return " ".join(part for part in parts if part) or title_of(person.get("name")) or ""
