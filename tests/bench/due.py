"""Due times per second: bisection on indexed hours against a walk over every minute, interleaved.

Nine working hours on the office's calendar with the Russian holidays, starts spread over three years, one in ten with
a pause. The index is warm, as it is in a worker after its first appeal. CPU time of one thread, so that neighbours
on the machine do not count.
"""

import json
import random
import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import process_time

from app.sla.calendar import Hole, calendar_from_document
from app.sla.defaults import calendar_documents
from tests.sla.minute_walk import MinuteWalk

STARTS, REFERENCE_STARTS, ROUNDS, MINUTES = 50_000, 100, 3, 540
Case = tuple[datetime, list[Hole]]


def run() -> dict[str, dict[str, object]]:
    """Medians of three rounds, each with its own starts."""
    chance = random.Random(2026)
    calendar = calendar_from_document(calendar_documents()[0])
    walk = MinuteWalk(calendar)
    fast, plain = [], []
    for _ in range(ROUNDS):
        cases = [case(chance) for _ in range(STARTS)]
        sample = cases[:REFERENCE_STARTS]
        if [calendar.add_working(at, MINUTES, holes) for at, holes in sample] != [
            walk.add_working(at, MINUTES, holes) for at, holes in sample
        ]:
            raise AssertionError("the calendar and the walk disagree")
        plain.append(per_second(walk.add_working, sample))
        fast.append(per_second(calendar.add_working, cases))
    value, reference = statistics.median(fast), statistics.median(plain)
    return {
        "sla_due_per_second": {
            "value": round(value),
            "unit": "due times/s",
            "reference": round(reference),
            "ratio": round(value / reference, 1),
            "goal": 100_000,
        }
    }


def case(chance: random.Random) -> Case:
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(3 * 365 * 1440))
    begin = at + timedelta(minutes=chance.randrange(1440))
    return at, [(begin, begin + timedelta(hours=5))] if chance.random() < 0.1 else []


def per_second(add_working: Callable[[datetime, int, list[Hole]], datetime], cases: list[Case]) -> float:
    start = process_time()
    for at, holes in cases:
        add_working(at, MINUTES, holes)
    return len(cases) / (process_time() - start)


if __name__ == "__main__":
    print(json.dumps(run(), ensure_ascii=False, indent=1))
