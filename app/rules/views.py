"""What the pages of rules show, ready to be drawn: the path of a draft, moves as a matrix, cells found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.departments.models import Department
from app.formats import number, plural
from app.rules.models import RuleSetVersion, RuleSimulation, SimulationState
from routing_rules import RuleSet
from routing_rules.model import Cell

MOST_CELLS = 100
MOST_MOVED = 12
FAILED_NAMES = {"matrix": "матрица", "confidence": "уверенность модели"}  # what fails besides exceptions
HOT_SHARE, WARM_SHARE = 0.4, 0.15


@dataclass(frozen=True, slots=True)
class Step:
    """One stop on the way of a draft. `look` is done | bad | now | empty."""

    name: str
    look: str


@dataclass(frozen=True, slots=True)
class MoveCell:
    """One number of the matrix of moves."""

    count: int
    look: str = ""
    move: str = ""


@dataclass(frozen=True, slots=True)
class MoveRow:
    """What one department would have lost, and to whom."""

    name: str
    cells: list[MoveCell]
    lost: int


@dataclass(frozen=True, slots=True)
class LoadRow:
    """A department whose load would change: appeals of the replay before and after, open ones, its share in time."""

    name: str
    before: int
    after: int
    open: int
    in_time: float | None


@dataclass(frozen=True, slots=True)
class Example:
    """An appeal that would have moved, and whose answer it was."""

    id: int
    text: str
    department: str
    look: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for in the matrix."""

    words: str = ""
    territory: str = ""
    department: str = ""

    def __bool__(self) -> bool:
        return bool(self.words or self.territory or self.department)


def steps_of(version: RuleSetVersion, simulation: RuleSimulation | None, *, needs_approval: bool) -> list[Step]:
    """The way of a draft; the first stop that is not done is where it stands."""
    errors, notes = count_problems(version.problems)
    is_simulated = simulation is not None and simulation.state == SimulationState.DONE
    is_current = is_simulated and simulation is not None and simulation.edition == version.edition
    found = [("Черновик", "done")]
    if version.checked_at is None:
        found.append(("Проверка", ""))
    elif errors:
        found.append((f"Проверка: {errors} {plural(errors, 'ошибка', 'ошибки', 'ошибок')}", "bad"))
    else:
        found.append((f"Проверка: {notes} {plural(notes, 'замечание', 'замечания', 'замечаний')}", "done"))
    found.append(("Прогон" if is_current or not is_simulated else "Прогон устарел", "done" if is_current else ""))
    if needs_approval:
        found.append(("Согласие второго человека", "done" if version.approved_by else ""))
    found.append(("Публикация", ""))
    ways = found[:-1] if errors else found  # with errors nothing leads to publication
    at = next((number for number, (_, look) in enumerate(ways) if not look), len(found))
    return [Step(name, "now" if number == at else look) for number, (name, look) in enumerate(found)]


def count_problems(problems: Sequence[Mapping[str, Any]] | None) -> tuple[int, int]:
    """Errors and remarks."""
    notes = sum(bool(problem["is_warning"]) for problem in problems or ())
    return len(problems or ()) - notes, notes


def failed_text(failed: Mapping[str, int]) -> str:
    """What broke while a simulation ran, the most often first: «Э-01 (3 обращения), матрица (1 обращение)»."""
    rows = sorted(failed.items(), key=lambda row: (-row[1], row[0]))
    return ", ".join(
        f"{FAILED_NAMES.get(rule, rule)} ({number(count)} {plural(count, 'обращение', 'обращения', 'обращений')})"
        for rule, count in rows
    )


def move_rows(result: Mapping[str, Any]) -> tuple[list[str], list[MoveRow], list[int]]:
    """The largest moves as a table: names of receivers, rows of those who lose, what each receiver gets."""
    moves, names = result["moves"], result["names"]
    givers, takers = _largest(moves, "before"), _largest(moves, "after")
    counts = {(move["before"], move["after"]): move["count"] for move in moves}
    lost, gained = _sums(moves, "before"), _sums(moves, "after")
    rows = [
        MoveRow(names[giver], [_cell(giver, taker, counts, lost, result) for taker in takers], lost[giver])
        for giver in givers
    ]
    return [names[taker] for taker in takers], rows, [gained[taker] for taker in takers]


def _sums(moves: Sequence[Mapping[str, Any]], side: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for move in moves:
        sums[move[side]] += move["count"]
    return sums


def _largest(moves: Sequence[Mapping[str, Any]], side: str) -> list[str]:
    return [code for code, _ in _sums(moves, side).most_common(MOST_MOVED)]


def _cell(
    giver: str, taker: str, counts: Mapping[tuple[str, str], int], lost: Counter[str], result: Mapping[str, Any]
) -> MoveCell:
    if giver == taker:
        return MoveCell(result["load_before"].get(giver, 0) - lost[giver], "is-self")
    count = counts.get((giver, taker), 0)
    share = count / max(result["moved"], 1)
    look = "is-hot" if share >= HOT_SHARE else "is-warm" if share >= WARM_SHARE else ""
    return MoveCell(count, look if count else "", f"{giver}:{taker}")


def load_rows(result: Mapping[str, Any]) -> list[LoadRow]:
    """Departments that would get more or fewer, the largest change first."""
    before, after, effect = result["load_before"], result["load_after"], result["effect"]
    rows = [
        LoadRow(result["names"][code], before.get(code, 0), after.get(code, 0), effect["open"].get(code, 0),
                effect["in_time"].get(code))
        for code in result["names"]
    ]  # fmt: skip
    changed = [row for row in rows if row.before != row.after]
    return sorted(changed, key=lambda row: (-abs(row.after - row.before), row.name))[:MOST_MOVED]


async def examples_of(session: AsyncSession, move: Mapping[str, Any]) -> list[Example]:
    """The kept examples of one move, as they stand today."""
    found = await session.execute(
        select(col(Appeal.id), col(Appeal.text), col(Department.code), col(Department.short_name))
        .join(Department, col(Department.id) == col(Appeal.department_id))
        .where(col(Appeal.id).in_(move["examples"]))
        .order_by(col(Appeal.id).desc())
    )
    looks = {move["after"]: "good", move["before"]: "warn"}
    return [Example(number or 0, words, name, looks.get(code, "warn")) for number, words, code, name in found]


def chosen_move(result: Mapping[str, Any], wanted: str) -> Mapping[str, Any] | None:
    """The move asked for as «from:to», else the largest."""
    moves: list[Mapping[str, Any]] = result["moves"]
    named = (move for move in moves if f"{move['before']}:{move['after']}" == wanted)
    return next(named, moves[0] if moves else None)


def find_cells(rules: RuleSet, search: Search) -> list[Cell]:
    """Cells with all these words in topic, group or id, of this territory and this department."""
    words = search.words.casefold().replace("ё", "е").split()
    return [
        cell
        for cell in rules.tables.cells
        if (not search.territory or cell.territory == search.territory)
        and (not search.department or search.department in (cell.department, *cell.co_departments))
        and all(word in f"{cell.id} {cell.topic} {cell.group}".casefold().replace("ё", "е") for word in words)
    ]
