"""The sandbox's side of the stand-in: what its part under /stand-in/ offers, called over HTTP."""

from typing import Any
from urllib.parse import urlencode

import httpx

from app.errors import Invalid, Unavailable


class StandInAway(Unavailable):
    """The stand-in does not answer, or something else listens at that address."""


class StandInClient:
    """Writes as a citizen, reads what a visitor of the page sees, orders faults."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def feed(self, **whose: Any) -> dict[str, Any]:
        """Posts with threads of comments. Raises StandInAway, Invalid."""
        return await self._ask("GET", f"/stand-in/feed?{urlencode(whose)}")

    async def dialog(self, **whose: Any) -> dict[str, Any]:
        """The private messages of one person with the page. Raises StandInAway, Invalid."""
        return await self._ask("GET", f"/stand-in/dialog?{urlencode(whose)}")

    async def add_page(self, **page: Any) -> None:
        """Found a page. Raises StandInAway, Invalid."""
        await self._ask("POST", "/stand-in/pages", **page)

    async def add_post(self, **post: Any) -> dict[str, Any]:
        """Publish something on a page. Raises StandInAway, Invalid."""
        return await self._ask("POST", "/stand-in/posts", **post)

    async def add_user(self, **person: Any) -> None:
        """Let a person exist. Raises StandInAway."""
        await self._ask("POST", "/stand-in/users", **person)

    async def comment(self, **deed: Any) -> dict[str, Any]:
        """Write, edit or delete a comment; see CommentDeed of the stand-in. Raises StandInAway, Invalid."""
        return await self._ask("POST", "/stand-in/comments", **deed)

    async def message(self, **deed: Any) -> dict[str, Any]:
        """Write a private message; see MessageDeed of the stand-in. Raises StandInAway, Invalid."""
        return await self._ask("POST", "/stand-in/messages", **deed)

    async def misbehave(self, **fault: Any) -> None:
        """Order a fault; see Misbehaviour. Raises StandInAway."""
        await self._ask("POST", "/stand-in/misbehave", **fault)

    async def _ask(self, verb: str, path: str, /, **body: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(verb, self._base_url + path, json=body or None)
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise StandInAway("Ненастоящая соцсеть не отвечает: песочница работает в `appeals up --demo`") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise StandInAway("По адресу соцсети отвечает не песочница")
        if response.is_error:
            raise Invalid(f"Ненастоящая соцсеть отказала: {answer.get('error_msg', response.status_code)}")
        return answer
