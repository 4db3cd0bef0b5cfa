"""A region's own tables (JSON: topic -> body in charge) become rows of matrix.csv, reproducibly.

Rows that came from elsewhere, such as the group cells written by hand, stay as they are, below the imported ones.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from routing_rules.csv_tables import Row, clean
from routing_rules.model import DepartmentEntry

COLUMNS = ("id", "topic_group", "topic", "territory", "sphere", "page", "department", "source")


class UnknownBodies(Exception):
    """Bodies of an imported table that departments.csv does not name."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__("Нет в departments.csv: " + "; ".join(sorted(set(names))))


@dataclass(frozen=True, slots=True)
class Table:
    """A table to import: the prefix of its row ids, the ОКТМО code where it holds, and its JSON file."""

    prefix: str
    territory: str
    path: Path


def import_tables(tables: Iterable[Table], departments: Iterable[DepartmentEntry], existing: str) -> str:
    """The new text of matrix.csv: rows of these tables in the order of their topics, then all others of the old text.

    Raises UnknownBodies when a body is not in departments.csv.
    """
    codes = {body_key(department.name): department.code for department in departments}
    tables = list(tables)
    imported = [row for table in tables for row in _rows(table, codes)]
    sources = {table.path.name for table in tables}
    kept = [row for row in csv.DictReader(io.StringIO(existing, newline="")) if row.get("source") not in sources]
    return _write([*imported, *kept])


def body_key(name: str) -> str:
    """A body's name without the accidents of typing: no-break spaces, kinds of quotation marks, case."""
    return clean(name).translate(str.maketrans("«»“”„'", '""""""')).casefold()


def _rows(table: Table, codes: dict[str, str]) -> list[Row]:
    body_of: dict[str, str] = json.loads(table.path.read_text("utf-8"))
    unknown = [body for body in body_of.values() if body_key(body) not in codes]
    if unknown:
        raise UnknownBodies(unknown)
    return [
        {
            "id": f"{table.prefix}-{number:03}",
            "topic": topic,
            "territory": table.territory,
            "department": codes[body_key(body)],
            "source": table.path.name,
        }
        for number, (topic, body) in enumerate(sorted((clean(name), body) for name, body in body_of.items()), 1)
    ]


def _write(rows: Iterable[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
