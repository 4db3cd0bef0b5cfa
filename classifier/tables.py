"""Rows of a file as regions have them: any usual separator and encoding, packed or not, with names or without."""

import csv
import gzip
import io
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SEPARATORS: Final = (",", ";", "\t", "|")
LONGEST_CELL: Final = 10_000_000
MAX_UNPACKED: Final = 2_000_000_000
WORKBOOKS: Final = (".xlsx", ".xlsm")
_BROKEN_WORKBOOK: Final = (
    zipfile.BadZipFile, AttributeError, KeyError, ValueError, TypeError, EOFError, SyntaxError, OSError,
)  # fmt: skip
"""What openpyxl lets through when a file is damaged or is something else; AttributeError: a chart has no cells."""
_SAMPLE_ROWS: Final = 50
_MOST_WORDS_OF_A_NAME: Final = 4


class DataIsWrong(ValueError):
    """The data file cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a file, the first one too, and the file's name for messages."""

    name: str
    rows: list[list[str]]

    def column(self, wanted: str) -> int:
        """The place of a column given by its number from 0 or by its name in the first row. Raises ``DataIsWrong``."""
        names = [cell.strip() for cell in self.rows[0]] if self.rows else []
        if wanted.isdecimal() and int(wanted) < len(names):
            return int(wanted)
        if wanted in names:
            return names.index(wanted)
        known = ", ".join(f"{number} «{name[:30]}»" for number, name in enumerate(names)) or "ни одного"
        raise DataIsWrong(f"{self.name}: нет столбца «{wanted}»; есть {known}")

    def is_named(self, wanted: str) -> bool:
        """Whether the first row holds this name; a number is never one."""
        return bool(self.rows) and not wanted.isdecimal() and wanted in [cell.strip() for cell in self.rows[0]]

    def begins_with_names(self, text: int, labels: Sequence[int]) -> bool:
        """Whether the first row looks like names: its cells occur nowhere below, and the text's has few words."""
        if len(self.rows) < 2 or len(_cell(self.rows[0], text).split()) > _MOST_WORDS_OF_A_NAME:
            return False
        return all(
            _cell(self.rows[0], place) not in {_cell(row, place) for row in self.rows[1:]} for place in [*labels, text]
        )

    def cells(self, place: int, first_row: int) -> list[str]:
        """One column from a row on; what is missing in a short row is empty."""
        return [_cell(row, place) for row in self.rows[first_row:]]


def read_table(path: Path) -> Table:
    """Reads CSV or CSV.GZ, UTF-8 (with or without mark) or CP1251, or the open sheet of an XLSX workbook.

    Raises :class:`DataIsWrong`, also where a workbook is met and openpyxl is not installed.
    """
    if path.suffix.lower() in WORKBOOKS:
        return Table(path.name, _workbook_rows(path))
    text = _decoded(_unpacked(path), path.name)
    csv.field_size_limit(LONGEST_CELL)
    separator = max(SEPARATORS, key=lambda one: _evenness(text, one))
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except csv.Error as error:
        raise DataIsWrong(f"{path.name}: строки не читаются: {error}") from error
    return Table(path.name, rows)


def _workbook_rows(path: Path) -> list[list[str]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataIsWrong(f"{path.name}: для XLSX нужен openpyxl (pip install openpyxl); или сохраните CSV") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that no cell needs
            workbook = load_workbook(path, read_only=True, data_only=True)
        sheet = workbook.active
        sheet.reset_dimensions()  # some programs write a wrong size, and rows would be lost
        rows = [[_as_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        workbook.close()
    except _BROKEN_WORKBOOK as error:
        raise DataIsWrong(f"{path.name}: книга не читается: {error}") from error
    return [row for row in rows if any(row)]


def _as_text(value: object) -> str:
    """A cell as a person sees it: 7.0 is 7."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _unpacked(path: Path) -> bytes:
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as packed:
            content = packed.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataIsWrong(f"{path.name}: файл не читается: {error}") from error
    if len(content) > MAX_UNPACKED:
        raise DataIsWrong(f"{path.name}: распаковывается больше чем в {MAX_UNPACKED // 1_000_000} МБ")
    return content


def _decoded(content: bytes, name: str) -> str:
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            return content.decode(encoding).replace("\x00", "")
        except UnicodeDecodeError:
            continue
    raise DataIsWrong(f"{name}: это не текст ни в UTF-8, ни в CP1251")


def _evenness(text: str, separator: str) -> tuple[float, int]:
    """How alike the first rows are in length under a separator, then how long they are; one column says nothing."""
    lengths = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row, _ in zip(reader, range(_SAMPLE_ROWS), strict=False):
            lengths.append(len(row))
    except csv.Error:
        return (0.0, 0)
    usual = max(set(lengths), key=lengths.count, default=1)
    return (lengths.count(usual) / len(lengths), usual) if usual > 1 else (0.0, 0)


def _cell(row: list[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""
