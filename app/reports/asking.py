"""A report's question read from an address, for pages, files and the API alike."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.api import NO_NUL
from app.db import SessionDep
from app.departments.models import Department
from app.errors import Invalid
from app.reports.question import Question, period_of
from app.settings import Settings
from app.time import utc_now

DayOrMoment = Annotated[
    str | None,
    Query(
        max_length=40,
        pattern=NO_NUL,
        description="День (2026-11-16, последний день входит в период) или момент с поясом (2026-11-16T09:00:00Z, "
        "конец не входит). По умолчанию последние 30 дней",
        examples=["2026-11-16"],
    ),
]
FromQuery = Annotated[DayOrMoment, Query(alias="from")]
ToQuery = Annotated[DayOrMoment, Query(alias="to")]
Code = Annotated[str | None, Query(max_length=80, pattern=NO_NUL, description="Код отдела")]


async def read_question(
    request: Request,
    session: SessionDep,
    from_text: FromQuery = None,
    to_text: ToQuery = None,
    kind: Annotated[
        Literal["first_answer", "final"], Query(description="Обещание: первый ответ или окончательный")
    ] = "first_answer",
    department: Code = None,
    platform: Annotated[
        Literal["vk", "ok", "max", "telegram", "viber", "web", "open311", ""] | None, Query(description="Соцсеть")
    ] = None,
    territory: Annotated[
        str | None, Query(max_length=11, pattern=NO_NUL, description="ОКТМО территории, со всем, что в неё входит")
    ] = None,
) -> Question:
    """The question as asked. Raises Invalid for a broken period and for a department that does not exist."""
    settings: Settings = request.app.state.resources.settings
    return Question(
        period_of(from_text, to_text, settings.time_zone, utc_now()),
        kind,
        department=department or None,
        department_id=await _department_id(session, department) if department else None,
        platform=platform or None,
        territory=territory or None,
    )


async def _department_id(session: AsyncSession, code: str) -> int:
    found = await session.scalar(select(col(Department.id)).where(col(Department.code) == code))
    if found is None:
        raise Invalid(f"Отдела с кодом «{code}» нет")
    return found


QuestionDep = Annotated[Question, Depends(read_question)]
