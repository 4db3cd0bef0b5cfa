"""Seconds to replay a draft over the last 100,000 appeals: reading, two decisions each, counting."""

import asyncio
import sys
import time
from typing import Any

from app.rules.history import count_history
from app.rules.simulation import LAST, simulate
from app.time import utc_now
from routing_rules import DEFAULT_DIRECTORY, load, parse, read_texts
from tests.bench import queue_page

GOAL_SECONDS = 20.0


async def run(database_url: str, rows: int = LAST) -> dict[str, dict[str, Any]]:
    """Measures on the newest appeals of a migrated database; one that is empty is filled first."""
    texts = read_texts(DEFAULT_DIRECTORY)
    draft = parse({**texts, "matrix.csv": texts["matrix.csv"].replace(",52000000,,,mintrans", ",52000000,,,minobr")})
    async with queue_page.resources_of(database_url) as resources:
        async with resources.database.transaction() as session:
            is_empty = not await count_history(session, 1)
        if is_empty:
            await queue_page.furnish(resources)
            await queue_page.fill(resources.database.engine, 1, rows)
        started = time.perf_counter()
        result = await simulate(resources.database, load(), draft, rows, utc_now(), lambda share: None)
        seconds = time.perf_counter() - started
    return {
        "simulate_100000_seconds": {
            "value": round(seconds, 2),
            "unit": "s",
            "reference": None,
            "appeals": result["total"],
            "moved": result["moved"],
            "ratio": None,
            "goal": GOAL_SECONDS,
        }
    }


if __name__ == "__main__":
    print(asyncio.run(run(sys.argv[1], int(sys.argv[2]))))
