"""Sheets of other programs: texts shared, rich and inline, holes in rows and between them, days, damage."""

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook

from app.errors import Invalid
from app.public_pages.sheets import open_sheet
from app.public_pages.worksheet import read_rows

SHEET = (
    '<?xml version="1.0"?><x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<x:sheetData>{}</x:sheetData></x:worksheet>"
)


def read(rows: str) -> list[list[str]]:
    source = io.BytesIO(SHEET.format(rows).encode())
    days = {1: "2026-11-23"}
    return list(read_rows(source, ["общий", "другой"], lambda number, style: days.get(style)))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<x:c t="s"><x:v>1</x:v></x:c>', "другой"),
        ('<x:c t="inlineStr"><x:is><x:t> здесь &amp; там </x:t></x:is></x:c>', " здесь & там "),
        ('<x:c t="inlineStr"><x:is><x:r><x:t>из </x:t></x:r><x:r><x:t>частей</x:t></x:r>'
         "<x:rPh><x:t>вслух</x:t></x:rPh></x:is></x:c>", "из частей"),
        ('<x:c t="str"><x:f>A1</x:f><x:v>итог</x:v></x:c>', "итог"),
        ('<x:c t="e"><x:v>#N/A</x:v></x:c>', "#N/A"),
        ("<x:c><x:v>52701000</x:v></x:c>", "52701000"),
        ("<x:c><x:v>52701000.0</x:v></x:c>", "52701000"),
        ("<x:c><x:v>5.2701E7</x:v></x:c>", "52701000"),
        ("<x:c><x:v>0.5</x:v></x:c>", "0.5"),
        ('<x:c s="1"><x:v>46349</x:v></x:c>', "2026-11-23"),
        ('<x:c s="2"><x:v>46349</x:v></x:c>', "46349"),
        ("<x:c/>", ""),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_a_person_sees_it(cell: str, text: str) -> None:
    assert read(f"<x:row>{cell}</x:row>") == [[text]]


def test_what_is_left_out_is_empty_and_rows_keep_their_numbers() -> None:
    cell = "<x:c r='{}'><x:v>{}</x:v></x:c>"
    rows = (
        f"<x:row r='1'>{cell.format('C1', 1)}{cell.format('AB1', 2)}</x:row><x:row r='4'>{cell.format('A4', 3)}</x:row>"
    )
    assert read(rows) == [["", "", "1", *[""] * 24, "2"], [], [], ["3"]]


@pytest.mark.parametrize(
    "rows",
    [
        "<x:row>",
        "<x:row r='99999999999'/>",
        "<x:row r='5'/><x:row r='2'/>",
        "<x:row r='один'/>",
        "<x:row><x:c r='ZZZZ1'/></x:row>",
        "<x:row><x:c r='яя1'/></x:row>",
        "<x:row><x:c t='s'><x:v>7</x:v></x:c></x:row>",
        "<x:row><x:c><x:v>слово</x:v></x:c></x:row>",
    ],
)
def test_a_damaged_sheet_raises_only_what_is_declared(rows: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        read(rows)


def test_a_sheet_that_declares_entities_is_refused() -> None:
    with pytest.raises(ValueError, match="entities"):
        list(read_rows(io.BytesIO(b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'), [], lambda number, style: None))


def test_a_workbook_of_openpyxl_is_read_whole_and_a_cut_one_is_told_where(tmp_path: Path) -> None:
    book, path = Workbook(), tmp_path / "pages.xlsx"
    book.active.append(["Название", "Дата", "Число"])
    for number in range(5000):
        book.active.append([f"Школа № {number}", date(2026, 11, 23), number / 2])
    book.save(path)
    with open_sheet(path) as sheet:
        read_through = list(sheet.rows)
        assert sheet.share() == 1.0
    assert len(read_through) == 5000
    assert read_through[3] == (5, ["Школа № 3", "2026-11-23", "1.5"])
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "cut.xlsx", "w") as cut:
        for name in whole.namelist():
            content = whole.read(name)
            cut.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    with pytest.raises(Invalid, match="не читается после строки"), open_sheet(tmp_path / "cut.xlsx") as sheet:
        list(sheet.rows)
