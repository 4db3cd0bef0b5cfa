"""The worker: every job and every cron on one screen.

Jobs are nudges without payload; each looks into PostgreSQL for what is due. One run of a kind at a time in a process: a
nudge that comes meanwhile makes it run once more.
"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from arq import cron
from arq.cron import CronJob
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError

from app.accounts.service import purge_expired_sessions
from app.appeals.authors import fetch_authors
from app.appeals.breaches import mark_breaches
from app.appeals.delivery import deliver_batch
from app.appeals.files import fetch_files
from app.appeals.requests import follow_requests
from app.db import require_current_schema
from app.files.keeping import remove_unused
from app.handling.silence import close_silent
from app.intake.cropped import fetch_texts
from app.intake.polling import poll_pages
from app.intake.service import drain_batch, forget_payloads
from app.jobs import Job, dump, load, redis_settings
from app.learning.nightly import learn_at_night
from app.learning.seat import Seat
from app.outgoing.retention import forget_deliveries
from app.outgoing.sending import tell_batch
from app.public_pages.watch import watch_connections
from app.reference import require_reference_data
from app.resources import Resources, open_resources
from app.rules.checking import count_hits
from app.rules.simulation import run_waiting
from app.settings import Settings
from app.sla import service as sla
from app.time import utc_now

log = structlog.get_logger()
EVERY_SECONDS = {10, 20, 30, 40, 50, 0}
POLL_SECONDS = 0.05
NEW_OBJECTS_TO_COLLECT = 20_000
RECONNECT_SECONDS = 2.0
LONG_SECONDS = 3 * 3600
LONG_JOBS = {Job.SIMULATE_RULES}
DELIVERIES_AT_ONCE = 4  # a platform that lets us wait must not hold up the answers of other pages

Work = Callable[[Resources], Awaitable[int]]


class Solo:
    """A job of which one, or a few, run at a time: until there is nothing more to do."""

    def __init__(self, work: Work, at_once: int = 1) -> None:
        self._work = work
        self._at_once = at_once
        self._running = 0
        self._is_wanted = False

    async def __call__(self, context: dict[str, Any]) -> int:
        """Run until nothing is left; what was done."""
        self._is_wanted = True
        if self._running >= self._at_once:
            return 0
        self._running += 1
        done = 0
        try:
            while self._is_wanted:
                self._is_wanted = False
                while batch := await self._work(context["resources"]):
                    done += batch
        finally:
            self._running -= 1
        return done


async def drain(resources: Resources) -> int:
    """Handle one batch of the inbox."""
    return await drain_batch(resources, utc_now())


async def deliver(resources: Resources) -> int:
    """Send one batch of the outbox."""
    return await deliver_batch(resources, utc_now())


async def name_authors(resources: Resources) -> int:
    """One round of asking for names; not repeated at once for those that no platform tells."""
    await fetch_authors(resources)
    return 0


async def complete_texts(resources: Resources) -> int:
    """One round of asking for texts that arrived cut."""
    await fetch_texts(resources, utc_now())
    return 0


async def ask_pages(resources: Resources) -> int:
    """Ask one batch of pages for what their platforms do not push."""
    return await poll_pages(resources, utc_now())


async def watch(resources: Resources) -> int:
    """Check the connections that are due."""
    return await watch_connections(resources, utc_now())


async def bring_files(resources: Resources) -> int:
    """Fetch one batch of attachments."""
    return await fetch_files(resources, utc_now())


async def tell(resources: Resources) -> int:
    """Tell departments' systems one batch of events."""
    return await tell_batch(resources, utc_now())


async def follow(resources: Resources) -> int:
    """Ask departments' systems about the requests that appeals became there."""
    return await follow_requests(resources, utc_now())


async def replay_rules(resources: Resources) -> int:
    """Replay one draft of the rules over past appeals."""
    return await run_waiting(resources, utc_now())


async def count_rules(resources: Resources) -> int:
    """Count how often each rule decides."""
    async with resources.database.transaction() as session:
        await count_hits(session, utc_now())
    return 0


async def sweep(resources: Resources) -> int:
    """Mark the clocks that have run out."""
    return await mark_breaches(resources, utc_now())


async def close_questions(resources: Resources) -> int:
    """Close what waits for a citizen who does not reply."""
    return await close_silent(resources, utc_now())


async def learn(resources: Resources) -> int:
    """Once a night: a challenger is trained when there is enough to learn from."""
    await learn_at_night(resources, utc_now())
    return 0


async def tidy(resources: Resources) -> int:
    """Retention: raw deliveries, lapsed sessions, files that no message carries."""
    now = utc_now()
    async with resources.database.transaction() as session:
        long_ago = now - timedelta(days=resources.settings.payload_retention_days)
        await forget_payloads(session, long_ago)
        await forget_deliveries(session, long_ago)
        await purge_expired_sessions(session, now)
    await remove_unused(resources, now)
    return 0


def _crons(jobs: Mapping[Job, Solo], settings: Settings) -> list[CronJob]:
    """What is done by the clock. Nudges may be lost with Redis; the first of these find what is due all the same."""
    return [
        cron(_named(jobs[Job.DRAIN_INBOX]), name="cron_drain", second=EVERY_SECONDS, run_at_startup=True),
        cron(_named(jobs[Job.DELIVER_ANSWERS]), name="cron_deliver", second={5, 25, 45}, run_at_startup=True),
        cron(_named(Solo(sweep)), name="cron_breaches", second={15, 45}, run_at_startup=True),
        cron(_named(jobs[Job.FETCH_AUTHORS]), name="cron_authors", second={35}),
        cron(_named(jobs[Job.FETCH_TEXTS]), name="cron_texts", second={55}),
        cron(_named(jobs[Job.POLL_PAGES]), name="cron_polls", second=EVERY_SECONDS, run_at_startup=True),
        cron(_named(jobs[Job.WATCH_CONNECTIONS]), name="cron_watch", second={50}),
        cron(_named(jobs[Job.FETCH_FILES]), name="cron_files", second={8, 28, 48}),
        cron(_named(jobs[Job.TELL_DEPARTMENTS]), name="cron_tell", second={3, 13, 23, 33, 43, 53}),
        cron(_named(Solo(follow)), name="cron_requests", second={38}),
        cron(_named(jobs[Job.SIMULATE_RULES]), name="cron_simulations", second={23}, timeout=LONG_SECONDS),
        cron(_named(Solo(count_rules)), name="cron_rule_hits", minute={7}, second=12, run_at_startup=True),
        cron(_named(Solo(close_questions)), name="cron_silence", minute={7, 27, 47}, second=0),
        cron(_named(Solo(tidy)), name="cron_tidy", minute={17}, second=0),
        cron(
            _named(Solo(learn)),
            name="cron_learn",
            hour={settings.model_retrain_hour},
            minute={10},
            second=0,
            timeout=LONG_SECONDS,
        ),
    ]


def build_worker(resources: Resources, *, is_burst: bool = False) -> Worker:
    """An arq worker with every job and cron of the service; with `is_burst` it ends when nothing is queued."""
    jobs = {
        Job.DRAIN_INBOX: Solo(drain),
        Job.DELIVER_ANSWERS: Solo(deliver, DELIVERIES_AT_ONCE),
        Job.FETCH_AUTHORS: Solo(name_authors),
        Job.FETCH_TEXTS: Solo(complete_texts),
        Job.POLL_PAGES: Solo(ask_pages),
        Job.WATCH_CONNECTIONS: Solo(watch),
        Job.FETCH_FILES: Solo(bring_files),
        Job.TELL_DEPARTMENTS: Solo(tell, DELIVERIES_AT_ONCE),
        Job.SIMULATE_RULES: Solo(replay_rules),
    }
    return Worker(
        functions=[
            func(_named(run), name=job.value, max_tries=1, timeout=LONG_SECONDS if job in LONG_JOBS else None)
            for job, run in jobs.items()
        ],
        cron_jobs=_crons(jobs, resources.settings),
        timezone=ZoneInfo(resources.settings.time_zone),  # type: ignore[arg-type]  # arq takes any tzinfo
        redis_settings=redis_settings(resources.settings.redis_url),
        ctx={"resources": resources},
        handle_signals=False,  # run_worker listens itself, also while Redis is away
        burst=is_burst,
        max_jobs=resources.settings.worker_max_jobs,
        poll_delay=POLL_SECONDS,
        keep_result=0,  # a kept result would refuse the next nudge
        job_serializer=dump,
        job_deserializer=load,
        log_results=False,
        max_tries=1,
    )


def _named(job: Solo) -> WorkerCoroutine:
    """arq wants a coroutine function, not a callable object."""

    async def run(ctx: dict[Any, Any], *arguments: Any, **options: Any) -> int:
        return await job(ctx)

    return run


async def run_worker(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; wait for Redis when it goes away.

    Raises SchemaIsStale, UnknownCode (no such policy) and what `open_resources` raises.
    """
    _end_with_signals(asyncio.current_task())
    try:
        async with open_resources(settings) as resources:
            await require_current_schema(resources.database.engine)
            async with resources.database.transaction() as session:
                await require_reference_data(session, await resources.rulebook.current(session))
            sla.policy(settings.policy)  # unknown, it would make poison of every delivery
            seat = Seat(resources)
            await seat.renew(utc_now())
            spare_collections()
            await _work_on(seat)
    except asyncio.CancelledError:
        log.info("worker_stopped")


def spare_collections() -> None:
    """Look for cycles seldom: what is there now lives as long as the process, and a batch makes so many objects that
    looking after every 700 took a fifth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_TO_COLLECT)


async def _work_on(seat: Seat) -> None:
    """Work until cancelled; jobs that begin after a promotion get the new judge."""
    shared: dict[str, Any] = {}
    watching = asyncio.create_task(seat.watch(lambda renewed: shared.update(resources=renewed)))
    try:
        while True:
            built = build_worker(seat.resources)
            shared = built.ctx
            await _work(built)
            await asyncio.sleep(RECONNECT_SECONDS)
    finally:
        watching.cancel()


def _end_with_signals(task: asyncio.Task[Any] | None) -> None:
    assert task is not None  # noqa: S101  a coroutine runs in a task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _work(worker: Worker) -> None:
    try:
        await worker.async_run()
    except (RedisError, OSError) as error:
        log.warning("redis_away", error=type(error).__name__)
    finally:
        await _close(worker)


async def _close(worker: Worker) -> None:
    """End what runs and give the connections back; how a job has ended is no reason for us to end."""
    worker.handle_sig(signal.SIGUSR1)  # arq's way to cancel its jobs
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    worker.tasks.clear()
    try:
        await worker.close()
    except (RedisError, OSError):  # nobody is there to say goodbye to
        await worker.pool.aclose(close_connection_pool=True)
