"""Departments and territories from a table that people keep: CSV or XLSX, bad rows reported, the rest taken."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.errors import AppError, Invalid
from app.handling.registry import KIND_NAMES, DepartmentForm, save_department, save_territory
from app.public_pages.sheets import open_sheet
from app.public_pages.wording import SPHERE_NAMES
from app.resources import Resources

YES = {"да", "1", "true", "yes", "+"}
DEPARTMENT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("код", "code"),
    "name": ("название", "наименование", "name"),
    "short_name": ("короткое название", "сокращение", "краткое наименование", "short_name"),
    "kind": ("вид", "тип", "kind"),
    "parent": ("вышестоящий", "код вышестоящего", "parent"),
    "calendar": ("календарь", "calendar"),
    "territories": ("территории", "октмо", "territories"),
    "spheres": ("сферы", "spheres"),
    "is_checked": ("проверять ответы", "is_checked"),
}
TERRITORY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "code": ("октмо", "код", "code"),
    "name": ("название", "наименование", "территория", "name"),
    "parent": ("вышестоящая", "родитель", "parent"),
}
OnShare = Callable[[float], None]
Save = Callable[[AsyncSession, Mapping[str, str]], Awaitable[object]]


@dataclass(slots=True)
class Imported:
    """How many rows were taken, and what was wrong with the others: number of the row and a sentence."""

    taken: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


async def import_departments(
    resources: Resources, path: Path, actor: Actor, *, now: datetime, on_share: OnShare
) -> Imported:
    """Take a table of departments. Raises Invalid when it cannot be read or lacks a column."""

    async def save(session: AsyncSession, row: Mapping[str, str]) -> object:
        return await save_department(session, _form(row), actor, now=now)

    return await _import(resources, path, DEPARTMENT_COLUMNS, ("code", "name"), save, on_share)


async def import_territories(
    resources: Resources, path: Path, actor: Actor, *, now: datetime, on_share: OnShare
) -> Imported:
    """Take a table of territories, parents before children. Raises Invalid."""

    async def save(session: AsyncSession, row: Mapping[str, str]) -> object:
        return await save_territory(session, row["code"], row["name"], actor, now=now, parent=row.get("parent", ""))

    return await _import(resources, path, TERRITORY_COLUMNS, ("code", "name"), save, on_share)


async def _import(
    resources: Resources,
    path: Path,
    columns: Mapping[str, tuple[str, ...]],
    required: Sequence[str],
    save: Save,
    on_share: OnShare,
) -> Imported:
    """Row by row, each under a savepoint: one bad row costs that row. A parent may stand below its child."""
    done = Imported()
    with open_sheet(path) as sheet:
        places = _places(sheet.header, columns, required)
        rows = [
            (number, {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()})
            for number, cells in sheet.rows
        ]
    rows = [(number, row) for number, row in rows if any(row.values())]
    async with resources.database.transaction() as session:
        left, before = rows, len(rows) + 1
        while left and len(left) < before:
            before, done.problems, refused = len(left), [], []
            for row in left:
                if not await _save(session, row, save, done):
                    refused.append(row)
                on_share(done.taken / len(rows))
            left = refused
    on_share(1.0)
    return done


async def _save(session: AsyncSession, row: tuple[int, Mapping[str, str]], save: Save, done: Imported) -> bool:
    try:
        async with session.begin_nested():
            await save(session, row[1])
    except AppError as error:
        done.problems.append((row[0], error.message))
        return False
    done.taken += 1
    return True


def _places(header: Sequence[str], columns: Mapping[str, tuple[str, ...]], required: Sequence[str]) -> dict[str, int]:
    titles = [" ".join(title.lower().split()) for title in header]
    places = {
        name: next(place for place, title in enumerate(titles) if title in known)
        for name, known in columns.items()
        if set(known) & set(titles)
    }
    if missing := [columns[name][0] for name in required if name not in places]:
        raise Invalid(f"В таблице нет колонок: {', '.join(missing)}")
    return places


def _form(row: Mapping[str, str]) -> DepartmentForm:
    kinds = {name: code for code, name in KIND_NAMES.items()}
    spheres = {name.lower(): code for code, name in SPHERE_NAMES.items()}
    kind = row.get("kind", "").lower() or "municipal"
    return DepartmentForm(
        code=row["code"],
        name=row["name"],
        short_name=row.get("short_name") or row["name"][:120],
        kind=kinds.get(kind, kind),
        parent=row.get("parent", ""),
        calendar=row.get("calendar") or "office",
        territories=_listed(row.get("territories", "")),
        spheres=tuple(spheres.get(one.lower(), one) for one in _listed(row.get("spheres", ""))),
        is_checked=row.get("is_checked", "").lower() in YES,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace(";", ",").split(",") if part.strip())
