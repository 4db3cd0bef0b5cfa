"""A department as a person changes it in a form: saved unless somebody else was faster."""

from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.db import NO_KEY_UPDATE
from app.departments.models import Department
from app.errors import Conflict, NotFound
from app.handling.registry import KIND_NAMES, DepartmentForm, calendars, save_department
from app.public_pages.editing import edition_of
from app.public_pages.wording import SPHERE_NAMES

FIELD_NAMES = {
    "name": "название", "short_name": "короткое название", "kind": "вид", "parent": "кому подчинён",
    "calendar": "рабочий календарь", "territories": "территории", "spheres": "сферы",
    "is_active": "принимает обращения", "is_checked": "центр проверяет ответы",
}  # fmt: skip


class ChangedMeanwhile(Conflict):
    """Somebody else has changed the department since it was opened; `edition` is that of what stands there now."""

    def __init__(self, differences: list[str], edition: str) -> None:
        now = f" Сейчас в справочнике: {'; '.join(differences)}." if differences else ""
        super().__init__(f"Пока вы правили, отдел изменили.{now} Сверьте и сохраните ещё раз, если правы вы")
        self.edition = edition


async def form_of(session: AsyncSession, department: Department) -> DepartmentForm:
    """The fields as they are stored."""
    parent = await session.get_one(Department, department.parent_id) if department.parent_id else None
    return DepartmentForm(
        code=department.code, name=department.name, short_name=department.short_name, kind=department.kind,
        parent=parent.code if parent else "", calendar=department.calendar_code,
        territories=tuple(department.territories), spheres=tuple(department.spheres),
        is_active=department.is_active, is_checked=department.is_checked,
    )  # fmt: skip


async def change_department(
    session: AsyncSession, department_id: int, form: DepartmentForm, seen_edition: str, actor: Actor, *, now: datetime
) -> Department:
    """Save the fields, all but the code: that is what rules name. Raises NotFound, Invalid, ChangedMeanwhile."""
    department = await session.get(Department, department_id, with_for_update=NO_KEY_UPDATE)
    if department is None:
        raise NotFound("Такого отдела нет")
    stored, form = await form_of(session, department), replace(form, code=department.code)
    edition = edition_of(stored)
    if edition != seen_edition:
        raise ChangedMeanwhile(_differences(stored, form), edition)
    return await save_department(session, form, actor, now=now)


def _differences(stored: DepartmentForm, form: DepartmentForm) -> list[str]:
    was, wanted = asdict(stored), asdict(form)
    return [
        f"{name} – {_spoken(field, was[field])}" for field, name in FIELD_NAMES.items() if was[field] != wanted[field]
    ]


def _spoken(field: str, value: str | bool | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "да" if value else "нет"
    if isinstance(value, tuple):
        return ", ".join(SPHERE_NAMES.get(one, one) for one in value) or "не указаны"
    names = {"kind": KIND_NAMES, "calendar": calendars()}.get(field, {})
    return f"«{names.get(value, value)}»" if value else "не указано"
