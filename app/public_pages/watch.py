"""The watchdog of connections: asks the platforms whether they still deliver, and connects again where they do not.

Platforms switch a webhook off after hours of failures (MAX and Odnoklassniki after 8, Telegram drops what waited 24)
and tell nobody. Pages that were never connected are left alone: their webhook may still belong to another system.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from sqlalchemy import or_, select
from sqlmodel import col

from app.audit.service import audit
from app.db import NO_KEY_UPDATE
from app.platforms import PLATFORMS
from app.platforms.base import FailureKind, Platform, SendFailed
from app.public_pages.connection import CHECK_EVERY, CannotConnect, Line, ask, line_of, record, register_webhook
from app.public_pages.models import NUMBERLESS, PublicPage
from app.resources import Resources
from app.time import utc_now
from app.vault import CannotDecrypt

log = structlog.get_logger()
CHECKS = Counter("appeals_connection_checks_total", "Checks of pages' connections", ["platform", "outcome"])
ACTOR = "Сторож связи"
BATCH = 40
AT_ONCE = 4  # of one platform: a slow one must not take every socket
LEASE = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(hours=1)


async def watch_connections(resources: Resources, now: datetime) -> int:
    """Check the connections that are due, some of each platform; how many were checked."""
    watched = [platform for platform in PLATFORMS.values() if _can_be_asked(platform)]
    return sum(await asyncio.gather(*(_watch(resources, platform, now) for platform in watched)))


def _can_be_asked(platform: Platform) -> bool:
    return type(platform).connection_problem is not Platform.connection_problem


async def _watch(resources: Resources, platform: Platform, now: datetime) -> int:
    page_ids = await _claim(resources, platform.code, now)
    gate = asyncio.Semaphore(AT_ONCE)

    async def check(page_id: int) -> None:
        async with gate:
            outcome = await _check(resources, page_id)
        CHECKS.labels(platform.code, outcome).inc()

    await asyncio.gather(*(check(page_id) for page_id in page_ids))
    return len(page_ids)


async def _claim(resources: Resources, platform: str, now: datetime) -> list[int]:
    """Pages that are due, the longest waiting first, under a lease: another worker takes others."""
    async with resources.database.transaction() as session:
        pages = (
            await session.scalars(
                select(PublicPage)
                .where(
                    col(PublicPage.platform) == platform,
                    col(PublicPage.is_active),
                    col(PublicPage.credentials).is_not(None),
                    ~col(PublicPage.external_id).startswith(NUMBERLESS),
                    or_(
                        col(PublicPage.connected_at).is_not(None),
                        col(PublicPage.last_event_at).is_not(None),
                        col(PublicPage.connection_problem).is_not(None),
                    ),
                    or_(col(PublicPage.next_check_at).is_(None), col(PublicPage.next_check_at) <= now),
                )
                .order_by(col(PublicPage.next_check_at).nulls_first(), col(PublicPage.id))
                .limit(BATCH)
                .with_for_update(skip_locked=True, **NO_KEY_UPDATE)
            )
        ).all()
        for page in pages:
            page.next_check_at = now + LEASE
        return [page.id or 0 for page in pages]


async def _check(resources: Resources, page_id: int) -> str:
    """Check one page and mend it if need be; what came of it, in a word."""
    page = await _read(resources, page_id)
    try:
        line = line_of(resources, page)
    except CannotConnect:  # switched off, or without keys, since it was claimed
        return "left_alone"
    except CannotDecrypt as error:
        await _record_failure(resources, page, f"Ключи доступа страницы не читаются: {error}", is_known=True)
        return "failed"
    try:
        problem = await ask(resources, line, line.platform.connection_problem, line.webhook_url)
    except SendFailed as failure:
        is_known = failure.kind is FailureKind.PAGE_STOPPED  # the key is refused: nothing comes in or goes out
        await _record_failure(resources, page, failure.reason, failure.retry_after_seconds, is_known=is_known)
        return "failed"
    if problem is None:
        await record(resources, page_id, connection_problem=None, connected_at=page.connected_at or utc_now())
        return "good"
    return await _mend(resources, page, line, problem)


async def _mend(resources: Resources, page: PublicPage, line: Line, problem: str) -> str:
    """Connect again; what cannot be mended is left for a person to see."""
    if not (await _read(resources, line.page_id)).is_active:
        return "left_alone"
    log.warning("connection_lost", page_id=line.page_id, platform=line.platform.code)
    try:
        left = await register_webhook(resources, line)
    except SendFailed as failure:
        reason = f"{problem} Подключить заново не удалось: {failure.reason}"
        await _record_failure(resources, page, reason, failure.retry_after_seconds, is_known=True)
        return "lost"
    if left is not None:
        await _record_failure(resources, page, left, is_known=True)
        return "lost"
    await record(resources, line.page_id, connection_problem=None, connected_at=utc_now())
    async with resources.database.transaction() as session:
        audit(session, ACTOR, "page_reconnected", utc_now(), page_id=line.page_id, problem=problem)
    return "mended"


async def _read(resources: Resources, page_id: int) -> PublicPage:
    async with resources.database.transaction() as session:
        return await session.get_one(PublicPage, page_id)


async def _record_failure(
    resources: Resources, page: PublicPage, reason: str, retry_after_seconds: float = 0, *, is_known: bool
) -> None:
    """Ask again later, each time later than before. `is_known`: nothing comes in; else we only cannot ask."""
    attempts = page.failed_checks + 1
    pause = max(pause_after(attempts), timedelta(seconds=retry_after_seconds))
    state = {"connection_problem": reason} if is_known else {"check_failure": reason}
    await record(resources, page.id or 0, failed_checks=attempts, next_check_at=utc_now() + pause, **state)


def pause_after(attempts: int) -> timedelta:
    """5, 10, 20 … minutes, at most an hour."""
    longer: int = 2 ** min(attempts - 1, 10)
    return min(LONGEST_PAUSE, CHECK_EVERY * longer)
