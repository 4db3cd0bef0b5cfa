"""Facts in, department out, with every reason: exceptions first, then the matrix, then the control center's desk."""

from __future__ import annotations

from routing_rules.exceptions import LOST_SHOWN, ExceptionIndex, Verdict, sentence
from routing_rules.matrix import Matrix, why_lost
from routing_rules.model import PAGE_OWNER, Case, Cell, Decision, DepartmentEntry, Facts, Label, Layer, Step, Tables
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

    def candidates(self, case: Case) -> tuple[Cell, ...]:
        """Cells of the matrix that cover a case, the winner first."""
        return self._matrix.candidates(case)

    def decide(self, facts: Facts) -> Decision:
        """The department in charge and why. Never raises: a rule that fails is skipped, with a step that says so."""
        case, steps = self._believe(facts)
        verdicts = self._exceptions.judge(case)
        steps += [self._exception_step(verdict, facts) for verdict in verdicts]
        cells = self._cells(case, steps)
        if verdicts and verdicts[-1].outcome == "won":
            steps += [self._lost_step(cell, facts, "исключение важнее") for cell in cells[:1]]
            rule = verdicts[-1].rule
            return self._decision(_destination(rule.department, facts), rule.id, "exception", steps)
        if cells:
            steps += self._matrix_steps(case, cells)
            return self._decision(_destination(cells[0].department, facts), cells[0].id, "matrix", steps)
        steps += self._default_steps(case)
        return self._decision(self.tables.default, DEFAULT_RULE, "default", steps)

    def _decision(self, department: str, rule: str, layer: Layer, steps: list[Step]) -> Decision:
        return Decision(department, rule, layer, tuple(steps), self.tables.version)

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
        winner, facts = cells[0], case.facts
        losers = [self._lost_step(cell, facts, why_lost(cell, winner)) for cell in cells[1 : LOST_SHOWN + 1]]
        destination = _destination(winner.department, facts)
        because = f"Матрица: {self.names.cell(winner)} → {self.names.department(destination)}"
        won = Step("matrix", winner.id, "won", destination, because)
        return [won, *(self._would_have_been(case, winner) + losers)[:LOST_SHOWN]]

    def _default_steps(self, case: Case) -> list[Step]:
        department = self.tables.default
        because = f"Ни одно правило не подошло, решает {self.names.department(department)}"
        return [Step("default", DEFAULT_RULE, "won", department, because), *self._would_have_been(case, None)]

    def _would_have_been(self, case: Case, winner: Cell | None) -> list[Step]:
        """Where the best guess would have gone, had its label been believed: a hint for whoever checks by hand."""
        facts = case.facts
        if case.topics or (case.group and not facts.topic):
            return []
        label = self._labels.get(facts.topic) if isinstance(facts.topic, str) else None
        topics = label.path if label else (facts.topic,) if facts.topic else ()
        guess = self._cells(Case(facts, topics, label.group if label else facts.topic_group), [])
        return [self._lost_step(cell, facts, "уверенность ниже порога") for cell in guess[:1] if cell is not winner]

    def _exception_step(self, verdict: Verdict, facts: Facts) -> Step:
        destination = _destination(verdict.rule.department, facts)
        because = sentence(verdict, self.names.department(destination))
        return Step("exception", verdict.rule.id, verdict.outcome, destination, because)

    def _lost_step(self, cell: Cell, facts: Facts, why: str) -> Step:
        destination = _destination(cell.department, facts)
        because = f"Проиграло: {self.names.cell(cell)} → {self.names.department(destination)}, {why}"
        return Step("matrix", cell.id, "lost", destination, because)


def _destination(department: str, facts: Facts) -> str:
    """The department itself, or the owner of the page where the rule says so."""
    return facts.page_department or department if department == PAGE_OWNER else department


def _against(kind: str, label: str | None, confidence: float, threshold: float) -> str:
    """A label's confidence against its threshold, in words."""
    if label is None:
        return f"{kind} не определена"
    sign = "≥" if confidence >= threshold else "<"
    return f"{kind} «{label}»: {share(confidence)} {sign} {share(threshold)}"
