"""A table of pages becomes the registry: streamed, in batches, and the same table twice changes nothing."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import Database
from app.departments.models import Department, Territory
from app.errors import Invalid
from app.public_pages.bodies import Body, BodyDirectory
from app.public_pages.models import OfficialBody
from app.public_pages.owners import find_all_owners
from app.public_pages.rows import Known, PageRow, Remark, RowReader
from app.public_pages.sheets import Sheet
from app.public_pages.storing import PageStore, write_bodies, write_page_parents
from app.public_pages.wording import COLUMN_NAMES, column_of
from app.resources import Resources

ROWS_AT_ONCE = 2000

OnRemark = Callable[[Remark], None]
OnShare = Callable[[float], None]


@dataclass(slots=True)
class ImportCounts:
    """What became of the rows. `bodies` were new; `notes` are rows that were taken with a remark."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: int = 0
    bodies: int = 0
    notes: int = 0


async def import_pages(
    resources: Resources, sheet: Sheet, now: datetime, *, is_dry_run: bool, on_remark: OnRemark, on_share: OnShare
) -> ImportCounts:
    """Take a table into the registry. Raises Invalid: a column is missing, the file is damaged.

    A batch is a transaction: what was read before a damaged place stays, and the next import of the whole table goes on
    from there.
    """
    columns = read_header(sheet.header, on_remark)
    async with resources.database.transaction() as session:
        known, paths = await _read_known(session)
        directory = BodyDirectory(await _read_bodies(session), known.departments, paths)
    counts = ImportCounts()
    on_date = now.astimezone(ZoneInfo(resources.settings.time_zone)).date()
    store = PageStore(resources.vault, known.departments, on_date, now, is_dry_run=is_dry_run)
    rows = _good_rows(sheet, columns, known, counts, on_remark)

    def read_some() -> list[PageRow]:
        return list(islice(rows, ROWS_AT_ONCE))

    batch = read_some()
    while batch:  # the next rows are read while PostgreSQL takes these
        taken = _take(resources.database, directory, store, batch, counts)
        batch, _ = await asyncio.gather(asyncio.to_thread(read_some), taken)
        on_share(sheet.share())
    await _settle(resources.database, directory, store, counts, on_remark)
    if not is_dry_run:
        await find_all_owners(resources.database)
    for remark in store.remarks:
        on_remark(remark)
    counts.added, counts.changed, counts.unchanged = len(store.added), len(store.changed), store.unchanged
    counts.bad += len(store.remarks)
    on_share(1.0)
    return counts


def read_header(header: Sequence[str], on_remark: OnRemark) -> dict[int, str]:
    """Columns by place. Raises Invalid when one is missing or stands twice."""
    columns: dict[int, str] = {}
    for place, title in enumerate(header):
        column = column_of(title)
        if column is None and title:
            on_remark(Remark(1, title, "колонка не узнана и не прочитана", is_error=False))
        elif column in columns.values():
            raise Invalid(f"Колонка «{COLUMN_NAMES[column or '']}» стоит в таблице дважды")
        elif column is not None:
            columns[place] = column
    given = set(columns.values())
    if "name" not in given:
        raise Invalid(f"В таблице нет колонки «{COLUMN_NAMES['name']}»")
    if "link" not in given and not {"platform", "external_id"} <= given:
        raise Invalid("В таблице нет ни колонки «Ссылка», ни колонок «Площадка» и «Номер»: чьи это страницы?")
    return columns


def _good_rows(
    sheet: Sheet, columns: dict[int, str], known: Known, counts: ImportCounts, on_remark: OnRemark
) -> Iterator[PageRow]:
    seen: dict[tuple[str, str], int] = {}
    for number, cells in sheet.rows:
        reader = RowReader(
            number, {columns[place]: cell for place, cell in enumerate(cells) if place in columns}, known
        )
        row = reader.read()
        remarks = reader.remarks
        if row is not None:
            first = seen.setdefault((row.platform, row.external_id), number)
            if first != number:
                remarks = [Remark(number, COLUMN_NAMES["external_id"], f"эта страница уже названа в строке {first}")]
                row = None
        for remark in remarks:
            on_remark(remark)
        if row is None:
            counts.bad += 1
            continue
        counts.notes += bool(remarks)
        yield row


async def _take(
    database: Database, directory: BodyDirectory, store: PageStore, batch: list[PageRow], counts: ImportCounts
) -> None:
    bodies = [directory.of_row(row) for row in batch]
    changed = directory.take_changes()
    counts.bodies += sum(body.id < 0 for body in changed)
    async with database.transaction() as session:
        if not store.is_dry_run:
            await write_bodies(session, changed)
        await store.take(session, list(zip(batch, bodies, strict=True)))


async def _settle(
    database: Database, directory: BodyDirectory, store: PageStore, counts: ImportCounts, on_remark: OnRemark
) -> None:
    """Parents, at the end: a table names them in any order."""
    pages, remarks = directory.settle_parents()
    for remark in remarks:
        on_remark(remark)
    counts.notes += len(remarks)
    changed = directory.take_changes()
    counts.bodies += sum(body.id < 0 for body in changed)
    if store.is_dry_run:
        return
    async with database.transaction() as session:
        await write_bodies(session, changed)
        store.changed |= await write_page_parents(session, pages) - store.added


async def _read_known(session: AsyncSession) -> tuple[Known, dict[str, tuple[str, ...]]]:
    territories = await session.execute(select(col(Territory.code), col(Territory.path)))
    paths = {code: tuple(path.split("/")) for code, path in territories.tuples()}
    departments: dict[str, int] = {}
    for department in await session.scalars(select(Department).order_by(col(Department.id))):
        for name in (department.short_name, department.name, department.code):
            departments[name.lower()] = department.id or 0
    return Known(frozenset(paths), departments), paths


async def _read_bodies(session: AsyncSession) -> list[Body]:
    """Every body, with its parent as an object."""
    asked: Any = select(
        col(OfficialBody.id), col(OfficialBody.name), col(OfficialBody.ogrn), col(OfficialBody.inn),
        col(OfficialBody.territory_code), col(OfficialBody.department_id), col(OfficialBody.parent_id),
    )  # fmt: skip
    rows = (await session.execute(asked)).all()
    bodies = {
        number: Body(number, name, ogrn, inn, territory_code, None, department_id)
        for number, name, ogrn, inn, territory_code, department_id, _ in rows
    }
    for number, *_, parent_id in rows:
        bodies[number].parent = bodies.get(parent_id)
    return list(bodies.values())
