"""A draft replayed over past appeals: in the background for the web, at once for the command line."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.db import NO_KEY_UPDATE, Database
from app.errors import Invalid
from app.jobs import Job, enqueue
from app.resources import Resources
from app.rules.effect import expected_effect
from app.rules.history import count_history, past_appeals
from app.rules.models import RuleSimulation, SimulationState
from app.rules.service import RulesRefused, check_draft, read_rules
from app.rules.versions import load_draft, load_version, published_version
from app.time import utc_now
from routing_rules import RuleSet
from routing_rules.differences import touched_rules
from routing_rules.simulation import Outcome, Simulation

log = structlog.get_logger()
LAST = 100_000
MOST_LAST = 1_000_000
SILENT_SECONDS = 60  # a worker that says nothing for so long is gone, and another takes its simulation over


async def simulate(
    database: Database, old: RuleSet, new: RuleSet, last: int, now: datetime, on_share: Callable[[float], Any]
) -> dict[str, Any]:
    """What the new rules would have done with the last appeals, counted, with the expected effect on load and time.

    `on_share` is told how much is done, from 0 to 1; if it returns an awaitable, that is awaited.
    """
    async with database.transaction() as session:
        total = await count_history(session, last)
    simulation, done = Simulation(old, new), 0
    deciding = asyncio.create_task(asyncio.sleep(0))
    async for portion in past_appeals(database, last, now, (old, new)):
        await deciding  # while these are decided, the next are read
        deciding = asyncio.create_task(asyncio.to_thread(simulation.take, portion))
        done += len(portion)
        told = on_share(min(1.0, done / max(total, 1)))
        if told is not None:
            await told
    await deciding
    outcome = simulation.outcome
    async with database.transaction() as session:
        effect = await expected_effect(session, outcome, now)
    names = {code: rules.names.department(code) for rules in (old, new) for code in _departments(outcome.load_before,
             outcome.load_after)}  # fmt: skip
    touched = {rule: outcome.hits[rule] for rule in touched_rules(old, new)}
    return {
        "old": old.version, "new": new.version, **as_document(outcome), "touched": touched, "effect": effect,
        "names": names,
    }  # fmt: skip


def as_document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON knows it, but for the rules by which nothing was decided otherwise."""
    counted = {one.name: getattr(outcome, one.name) for one in fields(outcome) if one.name != "hits"}
    plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in counted.items()}
    return {**plain, "moves": [asdict(move) for move in outcome.moves]}


def _departments(*loads: Mapping[str, int]) -> set[str]:
    return {code for load in loads for code in load}


async def ask_for_simulation(
    session: AsyncSession, draft_id: int, actor: Actor, last: int, *, now: datetime
) -> RuleSimulation:
    """Have a draft checked now, and replayed in the background. Raises NotFound, Conflict, Invalid."""
    if not 1 <= last <= MOST_LAST:
        raise Invalid(f"Прогнать можно от 1 до {MOST_LAST} обращений")
    draft, base = await load_draft(session, draft_id), await published_version(session)
    await check_draft(session, draft_id, now=now)
    asked = RuleSimulation(
        rule_set_id=draft_id, against_id=base.id if base else None, edition=draft.edition, last=last,
        asked_by=actor.label, asked_at=now,
    )  # fmt: skip
    session.add(asked)
    await session.flush()
    enqueue(session, Job.SIMULATE_RULES)
    return asked


async def latest_simulation(session: AsyncSession, version_id: int) -> RuleSimulation | None:
    """The newest simulation of a version, in whatever state."""
    found: RuleSimulation | None = await session.scalar(
        select(RuleSimulation)
        .where(col(RuleSimulation.rule_set_id) == version_id)
        .order_by(col(RuleSimulation.id).desc())
        .limit(1)
    )
    return found


async def run_waiting(resources: Resources, now: datetime) -> int:
    """Run the oldest simulation that waits, or that a worker has left behind; how many were run."""
    database = resources.database
    async with database.transaction() as session:
        claimed = await _claim(session, now)
        if claimed is None:
            return 0
        claimed.state, claimed.beat_at, claimed.share = SimulationState.RUNNING, now, 0.0
        simulation_id, last = claimed.id or 0, claimed.last
        new = (await load_version(session, claimed.rule_set_id)).files
        old = (await load_version(session, claimed.against_id)).files if claimed.against_id else None

    async def tell(share: float) -> None:
        await _set(database, simulation_id, share=share, beat_at=utc_now())

    try:
        before = resources.rulebook.shipped if old is None else await asyncio.to_thread(read_rules, old)
        after = await asyncio.to_thread(read_rules, new)
        result = await simulate(database, before, after, last, now, tell)
    except RulesRefused as error:
        log.warning("simulation_failed", simulation_id=simulation_id, problem=str(error.problems[0]))
        await _fail(database, simulation_id, error.message)
        return 1
    except Exception as error:  # left running it would be begun anew for ever, and nobody told
        log.exception("simulation_broke", simulation_id=simulation_id)
        await _fail(database, simulation_id, f"Внутренняя ошибка прогона: {type(error).__name__}")
        return 1
    await _set(
        database, simulation_id, state=SimulationState.DONE, share=1.0, result=result, finished_at=utc_now()
    )  # fmt: skip
    return 1


async def _fail(database: Database, simulation_id: int, reason: str) -> None:
    await _set(
        database, simulation_id, state=SimulationState.FAILED, error=reason[:300], finished_at=utc_now()
    )  # fmt: skip


async def _claim(session: AsyncSession, now: datetime) -> RuleSimulation | None:
    is_left = and_(
        col(RuleSimulation.state) == SimulationState.RUNNING,
        col(RuleSimulation.beat_at) < now - timedelta(seconds=SILENT_SECONDS),
    )
    found: RuleSimulation | None = await session.scalar(
        select(RuleSimulation)
        .where(or_(col(RuleSimulation.state) == SimulationState.WAITING, is_left))
        .order_by(col(RuleSimulation.id))
        .limit(1)
        .with_for_update(skip_locked=True, **NO_KEY_UPDATE)
    )
    return found


async def _set(database: Database, simulation_id: int, **values: Any) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(RuleSimulation).where(col(RuleSimulation.id) == simulation_id).values(**values)
        )  # fmt: skip
