"""Decisions per second: the indexed engine against a plain loop over the same rules, interleaved.

5,000 cells (200 topics in 25 groups, a region with 40 municipalities, some cells by sphere or by one of 30 pages) and
500 exceptions. The engine has decided 100,000 other cases before, as in a process that has served for some days.
Neither makes a trace; how fast the engine makes them too is measured beside. All by processor time.
"""

import json
import random
from collections.abc import Callable
from functools import partial
from time import process_time

from routing_rules import Facts, RuleSet, Step, parse
from tests.routing_rules.plain_loop import PlainLoop

CELLS, EXCEPTIONS, FACTS, EARLIER, REFERENCE_FACTS, ROUNDS = 5_000, 500, 20_000, 100_000, 200, 3
GROUPS = [f"Группа {number}" for number in range(25)]
TOPICS = [f"Тема {number}" for number in range(200)]
REGION = "52000000"
PLACES = [f"52{600 + number}000" for number in range(40)]
SPHERES = ["health", "education", "culture", "sport"]
PAGES = [str(200_000_000 + number) for number in range(300)]
BODIES = [f"body-{number}" for number in range(60)]


def run() -> dict[str, dict[str, object]]:
    """Of three rounds, each with its own facts, the quietest, for the plain loop too: neighbours only add."""
    chance = random.Random(2026)
    texts = rule_texts(chance)
    fast, told, plain = [], [], []
    for _ in range(ROUNDS):
        rules = parse(texts)
        facts = [make_facts(chance) for _ in range(FACTS)]
        plain.append(per_second(PlainLoop(rules.tables).decide, facts[:REFERENCE_FACTS]))
        per_second(rules.decide, [make_facts(chance) for _ in range(EARLIER)])
        fast.append(per_second(rules.decide, facts))
        told.append(per_second(partial(explained, rules), facts))
    value, reference = max(fast), max(plain)
    return {
        "route_decisions_per_second": {
            "value": round(value),
            "unit": "decisions/s",
            "reference": round(reference),
            "ratio": round(value / reference, 1),
            "goal": 50_000,
        },
        "route_decisions_with_trace_per_second": {"value": round(max(told)), "unit": "decisions/s"},
    }


def explained(rules: RuleSet, facts: Facts) -> tuple[Step, ...]:
    return rules.decide(facts).steps


def per_second(decide: Callable[[Facts], object], facts: list[Facts]) -> float:
    start = process_time()
    for one in facts:
        decide(one)
    return len(facts) / (process_time() - start)


def rule_texts(chance: random.Random) -> dict[str, str]:
    """A made-up region of the size that the goal names."""
    return {
        "rules.toml": "\n".join([HEAD, *(exception(chance, number) for number in range(EXCEPTIONS))]),
        "departments.csv": "code,name,short_name,kind\n" + "".join(f"{body},{body},,ministry\n" for body in BODIES),
        "matrix.csv": matrix(chance),
        "topic_crosswalk.csv": "topic_group,label,topic\n"
        + "".join(f"{GROUPS[number % 25]},{topic},{topic}\n" for number, topic in enumerate(TOPICS)),
    }


def matrix(chance: random.Random) -> str:
    addresses: dict[tuple[str, ...], None] = {}
    while len(addresses) < CELLS:
        topic, place = chance.choice(TOPICS), chance.choice([REGION, *PLACES])
        scope = chance.random()
        sphere = chance.choice(SPHERES) if scope < 0.1 else ""
        page = chance.choice(PAGES[:30]) if scope > 0.95 else ""
        subject = (chance.choice(GROUPS), "") if chance.random() < 0.1 else ("", topic)
        addresses[(*subject, place, sphere, page)] = None
    rows = (f"М-{n},{','.join(address)},{chance.choice(BODIES)}\n" for n, address in enumerate(addresses))
    return "id,topic_group,topic,territory,sphere,page,department\n" + "".join(rows)


def exception(chance: random.Random, number: int) -> str:
    """Mostly about a topic, a page or words; one in fifty asks for nothing that an index could use."""
    shape = number % 50
    when: dict[str, object]
    if shape == 0:
        when = {"severity_at_least": 5, "confidence_at_least": 0.99}
    elif shape < 20:
        when = {"topic": chance.sample(TOPICS, 2), "territory": chance.sample(PLACES, 2)}
    elif shape < 35:
        when = {"words": [word(chance), word(chance)[:5] + "*"], "territory": chance.sample(PLACES, 4)}
    elif shape < 43:
        when = {"page": chance.sample(PAGES, 2), "topic_group": chance.sample(GROUPS, 3)}
    else:
        when = {"topic_group": [chance.choice(GROUPS)], "sphere": [chance.choice(SPHERES)], "kind": ["message"]}
    conditions = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in when.items())
    return (
        f'[[exception]]\nid = "Э-{number}"\nname = "Э-{number}"\nmode = "active"\nowner = "о"\nreason = "п"\n'
        f'department = "{chance.choice(BODIES)}"\n[exception.when]\n{conditions}\n'
    )


def make_facts(chance: random.Random) -> Facts:
    number = chance.randrange(len(TOPICS))
    return Facts(
        platform="vk",
        kind=chance.choice(["comment", "message"]),
        page=chance.choice(PAGES),
        sphere=chance.choice([None, *SPHERES]),
        territory=(REGION, chance.choice(PLACES)),
        topic=TOPICS[number],
        topic_confidence=chance.random(),
        topic_group=GROUPS[number % 25],
        group_confidence=chance.uniform(0.4, 1.0),
        agency=None,
        agency_confidence=0.0,
        severity=chance.randint(1, 5),
        text=" ".join(word(chance) for _ in range(25)),
        page_department=None,
    )


def word(chance: random.Random) -> str:
    """One of some 13,000 pronounceable nothings."""
    return "".join(chance.choice("бвгдклмнпрст") + chance.choice("аеио") for _ in range(2)) + chance.choice(WORD_ENDS)


WORD_ENDS = ["ка", "ть", "ный", "ом", "ами", "ы"]
HEAD = 'version = "bench"\ndefault = "body-0"\n[thresholds]\ntopic = 0.45\ngroup = 0.6\n'

if __name__ == "__main__":
    print(json.dumps(run(), ensure_ascii=False, indent=1))
