"""Changes to the texts of a rule set that leave everything else in them as its authors wrote it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from routing_rules.csv_tables import CO_DEPARTMENTS, Row, clean

CELL_COLUMNS = ("id", "topic_group", "topic", "territory", "sphere", "page", "department", CO_DEPARTMENTS)
OWN_PREFIX = "М"
_VERSION = re.compile(r"^(\s*version\s*=\s*)(\"[^\"\n]*\"|'[^'\n]*')", re.MULTILINE)


class NoSuchCell(LookupError):
    """The matrix has no cell with this id."""


def name_version(rules: str, version: str) -> str:
    """rules.toml with another version; the name must hold neither quotes nor backslashes."""
    text, count = _VERSION.subn(lambda found: f'{found[1]}"{version}"', rules, count=1)
    return text if count else f'version = "{version}"\n{rules}'


def put_cell(matrix: str, row: Mapping[str, str]) -> str:
    """matrix.csv with this cell in the place of the one with its id, or as a new last row. Columns that the row does
    not name (source, note) stay as they were.
    """
    columns, rows = _read(matrix, {name for name, value in row.items() if value})
    changed = {name: clean(value) for name, value in row.items()}
    for known in rows:
        if clean(known["id"]) == changed["id"]:
            known.update(changed)
            break
    else:
        rows.append(changed)
    return _write(columns, rows)


def remove_cell(matrix: str, cell_id: str) -> str:
    """matrix.csv without a cell. Raises NoSuchCell."""
    columns, rows = _read(matrix, set())
    kept = [row for row in rows if clean(row["id"]) != cell_id]
    if len(kept) == len(rows):
        raise NoSuchCell(f"Ячейки {cell_id} в матрице нет")
    return _write(columns, kept)


def next_cell_id(ids: Iterable[str], prefix: str = OWN_PREFIX) -> str:
    """An id that no cell has yet: «М-001», «М-002»…"""
    known = set(ids)
    number = 1
    while f"{prefix}-{number:03}" in known:
        number += 1
    return f"{prefix}-{number:03}"


def replace_cells(matrix: str, rows: Sequence[Row]) -> str:
    """matrix.csv with these cells instead of its own; what authors have noted of a cell stays with its id."""
    columns, before = _read(matrix, {name for row in rows for name, value in row.items() if value})
    noted = {row["id"]: {name: value for name, value in row.items() if name not in CELL_COLUMNS} for row in before}
    return _write(columns, [noted.get(row["id"], {}) | row for row in rows])


def _read(matrix: str, needed: set[str]) -> tuple[list[str], list[Row]]:
    reader = csv.DictReader(io.StringIO(matrix, newline=""))
    columns = list(reader.fieldnames or CELL_COLUMNS)
    columns += [name for name in CELL_COLUMNS if name in needed and name not in columns]
    return columns, list(reader)


def _write(columns: list[str], rows: Iterable[Mapping[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
