"""What came of telling a system something. Values, and how long to wait; pure."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3600
JITTER = 0.2  # a fifth more or less, so that what failed together does not come back together
MOST_PATIENCE = timedelta(hours=24)
AWAY_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Taken:
    """The system has it."""

    status_code: int
    service_request_id: str | None = None
    token: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The system does not have it. `reason` is a Russian sentence.

    `is_final`: no repeat of ours will help. `is_gone`: it wants nothing any more. `pause` is asked for by the system,
    or is due because it is away: all of its events wait.
    """

    reason: str
    status_code: int | None = None
    is_final: bool = False
    is_gone: bool = False
    pause: timedelta | None = None


Outcome = Taken | NotTaken


def repeat_pause(attempts: int) -> timedelta:
    """5, 10, 20 … seconds, at most an hour, a fifth more or less."""
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 20))
    return timedelta(seconds=pause * random.uniform(1 - JITTER, 1 + JITTER))


def patience_of(header: str | None, now: datetime) -> timedelta | None:
    """What Retry-After asks for (RFC 9110, 10.2.3: seconds or a date), at most a day; None when it asks nothing."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        asked = timedelta(seconds=min(int(text[:9]), 86_400))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        asked = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(asked, timedelta(0)), MOST_PATIENCE)
