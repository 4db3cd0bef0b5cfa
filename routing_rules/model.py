"""What rules are made of and what a decision says. Every value is frozen; nothing here decides anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple

Layer = Literal["exception", "matrix", "default", "confidence"]
Outcome = Literal["won", "lost", "skipped", "info"]

PAGE_OWNER = "@page"
"""As the department of a cell or an exception: the body that owns the page; a page without owner is not covered."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision may depend on. Labels, pages and codes are opaque strings; confidences are 0…1.

    `territory` runs from the region down to the deepest place known (ОКТМО), see `territory_path`.
    `on` is the day of the decision at the control center; without it no exception counts as past its expiry.
    `at` is when the citizen wrote, on the center's clock, `is_working_day` what its calendar says of that day;
    `earlier` tells how many whole days before that the same author wrote each of the earlier appeals.
    """

    platform: str
    kind: str
    page: str
    sphere: str | None
    territory: tuple[str, ...]
    topic: str | None
    topic_confidence: float
    topic_group: str | None
    group_confidence: float
    agency: str | None
    agency_confidence: float
    severity: int
    text: str
    page_department: str | None
    on: date | None = None
    at: datetime | None = None
    is_working_day: bool | None = None
    earlier: tuple[int, ...] = ()


class Step(NamedTuple):
    """One line of the answer to "why here?"; `because` is a Russian sentence shown to operators.

    `skipped` marks a rule that failed while running.
    """

    layer: Layer
    rule: str
    outcome: Outcome
    department: str | None
    because: str


class Decision(NamedTuple):
    """Where the appeal goes, by which rule of which version. `co_departments` work on it beside the one in charge.

    `failed` names what broke while running and was skipped (rules by their ids, `matrix`, `confidence`): the caller
    owes somebody an alert.
    """

    department: str
    rule: str
    layer: Layer
    rule_set_version: str
    co_departments: tuple[str, ...]
    failed: tuple[str, ...]
    explain: Callable[[], tuple[Step, ...]]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The whole trace, made when asked for: most of a simulation's decisions never are."""
        return self.explain()


@dataclass(frozen=True, slots=True)
class DepartmentEntry:
    """A body that can be in charge. `kind`: municipal, ministry, federal, company, desk."""

    code: str
    name: str
    short_name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Territory:
    """A node of the territory tree, by ОКТМО code; the region has no parent."""

    code: str
    parent: str
    name: str


@dataclass(frozen=True, slots=True)
class Label:
    """What a predicted topic means here: its group, and the topic under which the competence matrix knows it."""

    name: str
    group: str
    table_topic: str

    @property
    def path(self) -> tuple[str, ...]:
        """Names under which the matrix may know the label, the most specific first."""
        return (self.name, self.table_topic) if self.table_topic not in ("", self.name) else (self.name,)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the competence matrix. An empty field means "any"; `page` and `sphere` exclude each other."""

    id: str
    group: str
    topic: str
    territory: str
    sphere: str
    page: str
    department: str
    line: int
    co_departments: tuple[str, ...] = ()


class Mode(StrEnum):
    """Life of an exception: only an active one decides, a shadow one tells what it would have done."""

    DRAFT = "draft"
    SHADOW = "shadow"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ExceptionRule:
    """A first-match rule: every condition of `when` holds and none of `unless`.

    Condition values are as their condition in `conditions.CONDITIONS` reads them. `expires` is the last day in force.
    """

    id: str
    name: str
    mode: Mode
    department: str
    owner: str
    reason: str
    expires: date | None
    when: Mapping[str, Any]
    unless: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least calibrated probability at which a label is believed."""

    topic: float
    group: float


@dataclass(frozen=True, slots=True)
class Tables:
    """A rule set as it is written down: parsed and typed, not yet indexed."""

    version: str
    digest: str
    default: str
    thresholds: Thresholds
    departments: tuple[DepartmentEntry, ...]
    territories: tuple[Territory, ...]
    labels: tuple[Label, ...]
    cells: tuple[Cell, ...]
    exceptions: tuple[ExceptionRule, ...]
    platforms: frozenset[str] = field(default_factory=frozenset)
    spheres: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a rule set and where: a file name, a line (0: the file as a whole) and a Russian sentence.

    A warning is worth a look and does not keep the rule set from being published.
    """

    file: str
    line: int
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class RuleSetInvalid(Exception):
    """The text does not make a rule set; `problems` tells each reason with its file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
