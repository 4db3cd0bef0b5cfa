"""The registry of departments and territories: written by people, read by rules and by everybody who hands over."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role, RosterEntry, RosterKind, User
from app.audit.service import audit
from app.departments.models import Department, Territory
from app.errors import Conflict, Invalid, NotFound
from app.handling.returns import DESK
from app.public_pages.wording import SPHERE_NAMES
from app.sla.defaults import calendar_documents
from routing_rules import territory_path

KIND_NAMES = {
    "municipal": "муниципальный",
    "ministry": "министерство",
    "federal": "федеральный",
    "company": "организация",
    DESK: "дежурная смена центра",
}
CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,79}")
LONGEST_ROSTER_DAYS = 400


@dataclass(frozen=True, slots=True)
class DepartmentForm:
    """What people say of a department. `parent` is a code, "" for none; `territories` are codes of ОКТМО."""

    code: str
    name: str
    short_name: str
    kind: str
    parent: str = ""
    calendar: str = "office"
    territories: tuple[str, ...] = ()
    spheres: tuple[str, ...] = ()
    is_active: bool = True
    is_checked: bool = False


def calendars() -> dict[str, str]:
    """Codes and names of the working calendars there are."""
    return {str(document["code"]): str(document["name"]) for document in calendar_documents()}


async def save_department(
    session: AsyncSession, form: DepartmentForm, actor: Actor, *, now: datetime, is_new: bool | None = None
) -> Department:
    """Add the department with this code, or give it these properties; `is_new` refuses a code that is taken.

    Raises Invalid with one sentence.
    """
    _check_words(form)
    known = {one.code: one for one in (await session.scalars(select(Department))).all()}
    codes = set(await session.scalars(select(col(Territory.code)).where(col(Territory.code).in_(form.territories))))
    if unknown := sorted(set(form.territories) - codes):
        raise Invalid(f"Территории с кодом {unknown[0]} нет в справочнике")
    if is_new and form.code in known:
        raise Invalid(f"Код «{form.code}» уже занят: {known[form.code].short_name}")
    department = known.get(form.code) or Department(code=form.code, name="", short_name="", kind="")
    parent = _parent(form, department, known)
    if (
        department.kind == DESK
        and (form.kind != DESK or not form.is_active)
        and _is_last_desk(department, known.values())
    ):
        raise Invalid("Это единственная дежурная смена центра: без неё некому разбирать ничьи обращения")
    is_added = department.id is None
    department.name, department.short_name, department.kind = form.name, form.short_name, form.kind
    department.calendar_code, department.parent_id = form.calendar, parent.id if parent else None
    department.territories, department.spheres = list(form.territories), list(form.spheres)
    department.is_active, department.is_checked = form.is_active, form.is_checked
    session.add(department)
    await session.flush()
    audit(session, actor.label, "department_added" if is_added else "department_changed", now, code=form.code)
    return department


def _check_words(form: DepartmentForm) -> None:
    if not CODE.fullmatch(form.code):
        raise Invalid("Код отдела: от двух строчных латинских букв, цифр и дефисов")
    if not form.name or not form.short_name:
        raise Invalid("Назовите отдел полностью и коротко")
    if len(form.name) > 300 or len(form.short_name) > 120:
        raise Invalid("Название не длиннее 300 знаков, короткое не длиннее 120")
    if form.kind not in KIND_NAMES:
        raise Invalid(f"Вида «{form.kind}» нет, есть: {', '.join(KIND_NAMES.values())}")
    if form.calendar not in calendars():
        raise Invalid(f"Рабочего календаря «{form.calendar}» нет")
    if unknown := sorted(set(form.spheres) - set(SPHERE_NAMES)):
        raise Invalid(f"Сферы «{unknown[0]}» нет")


def _parent(form: DepartmentForm, department: Department, known: dict[str, Department]) -> Department | None:
    """The body above. Raises Invalid where it is unknown or stands below."""
    if not form.parent:
        return None
    parent = known.get(form.parent)
    if parent is None:
        raise Invalid(f"Вышестоящего отдела с кодом «{form.parent}» нет")
    by_id = {one.id: one for one in known.values()}
    above: Department | None = parent
    while above is not None:
        if above is department:
            raise Invalid(f"«{parent.short_name}» стоит под этим отделом: круга подчинения быть не может")
        above = by_id.get(above.parent_id)
    return parent


def _is_last_desk(department: Department, known: Collection[Department]) -> bool:
    return not any(one is not department and one.kind == DESK and one.is_active for one in known)


async def save_territory(
    session: AsyncSession, code: str, name: str, actor: Actor, *, now: datetime, parent: str = ""
) -> Territory:
    """Add or rename a territory. Without a named parent the nearest known one above by its code. Raises Invalid."""
    name = " ".join(name.split())
    try:
        steps = territory_path(code)
    except ValueError as error:
        raise Invalid(f"«{code}» не код ОКТМО: нужно 8 или 11 цифр") from error
    if not name or len(name) > 200:
        raise Invalid("Назовите территорию, не длиннее 200 знаков")
    territory = await session.get(Territory, code)
    above = await _above(session, code, steps, parent)
    path = f"{above.path}/{code}" if above else code
    is_new = territory is None
    if territory is None:
        territory = Territory(code=code, name=name, parent_code=above.code if above else None, path=path)
        session.add(territory)
    elif parent and territory.parent_code != parent:
        raise Conflict("Родителя территории не меняют: заведите её под новым кодом")
    territory.name = name
    await session.flush()
    audit(session, actor.label, "territory_added" if is_new else "territory_changed", now, code=code)
    return territory


async def _above(session: AsyncSession, code: str, steps: Sequence[str], parent: str) -> Territory | None:
    if parent:
        found = await session.get(Territory, parent)
        if found is None or parent == code:
            raise Invalid(f"Территории с кодом {parent}, под которой она стоит, нет")
        return found
    by_code = select(Territory).where(col(Territory.code).in_(steps[:-1]))
    return await session.scalar(by_code.order_by(func.length(col(Territory.path)).desc()).limit(1))


async def add_to_roster(
    session: AsyncSession,
    user_id: int,
    kind: RosterKind,
    first_day: date,
    last_day: date,
    actor: Actor,
    *,
    substitute_id: int | None = None,
    now: datetime,
) -> RosterEntry:
    """Days of absence or duty of a department's person. Raises Invalid, NotFound."""
    user = await session.get(User, user_id)
    if user is None or user.role != Role.DEPARTMENT:
        raise NotFound("Такого сотрудника отдела нет")
    if last_day < first_day or (last_day - first_day).days > LONGEST_ROSTER_DAYS:
        raise Invalid("Последний день раньше первого, или дней больше года")
    substitute = await session.get(User, substitute_id) if substitute_id else None
    if substitute_id and (substitute is None or substitute is user or substitute.department_id != user.department_id):
        raise Invalid("Заместитель: другой сотрудник того же отдела")
    entry = RosterEntry(kind=kind, user_id=user_id, first_day=first_day, last_day=last_day, substitute_id=substitute_id)
    session.add(entry)
    await session.flush()
    audit(session, actor.label, "roster_changed", now, user=user.login, kind=kind, first_day=first_day.isoformat())
    return entry


async def remove_from_roster(session: AsyncSession, entry_id: int, actor: Actor, *, now: datetime) -> None:
    """Forget an entry. Raises NotFound."""
    entry = await session.get(RosterEntry, entry_id)
    if entry is None:
        raise NotFound("Такой записи нет")
    await session.delete(entry)
    audit(session, actor.label, "roster_changed", now, removed=entry_id)
