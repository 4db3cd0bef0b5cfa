"""`make bench`: measure, print a table, write build/bench.json. Options: --rows N for the queue, --only NAME."""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app import embedded
from app.installation import migrate_database
from app.settings import Settings
from app.vault import create_key_file
from tests.bench import due, intake, judge, queue_page, route, similar, simulate

OUTPUT = Path("build/bench.json")
LOWER_IS_BETTER = ("_ms", "_seconds", "_statements_per_appeal")
RATIO_GOALS = {"intake_requests_per_second"}
console = Console()


def _is_met(name: str, entry: dict[str, Any]) -> bool:
    measured = entry["ratio"] if name in RATIO_GOALS else entry["value"]
    return bool(measured <= entry["goal"] if name.endswith(LOWER_IS_BETTER) else measured >= entry["goal"])


def _table(results: dict[str, dict[str, Any]]) -> Table:
    table = Table("что", "значение", "единица", "образец", "отношение", "цель")
    for name, entry in results.items():
        numbers = [entry.get(key) for key in ("value", "reference", "ratio")]
        value, reference, ratio = ("" if number is None else f"{number:,.2f}" for number in numbers)
        goal = "" if entry.get("goal") is None else f"{'✓' if _is_met(name, entry) else '✗'} {entry['goal']}"
        table.add_row(name, value, entry["unit"], reference, ratio, goal)
    return table


def main() -> None:
    """Run the benchmarks one after another on scratch servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="appeals in the queue benchmark")
    parser.add_argument("--only", default="", help="run just this one")
    parser.add_argument("--port", type=int, default=18600)
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="appeals-bench-") as folder:
        servers = embedded.start(Path(folder), needs_database=True, needs_redis=True)
        try:
            settings = Settings(data_dir=Path(folder), database_url=servers.database_url, redis_url=servers.redis_url)
            create_key_file(settings)
            migrate_database(settings)
            benchmarks: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
                "due": due.run,
                "route": route.run,
                "judge": judge.run,
                "intake": lambda: intake.run(settings, options.port),
                "queue": lambda: asyncio.run(queue_page.run(servers.database_url, options.rows)),
                "similar": lambda: asyncio.run(similar.run(servers.database_url, options.rows)),
                "simulate": lambda: asyncio.run(simulate.run(servers.database_url)),
            }
            for name, run in benchmarks.items():
                if options.only in ("", name):
                    console.print(f"[dim]{name}…[/dim]")
                    results |= run()
        finally:
            servers.stop()
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    console.print(_table(results))
    console.print(f"Записано: {OUTPUT}")


if __name__ == "__main__":
    main()
