"""Which requests an application asks for, read from an address."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.api import LARGEST_ID
from app.open311.receiving import Refused
from app.open311.requests import MOST_ROWS, Asked

MOST_DAYS = 90
STATUSES = {"open": True, "closed": False}


@dataclass
class Query:
    """What `requests` may be asked, as it stands in the address."""

    service_request_id: str = ""
    service_code: str = ""
    start_date: str = ""
    end_date: str = ""
    status: str = ""


def asked_of(query: Query, services: Container[str], now: datetime) -> Asked:
    """Which requests are meant. Raises Refused (400)."""
    if query.service_request_id:
        return Asked(ids=numbers_of(query.service_request_id))
    since, until = _span(query, now)
    codes = [code for code in _parts(query.service_code) if code in services] if query.service_code else None
    return Asked(codes=codes, since=since, until=until, is_open=_is_open(query.status))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers_of(text: str) -> list[int]:
    """The numbers in a list; what is no number of ours is nobody's."""
    digits = [part for part in _parts(text) if part.isascii() and part.isdigit() and len(part) < 20]
    return [number for part in digits[:MOST_ROWS] if (number := int(part)) <= LARGEST_ID]


def _is_open(text: str) -> bool | None:
    wanted = set(_parts(text))
    if wanted - set(STATUSES):
        raise Refused(400, "status бывает open и closed")
    return STATUSES[wanted.pop()] if len(wanted) == 1 else None


def _span(query: Query, now: datetime) -> tuple[datetime, datetime]:
    """From when to when. Half a span is completed to MOST_DAYS. Raises Refused (400)."""
    longest = timedelta(days=MOST_DAYS)
    since, until = _moment("start_date", query.start_date), _moment("end_date", query.end_date)
    try:
        until = until or (since + longest if since else now)
        since = since or until - longest
    except OverflowError as problem:
        raise Refused(400, "Такого времени не бывает") from problem
    if not timedelta() <= until - since <= longest:
        raise Refused(400, f"Между start_date и end_date может быть от 0 до {MOST_DAYS} дней")
    return since, until


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that was not escaped
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise Refused(400, f"{name}: нужна дата ISO 8601 с зоной, например 2026-11-23T12:00:00+06:00") from problem
