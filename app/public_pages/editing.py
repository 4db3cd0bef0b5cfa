"""A page as a person fills it in: checked field by field, saved unless somebody else was faster."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.audit.service import audit
from app.db import NO_KEY_UPDATE
from app.departments.models import Department, Territory
from app.errors import Conflict, Invalid, NotFound
from app.public_pages.models import Level, OfficialBody, PublicPage, body_columns
from app.public_pages.owners import find_owners
from app.public_pages.wording import sphere_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LONGEST = {"name": 300, "sphere": 40, "kind": 80}
LONGEST_FIELD = 400
FIELD_NAMES = {
    "name": "Название", "body": "Орган", "parent_body": "Вышестоящий орган", "territory": "Территория",
    "sphere": "Сфера", "level": "Уровень", "kind": "Класс", "department": "Отдел",
}  # fmt: skip
_NUMBER_OF_BODY = re.compile(r"\[(\d{1,9})\]\s*$", re.ASCII)
_OGRN = re.compile(r"\d{13}(\d{2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filled:
    """The fields as text. A body is written as `body_text` writes it, or by its name or ОГРН."""

    name: str = ""
    body: str = ""
    parent_body: str = ""
    territory: str = ""
    sphere: str = ""
    level: str = ""
    kind: str = ""
    department: str = ""


class NotAcceptable(Invalid):
    """Some fields cannot stay as they are; `problems` are sentences by field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("Проверьте, что заполнено")
        self.problems = problems


class ChangedMeanwhile(Conflict):
    """Somebody else, or an import, has changed the page since it was opened; `problems` says what stands there now."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("Пока вы правили, страницу изменили. Сверьте поля и сохраните ещё раз, если правы вы")
        self.problems = problems


def read_filled(form: Mapping[str, object]) -> Filled:
    """Any form as `Filled`: what is missing or of the wrong kind is empty."""
    return Filled(**{one.name: _text(form.get(one.name)) for one in fields(Filled)})


def _text(value: object) -> str:
    return " ".join(value.replace("\x00", "").split())[:LONGEST_FIELD] if isinstance(value, str) else ""


def body_text(body: OfficialBody | None) -> str:
    """A body as a field names it: «Школа № 1 [17]»."""
    return f"{body.name} [{body.id}]" if body else ""


async def filled_of(session: AsyncSession, page: PublicPage) -> Filled:
    """The fields as they are stored. A department found through a body is not one of the page itself."""
    body, parent = await _body(session, page.body_id), await _body(session, page.parent_body_id)
    return Filled(
        name=page.name,
        body=body_text(body),
        parent_body=body_text(parent),
        territory=page.territory_code or "",
        sphere=page.sphere or "",
        level=page.level or "",
        kind=page.kind or "",
        department=str(page.department_id) if page.department_id and page.department_from_id is None else "",
    )


async def _body(session: AsyncSession, body_id: int | None) -> OfficialBody | None:
    return await session.get(OfficialBody, body_id) if body_id else None


def edition_of(filled: "DataclassInstance") -> str:
    """Tells whether the stored fields of a form are still those that a person has seen."""
    return hashlib.sha256(repr(asdict(filled)).encode()).hexdigest()[:16]


async def change_page(
    session: AsyncSession, page_id: int, filled: Filled, seen_edition: str, actor: Actor, now: datetime
) -> PublicPage:
    """Save the fields; whose page it is follows from them. Raises NotFound, NotAcceptable, ChangedMeanwhile."""
    page = await session.get(PublicPage, page_id, with_for_update=NO_KEY_UPDATE)
    if page is None:
        raise NotFound("Такой страницы нет")
    stored = await filled_of(session, page)
    if edition_of(stored) != seen_edition:
        raise ChangedMeanwhile(_differences(stored, filled))
    values = await _checked(session, filled)
    before = {name: getattr(page, name) for name in values}
    for name, value in values.items():
        setattr(page, name, value)
    await session.flush()
    await find_owners(session, [page_id])
    await session.refresh(page)
    changes = {name: [old, getattr(page, name)] for name, old in before.items() if getattr(page, name) != old}
    if changes:
        audit(session, actor.label, "page_changed", now, page_id=page_id, changes=changes)
    return page


def _differences(stored: Filled, filled: Filled) -> dict[str, str]:
    was, wanted = asdict(stored), asdict(filled)
    return {name: f"Сейчас в реестре: «{was[name] or 'пусто'}»" for name in was if was[name] != wanted[name]}


async def _checked(session: AsyncSession, filled: Filled) -> dict[str, object]:
    """The columns that the fields mean. Raises NotAcceptable."""
    problems = _problems_of_texts(filled)
    bodies: dict[str, int | None] = {}
    for name in ("body", "parent_body"):
        try:
            bodies[name] = await _find_body(session, getattr(filled, name))
        except Invalid as problem:
            problems[name] = problem.message
    if filled.territory and await session.get(Territory, filled.territory) is None:
        problems["territory"] = "Такой территории нет в справочнике"
    if filled.level and filled.level not in set(Level):
        problems["level"] = "Такого уровня нет"
    if filled.department and await _find_department(session, filled.department) is None:
        problems["department"] = "Такого отдела нет, или он больше не работает"
    if problems:
        raise NotAcceptable({name: problems[name] for name in FIELD_NAMES if name in problems})
    return {
        "name": filled.name,
        "body_id": bodies["body"],
        "parent_body_id": bodies["parent_body"],
        "territory_code": filled.territory or None,
        "sphere": sphere_of(filled.sphere) or None,
        "level": filled.level or None,
        "kind": filled.kind or None,
        "department_id": int(filled.department) if filled.department else None,
        "department_from_id": None,
    }


def _problems_of_texts(filled: Filled) -> dict[str, str]:
    problems = {
        name: f"Сократите до {most} знаков, сейчас их {len(getattr(filled, name))}"
        for name, most in LONGEST.items()
        if len(getattr(filled, name)) > most
    }
    return problems if filled.name else {"name": "Без названия страницу не найти", **problems}


async def _find_department(session: AsyncSession, text: str) -> Department | None:
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    department = await session.get(Department, int(text)) if is_number else None
    return department if department is not None and department.is_active else None


async def _find_body(session: AsyncSession, text: str) -> int | None:
    """The body that a field names; None for an empty one. Raises Invalid: none or several are meant."""
    if not text:
        return None
    query = select(col(OfficialBody.id)).limit(2)
    if number := _NUMBER_OF_BODY.search(text):
        query = query.where(col(OfficialBody.id) == int(number[1]))
    elif _OGRN.fullmatch(text):
        query = query.where(col(OfficialBody.identity) == f"ogrn:{text}")
    else:
        query = query.where(body_columns.search_text == text.lower())
    found = list(await session.scalars(query))
    if not found:
        raise Invalid("Такого органа в реестре нет: выберите из списка или впишите ОГРН")
    if len(found) > 1:
        raise Invalid("Органов с таким названием несколько: выберите из списка или впишите ОГРН")
    return found[0]
