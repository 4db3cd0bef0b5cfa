"""The matrix as a file that people keep: XLSX out, XLSX or CSV in."""

import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from app.public_pages.sheets import open_sheet
from app.rules.service import RulesRefused
from routing_rules import RuleSet
from routing_rules.editing import replace_cells
from routing_rules.sheet import SUBJECT, as_sheet, read_sheet

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUBJECT_WIDTH, BODY_WIDTH = 36, 26
COLUMNS_BEFORE_BODIES = len(SUBJECT)


async def matrix_workbook(rules: RuleSet) -> bytes:
    """The matrix as XLSX: topics as rows, territories as columns, header and subjects frozen."""
    return await asyncio.to_thread(_workbook, rules)


def _workbook(rules: RuleSet) -> bytes:
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Матрица")
    sheet.freeze_panes = sheet_place(COLUMNS_BEFORE_BODIES)
    lines = as_sheet(rules)
    for number in range(len(lines[0])):
        width = SUBJECT_WIDTH if number < 2 else BODY_WIDTH
        sheet.column_dimensions[_letter(number)].width = width
    for number, line in enumerate(lines):
        sheet.append([_text(sheet, value, is_bold=number == 0) for value in line])
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def sheet_place(columns: int) -> str:
    """The first cell below the header and right of so many columns."""
    return f"{_letter(columns)}2"


def _letter(number: int) -> str:
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _text(sheet: Any, value: str, *, is_bold: bool) -> Any:
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"  # a name that begins with = is no formula
    if is_bold:
        cell.font = Font(bold=True)
    return cell


async def matrix_from_file(rules: RuleSet, matrix: str, name: str, content: bytes) -> str:
    """The text of matrix.csv, `matrix` until now, made of such a file. Raises Invalid where the file is none.

    RulesRefused with every bad row: a matrix that lost some rows on the way would send appeals astray.
    """
    return await asyncio.to_thread(_from_file, rules, matrix, name, content)


def _from_file(rules: RuleSet, matrix: str, name: str, content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"matrix{Path(name).suffix.lower()}"
        path.write_bytes(content)
        with open_sheet(path) as sheet:
            found = read_sheet(rules, sheet.header, sheet.rows)
    if found.problems or not found.rows:
        problems = tuple(found.problems)
        message = f"Матрица не загружена: {problems[0]}" if problems else "В таблице нет ни одной ячейки"
        raise RulesRefused(message, problems)
    return replace_cells(matrix, found.rows)
