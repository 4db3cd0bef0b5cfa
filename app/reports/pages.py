"""Reports in the browser: the page, its file, and the appeals behind a number."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.access import Actor, StaffDep
from app.api import LARGEST_ID, NO_NUL
from app.audit.service import audit
from app.db import SessionDep
from app.departments.models import Department, Territory
from app.errors import NotFound
from app.platforms import PLATFORMS
from app.public_pages.models import PublicPage
from app.reports import REPORTS
from app.reports.asking import QuestionDep
from app.reports.base import Report
from app.reports.exports import csv_lines
from app.reports.question import PRESETS, PROMISES, Question, last_days
from app.reports.sla_list import OUTCOME_NAMES, Slice, appeals_behind
from app.reports.sla_tiles import hours_text
from app.time import utc_now
from app.web import render

router = APIRouter(include_in_schema=False)

Outcome = Literal["received", "answered", "met", "breached", "overdue", "waiting"]
Text = Annotated[str | None, Query(max_length=300, pattern=NO_NUL)]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the conditions of a report can be set to, as (value, name)."""

    departments: list[tuple[str, str]]
    territories: list[tuple[str, str]]
    platforms: list[tuple[str, str]]


@router.get("/reports")
async def first_report(actor: StaffDep) -> Response:
    """To the first report."""
    return RedirectResponse(f"/reports/{next(iter(REPORTS))}", 303)


@router.get("/reports/sla/appeals")
async def show_appeals(
    request: Request,
    session: SessionDep,
    actor: StaffDep,
    asked: QuestionDep,
    outcome: Outcome = "received",
    topic_group: Text = None,
    place: Text = None,
    page: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> Response:
    """The appeals behind one number of the report on promised times."""
    question, part = await _within_rights(session, actor, asked), Slice(outcome, topic_group, place, page)
    listing = await appeals_behind(session, question, part, utc_now(), before)
    address = question.query(outcome=outcome, topic_group=topic_group, place=place, page=page)
    return render(
        request, "reports/appeals.html", question=question, part=part, listing=listing, address=address,
        outcome_name=OUTCOME_NAMES[outcome], hours_text=hours_text,
    )  # fmt: skip


@router.get("/reports/{code}.csv")
async def export(code: str, session: SessionDep, actor: StaffDep, asked: QuestionDep) -> Response:
    """The report as a file: UTF-8 with BOM, semicolons; no personal data. Who took it is written down."""
    report, question = _report(code), await _within_rights(session, actor, asked)
    figures = await report.read(session, question, utc_now())
    audit(session, actor.label, "report_exported", utc_now(), report=code, query=question.query())
    name = f"{code}_{question.period.first_day}_{question.period.last_day}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(csv_lines(report.table(figures)), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/reports/{code}")
async def show_report(
    request: Request, code: str, session: SessionDep, actor: StaffDep, asked: QuestionDep
) -> Response:
    """The report as a page."""
    report, question = _report(code), await _within_rights(session, actor, asked)
    now, settings = utc_now(), request.app.state.resources.settings
    figures = await report.read(session, question, now)
    return render(
        request,
        report.template,
        report_code=code,
        reports=REPORTS.values(),
        title=report.title,
        question=question,
        presets=[
            (name, replace(question, period=last_days(days, settings.time_zone, now))) for days, name in PRESETS.items()
        ],
        promises=PROMISES,
        choices=await _choices(session, actor),
        **report.view(figures, settings),
    )


def _report(code: str) -> Report:
    if code not in REPORTS:
        raise NotFound("Такого отчёта нет")
    return REPORTS[code]


async def _within_rights(session: AsyncSession, actor: Actor, question: Question) -> Question:
    """A department is shown its own figures, whatever it asks for."""
    own = actor.only_department_id
    if own is None:
        return question
    code = await session.scalar(select(col(Department.code)).where(col(Department.id) == own))
    return replace(question, department=code, department_id=own)


async def _choices(session: AsyncSession, actor: Actor) -> Choices:
    """Departments (a department has no choice), territories that have pages, networks."""
    departments = select(col(Department.code), col(Department.short_name)).where(col(Department.is_active))
    territories = select(col(Territory.code), col(Territory.name)).where(
        col(Territory.code).in_(select(col(PublicPage.territory_code)))
    )
    is_free = actor.only_department_id is None
    return Choices(
        await _named(session, departments.order_by(col(Department.short_name))) if is_free else [],
        await _named(session, territories.order_by(col(Territory.path), col(Territory.name))),
        [(code, platform.name) for code, platform in PLATFORMS.items()],
    )


async def _named(session: AsyncSession, statement: Any) -> list[tuple[str, str]]:
    return [(value, name) for value, name in await session.execute(statement)]
