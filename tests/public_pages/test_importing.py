"""A region's own table becomes the registry, and the same table twice changes nothing."""

from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import select
from sqlmodel import col

from app.departments.models import Department
from app.errors import Invalid
from app.public_pages.importing import ImportCounts, import_pages
from app.public_pages.models import OfficialBody, PublicPage
from app.public_pages.rows import Remark
from app.public_pages.sheets import open_sheet
from app.resources import Resources
from tests.conftest import NOW
from tests.office import rows

HEADER = [
    "Ссылка", "Название", "Орган", "Вышестоящий орган", "Отдел органа", "ОКТМО", "Сфера", "Уровень", "Подписчиков",
]  # fmt: skip
OFFICE = ["https://vk.com/club1", "Управление образования", "Управление", "", "{department}", "52701000", "Образование"]
SCHOOL = ["https://vk.com/club2", "Школа № 2", "Школа № 2", "Управление", "", "52701000", "Образование"]


async def take(resources: Resources, path: Path, *, is_dry_run: bool = False) -> tuple[ImportCounts, list[Remark]]:
    remarks: list[Remark] = []
    with open_sheet(path) as sheet:
        counts = await import_pages(
            resources, sheet, NOW, is_dry_run=is_dry_run, on_remark=remarks.append, on_share=lambda share: None
        )
    return counts, remarks


async def table(resources: Resources, folder: Path, *more: list[str], kind: str = "csv") -> Path:
    """A file with the office, its school and these rows."""
    department = (await rows(resources, Department))[0].code
    lines = [HEADER, *([cell.format(department=department) for cell in row] for row in (OFFICE, SCHOOL)), *more]
    path = folder / f"pages.{kind}"
    if kind == "csv":
        path.write_text("\n".join(";".join(line) for line in lines))
        return path
    book = Workbook()
    for line in lines:
        book.active.append(line)
    book.save(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_table_is_taken_in_and_again_changes_nothing(resources: Resources, tmp_path: Path, kind: str) -> None:
    path = await table(resources, tmp_path, kind=kind)
    first, remarks = await take(resources, path)
    assert (first.added, first.bad, remarks) == (2, 0, [])
    office, school = await rows(resources, PublicPage)
    assert (office.platform, office.external_id, school.name) == ("vk", "1", "Школа № 2")
    assert (school.sphere, school.territory_code) == ("education", "52701000")
    second, _ = await take(resources, path)
    assert (second.added, second.changed, second.unchanged) == (0, 0, 2)
    assert [page.key for page in await rows(resources, PublicPage)] == [office.key, school.key]


async def test_a_school_belongs_to_the_department_of_the_body_above_it(resources: Resources, tmp_path: Path) -> None:
    await take(resources, await table(resources, tmp_path))
    office, school = await rows(resources, PublicPage)
    assert school.department_id is not None
    assert school.department_id == office.department_id
    assert {body.name for body in await rows(resources, OfficialBody)} == {"Управление", "Школа № 2"}


async def test_a_bad_row_is_named_and_the_others_go_on(resources: Resources, tmp_path: Path) -> None:
    path = await table(
        resources, tmp_path,
        ["https://example.test/x", "Непонятно где", "", "", "", "", ""],
        ["https://vk.com/club4", "", "", "", "", "", ""],
        ["https://vk.com/club2", "Школа ещё раз", "", "", "", "", ""],
        ["https://vk.com/club5", "Парк", "", "", "", "", "", "", "много"],
    )  # fmt: skip
    counts, remarks = await take(resources, path)
    assert (counts.added, counts.bad) == (2, 4)
    assert sorted({remark.row for remark in remarks}) == [4, 5, 6, 7]
    assert all(remark.column and remark.text for remark in remarks)


async def test_an_unknown_territory_gives_way_to_the_nearest_known_above(resources: Resources, tmp_path: Path) -> None:
    path = await table(resources, tmp_path, ["https://vk.com/club3", "Посёлок", "", "", "", "52701999", ""])
    counts, remarks = await take(resources, path)
    assert (counts.added, counts.notes) == (3, 1)
    assert [remark.is_error for remark in remarks] == [False]
    async with resources.database.transaction() as session:
        code = await session.scalar(select(col(PublicPage.territory_code)).where(col(PublicPage.external_id) == "3"))
    assert code is not None
    assert code.startswith("52")


async def test_a_dry_run_writes_nothing(resources: Resources, tmp_path: Path) -> None:
    counts, _ = await take(resources, await table(resources, tmp_path), is_dry_run=True)
    assert counts.added == 2
    assert await rows(resources, PublicPage) == []


async def test_a_table_without_its_main_columns_is_refused(resources: Resources, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("Орган;ОКТМО\nУправление;52701000")
    with pytest.raises(Invalid, match="Название"):
        await take(resources, path)
    path.write_text("Название;ОКТМО\nУправление;52701000")
    with pytest.raises(Invalid, match="Ссылка"):
        await take(resources, path)
