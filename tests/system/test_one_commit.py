"""What the whole of `app/` keeps to: one place commits, one reads the clock, nobody prints."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import ROOT

SOURCES = sorted((ROOT / "app").rglob("*.py"))


def calls(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that is called."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def places(of: set[str]) -> list[str]:
    """Where in `app/` something whose name ends so is called."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for _, name in calls(path.read_text())
        if any(name == one or name.endswith(f".{one}") for one in of)
    ]


def test_only_the_transaction_commits() -> None:
    assert places({"commit"}) == ["app/db.py: session.commit"]


def test_only_one_place_reads_the_clock() -> None:
    assert places({"datetime.now", "utcnow", "date.today", "datetime.today", "time.time"}) == [
        "app/time.py: datetime.now"
    ]


def test_nobody_prints_but_a_tool_of_the_developers() -> None:
    assert [place for place in places({"print"}) if "__main__.py" not in place and "console.print" not in place] == []


def test_the_queue_is_named_where_it_can_be_replaced() -> None:
    """arq is in maintenance mode: app/jobs.py and app/worker.py are all that knows it."""
    named = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            if {module.split(".")[0] for module in modules} & {"arq", "redis"}:
                named.add(path.relative_to(ROOT).as_posix())
    assert named == {"app/jobs.py", "app/worker.py"}


@pytest.mark.parametrize(
    ("source", "name"),
    [("await session.commit()", "session.commit"), ("from x import y\ny.z(datetime.now(UTC))", "datetime.now")],
)
def test_what_is_called_is_seen(source: str, name: str) -> None:
    assert name in [called for _, called in calls(f"async def f():\n    {source.splitlines()[-1]}")]


def test_there_is_something_to_look_at() -> None:
    assert Path(ROOT / "app" / "db.py") in SOURCES
    assert len(SOURCES) > 50
