"""The demo city as it is written in demo_city.toml: pages, citizens and what they wrote. All of it is invented."""

from pathlib import Path
from typing import Literal

import msgspec

FILE = Path(__file__).parent / "demo_city.toml"
FIRST_CITIZEN_ID = 100_000_101


class CityPage(msgspec.Struct, forbid_unknown_fields=True):
    """An official page. `id` is the network's; `department` is the code of its owner, empty for none."""

    key: str
    id: str
    name: str
    territory: str
    sphere: str
    audience: int
    posts: list[str]
    department: str = ""
    platform: Literal["vk", "ok", "max", "telegram", "viber"] = "vk"
    discussion_id: str = ""

    @property
    def number(self) -> int:
        """The number of a VKontakte community."""
        return int(self.id)


class Citizen(msgspec.Struct, forbid_unknown_fields=True):
    """A person, shown by name."""

    name: str


class Story(msgspec.Struct, forbid_unknown_fields=True):
    """One message and what became of it. The times are explained at the top of demo_city.toml; posts count from 1."""

    page: str
    post: int
    text: str
    kind: Literal["comment", "message"] = "comment"
    day: int = 0
    at: str = ""
    ago: int = 0
    left: float | None = None
    how: Literal["answer", "interim", "hand", "closed"] = "answer"
    after: int = 0
    reply: str = ""
    private_reply: bool = False
    final_after: int = 0
    final_reply: str = ""
    failing_reply: str = ""
    reason: str = ""
    accept: bool = False
    taken: bool = False
    photo: str = ""
    edit: str = ""
    edit_after: int = 0
    more: str = ""


class City(msgspec.Struct, forbid_unknown_fields=True):
    """The whole of it. `guest` stories happen in the other networks: only `ago`, `kind`, `post` and `text` count."""

    page: list[CityPage]
    citizen: list[Citizen]
    history: list[Story]
    fresh: list[Story]
    guest: list[Story] = []


def read_city() -> City:
    """The demo city."""
    return msgspec.toml.decode(FILE.read_bytes(), type=City)
