"""The matrix in the shape that people keep: a row for each topic, a column for each territory or each body.

    Группа тем | Тема | Сфера | Страница | вся территория | Омск      | …     columns are territories, cells bodies
    Группа тем | Тема | Сфера | Страница | Миндор         | Минздрав  | …     columns are bodies, cells territories

A cell «Миндор + Город» has a co-executor; «Миндор | Город» is a tie, that is two cells of which one must go before the
rules may be published. Names may be written in full, in short, or as codes. Reading collects every bad cell; the ids of
cells that were there before stay theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from routing_rules.csv_tables import CO_DEPARTMENTS, Row, clean
from routing_rules.editing import next_cell_id
from routing_rules.evaluation import RuleSet
from routing_rules.importing import body_key
from routing_rules.matrix import Address, group_cells_by_address
from routing_rules.model import PAGE_OWNER, Cell, Problem

GROUP, TOPIC, SPHERE, PAGE = "Группа тем", "Тема", "Сфера", "Страница"
SUBJECT = (GROUP, TOPIC, SPHERE, PAGE)
ANYWHERE = "Вся территория"
OWNER = "владелец страницы"
SHEET = "таблица"
BESIDE, OR = "+", "|"


@dataclass(slots=True)
class ReadSheet:
    """Rows of matrix.csv made of a sheet, and what could not be understood."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def as_sheet(rules: RuleSet) -> list[list[str]]:
    """Header and rows, territories as columns. Cells of one address share a field, joined by «|»."""
    territories = ["", *(one.code for one in rules.tables.territories)]
    territories += sorted({cell.territory for cell in rules.tables.cells} - set(territories))
    used = [code for code in territories if any(cell.territory == code for cell in rules.tables.cells)]
    names, lines = _names_of_bodies(rules), dict[tuple[str, ...], dict[str, str]]()
    for cell in rules.tables.cells:
        line = lines.setdefault((cell.group, cell.topic, cell.sphere, cell.page), {})
        text = f" {BESIDE} ".join(_body(names, rules, code) for code in (cell.department, *cell.co_departments))
        line[cell.territory] = f"{line[cell.territory]} {OR} {text}" if cell.territory in line else text
    header = [*SUBJECT, *(_title(rules, code) for code in used)]
    return [header, *([*subject, *(line.get(code, "") for code in used)] for subject, line in lines.items())]


def read_sheet(rules: RuleSet, header: Sequence[str], lines: Iterable[tuple[int, Sequence[str]]]) -> ReadSheet:
    """Cells of a sheet as rows of matrix.csv. `lines` are numbered as the spreadsheet numbers them."""
    reader = _Reader(rules)
    columns = reader.columns(header)
    for number, values in lines:
        reader.take(number, columns, [clean(value) for value in values])
    return reader.found


def _title(rules: RuleSet, territory: str) -> str:
    return f"{rules.names.territory(territory)} ({territory})" if territory else ANYWHERE


def _body(names: dict[str, str], rules: RuleSet, code: str) -> str:
    name = OWNER if code == PAGE_OWNER else rules.names.department(code)
    is_readable = names.get(body_key(name)) == code and not set(name) & set(BESIDE + OR)
    return name if is_readable else code


def _names_of_bodies(rules: RuleSet) -> dict[str, str]:
    """Code by every name that means one body only."""
    named: dict[str, set[str]] = {body_key(OWNER): {PAGE_OWNER}, PAGE_OWNER: {PAGE_OWNER}}
    for entry in rules.departments:
        for name in (entry.name, entry.short_name, entry.code):
            named.setdefault(body_key(name), set()).add(entry.code)
    return {name: next(iter(codes)) for name, codes in named.items() if len(codes) == 1}


class _Reader:
    def __init__(self, rules: RuleSet) -> None:
        self.found = ReadSheet()
        self._bodies = _names_of_bodies(rules)
        self._territories = {body_key(ANYWHERE): ""}
        for one in rules.tables.territories:
            for name in (one.name, one.code, _title(rules, one.code)):
                self._territories[body_key(name)] = one.code
        self._known = group_cells_by_address(rules.tables.cells)
        self._ids = {cell.id for cell in rules.tables.cells}
        self._lines: dict[Address, int] = {}

    def columns(self, header: Sequence[str]) -> list[tuple[str, str]]:
        """What each column is: ("subject", its name), ("territory", code), ("body", code) or ("", "")."""
        kinds = [self._column(clean(name)) for name in header]
        if not any(kind == ("subject", TOPIC) or kind == ("subject", GROUP) for kind in kinds):
            self._complain(1, f"нет столбца «{TOPIC}» или «{GROUP}»")
        return kinds

    def _column(self, name: str) -> tuple[str, str]:
        subject = next((known for known in SUBJECT if body_key(known) == body_key(name)), None)
        if subject or not name:
            return ("subject", subject) if subject else ("", "")
        for kind, names in (("territory", self._territories), ("body", self._bodies)):
            if body_key(name) in names:
                return kind, names[body_key(name)]
        self._complain(1, f"столбец «{name}»: нет ни такой территории, ни такого ведомства")
        return "", ""

    def take(self, number: int, columns: Sequence[tuple[str, str]], values: Sequence[str]) -> None:
        """One line of the sheet."""
        fields = [(kind, value) for kind, value in zip(columns, values, strict=False) if value]
        subject = {name: value for (kind, name), value in fields if kind == "subject"}
        if not subject:
            return self._complain(number, "не названы ни тема, ни группа")
        if subject.get(SPHERE) and subject.get(PAGE):
            return self._complain(number, "укажите страницу или сферу, а не обе")
        for (kind, code), value in fields:
            if kind == "territory":
                self._put(number, subject, code, value)
            elif kind == "body":
                for place in value.replace(";", ",").split(","):
                    self._put_place(number, subject, place, code)
        return None

    def _put_place(self, number: int, subject: dict[str, str], place: str, body: str) -> None:
        territory = self._territories.get(body_key(place))
        if territory is None:
            return self._complain(number, f"территории «{clean(place)}» нет")
        return self._add(number, subject, territory, [[body]])

    def _put(self, number: int, subject: dict[str, str], territory: str, value: str) -> None:
        options = [[clean(name) for name in option.split(BESIDE)] for option in value.split(OR)]
        unknown = [name for names in options for name in names if body_key(name) not in self._bodies]
        if unknown:
            missing = f"ведомства «{unknown[0]}» нет" if unknown[0] else f"в клетке «{value}» не названо ведомство"
            return self._complain(number, missing)
        return self._add(
            number, subject, territory, [[self._bodies[body_key(one)] for one in names] for names in options]
        )

    def _add(self, number: int, subject: dict[str, str], territory: str, options: list[list[str]]) -> None:
        """The cells of one address: one, or those of a tie."""
        group, topic, sphere, page = (subject.get(name, "") for name in SUBJECT)
        address = Address(group, topic, territory, page, sphere)
        if address in self._lines:
            return self._complain(number, f"то же самое уже сказано в строке {self._lines[address]}")
        if any(len(set(bodies)) < len(bodies) for bodies in options):
            return self._complain(number, "одно ведомство названо дважды")
        self._lines[address] = number
        for cell_id, bodies in zip(self._ids_for(address, options), options, strict=True):
            self.found.rows.append({
                "id": cell_id, "topic_group": group, "topic": topic, "territory": territory, "sphere": sphere,
                "page": page, "department": bodies[0], CO_DEPARTMENTS: " ".join(bodies[1:]),
            })  # fmt: skip
        return None

    def _ids_for(self, address: Address, options: list[list[str]]) -> list[str]:
        """Each cell keeps the id of the one that said the same, else takes one that is left over, else a new one."""
        left = list(self._known.get(address, ()))
        ids = [_claim(left, bodies) for bodies in options]
        return [cell_id or (left.pop(0).id if left else self._new_id()) for cell_id in ids]

    def _new_id(self) -> str:
        cell_id = next_cell_id(self._ids)
        self._ids.add(cell_id)
        return cell_id

    def _complain(self, line: int, message: str) -> None:
        self.found.problems.append(Problem(SHEET, line, message))


def _claim(cells: list[Cell], bodies: list[str]) -> str:
    """Take out of these cells the one that says the same, and return its id; empty where none does."""
    same = next((cell for cell in cells if [cell.department, *cell.co_departments] == bodies), None)
    if same is None:
        return ""
    cells.remove(same)
    return same.id
