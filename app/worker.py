"""The worker: every job and every cron on one screen; what each does in one round is in `rounds`.

Jobs are nudges without payload; each looks into PostgreSQL for what is due. One run of a kind at a time in a process: a
nudge that comes meanwhile makes it run once more.
"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from arq import cron
from arq.cron import CronJob
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError

from app import rounds
from app.db import require_current_schema
from app.jobs import Job, dump, load, redis_settings
from app.learning.seat import Seat
from app.reference import require_reference_data
from app.resources import Resources, open_resources
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


def _crons(jobs: Mapping[Job, Solo], settings: Settings) -> list[CronJob]:
    """What is done by the clock. Nudges may be lost with Redis; the first of these find what is due all the same."""
    return [
        cron(_named(jobs[Job.DRAIN_INBOX]), name="cron_drain", second=EVERY_SECONDS, run_at_startup=True),
        cron(_named(jobs[Job.DELIVER_ANSWERS]), name="cron_deliver", second={5, 25, 45}, run_at_startup=True),
        cron(_named(Solo(rounds.sweep)), name="cron_breaches", second={15, 45}, run_at_startup=True),
        cron(_named(jobs[Job.FETCH_AUTHORS]), name="cron_authors", second={35}),
        cron(_named(jobs[Job.FETCH_TEXTS]), name="cron_texts", second={55}),
        cron(_named(jobs[Job.POLL_PAGES]), name="cron_polls", second=EVERY_SECONDS, run_at_startup=True),
        cron(_named(jobs[Job.WATCH_CONNECTIONS]), name="cron_watch", second={50}),
        cron(_named(jobs[Job.FETCH_FILES]), name="cron_files", second={8, 28, 48}),
        cron(_named(jobs[Job.TELL_DEPARTMENTS]), name="cron_tell", second={3, 13, 23, 33, 43, 53}),
        cron(_named(Solo(rounds.follow)), name="cron_requests", second={38}),
        cron(_named(jobs[Job.SIMULATE_RULES]), name="cron_simulations", second={23}, timeout=LONG_SECONDS),
        cron(_named(Solo(rounds.count_rules)), name="cron_rule_hits", minute={7}, second=12, run_at_startup=True),
        cron(_named(Solo(rounds.close_questions)), name="cron_silence", minute={7, 27, 47}, second=0),
        cron(_named(Solo(rounds.tidy)), name="cron_tidy", minute={17}, second=0),
        cron(_named(Solo(rounds.forget)), name="cron_forget", minute={33}, second=0, timeout=LONG_SECONDS),
        cron(
            _named(Solo(rounds.learn)),
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
        Job.DRAIN_INBOX: Solo(rounds.drain),
        Job.DELIVER_ANSWERS: Solo(rounds.deliver, DELIVERIES_AT_ONCE),
        Job.FETCH_AUTHORS: Solo(rounds.name_authors),
        Job.FETCH_TEXTS: Solo(rounds.complete_texts),
        Job.POLL_PAGES: Solo(rounds.ask_pages),
        Job.WATCH_CONNECTIONS: Solo(rounds.watch),
        Job.FETCH_FILES: Solo(rounds.bring_files),
        Job.TELL_DEPARTMENTS: Solo(rounds.tell, DELIVERIES_AT_ONCE),
        Job.SIMULATE_RULES: Solo(rounds.replay_rules),
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
