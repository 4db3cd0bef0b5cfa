"""Reading JSON that a stranger wrote: whatever is in it, only PayloadNotUnderstood comes out."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.platforms.incoming import PayloadNotUnderstood

INT64_MAX = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last one that datetime knows
TITLE_LIMIT = 300
URL_LIMIT = 4000


class NotJson(Exception):
    """The bytes are no JSON text."""


def decode_json(body: bytes) -> Any:
    """The value in `body`. Raises NotJson.

    msgspec is quick but refuses a few texts that platforms may send (a lone surrogate, a number beyond the double):
    those go through the standard library. Nesting deeper than Python's stack is refused by both.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return decode_json_leniently(body)


def decode_json_leniently(body: bytes) -> Any:
    """The slow way, for texts that msgspec refuses. Raises NotJson."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson(type(error).__name__) from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot keep: NUL is dropped, half a surrogate pair becomes U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def web_url(value: object) -> str | None:
    """The value if it is an http(s) address that may be shown as a link, else None."""
    if isinstance(value, str) and value.startswith(("https://", "http://")) and len(value) <= URL_LIMIT:
        return storable(value)
    return None


def title_of(value: object) -> str | None:
    """The value as a short title, None if there is nothing to show."""
    return storable(value).strip()[:TITLE_LIMIT] or None if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """The value as a 64-bit integer, written as a number or as a decimal string; None if it is none."""
    if isinstance(value, str):
        value = _parse_integer(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > INT64_MAX:
        return None
    return value


def _parse_integer(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 19 else None


def instant(value: object) -> datetime | None:
    """Unix seconds as aware UTC, None if they are no time of this era."""
    seconds = integer(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 < seconds <= LAST_SECOND else None


def instant_of_milliseconds(value: object) -> datetime | None:
    """Unix milliseconds as aware UTC, None if they are no time of this era."""
    milliseconds = integer(value)
    if milliseconds is None or not 0 < milliseconds <= LAST_SECOND * 1000:
        return None
    return EPOCH + timedelta(milliseconds=milliseconds)


def degrees(value: object, limit: int) -> float | None:
    """A latitude (`limit` 90) or longitude (180), None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= limit else None


class Fields:
    """A JSON object read field by field. `path` names it in errors; values never appear in them."""

    __slots__ = ("_path", "_values")

    def __init__(self, values: object, path: str) -> None:
        if not isinstance(values, dict):
            raise PayloadNotUnderstood(f"Поле {path} отсутствует или не объект.")
        self._values: dict[str, Any] = values
        self._path = path

    def get(self, name: str) -> Any:
        """The raw value, None if there is none."""
        return self._values.get(name)

    def fields(self, name: str) -> "Fields | None":
        """The nested object, None if there is none."""
        value = self._values.get(name)
        return Fields(value, f"{self._path}.{name}") if isinstance(value, dict) else None

    def items(self, name: str, limit: int) -> list[Any]:
        """The first `limit` elements of a list, an empty one if there is none."""
        value = self._values.get(name)
        return value[:limit] if isinstance(value, list) else []

    def integer(self, name: str) -> int:
        """A required integer."""
        value = integer(self._values.get(name))
        if value is None:
            raise self._refusal(name, "не целое число")
        return value

    def optional_integer(self, *names: str) -> int | None:
        """The first of the fields that holds an integer other than zero, which platforms write for "none"."""
        return next((value for name in names if (value := integer(self._values.get(name)))), None)

    def instant(self, name: str) -> datetime:
        """A required time in Unix seconds."""
        value = instant(self._values.get(name))
        if value is None:
            raise self._refusal(name, "не время")
        return value

    def text(self, name: str) -> str:
        """A text fit for the database; an absent one is empty."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._refusal(name, "не текст")
        return storable(value)

    def flag(self, name: str) -> bool:
        """Whether the field is true or 1."""
        return self._values.get(name) in (True, 1)

    def _refusal(self, name: str, what: str) -> PayloadNotUnderstood:
        return PayloadNotUnderstood(f"Поле {self._path}.{name} отсутствует или {what}.")
