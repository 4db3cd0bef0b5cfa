"""The list of pages as an address names it: words, conditions, a place to go on from. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from app.platforms import PLATFORMS
from app.public_pages.models import Level

LONGEST_SEARCH = 100
LONGEST_SPHERE = 40
LARGEST_ID = 2**31 - 1


class Link(StrEnum):
    """The state of a page's connection; a page is in one of them, the first that applies in this order."""

    OFF = "off"
    CUT_OFF = "cut_off"
    STOPPED = "stopped"
    KEYLESS = "keyless"
    SILENT = "silent"
    WELL = "well"


LINK_NAMES = {
    Link.WELL: "на связи",
    Link.CUT_OFF: "нет связи",
    Link.STOPPED: "отправка остановлена",
    Link.SILENT: "молчит",
    Link.KEYLESS: "без ключей доступа",
    Link.OFF: "выключена",
}


@dataclass(frozen=True, slots=True)
class Register:
    """The list as its address names it. Unknown or broken values in an address are as if they were not there."""

    q: str = ""
    platform: str = ""
    territory: str = ""
    sphere: str = ""
    level: str = ""
    link: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Register":
        """Read an address's query string."""
        return cls(**{one.name: _READERS[one.name](_plain(query.get(one.name, ""))) for one in fields(cls)})

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves pages out."""
        return self != Register()

    def url(self, after: str = "", **changes: Any) -> str:
        """The address of this list, or of one that differs by some fields, from the beginning or from `after` on."""
        changed = replace(self, **changes)
        query = [(one.name, value) for one in fields(changed) if (value := str(getattr(changed, one.name)))]
        query += [("after", after)] if after else []
        return "/pages" + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last page shown: its name in small letters, by which the list is sorted, and its number."""

    name: str
    id: int

    def __str__(self) -> str:
        return f"{self.id}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """Read a cursor; a broken one begins anew."""
        number, _, name = text.replace("\x00", "").partition(":")
        is_number = number.isascii() and number.isdigit() and int(number[:20]) <= LARGEST_ID
        return cls(name, int(number)) if is_number else None


def _plain(text: str) -> str:
    return text.replace("\x00", "").strip()


def _one_of(values: Any) -> Any:
    return lambda text: text if text in set(values) else ""


_READERS: dict[str, Any] = {
    "q": lambda text: text[:LONGEST_SEARCH],
    "platform": _one_of(PLATFORMS),
    "territory": lambda text: text if text.isascii() and text.isdigit() and len(text) <= 11 else "",
    "sphere": lambda text: text[:LONGEST_SPHERE],
    "level": _one_of(Level),
    "link": _one_of(Link),
}
