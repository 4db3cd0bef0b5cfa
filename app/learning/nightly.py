"""At night, when there is enough to learn from: a challenger is trained beside the service, never in it."""

import asyncio
import os
import sys
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.audit.service import audit
from app.errors import AppError
from app.learning import decisions, registry
from app.learning.comparison import Comparison
from app.learning.files import remove_files
from app.learning.models import ModelState, ModelVersion
from app.learning.overview import NIGHT_LABEL
from app.learning.teaching import count_new_labels
from app.resources import Resources
from app.settings import Settings

log = structlog.get_logger()
NIGHT = Actor(label=NIGHT_LABEL, role=Role.ADMIN)
LONGEST_SECONDS = 2 * 3600
LOWEST_PRIORITY = 19
CHALLENGERS_WAIT = timedelta(days=30)
LAST_WORDS = 500


async def learn_at_night(resources: Resources, now: datetime) -> int:
    """Train a challenger when enough labels are new, and promote it where that is wanted; how many were trained.

    What happened is in the registry and in the audit, failures too.
    """
    await _let_go_of_old_challengers(resources, now)
    wanted = resources.settings.model_retrain_labels
    if not wanted or await count_new_labels(resources) < wanted:
        return 0
    version, problem = await _train_apart(resources.settings)
    if problem:
        log.error("model_training_failed", reason=problem)
        async with resources.database.transaction() as session:
            audit(session, NIGHT.label, "model_training_failed", now, reason=problem)
        return 0
    async with resources.database.transaction() as session:
        comparison = Comparison.from_stored((await registry.find(session, version)).comparison)
        verdict = comparison.verdict if comparison else None
        audit(session, NIGHT.label, "model_compared", now, version=version, verdict=verdict)
    if resources.settings.model_auto_promote and comparison is not None and comparison.is_better:
        try:
            await decisions.promote_model(resources, version, NIGHT, now)
        except AppError as error:  # somebody promoted another one meanwhile: it waits like any challenger
            log.warning("model_not_promoted", version=version, reason=error.message)
    return 1


async def _train_apart(settings: Settings) -> tuple[str, str]:
    """A process of the lowest priority; the version that it made, or else what went wrong."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "classifier", "train", "--nightly",
        env=_environment(settings), preexec_fn=_step_back,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            told, complained = await process.communicate()
    except TimeoutError:
        return "", f"Обучение заняло больше {LONGEST_SECONDS // 3600} ч и остановлено"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        return "", " ".join(complained.decode(errors="replace").split())[-LAST_WORDS:] or "Процесс обучения оборвался"
    return told.decode().split()[-1], ""


def _environment(settings: Settings) -> dict[str, str]:
    """Our own, with what the servers' addresses were when we started; one thread, so that intake keeps its core."""
    own = {
        "APPEALS_DATABASE_URL": settings.database_url,
        "APPEALS_REDIS_URL": settings.redis_url,
        "APPEALS_DATA_DIR": str(settings.data_dir.resolve()),
    }
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **own, **threads, "PYTHONUNBUFFERED": "1"}


def _step_back() -> None:
    os.nice(LOWEST_PRIORITY)


async def _let_go_of_old_challengers(resources: Resources, now: datetime) -> None:
    """Who was not wanted for a month is retired without its files: a night leaves nine megabytes."""
    async with resources.database.transaction() as session:
        await registry.lock_models(session)
        old = list(
            await session.scalars(
                select(ModelVersion).where(
                    col(ModelVersion.state) == ModelState.CHALLENGER,
                    col(ModelVersion.created_at) < now - CHALLENGERS_WAIT,
                )
            )
        )
        for row in old:
            row.state, row.note = ModelState.RETIRED, "Месяц ждала решения: файлы удалены"
            audit(session, NIGHT.label, "model_retired", now, version=row.version)
    for row in old:
        await asyncio.to_thread(remove_files, resources.settings, row.version)
