"""The CSV files of a rule set. Columns go by name, in any order; unknown columns are the author's own notes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import TypeVar

from routing_rules.model import Cell, DepartmentEntry, Label, Problem, Territory
from routing_rules.territory import is_territory_code

KINDS = ("municipal", "ministry", "federal", "company", "desk")
CO_DEPARTMENTS = "co_departments"

Row = dict[str, str]
Made = TypeVar("Made")


def departments(file: str, text: str, problems: list[Problem]) -> tuple[DepartmentEntry, ...]:
    """departments.csv: code, name, short_name, kind."""

    def make(row: Row, line: int) -> DepartmentEntry:
        if row["kind"] not in KINDS:
            raise ValueError(f"вид «{row['kind']}» неизвестен, бывают: {', '.join(KINDS)}")
        return DepartmentEntry(
            required(row, "code"), required(row, "name"), row["short_name"] or row["name"], row["kind"]
        )

    found = _read(file, text, ("code", "name", "short_name", "kind"), make, problems)
    return _unique(file, found, lambda entry: entry.code, problems)


def territories(file: str, text: str, problems: list[Problem]) -> tuple[Territory, ...]:
    """territories.csv: code (ОКТМО), parent, name."""

    def make(row: Row, line: int) -> Territory:
        return Territory(_code(required(row, "code")), _code(row["parent"]), required(row, "name"))

    return _unique(file, _read(file, text, ("code", "parent", "name"), make, problems), lambda row: row.code, problems)


def labels(file: str, text: str, problems: list[Problem]) -> tuple[Label, ...]:
    """topic_crosswalk.csv: topic_group, label, topic (empty: the group decides)."""

    def make(row: Row, line: int) -> Label:
        return Label(required(row, "label"), required(row, "topic_group"), row["topic"])

    found = _read(file, text, ("topic_group", "label", "topic"), make, problems)
    return _unique(file, found, lambda label: label.name, problems)


def cells(file: str, text: str, problems: list[Problem]) -> tuple[Cell, ...]:
    """matrix.csv: id, topic_group, topic, territory, sphere, page, department; empty means "any". There may be a column
    co_departments: codes of those who work on it too, separated by blanks or semicolons.
    """

    def make(row: Row, line: int) -> Cell:
        if row["sphere"] and row["page"]:
            raise ValueError("укажите страницу или сферу, а не обе")
        return Cell(
            id=required(row, "id"),
            group=row["topic_group"],
            topic=row["topic"],
            territory=_code(row["territory"]),
            sphere=row["sphere"],
            page=row["page"],
            department=required(row, "department"),
            line=line,
            co_departments=_co_departments(row),
        )

    columns = ("id", "topic_group", "topic", "territory", "sphere", "page", "department")
    found = _read(file, text, columns, make, problems, (CO_DEPARTMENTS,))
    return _unique(file, found, lambda cell: cell.id, problems)


def _co_departments(row: Row) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(row[CO_DEPARTMENTS].replace(";", " ").split()))
    if row["department"] in codes:
        raise ValueError(f"«{row['department']}» и отвечает, и соисполняет")
    return codes


def required(row: Row, column: str) -> str:
    """The value of a column that must not be empty."""
    if not row[column]:
        raise ValueError(f"пустой столбец {column}")
    return row[column]


def clean(text: str | None) -> str:
    """A value without stray spaces: tables copied from office programs are full of no-break ones."""
    return " ".join((text or "").split())


def _code(code: str) -> str:
    if code and not is_territory_code(code):
        raise ValueError(f"«{code}» не похоже на код ОКТМО: нужно 8 или 11 цифр")
    return code


def _read(
    file: str,
    text: str,
    columns: tuple[str, ...],
    make: Callable[[Row, int], Made],
    problems: list[Problem],
    optional: tuple[str, ...] = (),
) -> list[tuple[int, Made]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [column for column in columns if text.strip() and column not in (rows.fieldnames or ())]
        if missing:
            problems.append(Problem(file, 1, f"нет столбцов: {', '.join(missing)}"))
            return []
        return list(_made(file, rows, columns + optional, make, problems))
    except csv.Error as error:
        problems.append(Problem(file, rows.line_num, f"ошибка CSV: {error}"))
        return []


def _made(
    file: str,
    rows: csv.DictReader[str],
    columns: tuple[str, ...],
    make: Callable[[Row, int], Made],
    problems: list[Problem],
) -> Iterator[tuple[int, Made]]:
    for row in rows:
        line = rows.line_num
        try:
            if None in row:
                raise ValueError("в строке больше столбцов, чем в заголовке")
            yield line, make({column: clean(row.get(column)) for column in columns}, line)
        except ValueError as error:
            problems.append(Problem(file, line, str(error)))


def _unique(
    file: str, rows: list[tuple[int, Made]], key: Callable[[Made], str], problems: list[Problem]
) -> tuple[Made, ...]:
    first: dict[str, int] = {}
    for line, made in rows:
        if key(made) in first:
            problems.append(Problem(file, line, f"«{key(made)}» уже есть в строке {first[key(made)]}"))
        first.setdefault(key(made), line)
    return tuple(made for _, made in rows)
