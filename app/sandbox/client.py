"""The sandbox's side of the stand-in: what its part under /stand-in/ offers, called over HTTP."""

from typing import Any

import httpx

from app.errors import Invalid, Unavailable


class StandInAway(Unavailable):
    """The stand-in does not answer, or something else listens at that address."""


class StandInClient:
    """Writes as a citizen, reads what a visitor of the page sees, orders faults."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def feed(self, group_id: int) -> dict[str, Any]:
        """Posts with threads of comments. Raises StandInAway, Invalid."""
        return await self._ask("GET", f"/stand-in/feed?group_id={group_id}")

    async def dialog(self, group_id: int, user_id: int) -> dict[str, Any]:
        """The private messages of one person with the page. Raises StandInAway, Invalid."""
        return await self._ask("GET", f"/stand-in/dialog?group_id={group_id}&user_id={user_id}")

    async def add_user(self, user_id: int, first_name: str, last_name: str) -> None:
        """Let a person exist. Raises StandInAway."""
        await self._ask("POST", "/stand-in/users", user_id=user_id, first_name=first_name, last_name=last_name)

    async def comment(self, **deed: Any) -> dict[str, Any]:
        """Write, edit or delete a comment; see vk_controls.CommentDeed. Raises StandInAway, Invalid."""
        return await self._ask("POST", "/stand-in/comments", **deed)

    async def message(self, **deed: Any) -> dict[str, Any]:
        """Write a private message; see vk_controls.MessageDeed. Raises StandInAway, Invalid."""
        return await self._ask("POST", "/stand-in/messages", **deed)

    async def misbehave(self, **fault: Any) -> None:
        """Order a fault; see misbehaviour.Misbehaviour. Raises StandInAway."""
        await self._ask("POST", "/stand-in/misbehave", **fault)

    async def _ask(self, verb: str, path: str, /, **body: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(verb, self._base_url + path, json=body or None)
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise StandInAway("Ненастоящий ВКонтакте не отвечает: песочница работает в `appeals up --demo`") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise StandInAway("По адресу ВКонтакте отвечает не песочница")
        if response.is_error:
            raise Invalid(f"Ненастоящий ВКонтакте отказал: {answer.get('error_msg', response.status_code)}")
        return answer
