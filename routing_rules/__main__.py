"""`python -m routing_rules check | explain | import-tables`. Exit code 1: something is wrong, said in sentences."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from routing_rules.checks import check, labels_without_owner
from routing_rules.evaluation import RuleSet
from routing_rules.importing import Table, UnknownBodies, import_tables
from routing_rules.labels import NoLabels, read_labels
from routing_rules.model import Decision, Facts, RuleSetInvalid
from routing_rules.parser import DEFAULT_DIRECTORY, MATRIX, load
from routing_rules.territory import territory_path

_MARKS = {"won": "✔", "lost": "✘", "skipped": "!", "info": "·"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except RuleSetInvalid as error:
        return _complain(*error.problems)
    except (UnknownBodies, NoLabels, OSError, ValueError) as error:
        return _complain(error)
    return code


def _check(options: argparse.Namespace) -> int:
    rules = load(options.directory)
    problems = list(check(rules, options.today))
    if options.labels:
        labels = read_labels(options.labels)
        problems += labels_without_owner(rules, labels.topics, labels.groups)
        print(f"Метки классификатора: {len(labels.topics)} тем, {len(labels.groups)} групп")
    print(_summary(rules))
    if problems:
        return _complain(*problems)
    print("Ошибок нет")
    return 0


def _explain(options: argparse.Namespace) -> int:
    rules = load(options.directory)
    print(describe(rules, rules.decide(_facts(options, rules))))
    return 0


def _import(options: argparse.Namespace) -> int:
    rules = load(options.directory)
    matrix = Path(options.directory) / MATRIX
    tables = [Table(prefix, territory_path(code)[-1], Path(path)) for prefix, code, path in options.table]
    text = import_tables(tables, rules.departments, matrix.read_text("utf-8"))
    matrix.write_text(text, "utf-8")
    print(f"{matrix.name}: {text.count(chr(10)) - 1} строк")
    return 0


def describe(rules: RuleSet, decision: Decision) -> str:
    """A decision and its trace as lines of Russian."""
    steps = [f"  {_MARKS[step.outcome]} {step.because}{f' [{step.rule}]' * bool(step.rule)}" for step in decision.steps]
    head = f"Решение: {rules.names.department(decision.department)} ({decision.department})"
    return "\n".join([head, f"Правила {decision.rule_set_version}, сработало: {decision.rule}", *steps])


def _facts(options: argparse.Namespace, rules: RuleSet) -> Facts:
    label = rules.label(options.topic) if options.topic else None
    group = options.group or (label.group if label else None)
    return Facts(
        platform=options.platform,
        kind=options.kind,
        page=options.page,
        sphere=options.sphere,
        territory=territory_path(options.territory),
        topic=options.topic,
        topic_confidence=options.confidence if options.topic else 0.0,
        topic_group=group,
        group_confidence=options.group_confidence if group else 0.0,
        agency=None,
        agency_confidence=0.0,
        severity=options.severity,
        text=options.text,
        page_department=None,
        on=options.today,
    )


def _summary(rules: RuleSet) -> str:
    tables = rules.tables
    return (
        f"Правила {rules.version}: ячеек {len(tables.cells)}, исключений {len(tables.exceptions)}, "
        f"ведомств {len(tables.departments)}, территорий {len(tables.territories)}, меток {len(tables.labels)}"
    )


def _complain(*problems: object) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1


def _today() -> date:
    """The day of the machine (UTC): only this entry point reads a clock, the library is told the day."""
    return date.fromisoformat(time.strftime("%Y-%m-%d", time.gmtime()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m routing_rules", description="Правила маршрутизации обращений")
    commands = parser.add_subparsers(required=True, metavar="команда")
    one = commands.add_parser("check", help="проверить правила; код 1, если есть ошибки")
    one.add_argument("directory", nargs="?", type=Path, default=DEFAULT_DIRECTORY, help="папка правил")
    one.add_argument("--labels", type=Path, help="JSON с метками классификатора: каждая должна куда-то вести")
    one.set_defaults(run=_check)
    two = commands.add_parser("explain", help="показать решение и почему оно такое")
    _add_facts(two)
    two.set_defaults(run=_explain)
    three = commands.add_parser("import-tables", help="перенести таблицы «тема → ведомство» (JSON) в matrix.csv")
    three.add_argument("--dir", dest="directory", type=Path, default=DEFAULT_DIRECTORY, help="папка правил")
    three.add_argument("--table", nargs=3, action="append", required=True, metavar=("ПРИСТАВКА", "ОКТМО", "JSON"))
    three.set_defaults(run=_import)
    for command in (one, two):
        command.add_argument("--today", type=date.fromisoformat, default=_today(), help="день, на который судить")
    return parser


def _add_facts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", dest="directory", type=Path, default=DEFAULT_DIRECTORY, help="папка правил")
    parser.add_argument("--topic", help="тема, как её называет классификатор")
    parser.add_argument("--group", help="группа тем; без неё берётся группа темы")
    parser.add_argument("--territory", required=True, help="код ОКТМО")
    parser.add_argument("--confidence", type=float, default=1.0, help="уверенность в теме, 0…1")
    parser.add_argument("--group-confidence", type=float, default=1.0, help="уверенность в группе, 0…1")
    parser.add_argument("--platform", default="vk")
    parser.add_argument("--kind", default="comment", choices=("comment", "message"))
    parser.add_argument("--page", default="", help="страница: её номер на площадке")
    parser.add_argument("--sphere", help="сфера страницы")
    parser.add_argument("--severity", type=int, default=1, help="важность, 1…5")
    parser.add_argument("--text", default="", help="текст обращения")


if __name__ == "__main__":
    sys.exit(main())
