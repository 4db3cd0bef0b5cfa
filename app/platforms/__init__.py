"""The registry of platforms: one line each."""

from app.platforms.base import Platform
from app.platforms.max_messenger import MaxMessenger
from app.platforms.ok import Odnoklassniki
from app.platforms.open311 import Open311
from app.platforms.telegram import Telegram
from app.platforms.viber import Viber
from app.platforms.vk import VK
from app.platforms.web_form import WebForm

PLATFORMS: dict[str, Platform] = {
    "vk": VK(),
    "max": MaxMessenger(),
    "telegram": Telegram(),
    "viber": Viber(),
    "ok": Odnoklassniki(),
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
