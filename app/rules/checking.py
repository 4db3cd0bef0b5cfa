"""A rule set checked against the office as it is: departments, ways of delivery, which rules ever match."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.departments.models import Department
from app.handling.registry_queries import IS_REACHED
from app.rules.models import RuleHit, RuleSetState, RuleSetVersion
from app.settings import get_settings
from routing_rules import Problem, RuleSet, RuleSetInvalid, parse
from routing_rules.checks import check
from routing_rules.observed import Observed, closed_departments, unknown_to_the_office

DAYS_OBSERVED = 90
COUNTING = 0x52554C48  # the advisory lock of the worker that counts
_COUNT_HITS = text(
    "SELECT step->>'rule' AS rule, count(*) AS hits FROM appeal, jsonb_array_elements(routing->'steps') AS step "
    "WHERE received_at > :since AND step->>'outcome' IN ('won', 'info') AND step->>'rule' <> '' GROUP BY 1"
)


async def check_in_office(session: AsyncSession, rules: RuleSet, now: datetime) -> tuple[Problem, ...]:
    """Everything that the library and the office have to say against a rule set, errors first."""
    observed = await observe(session, rules, now)
    today = now.astimezone(ZoneInfo(get_settings().time_zone)).date()
    problems = await asyncio.to_thread(check, rules, today, observed)
    return tuple(sorted(problems, key=lambda problem: problem.is_warning))


async def unsafe_in_office(session: AsyncSession, rules: RuleSet, now: datetime) -> tuple[Problem, ...]:
    """What would send appeals to where nobody is."""
    observed = await observe(session, rules, now)
    return (*unknown_to_the_office(rules, observed), *closed_departments(rules, observed))


async def observe(session: AsyncSession, rules: RuleSet, now: datetime) -> Observed:
    """The facts that the checks ask for."""
    rows = (await session.scalars(select(Department))).all()
    reached = set(await session.scalars(select(col(Department.code)).where(IS_REACHED)))
    return Observed(
        days=DAYS_OBSERVED,
        hits=await _hits_of_steady_rules(session, rules, now),
        known=frozenset(row.code for row in rows),
        closed=frozenset(row.code for row in rows if not row.is_active),
        unreached=frozenset(row.code for row in rows if row.code not in reached),
    )


async def _hits_of_steady_rules(session: AsyncSession, rules: RuleSet, now: datetime) -> dict[str, int]:
    """Hits of the rules that have been in force since before the days observed; nothing while they are not counted."""
    since = now - timedelta(days=DAYS_OBSERVED)
    first: RuleSetVersion | None = await session.scalar(
        select(RuleSetVersion)
        .where(col(RuleSetVersion.state) != RuleSetState.DRAFT, col(RuleSetVersion.published_at) <= since)
        .order_by(col(RuleSetVersion.published_at).desc())
        .limit(1)
    )
    hits = await hits_by_rule(session)
    if first is None or not hits:
        return {}
    try:
        steady = await asyncio.to_thread(parse, first.files)
    except RuleSetInvalid:  # written by another version of the program: it proves nothing
        return {}
    return {rule: hits.get(rule, 0) for rule in _ids(rules) & _ids(steady)}


def _ids(rules: RuleSet) -> set[str]:
    return {cell.id for cell in rules.tables.cells} | {rule.id for rule in rules.tables.exceptions}


async def hits_by_rule(session: AsyncSession) -> dict[str, int]:
    """How many appeals of the last 90 days each rule decided, as last counted."""
    return {row.rule: row.hits for row in await session.scalars(select(RuleHit))}


async def count_hits(session: AsyncSession, now: datetime) -> int:
    """Count anew how often each rule decides; how many rules ever did. One pass over the appeals of the period, by one
    worker at a time: the others leave it to that one.
    """
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": COUNTING}):
        return 0
    since = now - timedelta(days=DAYS_OBSERVED)
    found = [
        {"rule": rule[:200], "hits": hits, "counted_at": now}
        for rule, hits in await session.execute(_COUNT_HITS, {"since": since})
    ]
    await session.execute(delete(RuleHit))
    if found:
        await session.execute(insert(RuleHit), found)
    return len(found)
