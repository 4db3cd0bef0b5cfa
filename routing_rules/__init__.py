"""Facts about an appeal -> the department in charge, and why.

Pure: the standard library only, no clock, no database, no network. Labels are opaque strings. See docs/routing.md.
"""

from routing_rules.evaluation import RuleSet
from routing_rules.model import (
    Decision,
    DepartmentEntry,
    ExceptionRule,
    Facts,
    Label,
    Mode,
    Problem,
    RuleSetInvalid,
    Step,
    Territory,
)
from routing_rules.parser import DEFAULT_DIRECTORY, load, parse, read_texts
from routing_rules.territory import territory_path

__all__ = [
    "DEFAULT_DIRECTORY",
    "Decision",
    "DepartmentEntry",
    "ExceptionRule",
    "Facts",
    "Label",
    "Mode",
    "Problem",
    "RuleSet",
    "RuleSetInvalid",
    "Step",
    "Territory",
    "load",
    "parse",
    "read_texts",
    "territory_path",
]
