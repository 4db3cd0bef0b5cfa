"""The registry of platforms: one line each."""

from app.platforms.base import Platform
from app.platforms.open311 import Open311
from app.platforms.vk import VK
from app.platforms.web_form import WebForm

PLATFORMS: dict[str, Platform] = {
    "vk": VK(),
    "web": WebForm(),
    "open311": Open311(),
}


class UnknownPlatform(LookupError):
    """No platform has this code."""


def platform_by_code(code: str) -> Platform:
    """The platform called `code`. Raises UnknownPlatform with a Russian sentence that lists the known ones."""
    try:
        return PLATFORMS[code]
    except KeyError:
        raise UnknownPlatform(f"Нет площадки «{code}». Есть: {', '.join(sorted(PLATFORMS))}.") from None
