"""The outbox: answers go to the platforms, each at most once as the citizen sees it.

No network call happens inside a transaction: an answer is marked `sending` and committed, then sent, then marked by
what the platform said. A crash in between leaves `sending`; it is sent again only because the platform itself drops a
repeated idempotency key, and where a platform has none the answer becomes `unknown` for a person to look at.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals import cycle
from app.appeals.models import Answer, AnswerState, Appeal, Message
from app.db import NO_KEY_UPDATE
from app.platforms import PLATFORMS
from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed, SentMessage
from app.platforms.incoming import Kind
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.resources import Resources
from app.time import utc_now
from app.vault import CannotDecrypt

log = structlog.get_logger()
ANSWERS = Counter("appeals_answers_total", "Attempts to send an answer", ["platform", "outcome"])
BATCH = 50
LEASE_SECONDS = 90
MOST_ATTEMPTS = 30  # an hour of growing pauses, then once an hour: an outage of a night fails no answer
FIRST_RETRY_SECONDS = 2
LONGEST_RETRY_SECONDS = 3600
LONGEST_CODE = 40


@dataclass(frozen=True, slots=True)
class Posting:
    """One answer on its way, with what the network call needs and no database in it. `attempt` names the lease."""

    answer_id: int
    appeal_id: int
    page_id: int
    attempt: int
    platform: str
    credentials: Credentials
    message: OutgoingMessage


async def deliver_batch(resources: Resources, now: datetime) -> int:
    """Send the answers that are due; how many were tried."""
    postings = await _claim(resources, now)
    await asyncio.gather(*(_post(resources, posting) for posting in postings))
    return len(postings)


async def _claim(resources: Resources, now: datetime) -> list[Posting]:
    """Mark due answers `sending` under a lease. A lapsed lease means that the sender died."""
    async with resources.database.transaction() as session:
        rows = await session.execute(
            select(Answer, PublicPage)
            .join(PublicPage, col(PublicPage.id) == col(Answer.page_id))
            .where(
                col(Answer.state).in_([AnswerState.PENDING, AnswerState.SENDING]),
                col(Answer.next_attempt_at) <= now,
                col(PublicPage.sending_stopped_reason).is_(None),
            )
            .order_by(col(Answer.next_attempt_at), col(Answer.id))
            .limit(BATCH)
            .with_for_update(of=Answer, skip_locked=True)
        )
        postings = [_lease(resources, answer, page, now) for answer, page in rows.tuples()]
    return [posting for posting in postings if posting is not None]


def _lease(resources: Resources, answer: Answer, page: PublicPage, now: datetime) -> Posting | None:
    try:
        credentials = open_credentials(resources.vault, page)
    except CannotDecrypt as error:  # this page waits for a person, the others go on
        page.sending_stopped_reason = f"Ключи доступа страницы не читаются: {error}"
        return None
    answer.state = AnswerState.SENDING
    answer.attempts += 1
    answer.next_attempt_at = now + timedelta(seconds=LEASE_SECONDS)
    message = OutgoingMessage(
        kind=Kind(answer.kind),
        place=answer.place,
        text=answer.text,
        idempotency_key=answer.idempotency_key,
        author_external_id=answer.recipient_external_id,
        chat_external_id=answer.chat_external_id,
        post_external_id=answer.post_external_id,
        reply_to_external_id=answer.reply_to_external_id,
    )
    return Posting(
        answer.id or 0, answer.appeal_id, answer.page_id, answer.attempts, page.platform, credentials, message
    )


async def _post(resources: Resources, posting: Posting) -> None:
    platform = PLATFORMS[posting.platform]
    await resources.limiter.wait(f"{posting.platform}:{posting.page_id}", platform.rate_limit_per_second)
    try:
        sent = await _send(resources, posting)
    except SendFailed as failure:
        ANSWERS.labels(posting.platform, failure.kind.value).inc()
        await _record_failure(resources, posting, failure, utc_now())
        return
    ANSWERS.labels(posting.platform, "delivered").inc()
    await _record_delivery(resources, posting, sent, utc_now())


async def _send(resources: Resources, posting: Posting) -> SentMessage:
    """The network call. Raises SendFailed, for a fault of our own too: else the answer would be tried for ever."""
    try:
        return await PLATFORMS[posting.platform].send(
            resources.http, resources.settings.api_url(posting.platform), posting.credentials, posting.message
        )
    except SendFailed:
        raise
    except Exception as error:
        log.exception("answer_not_sent", answer_id=posting.answer_id)
        reason = "Внутренняя ошибка отправки, подробности в журнале службы."
        raise SendFailed(FailureKind.RETRY, reason, code=type(error).__name__[:LONGEST_CODE]) from error


async def _record_delivery(resources: Resources, posting: Posting, sent: SentMessage, now: datetime) -> None:
    """The platform confirmed: now the clock stops."""
    async with resources.database.transaction() as session:
        answer, appeal = await _load(session, posting)
        if answer.state == AnswerState.DELIVERED:
            return
        answer.state, answer.delivered_at = AnswerState.DELIVERED, now
        answer.external_id, answer.echo_key = sent.external_id, sent.key
        answer.error_code = answer.error_reason = None
        cycle.record(session, appeal.id or 0, "answer_delivered", cycle.SYSTEM, now, answer_id=answer.id)
        if appeal.is_open:
            await cycle.mark_answered(session, appeal, now, now, is_interim=answer.is_interim)
        await _adopt_echo(session, answer)
        await cycle.changed(session, appeal)


async def _adopt_echo(session: AsyncSession, answer: Answer) -> None:
    """The event about our own message may have come before the platform's reply to our call."""
    echo = await session.scalar(
        select(Message).where(col(Message.page_id) == answer.page_id, col(Message.key) == answer.echo_key)
    )
    if echo is not None:
        echo.appeal_id = answer.appeal_id


async def _load(session: AsyncSession, posting: Posting) -> tuple[Answer, Appeal]:
    """Both locked, the appeal first as everywhere: two workers must not wait for each other in a circle."""
    appeal = await session.get_one(Appeal, posting.appeal_id, with_for_update=NO_KEY_UPDATE)
    return await session.get_one(Answer, posting.answer_id, with_for_update=True), appeal


async def _record_failure(resources: Resources, posting: Posting, failure: SendFailed, now: datetime) -> None:
    log.warning("answer_not_delivered", answer_id=posting.answer_id, kind=failure.kind.value, code=failure.code)
    async with resources.database.transaction() as session:
        answer, appeal = await _load(session, posting)
        if answer.state != AnswerState.SENDING or answer.attempts != posting.attempt:
            return  # our lease has lapsed: whoever took the answer over says what became of it
        answer.state = next_state(failure.kind, answer.attempts)
        answer.error_code, answer.error_reason = failure.code or None, _reason(failure, answer)
        if answer.state == AnswerState.PENDING:
            pause = max(failure.retry_after_seconds, retry_pause_seconds(answer.attempts))
            answer.next_attempt_at = now + timedelta(seconds=pause)
        else:
            cycle.record(
                session, appeal.id or 0, "answer_failed", cycle.SYSTEM, now,
                answer_id=answer.id, reason=answer.error_reason, code=failure.code,
            )  # fmt: skip
        if failure.kind is FailureKind.PAGE_STOPPED:
            page = await session.get_one(PublicPage, posting.page_id)
            page.sending_stopped_reason = failure.reason
        await cycle.changed(session, appeal)


def _reason(failure: SendFailed, answer: Answer) -> str:
    if failure.kind is FailureKind.RETRY and answer.state == AnswerState.FAILED:
        return f"{failure.reason} Попыток было {answer.attempts}, сами больше не повторим."
    return failure.reason


def next_state(kind: FailureKind, attempts: int) -> AnswerState:
    """What becomes of an answer after a failure of this kind."""
    if kind is FailureKind.PAGE_STOPPED:
        return AnswerState.PENDING  # waits until a person mends the page's credentials
    if kind is FailureKind.RETRY and attempts < MOST_ATTEMPTS:
        return AnswerState.PENDING
    if kind is FailureKind.UNKNOWN:
        return AnswerState.UNKNOWN
    return AnswerState.HANDS_NEEDED if kind is FailureKind.HANDS_NEEDED else AnswerState.FAILED


def retry_pause_seconds(attempts: int) -> float:
    """2, 4, 8 … seconds, at most an hour."""
    return float(min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempts - 1)))


async def resume_page(session: AsyncSession, page_id: int) -> None:
    """Credentials were mended: waiting answers may go."""
    page = await session.get_one(PublicPage, page_id)
    page.sending_stopped_reason = None
