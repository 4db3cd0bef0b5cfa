"""Fetching what citizens attached. No network call happens inside a transaction: claimed, brought, written down."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import select, update
from sqlmodel import col

from app.file_store import FileStoreFailed
from app.files.content import FileRefused
from app.files.download import FileNotGiven, download
from app.files.expected import Source
from app.files.keeping import keep
from app.files.models import FileState, MessageFile
from app.platforms import PLATFORMS
from app.platforms.base import FailureKind, FileSource, Limit, SendFailed
from app.platforms.incoming import Attachment
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.resources import Resources
from app.vault import CannotDecrypt

log = structlog.get_logger()
FILES = Counter("appeals_files_total", "Attachments fetched", ["platform", "outcome"])
BATCH = 8  # files of one batch are in memory at the same time
LEASE_SECONDS = 300
MOST_ATTEMPTS = 8
FIRST_RETRY_SECONDS = 20
LONGEST_RETRY_SECONDS = 3600
PLATFORM_SILENT = "Площадка не говорит, где файл"


@dataclass(frozen=True, slots=True)
class Errand:
    """One attachment to be brought. `attempt` names the lease, `source` the attachment it was given for."""

    message_id: int
    position: int
    attempt: int
    source: Source
    page: PublicPage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has come of it."""

    state: FileState
    sha256: str | None = None
    reason: str | None = None


async def fetch_batch(resources: Resources, now: datetime) -> list[int]:
    """Bring the attachments that are due; the ids of their messages."""
    errands = await _claim(resources, now)
    await asyncio.gather(*(_run(resources, errand, now) for errand in errands))
    return [errand.message_id for errand in errands]


async def _claim(resources: Resources, now: datetime) -> list[Errand]:
    async with resources.database.transaction() as session:
        rows = await session.execute(
            select(MessageFile, PublicPage)
            .join(PublicPage, col(PublicPage.id) == col(MessageFile.page_id))
            .where(col(MessageFile.state) == FileState.PENDING, col(MessageFile.next_attempt_at) <= now)
            .order_by(col(MessageFile.next_attempt_at))
            .limit(BATCH)
            .with_for_update(of=MessageFile, skip_locked=True)
        )
        return [_lease(row, page, now) for row, page in rows.tuples()]


def _lease(row: MessageFile, page: PublicPage, now: datetime) -> Errand:
    row.attempts += 1
    row.next_attempt_at = now + timedelta(seconds=LEASE_SECONDS)
    return Errand(row.message_id, row.position, row.attempts, row.source, page)


async def _run(resources: Resources, errand: Errand, now: datetime) -> None:
    outcome = await _bring(resources, errand, now)
    FILES.labels(errand.page.platform, outcome.state.value).inc()
    if outcome.state is not FileState.STORED:
        log.warning("file_not_fetched", message_id=errand.message_id, state=outcome.state, reason=outcome.reason)
    await _write_down(resources, errand, outcome, now)


async def _bring(resources: Resources, errand: Errand, now: datetime) -> Outcome:
    try:
        place = await _ask_where(resources, errand)
        content = await download(resources.downloads, place.url, resources.settings.file_limit_mb * 1024**2)
        stored = await keep(resources, content, now)
    except FileRefused as refusal:
        return Outcome(FileState.REFUSED, reason=str(refusal))
    except FileNotGiven as problem:
        return _not_brought(errand, str(problem), is_final=problem.is_final)
    except SendFailed as failure:
        return _not_brought(errand, failure.reason, is_final=failure.kind is FailureKind.PERMANENT)
    except (FileStoreFailed, CannotDecrypt) as error:
        return _not_brought(errand, str(error))
    except Exception as error:  # one file must not hold up the others, nor be asked for for ever
        log.exception("file_fetch_broken", message_id=errand.message_id)
        return _not_brought(errand, f"Внутренняя ошибка: {type(error).__name__}")
    return Outcome(FileState.STORED, sha256=stored.sha256)


def _not_brought(errand: Errand, reason: str, *, is_final: bool = False) -> Outcome:
    is_over = is_final or errand.attempt >= MOST_ATTEMPTS
    return Outcome(FileState.FAILED if is_over else FileState.PENDING, reason=reason)


async def _ask_where(resources: Resources, errand: Errand) -> FileSource:
    """Raises FileNotGiven, SendFailed, CannotDecrypt."""
    page, platform = errand.page, PLATFORMS[errand.page.platform]
    if errand.source.get("file_id"):  # only then the platform is asked
        await resources.limiter.wait(Limit(f"{page.platform}:{page.id}:", platform.rate_limit_per_second))
    api_url = resources.settings.api_url(page.platform)
    attachment = Attachment(**errand.source)
    found = await platform.file_address(resources.http, api_url, open_credentials(resources.vault, page), attachment)
    if found is None:
        raise FileNotGiven(PLATFORM_SILENT, is_final=True)
    return found


async def _write_down(resources: Resources, errand: Errand, outcome: Outcome, now: datetime) -> None:
    """Unless the attachment was replaced meanwhile, or our lease has lapsed."""
    values: dict[str, Any] = {"state": outcome.state, "sha256": outcome.sha256, "reason": outcome.reason}
    if outcome.state is FileState.PENDING:
        values["next_attempt_at"] = now + timedelta(seconds=pause_seconds(errand.attempt))
    async with resources.database.transaction() as session:
        await session.execute(
            update(MessageFile)
            .where(
                col(MessageFile.message_id) == errand.message_id,
                col(MessageFile.position) == errand.position,
                col(MessageFile.source) == errand.source,
                col(MessageFile.attempts) == errand.attempt,
            )
            .values(values)
        )


def pause_seconds(attempts: int) -> float:
    """20, 40, 80 … seconds, at most an hour: eight attempts take three quarters of an hour."""
    return float(min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempts - 1)))
