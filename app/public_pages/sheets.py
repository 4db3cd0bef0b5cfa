"""Tables that people keep, CSV or XLSX, row by row: any number of rows costs the memory of one."""

import codecs
import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from openpyxl import load_workbook
from openpyxl.utils.datetime import from_excel
from openpyxl.utils.exceptions import InvalidFileException

from app.errors import Invalid
from app.platforms.untrusted import storable
from app.public_pages.worksheet import DateText, read_rows

SAMPLE_BYTES = 64 * 1024
DELIMITERS = ";,\t"
LONGEST_CELL = 100_000
# What openpyxl lets through when a file is damaged or is something else.
_BROKEN = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, LookupError, ValueError, TypeError, EOFError, SyntaxError,
    OSError,
)  # fmt: skip

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a header. `rows` are numbered as a spreadsheet numbers them: the header is row 1.

    `share` says how much was read, from 0 to 1. Reading raises Invalid where the file is damaged.
    """

    header: list[str]
    rows: Iterator[Row]
    share: Callable[[], float]


@contextmanager
def open_sheet(path: Path) -> Iterator[Sheet]:
    """A CSV or XLSX file; of a workbook the sheet that was open when it was saved. Raises Invalid."""
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        with _open_workbook(path) as sheet:
            yield sheet
    elif path.suffix.lower() in {".csv", ".txt", ".tsv"}:
        with path.open("rb") as file:
            yield _csv_sheet(file, path.stat().st_size)
    else:
        raise Invalid(f"Файл {path.name}: нужен CSV или XLSX")


def _csv_sheet(file: BinaryIO, size: int) -> Sheet:
    sample = file.read(SAMPLE_BYTES)
    file.seek(0)
    encoding = _encoding(sample)
    first_line = sample.decode(encoding, "replace").partition("\n")[0]
    delimiter = max(DELIMITERS, key=first_line.count)
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")

    def share() -> float:
        return min(1.0, text.buffer.tell() / size) if size else 1.0  # and the file stays open until the end

    return _with_header(_csv_rows(csv.reader(text, delimiter=delimiter)), share)


def _encoding(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8-sig")().decode(sample)  # the sample may end within a letter
    except UnicodeDecodeError:
        return "cp1251"
    return "utf-8-sig"


def _csv_rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    number = 0
    try:
        for row in reader:
            number += 1
            yield row
    except (csv.Error, UnicodeError) as error:
        raise Invalid(f"Файл не читается после строки {number}: {error}") from error


@contextmanager
def _open_workbook(path: Path) -> Iterator[Sheet]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # styles and pictures that we do not look at
        try:
            workbook = load_workbook(path, read_only=True, data_only=True)
        except _BROKEN as error:
            raise Invalid(f"Файл {path.name} не читается как XLSX") from error
    try:
        yield _workbook_sheet(workbook, path.name)
    finally:
        workbook.close()


def _workbook_sheet(workbook: Any, name: str) -> Sheet:
    sheet = workbook.active
    if sheet is None:
        raise Invalid(f"В файле {name} нет ни одного листа")
    total = sheet.max_row or 0
    done = 0

    def rows() -> Iterator[list[str]]:
        nonlocal done
        try:
            # The package is read by openpyxl, which has no public name for its parts; only the cells are read here.
            with sheet._get_source() as source:
                for texts in read_rows(source, sheet._shared_strings, _date_text(workbook)):
                    done += 1
                    yield texts
        except _BROKEN as error:
            raise Invalid(f"Файл {name} не читается после строки {done}") from error

    return _with_header(rows(), lambda: min(1.0, done / total) if total else 0.0)


def _date_text(workbook: Any) -> DateText:
    """Numbers that the workbook shows as days, written as days."""
    dates, epoch = workbook._date_formats, workbook.epoch

    def text(number: float, style: int) -> str | None:
        moment = from_excel(number, epoch) if style in dates else None
        if isinstance(moment, datetime):
            return moment.date().isoformat()
        return None if moment is None else str(moment)

    return text


def _with_header(rows: Iterator[list[str]], share: Callable[[], float]) -> Sheet:
    header = [storable(name).strip() for name in next(rows, [])]
    if not any(header):
        raise Invalid("В первой строке файла нет названий колонок")
    return Sheet(header, _numbered(rows), share)


def _numbered(rows: Iterator[Sequence[str]]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=2):
        cells = [storable(cell).strip() for cell in row]
        if any(cells):
            yield number, cells
