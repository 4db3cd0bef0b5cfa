"""Layer of the competence matrix: of all cells that cover the case, the most specific one wins.

Specificity is computed, not ordered by hand: the deepest topic, then the deepest territory, then page before sphere
before neither. For one case these three make a total order, so only two cells with the same address can tie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from routing_rules.case import Case
from routing_rules.model import PAGE_OWNER, Cell

MEMO_LIMIT = 100_000


class Address(NamedTuple):
    """Where a cell lies; two cells with one address are a tie. An empty field means "any"."""

    group: str
    topic: str
    territory: str
    page: str
    sphere: str


def address_of(cell: Cell) -> Address:
    """The address of a cell."""
    return Address(cell.group, cell.topic, cell.territory, cell.page, cell.sphere)


class Matrix:
    """Cells by address, and the answers already given: cases repeat far more often than they differ."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: dict[tuple[str, str], dict[str, dict[tuple[str, str], Cell]]] = {}
        self._pages, self._spheres = set[str](), set[str]()
        for cell in cells:
            places = self._cells.setdefault((cell.group, cell.topic), {})
            scopes = places.setdefault(cell.territory, {})
            scopes.setdefault((cell.page, cell.sphere), cell)  # a tie is an error at check; until then the first counts
            self._pages.add(cell.page)
            self._spheres.add(cell.sphere)
        self._memo: dict[tuple[object, ...], tuple[Cell, ...]] = {}

    def candidates(self, case: Case) -> tuple[Cell, ...]:
        """Cells that cover the case, the winner first. Without a believed label there are none."""
        facts = case.facts
        page = facts.page if facts.page in self._pages else ""
        sphere = facts.sphere if facts.sphere in self._spheres else None
        key = (case.topics, case.group, facts.territory, page, sphere, case.owner is None)
        found = self._memo.get(key)
        if found is None:
            scopes = [(page, "")] * bool(page) + [("", sphere or "")] * bool(sphere) + [("", "")]
            found = tuple(self._covering(case, scopes))
            if len(self._memo) >= MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = found
        return found

    def _covering(self, case: Case, scopes: list[tuple[str, str]]) -> Iterator[Cell]:
        territories = (*reversed(case.facts.territory), "")
        for subject in subjects(case.topics, case.group):
            if not (places := self._cells.get(subject)):
                continue
            for territory in territories:
                if not (by_scope := places.get(territory)):
                    continue
                for scope in scopes:
                    cell = by_scope.get(scope)
                    if cell and (cell.department != PAGE_OWNER or case.owner):
                        yield cell


def subjects(topics: tuple[str, ...], group: str | None) -> Iterator[tuple[str, str]]:
    """(group, topic) pairs that cover a judged topic, the deepest first; a cell may name the topic with its group."""
    if not topics and group is None:
        return
    for topic in topics:
        if group:
            yield group, topic
        yield "", topic
    if group:
        yield group, ""
    yield "", ""


def why_lost(loser: Cell, winner: Cell) -> str:
    """In what the winner was more specific than the loser."""
    if (loser.group, loser.topic) != (winner.group, winner.topic):
        return "тема шире"
    if loser.territory != winner.territory:
        return "территория шире"
    return "без учёта страницы" if winner.page else "без учёта сферы"


def group_cells_by_address(cells: Iterable[Cell]) -> dict[Address, list[Cell]]:
    """All cells by address: more than one under an address is a tie."""
    found: dict[Address, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[address_of(cell)].append(cell)
    return found
