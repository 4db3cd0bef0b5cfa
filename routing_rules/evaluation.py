"""Facts in, department out, with every reason: exceptions first, then the matrix, then the control center's desk."""

from __future__ import annotations

from routing_rules import exceptions
from routing_rules.exceptions import LOST_SHOWN, ExceptionIndex
from routing_rules.matrix import Matrix, why_lost
from routing_rules.model import Case, Cell, Decision, DepartmentEntry, Facts, Label, Step, Tables
from routing_rules.naming import Names, share

DEFAULT_RULE = "default"


class RuleSet:
    """Immutable rules, indexed once; safe to share between threads (its memo only ever repeats itself)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.names = Names(tables)
        self._labels = {label.name: label for label in tables.labels}
        self._exceptions = ExceptionIndex(tables.exceptions)
        self._matrix = Matrix(tables.cells)
        self._won_steps = {cell.id: self._won_step(cell) for cell in tables.cells}

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

    def decide(self, facts: Facts) -> Decision:
        """The department in charge and why. Never raises: a rule that fails is skipped, with a step that says so."""
        case, steps = self._believe(facts)
        verdicts = self._exceptions.judge(case)
        steps += [
            Step("exception", v.rule.id, v.outcome, v.rule.department, exceptions.sentence(v, self.names))
            for v in verdicts
        ]
        cells = self._cells(case, steps)
        if verdicts and verdicts[-1].outcome == "won":
            steps += [self._lost_step(cell, "исключение важнее") for cell in cells[:1]]
            rule = verdicts[-1].rule
            return Decision(rule.department, rule.id, "exception", tuple(steps), self.version)
        if cells:
            winner = cells[0]
            steps.append(self._won_steps[winner.id])
            losers = [self._lost_step(cell, why_lost(cell, winner)) for cell in cells[1 : LOST_SHOWN + 1]]
            steps += (self._would_have_been(case, winner) + losers)[:LOST_SHOWN]
            return Decision(winner.department, winner.id, "matrix", tuple(steps), self.version)
        return self._default(case, steps)

    def candidates(self, case: Case) -> tuple[Cell, ...]:
        """Cells of the matrix that cover a case, the winner first."""
        return self._matrix.candidates(case)

    def _believe(self, facts: Facts) -> tuple[Case, list[Step]]:
        """The confidence ladder: topic, else topic group, else nothing."""
        try:
            return self._climb(facts)
        except Exception as error:  # broken facts must not lose an appeal
            because = f"Уверенность не разобрана из-за сбоя: {type(error).__name__}: {error}"
            return Case(facts, (), None), [Step("confidence", "", "skipped", None, because)]

    def _climb(self, facts: Facts) -> tuple[Case, list[Step]]:
        thresholds = self.tables.thresholds
        group = facts.topic_group if facts.group_confidence >= thresholds.group else None
        if facts.topic is not None and facts.topic_confidence >= thresholds.topic:
            label = self._labels.get(facts.topic)
            topics = label.path if label else (facts.topic,)
            because = f"Тема «{facts.topic}»: {share(facts.topic_confidence)} ≥ {share(thresholds.topic)}"
            if label and len(topics) > 1:
                because += f", в таблице «{label.table_topic}»"
            case = Case(facts, topics, (label.group if label else None) or group)
        elif group is not None:
            because = (
                f"Тема ниже порога ({share(facts.topic_confidence)} < {share(thresholds.topic)}), решает группа "
                f"«{group}»: {share(facts.group_confidence)} ≥ {share(thresholds.group)}"
            )
            case = Case(facts, (), group)
        else:
            because = (
                f"Тема и группа ниже порога: {share(facts.topic_confidence)} < {share(thresholds.topic)}, "
                f"{share(facts.group_confidence)} < {share(thresholds.group)}"
            )
            case = Case(facts, (), None)
        return case, [Step("confidence", "", "info", None, because)]

    def _cells(self, case: Case, steps: list[Step]) -> tuple[Cell, ...]:
        try:
            return self._matrix.candidates(case)
        except Exception as error:
            because = f"Таблица компетенций пропущена из-за сбоя: {type(error).__name__}: {error}"
            steps.append(Step("matrix", "", "skipped", None, because))
            return ()

    def _default(self, case: Case, steps: list[Step]) -> Decision:
        department = self.tables.default
        because = f"Ни одно правило не подошло, решает {self.names.department(department)}"
        steps.append(Step("default", DEFAULT_RULE, "won", department, because))
        steps += self._would_have_been(case, None)
        return Decision(department, DEFAULT_RULE, "default", tuple(steps), self.version)

    def _would_have_been(self, case: Case, winner: Cell | None) -> list[Step]:
        """Where the best guess would have gone, had its label been believed: a hint for whoever checks by hand."""
        facts = case.facts
        if case.topics or (case.group and not facts.topic):
            return []
        label = self._labels.get(facts.topic) if isinstance(facts.topic, str) else None
        topics = label.path if label else (facts.topic,) if facts.topic else ()
        guess = self._cells(Case(facts, topics, (label.group if label else None) or facts.topic_group), [])
        return [self._lost_step(cell, "уверенность ниже порога") for cell in guess[:1] if cell is not winner]

    def _won_step(self, cell: Cell) -> Step:
        because = f"Матрица: {self.names.cell(cell)} → {self.names.department(cell.department)}"
        return Step("matrix", cell.id, "won", cell.department, because)

    def _lost_step(self, cell: Cell, why: str) -> Step:
        because = f"Проиграло: {self.names.cell(cell)} → {self.names.department(cell.department)}, {why}"
        return Step("matrix", cell.id, "lost", cell.department, because)
