"""The world behind the Viber stand-in: bots, people, conversations. In memory, written to one JSON file."""

from typing import Any

import msgspec

from app.sandbox.controls import PlayedError

FIRST_TOKEN = 5_912_661_846_655_238_144  # tokens are beyond what a double holds exactly, as Viber's are


class ViberError(PlayedError):
    """A status of the Viber API other than 0."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.code = status
        self.message = message


class Person(msgspec.Struct):
    """A user of Viber. `broken_because` is why answers are not shown on the device; empty while they are."""

    id: str
    name: str
    api_version: int = 10
    broken_because: str = ""


class Said(msgspec.Struct):
    """One message of a conversation, the citizen's or the bot's. `content` is the message object as Viber shapes it."""

    token: int
    user_id: str
    is_page: bool
    timestamp: int
    content: dict[str, Any]


class Account(msgspec.Struct):
    """A bot. `event_types` is None for all callbacks; `message` and subscriptions come whatever is chosen."""

    id: str
    name: str
    access_token: str
    webhook: str = ""
    event_types: list[str] | None = None
    subscribers: list[str] = []
    messages: list[Said] = []

    def conversation(self, user_id: str) -> list[Said]:
        """The messages with one person, oldest first."""
        return [said for said in self.messages if said.user_id == user_id]

    def subscribe(self, user_id: str) -> None:
        """Let the bot write to this person."""
        if user_id not in self.subscribers:
            self.subscribers.append(user_id)


class World(msgspec.Struct):
    """Everything that survives a restart."""

    accounts: dict[str, Account] = {}
    people: dict[str, Person] = {}
    last_token: int = FIRST_TOKEN

    def account(self, page: str) -> Account:
        """A bot by its id. Raises ViberError 8."""
        try:
            return self.accounts[page]
        except KeyError:
            raise ViberError(8, "publicAccountNotFound") from None

    def person(self, user_id: str) -> Person:
        """A person by id. Raises ViberError 5."""
        try:
            return self.people[user_id]
        except KeyError:
            raise ViberError(5, "receiverNotRegistered") from None

    def new_token(self) -> int:
        """The number of a message or callback, never given twice."""
        self.last_token += 1
        return self.last_token
