"""The networks as a citizen sees them in the sandbox: read the page, write, edit, delete; and order a fault."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.platforms import PLATFORMS
from app.platforms.vk_events import comment_key, message_key
from app.sandbox.client import StandInClient
from app.sandbox.visitors import Visitor


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment under a post, with the answers to it."""

    id: str
    author: str
    text: str
    at: datetime
    is_mine: bool
    is_deleted: bool
    photos: tuple[str, ...]
    replies: tuple["Comment", ...]


@dataclass(frozen=True, slots=True)
class Post:
    """A publication of the page."""

    id: str
    text: str
    at: datetime
    is_closed: bool
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a dialog."""

    text: str
    at: datetime
    is_page: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What the citizen wrote: the network's id, and the key under which the service will know it."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with the next answer. `misbehaviour` holds the fields of Misbehaviour."""

    label: str
    icon: str
    what: str
    misbehaviour: Mapping[str, Any]


BROKEN = Fault("Оборвать связь", "plug", "оборвётся с ошибкой 500", {"http_status": 500})
VK_FAULTS = {
    "captcha": Fault("Попросить капчу", "lock", "попросит ввести код с картинки", {"error_code": 14}),
    "busy": Fault("Слишком часто", "clock", "скажет «слишком много запросов»", {"error_code": 6}),
    "broken": BROKEN,
}
UNCONFIRMED = {"http_status": 500, "is_done": True}
OTHER_FAULTS = {
    "busy": Fault("Слишком часто", "clock", "скажет «слишком много запросов»", {"http_status": 429}),
    "broken": BROKEN,
    "lost": Fault("Потерять подтверждение", "help", "опубликует, но не подтвердит", UNCONFIRMED),
}


class Network(ABC):
    """One stand-in, spoken to in its own words. Raises StandInAway, Invalid."""

    faults: Mapping[str, Fault]

    def __init__(self, code: str, client: StandInClient) -> None:
        self.code = code
        self.name = PLATFORMS[code].name
        self._client = client

    has_comments = True

    @abstractmethod
    async def posts(self, page: str, visitor: Visitor) -> tuple[Post, ...]:
        """The page's posts, the newest first, with their comments."""

    @abstractmethod
    async def dialog(self, page: str, visitor: Visitor) -> tuple[Said, ...]:
        """The visitor's dialog with the page."""

    @abstractmethod
    async def comment(self, page: str, visitor: Visitor, post: str, text: str) -> Written:
        """Write a comment."""

    @abstractmethod
    async def edit(self, page: str, visitor: Visitor, comment: str, text: str) -> Written:
        """Change a comment."""

    @abstractmethod
    async def delete(self, page: str, visitor: Visitor, comment: str) -> Written:
        """Delete a comment."""

    @abstractmethod
    async def message(self, page: str, visitor: Visitor, text: str) -> Written:
        """Write to the page in private."""

    @abstractmethod
    async def order(self, fault: Fault, *, is_private: bool) -> None:
        """Let the next answer go wrong."""


def network_of(code: str, client: StandInClient) -> Network:
    """The network called `code`."""
    return VkNetwork(code, client) if code == "vk" else OtherNetwork(code, client)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class VkNetwork(Network):
    """VKontakte: numbers, and methods named after what they create."""

    faults = VK_FAULTS

    async def posts(self, page: str, visitor: Visitor) -> tuple[Post, ...]:
        """See Network."""
        return tuple(
            Post(
                str(one["id"]), one["text"], _moment(one["date"]), one["is_closed"],
                tuple(self._comment(comment, visitor) for comment in one["comments"]),
            )
            for one in (await self._client.feed(group_id=page))["posts"]
        )  # fmt: skip

    def _comment(self, one: Mapping[str, Any], visitor: Visitor) -> Comment:
        photos = tuple(item["photo"]["sizes"][-1]["url"] for item in one["attachments"] if "photo" in item)
        return Comment(
            str(one["id"]), one["author"], one["text"], _moment(one["date"]), one["from_id"] == visitor.id,
            one["is_deleted"], photos, tuple(self._comment(reply, visitor) for reply in one["replies"]),
        )  # fmt: skip

    async def dialog(self, page: str, visitor: Visitor) -> tuple[Said, ...]:
        """See Network."""
        messages = (await self._client.dialog(group_id=page, user_id=visitor.id))["messages"]
        return tuple(Said(one["text"], _moment(one["date"]), one["is_own"]) for one in messages)

    async def comment(self, page: str, visitor: Visitor, post: str, text: str) -> Written:
        """See Network."""
        await self._introduce(visitor)
        return self._written(
            await self._client.comment(group_id=int(page), user_id=visitor.id, post_id=int(post), text=text)
        )

    async def edit(self, page: str, visitor: Visitor, comment: str, text: str) -> Written:
        """See Network."""
        deed = {"group_id": int(page), "action": "edit", "comment_id": int(comment), "text": text}
        return self._written(await self._client.comment(**deed))

    async def delete(self, page: str, visitor: Visitor, comment: str) -> Written:
        """See Network."""
        deed = {"group_id": int(page), "action": "delete", "comment_id": int(comment), "user_id": visitor.id}
        return self._written(await self._client.comment(**deed))

    def _written(self, answer: Mapping[str, Any]) -> Written:
        return Written(str(answer["id"]), comment_key("wall", None, answer["id"]))

    async def message(self, page: str, visitor: Visitor, text: str) -> Written:
        """See Network."""
        await self._introduce(visitor)
        answer = await self._client.message(group_id=int(page), user_id=visitor.id, text=text)
        return Written(str(answer["id"]), message_key(visitor.id, answer["conversation_message_id"]))

    async def _introduce(self, visitor: Visitor) -> None:
        await self._client.add_user(user_id=visitor.id, first_name=visitor.first_name, last_name=visitor.last_name)

    async def order(self, fault: Fault, *, is_private: bool) -> None:
        """See Network."""
        method = "messages.send" if is_private else "wall.createComment"
        await self._client.misbehave(method=method, **fault.misbehaviour)


class OtherNetwork(Network):
    """Odnoklassniki, MAX, Telegram, Viber: their stand-ins share one set of controls, all ids as text."""

    faults = OTHER_FAULTS

    @property
    def has_comments(self) -> bool:  # type: ignore[override]
        """Viber has private messages only."""
        return self.code != "viber"

    async def posts(self, page: str, visitor: Visitor) -> tuple[Post, ...]:
        """See Network."""
        return tuple(
            Post(
                one["id"], one["text"], _moment(one["date"]), one.get("is_closed", False),
                tuple(self._comment(comment, visitor) for comment in one["comments"]),
            )
            for one in (await self._client.feed(page=page))["posts"]
        )  # fmt: skip

    def _comment(self, one: Mapping[str, Any], visitor: Visitor) -> Comment:
        is_mine = one["from_id"].rpartition(":")[2] == str(visitor.id)
        replies = tuple(self._comment(reply, visitor) for reply in one.get("replies", ()))
        return Comment(
            one["id"], one["name"], one["text"], _moment(one["date"]), is_mine, one["is_deleted"], (), replies
        )

    async def dialog(self, page: str, visitor: Visitor) -> tuple[Said, ...]:
        """See Network."""
        messages = (await self._client.dialog(page=page, user_id=str(visitor.id)))["messages"]
        return tuple(Said(one["text"], _moment(one["date"]), one["is_page"]) for one in messages)

    async def comment(self, page: str, visitor: Visitor, post: str, text: str) -> Written:
        """See Network."""
        await self._introduce(visitor)
        return self._written(
            await self._client.comment(page=page, post=post, user_id=str(visitor.id), text=text), "comment"
        )

    async def edit(self, page: str, visitor: Visitor, comment: str, text: str) -> Written:
        """See Network."""
        deed = {"page": page, "user_id": str(visitor.id), "action": "edit", "comment": comment, "text": text}
        return self._written(await self._client.comment(**deed), "comment")

    async def delete(self, page: str, visitor: Visitor, comment: str) -> Written:
        """See Network."""
        deed = {"page": page, "user_id": str(visitor.id), "action": "delete", "comment": comment}
        return self._written(await self._client.comment(**deed), "comment")

    async def message(self, page: str, visitor: Visitor, text: str) -> Written:
        """See Network."""
        await self._introduce(visitor)
        return self._written(await self._client.message(page=page, user_id=str(visitor.id), text=text), "message")

    def _written(self, answer: Mapping[str, Any], name: str) -> Written:
        return Written(str(answer[name]), str(answer["key"]))

    async def _introduce(self, visitor: Visitor) -> None:
        await self._client.add_user(user_id=str(visitor.id), first_name=visitor.first_name, last_name=visitor.last_name)

    async def order(self, fault: Fault, *, is_private: bool) -> None:
        """See Network."""
        await self._client.misbehave(**fault.misbehaviour)
