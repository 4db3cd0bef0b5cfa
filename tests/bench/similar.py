"""Time to find what is like an appeal among a million: the same and nearly the same words, and answers to the nearest.

The texts of the queue's benchmark are drawn from few words, so everything is a little like everything: harder than
life. One text stands 5,000 times among the newest, as a campaign would send it. Appeals older than the stretches of
time that are searched have random bands: they weigh as much in the index, and true ones would be found as little.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals.models import Appeal, appeal_columns
from app.resources import Resources
from app.triage.precedents import precedents
from app.triage.similar import alike, period_of
from classifier.likeness import in_period, likeness_of
from tests.bench import queue_page

GOAL_MS = 20.0
ASKED = 60
AT_ONCE = 20_000
IN_REACH = 280_000
CAMPAIGN = 5_000
LOUD = "Верните автобус на прежний маршрут через мост и рынок, дети не могут доехать до школы"
OPERATOR = Actor(label="Замер", role=Role.OPERATOR)

_CAMPAIGN_SQL = """
UPDATE appeal SET text = :words, search_text = :words
WHERE id IN (SELECT id FROM appeal WHERE id % 4 = 1 ORDER BY id DESC LIMIT :count)
"""
_DRAWN_SQL = """
INSERT INTO drawn SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS row (id bigint, fingerprint bigint, likeness int[])
"""
_STORE_SQL = """
UPDATE appeal SET fingerprint = coalesce(drawn.fingerprint, (random() * 1e18)::bigint),
  likeness = coalesce(drawn.likeness, ARRAY(
    SELECT (random() * 4294967294 - 2147483647)::int FROM generate_series(1, 12 + 0 * same.id::int)))
FROM appeal AS same LEFT JOIN drawn ON drawn.id = same.id WHERE same.id = appeal.id
"""
_ANSWERS_SQL = """
INSERT INTO answer (appeal_id, page_id, kind, place, text, is_interim, author_label, recipient_external_id,
  idempotency_key, is_continued, is_question, state, is_in_doubt, attempts, next_attempt_at, created_at, delivered_at)
SELECT id, page_id, 'comment', 'wall', 'Здравствуйте! Сделано. ' || text, false, 'Отдел', author_external_id,
  'bench-' || id, false, false, 'delivered', false, 1, closed_at, closed_at, closed_at
FROM appeal WHERE state = 'answered'
"""

Question = Callable[[AsyncSession, Appeal, Actor], Awaitable[list[Any]]]


async def run(database_url: str, rows: int) -> dict[str, dict[str, Any]]:
    """Fills the database unless the queue's benchmark has done so, and measures."""
    async with queue_page.resources_of(database_url) as resources:
        engine = resources.database.engine
        async with engine.connect() as connection:
            stored = await connection.scalar(text("SELECT count(*) FROM appeal")) or 0
        if stored < rows:
            await queue_page.furnish(resources)
            await queue_page.fill(engine, 1, rows)
        await note_likeness(engine)
        return {
            "similar_alike_p95_ms": await _measured(resources, alike, "is_open AND search_text <> :loud"),
            "similar_campaign_p95_ms": await _measured(resources, alike, "is_open AND search_text = :loud"),
            "similar_precedents_p95_ms": await _measured(resources, precedents, "is_open AND search_text <> :loud"),
        }


async def note_likeness(engine: AsyncEngine) -> None:
    """Every appeal with its likeness, every answered one with its answer. Indexes are built anew after."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL synchronous_commit = off"))
        await connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        await connection.execute(text(_CAMPAIGN_SQL), {"words": LOUD, "count": CAMPAIGN})
        await connection.execute(text("CREATE TEMP TABLE drawn (id bigint, fingerprint bigint, likeness int[])"))
        first, last = (await connection.execute(text("SELECT min(id), max(id) FROM appeal"))).one()
        for start in range(max(first, last + 1 - IN_REACH), last + 1, AT_ONCE):
            await _draw(connection, start)
        indexes = await queue_page.drop_indexes(connection)
        await connection.execute(text(_STORE_SQL))
        for index in indexes:
            await connection.exec_driver_sql(index)
        await connection.execute(text(_ANSWERS_SQL))
    async with engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE"))


async def _draw(connection: AsyncConnection, start: int) -> None:
    found = await connection.execute(
        text("SELECT id, search_text, received_at FROM appeal WHERE id >= :start AND id < :stop"),
        {"start": start, "stop": start + AT_ONCE},
    )
    drawn = []
    for number, words, received_at in found:
        likeness = likeness_of(words)
        if likeness is not None:
            keys = list(in_period(likeness.bands, period_of(received_at)))
            drawn.append({"id": number, "fingerprint": likeness.fingerprint, "likeness": keys})
    if drawn:
        await connection.execute(text(_DRAWN_SQL), {"rows": msgspec.json.encode(drawn).decode()})


async def _measured(resources: Resources, question: Question, which: str) -> dict[str, Any]:
    """The 95th percentile over some appeals; of three rounds the quietest, since neighbours only add."""
    async with resources.database.transaction() as session:
        chosen = select(Appeal).where(text(which).bindparams(loud=LOUD)).order_by(appeal_columns.id.desc())
        appeals = list(await session.scalars(chosen.limit(ASKED)))
    rounds = [await _round(resources, question, appeals) for _ in range(queue_page.ROUNDS)]
    best = min(rounds)
    return {"value": round(best, 1), "unit": "ms", "reference": None, "ratio": None, "goal": GOAL_MS}


async def _round(resources: Resources, question: Question, appeals: list[Appeal]) -> float:
    times = []
    for appeal in appeals:
        async with resources.database.transaction() as session:
            await session.execute(text("SELECT 1"))  # the connection, and its check, are the request's
            started = time.perf_counter()
            await question(session, appeal, OPERATOR)
            times.append((time.perf_counter() - started) * 1000)
    return queue_page.p95(times)
