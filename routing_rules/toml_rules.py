"""rules.toml: version, default, thresholds, known names and the ordered exceptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from routing_rules.conditions import CONDITIONS
from routing_rules.model import ExceptionRule, Mode, Problem, Thresholds

_EXCEPTION_FIELDS = {"id", "name", "mode", "department", "owner", "reason", "expires", "when", "unless"}
_HEAD_FIELDS = {"version", "default", "thresholds", "names", "exception"}


@dataclass(frozen=True, slots=True)
class Head:
    """Everything of rules.toml but the exceptions."""

    version: str
    default: str
    thresholds: Thresholds
    platforms: frozenset[str]
    spheres: frozenset[str]


class Reader:
    """Reads one document; whatever is wrong goes to `problems` and an empty value takes its place."""

    def __init__(self, file: str, text: str, problems: list[Problem]) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._problems = problems
        self._starts = [n for n, line in enumerate(self._lines, 1) if re.match(r"\s*\[\[\s*exception\s*\]\]", line)]

    def head(self, document: Mapping[str, Any]) -> Head:
        """Version, default and thresholds; all of them are mandatory."""
        self._refuse_unknown(document, _HEAD_FIELDS, 0)
        thresholds = self._table(document, "thresholds", 0)
        names = self._table(document, "names", 0)
        self._refuse_unknown(thresholds, {"topic", "group"}, 0)
        self._refuse_unknown(names, {"platforms", "spheres"}, 0)
        return Head(
            version=self._text(document, "version", 0),
            default=self._text(document, "default", 0),
            thresholds=Thresholds(self._share(thresholds, "topic"), self._share(thresholds, "group")),
            platforms=self._names(names, "platforms"),
            spheres=self._names(names, "spheres"),
        )

    def exceptions(self, document: Mapping[str, Any]) -> tuple[ExceptionRule, ...]:
        """The exceptions in their order."""
        rows = document.get("exception", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._problem(0, "исключения пишутся как [[exception]]")
            return ()
        starts = self._starts if len(self._starts) == len(rows) else [0] * len(rows)
        found = tuple(self._exception(row, line) for row, line in zip(rows, starts, strict=True))
        seen: set[str] = set()
        for rule in found:
            if rule.id in seen:
                self._problem(self._line("id", rule.line), f"исключение {rule.id} уже есть выше")
            seen.add(rule.id)
        return found

    def _exception(self, row: Mapping[str, Any], line: int) -> ExceptionRule:
        self._refuse_unknown(row, _EXCEPTION_FIELDS, line)
        rule_id = self._text(row, "id", line)
        return ExceptionRule(
            id=rule_id,
            name=self._text(row, "name", line),
            mode=self._mode(row, line),
            department=self._text(row, "department", line),
            owner=self._text(row, "owner", line),
            reason=self._text(row, "reason", line),
            expires=self._day(row, line),
            when=self._conditions(row, "when", line),
            unless=self._conditions(row, "unless", line),
            line=line,
        )

    def _conditions(self, row: Mapping[str, Any], field: str, line: int) -> Mapping[str, Any]:
        table = self._table(row, field, line)
        if field == "when" and not table:
            self._problem(line, "исключение без условий when подошло бы ко всему")
        return MappingProxyType({name: self._condition(name, table[name], line) for name in table})

    def _condition(self, name: str, value: object, line: int) -> Any:
        if name not in CONDITIONS:
            return self._problem(self._line(name, line), f"условия «{name}» нет, есть: {', '.join(CONDITIONS)}")
        return self._guarded(lambda: CONDITIONS[name].read(value), name, line)

    def _mode(self, row: Mapping[str, Any], line: int) -> Mode:
        text = self._text(row, "mode", line)
        if text and text not in list(Mode):
            self._problem(self._line("mode", line), f"режима «{text}» нет, есть: {', '.join(Mode)}")
        return Mode(text) if text in list(Mode) else Mode.DRAFT

    def _day(self, row: Mapping[str, Any], line: int) -> date | None:
        day = row.get("expires")
        if day is None or (isinstance(day, date) and not isinstance(day, datetime)):
            return day
        self._problem(self._line("expires", line), "expires: нужна дата вида 2027-04-15")
        return None

    def _text(self, row: Mapping[str, Any], field: str, line: int) -> str:
        value = row.get(field)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self._problem(self._line(field, line), f"{field}: нужна непустая строка")
        return ""

    def _share(self, row: Mapping[str, Any], field: str) -> float:
        read = CONDITIONS["confidence_at_least"].read
        return self._guarded(lambda: float(read(row.get(field))), field, 0) or 0.0

    def _names(self, row: Mapping[str, Any], field: str) -> frozenset[str]:
        if field not in row:
            return frozenset()
        return self._guarded(lambda: frozenset(CONDITIONS["page"].read(row[field])), field, 0) or frozenset()

    def _table(self, row: Mapping[str, Any], field: str, line: int) -> Mapping[str, Any]:
        value = row.get(field, {})
        if isinstance(value, dict):
            return value
        self._problem(self._line(field, line), f"{field}: нужна таблица")
        return {}

    def _guarded(self, read: Callable[[], Any], field: str, line: int) -> Any:
        try:
            return read()
        except ValueError as error:
            return self._problem(self._line(field, line), f"{field}: {error}")

    def _refuse_unknown(self, row: Mapping[str, Any], known: set[str], line: int) -> None:
        for field in row:
            if field not in known:
                self._problem(self._line(field, line), f"поля «{field}» нет, есть: {', '.join(sorted(known))}")

    def _line(self, field: str, start: int) -> int:
        """The line of a field: the first `field =` from the start of its block; else the start itself."""
        end = next((n for n in self._starts if n > start), len(self._lines) + 1)
        pattern = re.compile(rf"(.*[{{,\s])?[\"']?{re.escape(field)}[\"']?\s*=|\s*\[+[\w.\s]*\b{re.escape(field)}\s*\]")
        return next((n for n in range(max(start, 1), end) if pattern.match(self._lines[n - 1])), start)

    def _problem(self, line: int, message: str) -> None:
        self._problems.append(Problem(self._file, line, message))


def line_in(message: str) -> int:
    """The line number that tomllib puts into its message; 0 when the text ended too early."""
    found = re.search(r"at line (\d+)", message)
    return int(found[1]) if found else 0
