"""One call of the VK API as the stand-in sees it, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.vk_webhooks import Webhooks
from app.sandbox.vk_world import Community, VkError, World, invalid_parameter


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: by whom, with what, in which world."""

    world: World
    webhooks: Webhooks
    community: Community
    is_administrator: bool
    params: Mapping[str, str]
    timestamp: int

    def text(self, name: str) -> str:
        """A required text. Raises VkError 100."""
        value = self.params.get(name, "")
        if not value:
            raise VkError(100, f"One of the parameters specified was missing or invalid: {name} is undefined")
        return value

    def integer(self, name: str) -> int:
        """A required integer. Raises VkError 100."""
        try:
            return int(self.text(name))
        except ValueError:
            raise invalid_parameter(name) from None

    def optional_integer(self, name: str) -> int:
        """An integer, 0 if there is none. Raises VkError 100."""
        return self.integer(name) if self.params.get(name) else 0

    def integers(self, name: str, limit: int) -> list[int]:
        """A comma-separated list of at most `limit` integers. Raises VkError 100."""
        try:
            numbers = [int(part) for part in self.text(name).split(",")]
        except ValueError:
            raise invalid_parameter(name) from None
        if len(numbers) > limit:
            raise invalid_parameter(name)
        return numbers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method returned. `is_repeat` when random_id or guid was known already and nothing new was made."""

    response: Any
    is_repeat: bool = False
