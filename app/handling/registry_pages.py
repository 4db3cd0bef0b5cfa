"""/departments and /territories: who answers, how they are reached, who is away; where everything lies."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import Actor, ManagerDep, OperatorDep
from app.accounts.actor import RIGHTS, Right
from app.accounts.models import RosterKind
from app.db import SessionDep
from app.errors import AppError, Invalid
from app.handling import editing, registry, registry_queries
from app.handling.registry import KIND_NAMES, DepartmentForm, calendars
from app.public_pages.editing import edition_of
from app.public_pages.wording import SPHERE_NAMES
from app.time import utc_now
from app.web import flash, render

LARGEST_KEY = 2**31 - 1
router = APIRouter(include_in_schema=False)
DepartmentId = Annotated[int, Path(ge=1, le=LARGEST_KEY)]
Words = Annotated[str, Query(max_length=100)]
Line = Annotated[str, Form(max_length=400)]


@router.get("/departments")
async def show_departments(request: Request, session: SessionDep, actor: OperatorDep, q: Words = "") -> Response:
    """Отделы и то, как они узнают об обращениях."""
    rows = await registry_queries.list_departments(session, q.strip())
    cut_off = [row for row in rows if row.department.is_active and not row.ways and row.open_count]
    return render(
        request, "handling/departments.html", rows=rows, cut_off=cut_off, words=q.strip(), kinds=KIND_NAMES,
        may_edit=actor.role in RIGHTS[Right.OVERSEE],
    )  # fmt: skip


@router.get("/departments/new")
async def new_department(request: Request, session: SessionDep, actor: ManagerDep) -> Response:
    """Новый отдел."""
    form = DepartmentForm(code="", name="", short_name="", kind="municipal")
    return render(request, "handling/department.html", **await _form_screen(session, form, None, actor))


@router.get("/departments/{department_id}")
async def show_department(
    request: Request, department_id: DepartmentId, session: SessionDep, actor: OperatorDep
) -> Response:
    """Один отдел: сведения, люди, отсутствия и дежурства."""
    department = await registry_queries.one_department(session, department_id)
    form = await editing.form_of(session, department)
    screen = await _form_screen(session, form, department_id, actor, edition=edition_of(form))
    people = await registry_queries.staff_of(session, department_id)
    today = utc_now().astimezone(ZoneInfo(request.app.state.resources.settings.time_zone)).date()
    roster = await registry_queries.roster_of(session, [person.id or 0 for person in people], today)
    names = {person.id: person.name for person in people}
    screen |= {"people": people, "roster": roster, "names": names, "today": today}
    return render(request, "handling/department.html", **screen)


async def _form_screen(
    session: AsyncSession,
    form: DepartmentForm,
    department_id: int | None,
    actor: Actor,
    problem: str = "",
    edition: str = "",
) -> dict[str, Any]:
    rows = await registry_queries.list_departments(session)
    return {
        "form": form,
        "department_id": department_id,
        "edition": edition,
        "problem": problem,
        "row": next((row for row in rows if row.department.id == department_id), None),
        "others": [row.department for row in rows if row.department.id != department_id],
        "kinds": KIND_NAMES,
        "calendars": _with_unknown(calendars(), [form.calendar], "такого календаря нет"),
        "spheres": _with_unknown(SPHERE_NAMES, form.spheres, "такой сферы нет"),
        "territories": await registry_queries.list_territories(session),
        "may_edit": actor.role in RIGHTS[Right.OVERSEE],
        "people": [],
        "roster": [],
        "names": {},
    }


def _with_unknown(names: Mapping[str, str], chosen: Iterable[str], why: str) -> dict[str, str]:
    """What can be chosen; a code that is stored and not known is shown as it is, lest saving change it unseen."""
    return {**names, **{code: f"{code}: {why}" for code in chosen if code not in names}}


@router.post("/departments")
async def save_department(request: Request, session: SessionDep, actor: ManagerDep) -> Response:
    """Сохранить отдел. What is refused comes back with the sentence, and what was typed."""
    data = await request.form()
    fields = {name: str(value) for name, value in data.items() if isinstance(value, str)}
    number = fields.get("department_id", "")
    department_id = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
    lists = [[str(one) for one in data.getlist(name)] for name in ("territories", "spheres")]
    form = _read(fields, *lists)
    edition = fields.get("edition", "")
    try:
        async with session.begin_nested():
            if department_id is None:
                department = await registry.save_department(session, form, actor, now=utc_now(), is_new=True)
            else:
                department = await editing.change_department(
                    session, department_id, form, edition, actor, now=utc_now()
                )
    except (Invalid, editing.ChangedMeanwhile) as refusal:
        if isinstance(refusal, editing.ChangedMeanwhile):
            edition = refusal.edition  # what she has been told now
        if department_id is not None:  # a code is what rules name: it stays
            form = replace(form, code=(await registry_queries.one_department(session, department_id)).code)
        screen = await _form_screen(session, form, department_id, actor, refusal.message, edition)
        return render(request, "handling/department.html", status_code=refusal.status, **screen)
    response = RedirectResponse(f"/departments/{department.id}", 303)
    flash(request, response, "Отдел сохранён")
    return response


def _read(fields: Mapping[str, str], territories: list[str], spheres: list[str]) -> DepartmentForm:
    def words(name: str) -> str:
        return " ".join(fields.get(name, "").replace("\x00", "").split())

    return DepartmentForm(
        code=words("code"),
        name=words("name"),
        short_name=words("short_name"),
        kind=words("kind"),
        parent=words("parent"),
        calendar=words("calendar") or "office",
        territories=tuple(territories),
        spheres=tuple(spheres),
        is_active="is_active" in fields,
        is_checked="is_checked" in fields,
    )


@router.post("/departments/{department_id}/roster")
async def add_to_roster(
    request: Request,
    department_id: DepartmentId,
    session: SessionDep,
    actor: ManagerDep,
    user: Annotated[int, Form(ge=1, le=LARGEST_KEY)],
    kind: Annotated[RosterKind, Form()],
    first_day: Annotated[date, Form()],
    last_day: Annotated[date, Form()],
    substitute: Annotated[int, Form(ge=0, le=LARGEST_KEY)] = 0,
) -> Response:
    """Записать отсутствие или дежурство."""
    work = registry.add_to_roster(
        session, user, kind, first_day, last_day, actor, substitute_id=substitute or None, now=utc_now()
    )
    return await _back(request, session, f"/departments/{department_id}", work, "Записано")


@router.post("/departments/{department_id}/roster/{entry_id}/removal")
async def remove_from_roster(
    request: Request,
    department_id: DepartmentId,
    entry_id: Annotated[int, Path(ge=1, le=LARGEST_KEY)],
    session: SessionDep,
    actor: ManagerDep,
) -> Response:
    """Убрать запись."""
    work = registry.remove_from_roster(session, entry_id, actor, now=utc_now())
    return await _back(request, session, f"/departments/{department_id}", work, "Запись убрана")


@router.get("/territories")
async def show_territories(request: Request, session: SessionDep, actor: OperatorDep, q: Words = "") -> Response:
    """Дерево территорий по ОКТМО."""
    rows = await registry_queries.list_territories(session, q.strip())
    may_edit = actor.role in RIGHTS[Right.OVERSEE]
    return render(request, "handling/territories.html", rows=rows, words=q.strip(), may_edit=may_edit)


@router.post("/territories")
async def save_territory(
    request: Request, session: SessionDep, actor: ManagerDep, code: Line = "", name: Line = ""
) -> Response:
    """Завести или переименовать территорию."""
    work = registry.save_territory(session, code.strip(), name.replace("\x00", ""), actor, now=utc_now())
    return await _back(request, session, "/territories", work, "Территория сохранена")


async def _back(request: Request, session: AsyncSession, address: str, work: Any, done: str) -> Response:
    response = RedirectResponse(address, 303)
    try:
        async with session.begin_nested():
            await work
    except AppError as refusal:
        flash(request, response, refusal.message, "bad")
    else:
        flash(request, response, done)
    return response
