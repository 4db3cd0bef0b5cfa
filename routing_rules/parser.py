"""Texts of a rule set -> typed tables. Collects every problem with its file and line before it gives up."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from routing_rules import csv_tables, toml_rules
from routing_rules.evaluation import RuleSet
from routing_rules.model import PAGE_OWNER, Cell, ExceptionRule, Problem, RuleSetInvalid, Tables

RULES, DEPARTMENTS, MATRIX = "rules.toml", "departments.csv", "matrix.csv"
TERRITORIES, CROSSWALK = "territories.csv", "topic_crosswalk.csv"
REQUIRED = (RULES, DEPARTMENTS, MATRIX)
FILES = (*REQUIRED, TERRITORIES, CROSSWALK)
DEFAULT_DIRECTORY = Path(__file__).parent / "default"


def load(path_or_directory: str | Path = DEFAULT_DIRECTORY) -> RuleSet:
    """The rule set of a directory (or of the directory in which the given rules.toml lies).

    Raises RuleSetInvalid with file names and line numbers, and OSError when a file cannot be read.
    """
    directory = Path(path_or_directory)
    return parse(read_texts(directory.parent if directory.is_file() else directory))


def read_texts(directory: Path) -> dict[str, str]:
    """The texts of a directory's files, by name. Raises OSError when a file cannot be read."""
    return {name: (directory / name).read_text("utf-8-sig") for name in FILES if (directory / name).exists()}


def parse(texts: Mapping[str, str]) -> RuleSet:
    """The rule set made of these texts, by file name: rules.toml, departments.csv and matrix.csv, and, where needed,
    territories.csv and topic_crosswalk.csv. Raises RuleSetInvalid with file names and line numbers.
    """
    problems = [Problem(name, 0, "нет такого файла, а без него правил нет") for name in REQUIRED if name not in texts]
    if problems:
        raise RuleSetInvalid(tuple(problems))
    tables = read_tables(texts, problems)
    problems += _unknown_departments(tables)
    if problems:
        raise RuleSetInvalid(tuple(problems))
    return RuleSet(tables)


def read_tables(texts: Mapping[str, str], problems: list[Problem]) -> Tables:
    """Tables of whatever can be read; what cannot is added to `problems`."""
    head, exceptions = _read_rules(texts[RULES], problems)
    return Tables(
        version=head.version,
        digest=digest_of(texts),
        default=head.default,
        thresholds=head.thresholds,
        departments=csv_tables.departments(DEPARTMENTS, texts[DEPARTMENTS], problems),
        territories=csv_tables.territories(TERRITORIES, texts.get(TERRITORIES, ""), problems),
        labels=csv_tables.labels(CROSSWALK, texts.get(CROSSWALK, ""), problems),
        cells=csv_tables.cells(MATRIX, texts[MATRIX], problems),
        exceptions=exceptions,
        platforms=head.platforms,
        spheres=head.spheres,
    )


def digest_of(texts: Mapping[str, str]) -> str:
    """SHA-256 over the names and texts."""
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(f"{name}\0{texts[name]}\0".encode())
    return digest.hexdigest()


def _read_rules(text: str, problems: list[Problem]) -> tuple[toml_rules.Head, tuple[ExceptionRule, ...]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleSetInvalid(
            (*problems, Problem(RULES, toml_rules.line_in(str(error)), f"ошибка TOML: {error}"))
        ) from None
    reader = toml_rules.Reader(RULES, text, problems)
    return reader.head(document), reader.exceptions(document)


def _unknown_departments(tables: Tables) -> list[Problem]:
    known = {department.code for department in tables.departments} | {PAGE_OWNER}
    rows: list[tuple[str, Cell | ExceptionRule]] = [(MATRIX, cell) for cell in tables.cells]
    rows += [(RULES, rule) for rule in tables.exceptions]
    found = [
        Problem(file, row.line, f"{row.id}: нет ведомства с кодом «{code}» в {DEPARTMENTS}")
        for file, row in rows
        for code in (row.department, *getattr(row, "co_departments", ()))
        if code and code not in known
    ]
    if tables.default and tables.default not in known - {PAGE_OWNER}:
        found.append(Problem(RULES, 0, f"default: нет ведомства с кодом «{tables.default}» в {DEPARTMENTS}"))
    return found
