"""Who the tests of accounts are about."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from app.accounts.models import User

PASSWORD = "correct horse battery"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
People = Callable[..., Awaitable[User]]
