"""The only place that reads the clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Aware UTC now. Called at the edges only: services take `now`."""
    return datetime.now(UTC)
