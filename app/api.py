"""What every endpoint of /api/v1 shares: cursors, times, the error answer, input that PostgreSQL can hold."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, Field

from app.errors import Invalid

LARGEST_ID = 2**63 - 1
MOST_ITEMS = 200
USUAL_ITEMS = 50


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_in_utc), Field(examples=["2026-11-16T07:36:00Z"])]
"""ISO 8601 in UTC with a Z, whatever zone the database session has."""

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL cannot store a NUL character, so no stored text can match one."""

CursorQuery = Annotated[
    str | None,
    Query(
        max_length=64,
        pattern=NO_NUL,
        description="Продолжение списка: значение `next` прошлого ответа, как есть",
    ),
]
LimitQuery = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Сколько записей вернуть")]
IdPath = Annotated[int, Path(ge=1, le=LARGEST_ID, description="Номер обращения", examples=[1286])]


class ErrorDetail(BaseModel):
    """Why the request was refused."""

    code: str = Field(description="Вид отказа, для программы", examples=["not_found"])
    message: str = Field(description="Что случилось, для человека", examples=["Обращения № 7 нет"])


class ErrorAnswer(BaseModel):
    """The one form of every refusal under /api/v1."""

    error: ErrorDetail


_REFUSALS = {
    400: "Запрос не читается",
    401: "Нет токена, или он неизвестен либо отозван",
    403: "Роль токена этого не позволяет",
    404: "Такой записи нет",
    409: "Состояние записи этого не позволяет, или её уже изменили",
    503: "Часть сервиса не отвечает, повторите позже",
    422: "Параметры не имеют смысла; в сообщении сказано, какие",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documentation of refusals with these statuses, for `responses=`."""
    return {status: {"model": ErrorAnswer, "description": _REFUSALS[status]} for status in statuses}


def cursor_of(last_id: int) -> str:
    """The place in a list after which the next page begins; callers should not look inside."""
    return base64.urlsafe_b64encode(str(last_id).encode()).decode().rstrip("=")


def id_of(cursor: str | None) -> int | None:
    """The reverse of `cursor_of`. Raises Invalid for anything that `cursor_of` cannot have returned."""
    if cursor is None:
        return None
    try:
        digits = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        last_id = int(digits)
    except (ValueError, binascii.Error):
        last_id = 0
    if not 0 < last_id <= LARGEST_ID or cursor_of(last_id) != cursor:
        raise Invalid("Параметр cursor испорчен: передайте значение next из прошлого ответа или начните список сначала")
    return last_id
