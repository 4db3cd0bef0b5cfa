"""Which page a web address means. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from app.public_pages.models import NUMBERLESS

LONGEST_ADDRESS = 300
HOSTS = {
    "vk.com": "vk", "vk.ru": "vk", "vkontakte.ru": "vk",
    "ok.ru": "ok", "odnoklassniki.ru": "ok",
    "max.ru": "max", "web.max.ru": "max",
    "t.me": "telegram", "telegram.me": "telegram",
    "viber.com": "viber", "chats.viber.com": "viber", "invite.viber.com": "viber",
}  # fmt: skip
HOME = {"vk": "vk.com", "ok": "ok.ru", "max": "max.ru", "telegram": "t.me", "viber": "chats.viber.com"}
# Where the number stands in the path, as the platforms write their own links.
_NUMBERS = {
    "vk": re.compile(r"(?:club|public|event)(\d{1,18})"),
    "ok": re.compile(r"(?:group|profile)/(\d{1,20})"),
    "max": re.compile(r"(-?\d{5,20})"),
    "telegram": re.compile(r"c/(\d{5,20})"),
}
_WORD = r"([a-z0-9_.\-]{2,60})(?:/|$)"
_NAMES = {
    "vk": re.compile(r"([a-z0-9_.]{2,60})(?:/|$)"),
    "ok": re.compile(rf"(?:group/)?{_WORD}"),
    "max": re.compile(rf"(?:join/)?{_WORD}"),
    "telegram": re.compile(r"(?:s/)?(\+?[a-z0-9_\-]{3,60})(?:/|$)"),
    "viber": re.compile(_WORD),
}
_TELLS_CASE_APART = ("+", "join/")  # invitations; a name is the same in any case
_SPACES = re.compile(r"\s+")


class NotALink(ValueError):
    """The text is no address of a page in a network that we know. The message is a Russian sentence."""


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page as its address names it.

    `external_id` is the platform's own number, or "@name" where the address holds a name only: the number is then
    still to be found out, and nothing can be connected before. `address` is the same for every way to write one link.
    """

    platform: str
    external_id: str
    address: str


def read_link(text: str) -> PageLink:
    """The page behind an address, with or without "https://". Raises NotALink."""
    address = _SPACES.sub("", text)
    if len(address) > LONGEST_ADDRESS:
        raise NotALink("ссылка длиннее 300 знаков")
    platform, host, path = _parts(address)
    number = _NUMBERS[platform].fullmatch(path.lower()) if platform in _NUMBERS else None
    if number:
        return PageLink(platform, _as_id(platform, number[1]), f"https://{host}/{path.lower()}")
    name = _NAMES[platform].match(path.lower())
    if name is None:
        raise NotALink(f"в ссылке «{address}» нет названия страницы")
    is_exact = platform == "viber" or path.startswith(_TELLS_CASE_APART)
    exact = path if is_exact else path.lower()
    return PageLink(platform, NUMBERLESS + exact[name.start(1) : name.end(1)], f"https://{host}/{exact[: name.end(1)]}")


def _parts(address: str) -> tuple[str, str, str]:
    """Platform, its usual host, and path without slashes around it. Raises NotALink."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError as error:
        raise NotALink(f"«{address}» не похоже на ссылку") from error
    if parts.scheme == "viber":  # viber://pa?chatURI=name opens the application
        return "viber", HOME["viber"], parse_qs(parts.query).get("chatURI", [""])[0]
    if host not in HOSTS or parts.scheme not in {"http", "https"}:
        raise NotALink(f"«{address}» не ссылка на ВКонтакте, Одноклассники, MAX, Telegram или Viber")
    return HOSTS[host], HOME[HOSTS[host]], parts.path.strip("/")


def _as_id(platform: str, number: str) -> str:
    """The number as the platform's API writes it: channels of Telegram have a prefix there that links leave out."""
    return f"-100{number}" if platform == "telegram" else number
