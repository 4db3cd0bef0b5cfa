"""Facts in, department out, with every reason: exceptions first, then the matrix, then the control center's desk."""

from __future__ import annotations

from functools import partial

from routing_rules.case import Case
from routing_rules.exceptions import LOST_SHOWN, ExceptionIndex, Judged, destination
from routing_rules.matrix import Matrix, why_lost
from routing_rules.model import Cell, Decision, DepartmentEntry, Facts, Label, Layer, Outcome, Step, Tables
from routing_rules.naming import Names, share

DEFAULT_RULE = "default"


class RuleSet:
    """Immutable rules, indexed once; safe to share between threads (its memo only ever repeats itself)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.names = Names(tables)
        self._labels = {label.name: label for label in tables.labels}
        self._paths = {label.name: label.path for label in tables.labels}
        self._exceptions = ExceptionIndex(tables.exceptions, self.names)
        self._matrix = Matrix(tables.cells)

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
        """The department in charge and why. Never raises: a rule that fails is skipped, and the decision says so."""
        case, doubt = self._believe(facts)
        judged = self._exceptions.judge(case)
        cells, trouble = self._cells(case)
        version = self.tables.version
        failed = self._failed(doubt, judged, trouble) if doubt or trouble or judged.failed else ()
        explain = partial(self._explain, case, doubt, judged, cells, trouble)
        if rule := judged.winner:
            department = destination(rule.department, case)
            return Decision(department, rule.id, "exception", version, (), failed, explain)
        if cells:
            cell = cells[0]
            department = destination(cell.department, case)
            return Decision(department, cell.id, "matrix", version, cell.co_departments, failed, explain)
        return Decision(self.tables.default, DEFAULT_RULE, "default", version, (), failed, explain)

    def _believe(self, facts: Facts) -> tuple[Case, Exception | None]:
        try:
            return self._climb(facts), None
        except Exception as error:  # broken facts must not lose an appeal
            return Case(facts, (), None), error

    def _climb(self, facts: Facts) -> Case:
        """The confidence ladder: topic, else topic group, else nothing."""
        topic, least = facts.topic, self.tables.thresholds
        if topic is not None and _reaches(facts.topic_confidence, least.topic):
            if label := self._labels.get(topic):
                return Case(facts, self._paths[topic], label.group)
            return Case(facts, (topic,), self._believed_group(facts))
        return Case(facts, (), self._believed_group(facts))

    def _believed_group(self, facts: Facts) -> str | None:
        group = facts.topic_group
        is_believed = group is not None and _reaches(facts.group_confidence, self.tables.thresholds.group)
        return group if is_believed else None

    def _cells(self, case: Case) -> tuple[tuple[Cell, ...], Exception | None]:
        try:
            return self._matrix.candidates(case), None
        except Exception as error:  # likewise
            return (), error

    def _failed(self, doubt: Exception | None, judged: Judged, trouble: Exception | None) -> tuple[str, ...]:
        return ("confidence",) * bool(doubt) + self._exceptions.skipped(judged) + ("matrix",) * bool(trouble)

    def _explain(
        self, case: Case, doubt: Exception | None, judged: Judged, cells: tuple[Cell, ...], trouble: Exception | None
    ) -> tuple[Step, ...]:
        """The trace of a decision."""
        steps = [_skipped("confidence", "Уверенность не разобрана", doubt) if doubt else self._believed_step(case)]
        steps += self._exceptions.explain(case, judged)
        if trouble:
            steps.append(_skipped("matrix", "Таблица компетенций пропущена", trouble))
        if judged.winner:
            return *steps, *(self._lost_step(cell, case, "исключение важнее") for cell in cells[:1])
        guess = self._unbelieved(case)
        losers = [self._lost_step(guess, case, "уверенность ниже порога")] if guess and guess not in cells else []
        losers += [self._lost_step(cell, case, why_lost(cell, cells[0])) for cell in cells[1 : LOST_SHOWN + 1]]
        won = self._step(cells[0], case, "won", "Матрица: ", "") if cells else self._default_step()
        return *steps, won, *losers[:LOST_SHOWN]

    def _believed_step(self, case: Case) -> Step:
        facts, least = case.facts, self.tables.thresholds
        because = _against("Тема", facts.topic, facts.topic_confidence, least.topic)
        if not case.topics:
            verdict = "решает группа" if case.group is not None else "решает человек"
            because += f"; {_against('группа', facts.topic_group, facts.group_confidence, least.group)}: {verdict}"
        elif facts.topic not in self._labels:
            because += "; в таблице соответствий её нет"
        elif len(case.topics) > 1:
            because += f", в таблице «{case.topics[-1]}»"
        return Step("confidence", "", "info", None, because)

    def _unbelieved(self, case: Case) -> Cell | None:
        """Where the best guess would have gone, had its label been believed: a hint for whoever checks by hand."""
        facts = case.facts
        if case.topics or (case.group and not facts.topic):
            return None
        label = self._labels.get(facts.topic) if isinstance(facts.topic, str) else None
        topics = label.path if label else (facts.topic,) if facts.topic else ()
        cells, _ = self._cells(Case(facts, topics, label.group if label else facts.topic_group))
        return cells[0] if cells else None

    def _default_step(self) -> Step:
        department = self.tables.default
        because = f"Ни одно правило не подошло, решает {self.names.department(department)}"
        return Step("default", DEFAULT_RULE, "won", department, because)

    def _lost_step(self, cell: Cell, case: Case, why: str) -> Step:
        return self._step(cell, case, "lost", "Проиграло: ", f", {why}")

    def _step(self, cell: Cell, case: Case, outcome: Outcome, before: str, after: str) -> Step:
        department = destination(cell.department, case)
        beside = "".join(f", соисполнитель {self.names.department(code)}" for code in cell.co_departments)
        because = f"{before}{self.names.cell(cell)} → {self.names.department(department)}{beside}{after}"
        return Step("matrix", cell.id, outcome, department, because)


def _reaches(confidence: float, threshold: float) -> bool:
    """Whether a label is believed. Raises for what is not a probability."""
    if not 0.0 <= confidence <= 1.0:
        raise ValueError(f"{confidence} не вероятность")
    return confidence >= threshold


def _skipped(layer: Layer, what: str, error: Exception) -> Step:
    return Step(layer, "", "skipped", None, f"{what} из-за сбоя: {type(error).__name__}: {error}")


def _against(kind: str, label: str | None, confidence: float, threshold: float) -> str:
    """A label's confidence against its threshold, in words."""
    if label is None:
        return f"{kind} не определена"
    sign = "≥" if confidence >= threshold else "<"
    return f"{kind} «{label}»: {share(confidence)} {sign} {share(threshold)}"
