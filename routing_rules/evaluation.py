"""Facts in, department out, with every reason: exceptions first, then the matrix, then the control center's desk."""

from __future__ import annotations

from routing_rules.case import Case
from routing_rules.exceptions import LOST_SHOWN, ExceptionIndex
from routing_rules.matrix import Matrix, why_lost
from routing_rules.model import (
    PAGE_OWNER,
    Cell,
    Decision,
    DepartmentEntry,
    Facts,
    Label,
    Layer,
    Outcome,
    Step,
    Tables,
)
from routing_rules.naming import Names, share

DEFAULT_RULE = "default"


class RuleSet:
    """Immutable rules, indexed once; safe to share between threads (its memo only ever repeats itself)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.names = Names(tables)
        self._labels = {label.name: label for label in tables.labels}
        self._exceptions = ExceptionIndex(tables.exceptions, self.names)
        self._matrix = Matrix(tables.cells)
        self._steps: dict[tuple[str, str, str], Step] = {}

    @property
    def version(self) -> str:
        """The version as its author named it."""
        return self.tables.version

    @property
    def digest(self) -> str:
        """SHA-256 of the texts the rule set was made of: two sets with one version but different rules differ here."""
        return self.tables.digest

    @property
    def departments(self) -> tuple[DepartmentEntry, ...]:
        """All bodies that rules may name."""
        return self.tables.departments

    def label(self, topic: str) -> Label | None:
        """What a predicted topic means to this rule set."""
        return self._labels.get(topic)

    def asks_for(self, condition: str) -> bool:
        """Whether any exception sets this condition: facts that nobody asks for need not be fetched."""
        return any(condition in rule.when or condition in rule.unless for rule in self.tables.exceptions)

    def candidates(self, case: Case) -> tuple[Cell, ...]:
        """Cells of the matrix that cover a case, the winner first."""
        return self._matrix.candidates(case)

    def decide(self, facts: Facts) -> Decision:
        """The department in charge and why. Never raises: a rule that fails is skipped, with a step that says so."""
        case, steps = self._believe(facts)
        steps += self._exceptions.judge(case)
        winner = steps[-1]
        cells = self._cells(case, steps)
        if winner.outcome == "won" and winner.department:
            steps += [self._lost_step(cell, case, "исключение важнее") for cell in cells[:1]]
            return self._decision(winner.department, winner.rule, "exception", steps)
        if cells:
            steps += self._matrix_steps(case, cells)
            return self._decision(_destination(cells[0], case), cells[0].id, "matrix", steps, cells[0].co_departments)
        steps += self._default_steps(case)
        return self._decision(self.tables.default, DEFAULT_RULE, "default", steps)

    def _decision(
        self, department: str, rule: str, layer: Layer, steps: list[Step], co_departments: tuple[str, ...] = ()
    ) -> Decision:
        return Decision(department, rule, layer, tuple(steps), self.tables.version, co_departments)

    def _believe(self, facts: Facts) -> tuple[Case, list[Step]]:
        try:
            case, because = self._climb(facts)
        except Exception as error:  # broken facts must not lose an appeal
            because = f"Уверенность не разобрана из-за сбоя: {type(error).__name__}: {error}"
            return Case(facts, (), None), [Step("confidence", "", "skipped", None, because)]
        return case, [Step("confidence", "", "info", None, because)]

    def _climb(self, facts: Facts) -> tuple[Case, str]:
        """The confidence ladder: topic, else topic group, else nothing; and the sentence that says which."""
        least = self.tables.thresholds
        is_group_believed = facts.topic_group is not None and facts.group_confidence >= least.group
        group = facts.topic_group if is_group_believed else None
        topic_against = _against("Тема", facts.topic, facts.topic_confidence, least.topic)
        if facts.topic is not None and facts.topic_confidence >= least.topic:
            label = self._labels.get(facts.topic)
            if label is None:
                return Case(facts, (facts.topic,), group), f"{topic_against}; в таблице соответствий её нет"
            known_as = f", в таблице «{label.table_topic}»" if len(label.path) > 1 else ""
            return Case(facts, label.path, label.group), topic_against + known_as
        group_against = _against("группа", facts.topic_group, facts.group_confidence, least.group)
        verdict = "решает группа" if is_group_believed else "решает человек"
        return Case(facts, (), group), f"{topic_against}; {group_against}: {verdict}"

    def _cells(self, case: Case, steps: list[Step]) -> tuple[Cell, ...]:
        try:
            return self._matrix.candidates(case)
        except Exception as error:  # likewise
            because = f"Таблица компетенций пропущена из-за сбоя: {type(error).__name__}: {error}"
            steps.append(Step("matrix", "", "skipped", None, because))
            return ()

    def _matrix_steps(self, case: Case, cells: tuple[Cell, ...]) -> list[Step]:
        winner = cells[0]
        losers = self._would_have_been(case, cells)
        losers += [self._lost_step(cell, case, why_lost(cell, winner)) for cell in cells[1 : LOST_SHOWN + 1]]
        return [self._won_step(winner, case), *losers[:LOST_SHOWN]]

    def _default_steps(self, case: Case) -> list[Step]:
        department = self.tables.default
        because = f"Ни одно правило не подошло, решает {self.names.department(department)}"
        return [Step("default", DEFAULT_RULE, "won", department, because), *self._would_have_been(case, ())]

    def _would_have_been(self, case: Case, covering: tuple[Cell, ...]) -> list[Step]:
        """Where the best guess would have gone, had its label been believed: a hint for whoever checks by hand."""
        facts = case.facts
        if case.topics or (case.group and not facts.topic):
            return []
        label = self._labels.get(facts.topic) if isinstance(facts.topic, str) else None
        topics = label.path if label else (facts.topic,) if facts.topic else ()
        guess = self._cells(Case(facts, topics, label.group if label else facts.topic_group), [])
        return [self._lost_step(cell, case, "уверенность ниже порога") for cell in guess[:1] if cell not in covering]

    def _won_step(self, cell: Cell, case: Case) -> Step:
        return self._step(cell, case, "won", "Матрица: ", "")

    def _lost_step(self, cell: Cell, case: Case, why: str) -> Step:
        return self._step(cell, case, "lost", "Проиграло: ", f", {why}")

    def _step(self, cell: Cell, case: Case, outcome: Outcome, before: str, after: str) -> Step:
        """Steps of cells repeat: one for each cell, outcome and owner of the page is made and kept."""
        destination = _destination(cell, case)
        key = (cell.id, destination, after)
        step = self._steps.get(key)
        if step is None:
            beside = "".join(f", соисполнитель {self.names.department(code)}" for code in cell.co_departments)
            because = f"{before}{self.names.cell(cell)} → {self.names.department(destination)}{beside}{after}"
            step = self._steps[key] = Step("matrix", cell.id, outcome, destination, because)
        return step


def _destination(cell: Cell, case: Case) -> str:
    """The cell's department, or the owner of the page where it says so."""
    return case.owner or cell.department if cell.department == PAGE_OWNER else cell.department


def _against(kind: str, label: str | None, confidence: float, threshold: float) -> str:
    """A label's confidence against its threshold, in words."""
    if label is None:
        return f"{kind} не определена"
    sign = "≥" if confidence >= threshold else "<"
    return f"{kind} «{label}»: {share(confidence)} {sign} {share(threshold)}"
