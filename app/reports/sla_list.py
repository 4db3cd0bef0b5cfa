"""The appeals behind a number of the report: the same clocks, picked by the same conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.models import Appeal, appeal_columns
from app.departments.models import Department
from app.public_pages.models import PublicPage
from app.reports.question import Question
from app.reports.sla import in_scope, outcomes
from app.sla.models import Clock

PAGE_SIZE = 50
EXCERPT_LENGTH = 160
NOT_KNOWN = "—"
"""Stands in an address for appeals without a topic group or without a territory."""
OUTCOME_NAMES = {
    "received": "поступило",
    "answered": "отвечено",
    "met": "ответ в срок",
    "breached": "с нарушением",
    "overdue": "открыты и просрочены",
    "waiting": "ждут ответа, срок не прошёл",
}
_clock: Any = Clock.__table__.c  # type: ignore[attr-defined]
_department: Any = Department.__table__.c  # type: ignore[attr-defined]
_page: Any = PublicPage.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the report's appeals is listed. `territory_code` is exact, unlike the question's territory."""

    outcome: str = "received"
    topic_group: str | None = None
    territory_code: str | None = None
    page_id: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list; `next_id` is where the following one begins, if any."""

    rows: Sequence[Row[Any]]
    next_id: int | None


async def appeals_behind(
    session: AsyncSession, question: Question, part: Slice, now: datetime, before_id: int | None
) -> Listing:
    """The newest promises of this part first, each with its appeal; one query."""
    judged = outcomes(now)
    statement = (
        select(
            _clock.id,
            _clock.appeal_id,
            _clock.started_at,
            _clock.due_at,
            _clock.met_at,
            _clock.spent_minutes,
            *(judged[name].label(f"is_{name}") for name in ("met", "breached", "overdue", "waiting")),
            func.left(appeal_columns.text, EXCERPT_LENGTH).label("excerpt"),
            appeal_columns.platform,
            appeal_columns.topic,
            _department.short_name.label("department_name"),
            _page.name.label("page_name"),
        )
        .select_from(Clock)
        .join(Appeal, appeal_columns.id == _clock.appeal_id)
        .join(PublicPage, _page.id == appeal_columns.page_id)
        .join(Department, _department.id == _clock.department_id)
        .where(*in_scope(question, question.period.start, question.period.end), *_conditions(part, judged))
        .order_by(_clock.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if before_id is not None:
        statement = statement.where(_clock.id < before_id)
    rows = (await session.execute(statement)).all()
    return Listing(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1].id if len(rows) > PAGE_SIZE else None)


def _conditions(part: Slice, judged: dict[str, ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    conditions = [judged[part.outcome]]
    territory = func.coalesce(appeal_columns.territory_code, _page.territory_code)
    for column, wanted in ((appeal_columns.topic_group, part.topic_group), (territory, part.territory_code)):
        if wanted is not None:
            conditions.append(column.is_(None) if wanted == NOT_KNOWN else column == wanted)
    if part.page_id is not None:
        conditions.append(appeal_columns.page_id == part.page_id)
    return conditions
