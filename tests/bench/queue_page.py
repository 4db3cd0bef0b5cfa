"""Server time of the queue's pages on a million appeals, against the same pages on a thousand and on none.

About 9 % of the appeals are open, as in a center that keeps up. Texts are drawn by SQL from a short list of words whose
frequencies fall like those of real words. Time is taken around the whole request in this process: session, queries,
templates, everything but the socket.
"""

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import routing_rules
from app import db
from app.accounts.access import SESSION_COOKIE
from app.accounts.models import LoginSession, Role, User
from app.accounts.service import hash_of
from app.file_store import open_file_store
from app.jobs import Queue
from app.live import Live
from app.main import create_app
from app.platforms.rate import RateLimiter
from app.reference import sync_reference_data
from app.resources import Resources
from app.rulebook import Rulebook
from app.settings import Settings
from app.sla import service as sla
from app.time import utc_now
from app.vault import Vault
from classifier import Judge

GOAL_MS = 60.0
FEW = 1_000
WARM_UPS, REQUESTS, ROUNDS = 5, 20, 3
PAGES = 300
RARE = "дирижабль"
WORDS = [
    word
    for line in (
        "двор дом вода свет яма дорога автобус мусор лифт подъезд школа врач очередь тепло батарея труба снег фонарь",
        "собака крыша садик площадка газ счёт квитанция ремонт асфальт остановка переход светофор парковка дерево",
        "забор колодец лекарство справка талон поликлиника учитель каникулы библиотека стадион каток фонтан сквер",
        "набережная мост рынок",
    )
    for word in line.split()
]
OPERATOR_COOKIE, DEPARTMENT_COOKIE = "bench-operator", "bench-department"

ADDRESSES = {
    "open": "/queue",
    "new": "/queue?tab=new",
    "review": "/queue?tab=review",
    "useful": "/queue?tab=review&order=useful",
    "overdue": "/queue?tab=overdue",
    "mine": "/queue?tab=mine",
    "work": "/queue?tab=work",
    "repeats": "/queue?tab=repeats",
    "talk": "/queue?tab=talk",
    "done": "/queue?tab=done",
    "newest": "/queue?order=newest",
    "department": "/queue?department=3",
    "department_newest": "/queue?department=3&order=newest",
    "topic": "/queue?topic={topic}",
    "page": "/queue?page=7",
    "territory": "/queue?territory=52701000",
    "rare_platform": "/queue?platform=max",
    "deep_page": "/queue?after={deep}",
    "search_frequent": "/queue?q=двор",
    "search_two_words": "/queue?q=мост+рынок",
    "search_rare": f"/queue?q={RARE}",
    "search_done": "/queue?tab=done&q=дорога",
    "search_nothing": "/queue?q=телепорт",
    "changes": "/queue/changes?ids={ids}&shown={ids}",
    "with_card": "/queue?selected={selected}",
    "card": "/appeals/{selected}",
}


async def run(database_url: str, rows: int = 1_000_000) -> dict[str, dict[str, Any]]:
    """Fills the database (which must be migrated and empty) and measures."""
    async with resources_of(database_url) as resources:
        engine = resources.database.engine
        await furnish(resources)
        empty = await _measure(resources, await _values(engine))
        await fill(engine, 1, FEW)
        few = await _measure(resources, await _values(engine))
        await fill(engine, FEW + 1, rows)
        many = await _measure(resources, await _values(engine))
    return {
        f"queue_{name}_p95_ms": {
            "value": round(many[name], 1),
            "unit": "ms",
            "reference": round(few[name], 1),
            "ratio": round(many[name] / few[name], 2),
            "empty": round(empty[name], 1) if name in empty else None,
            "goal": GOAL_MS,
        }
        for name in many
    }


@asynccontextmanager
async def resources_of(database_url: str) -> AsyncIterator[Resources]:
    settings = Settings(database_url=database_url, redis_url="unix:///nowhere")
    engine = db.create_engine(database_url, 4)
    async with httpx.AsyncClient() as client:
        yield Resources(
            settings=settings,
            database=db.Database(engine, Queue(settings.redis_url)),
            vault=Vault(b"b" * 32),
            http=client,
            downloads=client,
            channels=client,
            files=open_file_store(settings),
            limiter=RateLimiter(),
            judge=Judge.load(),
            rulebook=Rulebook(routing_rules.load(routing_rules.DEFAULT_DIRECTORY)),
            live=Live(database_url),
        )
    await engine.dispose()


async def furnish(resources: Resources) -> None:
    """Departments, territories, pages, and two people who are signed in."""
    now = utc_now()
    async with resources.database.transaction() as session:
        await sync_reference_data(session, resources.rulebook.shipped)
        await session.execute(text(_PAGES_SQL), {"pages": PAGES})
        for login, role, cookie in (
            ("operator", Role.OPERATOR, OPERATOR_COOKIE),
            ("department", Role.DEPARTMENT, DEPARTMENT_COOKIE),
        ):
            department = 3 if role is Role.DEPARTMENT else None
            user = User(login=login, name=login, role=role, password_hash="-", department_id=department, created_at=now)
            session.add(user)
            await session.flush()
            session.add(
                LoginSession(
                    token_hash=hash_of(cookie),
                    user_id=user.id or 0,
                    csrf_token="-",
                    created_at=now,
                    expires_at=now + timedelta(days=1),
                )
            )


_PAGES_SQL = """
INSERT INTO public_page (key, platform, external_id, name, territory_code, credentials, is_active, created_at,
  failed_checks)
SELECT 'key-' || n, CASE WHEN n % 50 = 0 THEN 'max' WHEN n % 3 = 0 THEN 'ok' ELSE 'vk' END, n, 'Страница ' || n,
       (SELECT code FROM territory ORDER BY code OFFSET n % (SELECT count(*) FROM territory) LIMIT 1), '', true, now(),
       0
FROM generate_series(1, :pages) n
"""

# Newest appeals are mostly open, old ones almost never; the clocks of open ones started in the last five days.
_APPEALS_SQL = """
WITH given AS (SELECT CAST(:first AS int) AS first, CAST(:last AS int) AS last, CAST(:now AS timestamptz) AS now,
  CAST(:pages AS int) AS pages, CAST(:rare AS text) AS rare, CAST(:due AS timestamptz[]) AS due_times),
topics AS (SELECT CAST(:topics AS text[]) AS name), words AS (SELECT CAST(:words AS text[]) AS word),
drawn AS (
  SELECT n, random() AS fate, random() AS talk, random() AS work, random() AS due,
         due_times[1 + floor(random() * array_length(due_times, 1))::int] AS due_at,
         1 + floor(power(random(), 2) * pages)::int AS page,
         1 + floor(power(random(), 2) * (SELECT count(*) FROM department))::int AS department,
         1 + floor(power(random(), 3) * array_length(topics.name, 1))::int AS topic, topics.name AS topic_names,
         (SELECT string_agg(words.word[1 + floor(power(random(), 2) * array_length(words.word, 1))::int + 0 * k], ' ')
            FROM generate_series(1, 14 + n % 3) k) || CASE WHEN n % 40000 = 7 THEN ' ' || rare ELSE '' END AS words,
         last, now
  FROM given, generate_series(first, last) n, topics, words
),
settled AS (
  SELECT *, CASE WHEN fate > (CASE WHEN n > last * 0.9 THEN 0.85 ELSE 0.006 END) THEN
      CASE WHEN work < 0.9 THEN 'answered' ELSE 'closed' END
    WHEN work < 0.10 THEN 'review' WHEN work < 0.65 THEN 'routed' WHEN work < 0.95 THEN 'in_work' ELSE 'interim' END
    AS state FROM drawn
)
INSERT INTO appeal (page_id, platform, kind, place, thread_key, author_external_id, author_name, external_id,
  post_external_id, text, search_text, has_attachments, is_edited, is_talk, state, cycle, version, topic_group, topic,
  agency, confidence, label_value, is_confirmed, severity, judgement, routing, department_id, assignee_id,
  transfer_count, return_count, next_due_at, received_at, closed_at)
SELECT page, CASE WHEN page % 50 = 0 THEN 'max' WHEN page % 3 = 0 THEN 'ok' ELSE 'vk' END, 'comment', 'wall',
  'wall:' || n, 'author-' || n % 200000, 'Житель ' || n % 200000, n::text, '700', words, words, n % 5 = 0, n % 11 = 0,
  state IN ('routed', 'review') AND talk < 0.05, state, 1, 1, 'ЖКХ', topic_names[topic], NULL, 0.3 + 0.7 * due,
  n % 1000 * 7919 % 1000 / 1000.0, false,
  2 + n % 3,
  jsonb_build_object('model_version', 'bench', 'labels', jsonb_build_object('topic_group', jsonb_build_array(
    jsonb_build_object('label', 'ЖКХ', 'probability', 0.9)), 'agency', '[]'::jsonb,
    'topic', (SELECT jsonb_agg(jsonb_build_object('label',
    topic_names[1 + (topic + k) % array_length(topic_names, 1)], 'probability', 0.5 / (k + 1)))
    FROM generate_series(0, 4) k))),
  jsonb_build_object('rule', 'ГО-' || n % 300, 'layer', 'matrix', 'rule_set_version', 'bench', 'steps',
    jsonb_build_array(jsonb_build_object('layer', 'matrix', 'rule', 'ГО-' || n % 300, 'outcome', 'won',
    'because', 'Матрица: ' || topic_names[topic]))),
  department, CASE WHEN state IN ('in_work', 'interim', 'answered') AND n % 20 = 0 THEN 1 END, 0, 0,
  CASE WHEN state NOT IN ('answered', 'closed') THEN due_at END,
  now - (last - n) * interval '30 seconds', CASE WHEN state IN ('answered', 'closed') THEN now END
FROM settled
"""
_CLOCKS_SQL = """
INSERT INTO clock (appeal_id, department_id, kind, cycle, policy_code, policy_version, calendar_code, started_at, span,
  holes, due_at, is_counted)
SELECT id, department_id, 'first_answer', 1, 'social-default', 1, 'office', next_due_at - interval '1 day',
  '{"amount": 540, "unit": "working_minutes", "roll": "none", "extensions": 0}', '[]', next_due_at, true
FROM appeal WHERE is_open AND id BETWEEN CAST(:first AS int) AND CAST(:last AS int)
"""
_MESSAGES_SQL = """
INSERT INTO message (page_id, platform, kind, place, key, external_id, author_external_id, author_name, text,
  attachments, is_own, is_cropped, received_at, appeal_id)
SELECT page_id, platform, kind, place, 'wall:' || id, external_id, author_external_id, author_name, text, '[]', false,
  false, received_at, id FROM appeal WHERE is_open AND id BETWEEN CAST(:first AS int) AND CAST(:last AS int)
"""


async def fill(engine: AsyncEngine, first: int, last: int) -> None:
    """Appeals with these numbers, the open ones with clock and message. Indexes are built anew after: much faster."""
    topics = Judge.load().manifest.labels["topic"]
    values: dict[str, Any] = {"first": first, "last": last}
    promises = _promises(utc_now())
    due, started = list(promises), list(promises.values())
    appeals = {"topics": topics, "words": WORDS, "pages": PAGES, "rare": RARE, "now": utc_now(), "due": due, **values}
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL synchronous_commit = off"))
        await connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        indexes = await drop_indexes(connection)
        await connection.execute(text(_APPEALS_SQL), appeals)
        for index in indexes:
            await connection.exec_driver_sql(index)
        await connection.execute(text(_CLOCKS_SQL), {"due": due, "started": started, **values})
        await connection.execute(text(_MESSAGES_SQL), values)
    async with engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE"))


def _promises(now: datetime) -> dict[datetime, datetime]:
    """Due times on the working calendar, with when their clocks started: every seven minutes of the last five days."""
    starts = [now - timedelta(minutes=minutes) for minutes in range(0, 5 * 24 * 60, 7)]
    clocks = [
        sla.start_clock(
            appeal_id=0,
            department_id=0,
            kind=sla.FIRST_ANSWER,
            severity=2,
            cycle=1,
            policy_code="social-default",
            calendar_code=sla.OFFICE,
            at=at,
        )
        for at in starts
    ]
    return {clock.due_at: clock.started_at for clock in clocks if clock.due_at is not None}


async def drop_indexes(connection: AsyncConnection) -> list[str]:
    found = await connection.execute(
        text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'appeal' AND indexdef NOT LIKE '%UNIQUE%'")
    )
    indexes = list(found)
    for name, _ in indexes:
        await connection.execute(text(f"DROP INDEX {name}"))
    return [definition for _, definition in indexes]


async def _values(engine: AsyncEngine) -> dict[str, str] | None:
    """What the addresses name: an open appeal, fifty of them, a place deep in the list. None when there is nothing."""
    async with engine.connect() as connection:
        ids = list(await connection.scalars(text("SELECT id FROM appeal WHERE is_open ORDER BY id DESC LIMIT 50")))
        if not ids:
            return None
        deep = (
            await connection.execute(
                text(
                    "SELECT (extract(epoch FROM queue_at) * 1000000)::bigint || '-' || id FROM appeal "
                    "WHERE is_open AND NOT is_talk ORDER BY queue_at, id "
                    "OFFSET (SELECT count(*) / 2 FROM appeal WHERE is_open AND NOT is_talk) LIMIT 1".replace(
                        "::", "\\:\\:"
                    )
                )
            )
        ).scalar_one()
        topic = await connection.scalar(text("SELECT topic FROM appeal WHERE is_open ORDER BY topic DESC LIMIT 1"))
    return {"ids": ",".join(map(str, ids)), "selected": str(ids[0]), "deep": str(deep), "topic": str(topic)}


async def _measure(resources: Resources, values: dict[str, str] | None) -> dict[str, float]:
    """The 95th percentile of every page, in milliseconds: of three rounds the quietest, since neighbours only add."""
    app = create_app(resources.settings, resources)
    app.state.resources = resources
    times = {}
    for cookie, names in ((OPERATOR_COOKIE, ADDRESSES), (DEPARTMENT_COOKIE, {"for_department": "/queue"})):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://bench", cookies={SESSION_COOKIE: cookie}
        ) as client:
            for name, address in names.items():
                if values is not None or "{" not in address:
                    named = address.format(**(values or {}))
                    rounds = [[taken async for taken in _requests(client, named)] for _ in range(ROUNDS)]
                    times[name] = min(map(p95, rounds))
    return times


async def _requests(client: httpx.AsyncClient, address: str) -> AsyncIterator[float]:
    for number in range(WARM_UPS + REQUESTS):
        started = time.perf_counter()
        response = await client.get(address)
        taken = time.perf_counter() - started
        if response.status_code != 200:
            raise AssertionError(f"{address}: {response.status_code}")
        if number >= WARM_UPS:
            yield taken * 1000


def p95(times: Iterable[float]) -> float:
    ordered = sorted(times)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


if __name__ == "__main__":
    for name, entry in asyncio.run(run(sys.argv[1], int(sys.argv[2]))).items():
        print(f"{name:40} {entry['value']:8} few {entry['reference']:8} empty {entry['empty']} x{entry['ratio']}")
