"""The stand-ins of this installation, by the code of the platform they play."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import httpx
from starlette.applications import Starlette

from app.sandbox.max_stand_in import MaxStandIn
from app.sandbox.ok_stand_in import OkStandIn
from app.sandbox.telegram_stand_in import TelegramStandIn
from app.sandbox.viber_stand_in import ViberStandIn
from app.sandbox.vk_stand_in import VkStandIn


class StandIn(Protocol):
    """A network, played: its API and its citizens over HTTP, its webhooks."""

    app: Starlette

    async def start(self) -> None:
        """Go on with what was not acknowledged before a restart."""

    async def settle(self) -> None:
        """Wait until everything under way is acknowledged or given up."""

    async def aclose(self) -> None:
        """Stop delivering."""


class MakesStandIn(Protocol):
    """Opens the world in the file, or an empty one."""

    def __call__(
        self, state_file: Path | None, *, client: httpx.AsyncClient | None = ..., now: Callable[[], datetime] = ...
    ) -> StandIn:
        """A stand-in. `client` sends its webhooks, `now` tells its time."""
        ...


STAND_INS: dict[str, MakesStandIn] = {
    "vk": VkStandIn,
    "ok": OkStandIn,
    "max": MaxStandIn,
    "telegram": TelegramStandIn,
    "viber": ViberStandIn,
}
OTHERS = [code for code in STAND_INS if code != "vk"]  # those that share one set of controls
