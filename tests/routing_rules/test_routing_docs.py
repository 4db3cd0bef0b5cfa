"""docs/routing.md tells everything that a rule may say."""

import re
from pathlib import Path

from routing_rules import Mode
from routing_rules.conditions import CONDITIONS
from routing_rules.csv_tables import KINDS
from routing_rules.parser import FILES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "routing.md").read_text("utf-8")


def test_each_condition_is_documented_in_the_order_of_the_table() -> None:
    section = DOCUMENT.split("### Условия")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(CONDITIONS)


def test_each_file_mode_and_kind_of_department_is_documented() -> None:
    for word in (*FILES, *Mode, *KINDS, "@page"):
        assert word in DOCUMENT
