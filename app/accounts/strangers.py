"""Logins that do not exist, counted like those that do, so that the login page does not tell which is which."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

MOST_STRANGERS = 10_000


@dataclass(slots=True)
class Stranger:
    """Looks like a User to verify_login; has no password, so none is right."""

    password_hash: str | None = None
    is_active: bool = False
    failed_attempts: int = 0
    locked_until: datetime | None = None


class Strangers:
    """The latest unknown logins of this process. Forgetting the oldest costs nothing: there is nobody to protect."""

    def __init__(self, most: int = MOST_STRANGERS) -> None:
        self._most = most
        self._by_login: OrderedDict[str, Stranger] = OrderedDict()

    def find(self, login: str) -> Stranger:
        """The stranger of this login, new or met before."""
        stranger = self._by_login.setdefault(login, Stranger())
        self._by_login.move_to_end(login)
        if len(self._by_login) > self._most:
            self._by_login.popitem(last=False)
        return stranger
