"""Asking platforms for what they do not push, so that nothing is skipped or taken twice.

A page is claimed under a lease, asked without a transaction, and what it told is stored together with the new cursor in
one. Killed before that, the page is asked again from the old cursor when the lease has lapsed, and deliveries stored
already are dropped by their keys.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import NO_KEY_UPDATE
from app.intake.models import EventState, InboxEvent, PagePoll
from app.jobs import Job, enqueue
from app.platforms import PLATFORMS
from app.platforms.base import Credentials, FailureKind, Limit, Polled, PolledDelivery, SendFailed
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.resources import Resources
from app.vault import CannotDecrypt

log = structlog.get_logger()
POLLS = Counter("appeals_polls_total", "Rounds of asking a page", ["platform", "outcome"])
PAGES_AT_ONCE = 8
LEASE_SECONDS = 300.0
ANSWER_SECONDS = 240.0  # well within the lease
LONGEST_PAUSE_SECONDS = 600.0
MOST_DOUBLINGS = 10
FAILURES_SHOWN = 3  # a moment's outage is no news for an operator
ROWS_AT_ONCE = 500
MOST_KEY_LENGTH = 200
MOST_TYPE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Asking:
    """One page to be asked, with what the network call needs and no database in it. `lease` names the claim."""

    page_id: int
    platform: str
    credentials: Credentials
    cursor: str
    lease: int


async def poll_pages(resources: Resources, now: datetime) -> int:
    """Ask the pages that are due; how many were asked. Zero means that none is due."""
    async with resources.database.transaction() as session:
        await _enlist(session, now)
        claimed = await _claim(session, now)
        leased = [await _lease(resources, session, poll, page, now) for poll, page in claimed]
    await asyncio.gather(*(_poll(resources, asking, now) for asking in leased if asking is not None))
    return len(claimed)


async def _enlist(session: AsyncSession, now: datetime) -> None:
    """Pages that were added since the last round are due at once."""
    polled = [code for code, platform in PLATFORMS.items() if platform.poll_every_seconds is not None]
    added = (
        select(col(PublicPage.id), literal(""), literal(now), literal(0), literal(0))
        .outerjoin(PagePoll, col(PagePoll.page_id) == col(PublicPage.id))
        .where(
            col(PublicPage.platform).in_(polled),
            col(PublicPage.is_active),
            col(PublicPage.credentials).is_not(None),
            col(PagePoll.page_id).is_(None),
        )
    )
    columns = ["page_id", "cursor", "next_at", "lease", "failures"]
    await session.execute(insert(PagePoll).from_select(columns, added).on_conflict_do_nothing())


async def _claim(session: AsyncSession, now: datetime) -> Sequence[tuple[PagePoll, PublicPage]]:
    """Due pages that no other worker holds."""
    due = (
        select(PagePoll, PublicPage)
        .join(PublicPage, col(PublicPage.id) == col(PagePoll.page_id))
        .where(col(PagePoll.next_at) <= now, col(PublicPage.is_active))
        .order_by(col(PagePoll.next_at), col(PagePoll.page_id))
        .limit(PAGES_AT_ONCE)
        .with_for_update(of=PagePoll, skip_locked=True)
    )
    return [(poll, page) for poll, page in (await session.execute(due)).tuples()]


async def _lease(
    resources: Resources, session: AsyncSession, poll: PagePoll, page: PublicPage, now: datetime
) -> Asking | None:
    poll.lease += 1
    poll.next_at = now + timedelta(seconds=LEASE_SECONDS)
    try:
        credentials = open_credentials(resources.vault, page)
    except CannotDecrypt as error:
        failure = SendFailed(FailureKind.PAGE_STOPPED, f"Ключи доступа страницы не читаются: {error}")
        await _fail(session, poll, page.platform, failure, now)
        return None
    return Asking(poll.page_id, page.platform, credentials, poll.cursor, poll.lease)


async def _poll(resources: Resources, asking: Asking, now: datetime) -> None:
    try:
        polled = await _ask(resources, asking, now)
    except SendFailed as failure:
        POLLS.labels(asking.platform, failure.kind.value).inc()
        log.warning("poll_failed", page_id=asking.page_id, kind=failure.kind.value, code=failure.code)
        async with resources.database.transaction() as session:
            if poll := await _still_ours(session, asking):
                await _fail(session, poll, asking.platform, failure, now)
        return
    POLLS.labels(asking.platform, "done").inc()
    async with resources.database.transaction() as session:
        if poll := await _still_ours(session, asking):
            await _store(resources, session, poll, asking.platform, polled, now)


async def _ask(resources: Resources, asking: Asking, now: datetime) -> Polled:
    """The network calls. Raises SendFailed, for a fault of our own too: the page must not be asked without a pause."""
    platform = PLATFORMS[asking.platform]
    await resources.limiter.wait(Limit(f"{asking.platform}:{asking.page_id}:", platform.rate_limit_per_second))
    api_url = resources.settings.api_url(asking.platform)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await platform.poll(resources.http, api_url, asking.credentials, asking.cursor, now)
    except SendFailed:
        raise
    except TimeoutError as error:
        raise SendFailed(FailureKind.RETRY, "Площадка отвечает слишком медленно.", code="slow") from error
    except Exception as error:
        log.exception("poll_broke", page_id=asking.page_id)
        reason = "Внутренняя ошибка опроса, подробности в журнале службы."
        raise SendFailed(FailureKind.PERMANENT, reason, code=type(error).__name__) from error


async def _still_ours(session: AsyncSession, asking: Asking) -> PagePoll | None:
    """The poll, locked; None if our lease has lapsed and another worker asks."""
    poll = await session.get(PagePoll, asking.page_id, with_for_update=True)
    return poll if poll is not None and poll.lease == asking.lease else None


async def _store(
    resources: Resources, session: AsyncSession, poll: PagePoll, platform: str, polled: Polled, now: datetime
) -> None:
    """What was told and where to go on, in this one transaction."""
    if await _keep(resources, session, poll.page_id, polled.deliveries, now):
        enqueue(session, Job.DRAIN_INBOX)
    if poll.error is not None:
        told = update(PublicPage).where(col(PublicPage.id) == poll.page_id)
        await session.execute(told.values(polling_problem=None))
    pause = 0.0 if polled.has_more else PLATFORMS[platform].poll_every_seconds or LONGEST_PAUSE_SECONDS
    poll.cursor, poll.polled_at, poll.next_at = polled.cursor, now, now + timedelta(seconds=pause)
    poll.error, poll.failures = None, 0


async def _keep(
    resources: Resources, session: AsyncSession, page_id: int, deliveries: Sequence[PolledDelivery], now: datetime
) -> int:
    """Store deliveries like webhooks of the same page; how many were new."""
    new = 0
    for start in range(0, len(deliveries), ROWS_AT_ONCE):
        rows = [
            {
                "page_id": page_id,
                "delivery_key": delivery.key[:MOST_KEY_LENGTH],
                "event_type": delivery.event_type[:MOST_TYPE_LENGTH],
                "payload": resources.vault.seal(delivery.body),
                "received_at": now,
                "next_attempt_at": now,
                "state": EventState.RECEIVED,
                "attempts": 0,
            }
            for delivery in deliveries[start : start + ROWS_AT_ONCE]
        ]
        stored = await session.execute(
            insert(InboxEvent)
            .values(rows)
            .on_conflict_do_nothing(index_elements=["page_id", "delivery_key"])
            .returning(col(InboxEvent.id))
        )
        new += len(stored.all())
    return new


async def _fail(session: AsyncSession, poll: PagePoll, platform: str, failure: SendFailed, now: datetime) -> None:
    """Try again later, each time later; what a person must mend, or lasts, is shown on the page at once."""
    poll.failures += 1
    every = PLATFORMS[platform].poll_every_seconds or LONGEST_PAUSE_SECONDS
    growing = min(LONGEST_PAUSE_SECONDS, every * 2 ** min(poll.failures, MOST_DOUBLINGS))
    poll.next_at = now + timedelta(seconds=max(failure.retry_after_seconds, growing))
    poll.error = failure.reason
    if failure.kind is FailureKind.RETRY and poll.failures < FAILURES_SHOWN:
        return
    page = await session.get_one(PublicPage, poll.page_id, with_for_update=NO_KEY_UPDATE)
    page.polling_problem = f"Опрос площадки не удаётся, новые комментарии не приходят. {failure.reason}"
