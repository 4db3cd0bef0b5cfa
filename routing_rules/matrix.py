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


class Place(NamedTuple):
    """What the matrix knows of one subject in one territory: cells by page or sphere, the most specific first."""

    layers: tuple[dict[tuple[str, str], Cell], ...]
    pages: frozenset[str]
    spheres: frozenset[str]
    found: dict[tuple[str, str, bool], tuple[Cell, ...]]


class Matrix:
    """Cells by address, and the answers already given: cases repeat far more often than they differ."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: dict[tuple[str, str], dict[str, dict[tuple[str, str], Cell]]] = {}
        for cell in cells:
            places = self._cells.setdefault((cell.group, cell.topic), {})
            scopes = places.setdefault(cell.territory, {})
            scopes.setdefault((cell.page, cell.sphere), cell)  # a tie is an error at check; until then the first counts
        self._memo: dict[tuple[object, ...], Place] = {}

    def candidates(self, case: Case) -> tuple[Cell, ...]:
        """Cells that cover the case, the winner first. Without a believed label there are none."""
        facts = case.facts
        key = (case.topics, case.group, facts.territory)
        place = self._memo.get(key) or self._remember(key, case)
        page = facts.page if facts.page in place.pages else ""
        sphere = facts.sphere if facts.sphere in place.spheres else None
        scope = (page, sphere or "", case.owner is None)
        cells = place.found.get(scope)
        if cells is None:
            cells = place.found[scope] = tuple(_covering(place, *scope))
        return cells

    def _remember(self, key: tuple[object, ...], case: Case) -> Place:
        layers = tuple(self._layers(case))
        scopes = [scope for layer in layers for scope in layer]
        place = Place(layers, frozenset(page for page, _ in scopes), frozenset(sphere for _, sphere in scopes), {})
        if len(self._memo) >= MEMO_LIMIT:
            self._memo.clear()
        self._memo[key] = place
        return place

    def _layers(self, case: Case) -> Iterator[dict[tuple[str, str], Cell]]:
        territories = (*reversed(case.facts.territory), "")
        for subject in subjects(case.topics, case.group):
            if places := self._cells.get(subject):
                for territory in territories:
                    if layer := places.get(territory):
                        yield layer


def _covering(place: Place, page: str, sphere: str, is_ownerless: bool) -> Iterator[Cell]:
    scopes = [(page, "")] * bool(page) + [("", sphere)] * bool(sphere) + [("", "")]
    for layer in place.layers:
        for scope in scopes:
            cell = layer.get(scope)
            if cell and not (is_ownerless and cell.department == PAGE_OWNER):
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
