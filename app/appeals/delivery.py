"""The outbox: answers go to the platforms, each at most once as the citizen sees it.

No network call happens inside a transaction: an answer is claimed, waits for its turn, is marked `sending` and
committed, then sent, then marked by what the platform said. A crash or a lost connection in between leaves it in doubt.
Then it is sent again only where the platform drops a repeated idempotency key; elsewhere it is looked up first, and
where that is not possible it becomes `unknown` for a person to look at.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.appeals import cycle
from app.appeals.models import Answer, AnswerState, Appeal, Message
from app.appeals.retries import next_state, pause_seconds, reason_of
from app.db import NO_KEY_UPDATE
from app.platforms import PLATFORMS
from app.platforms.base import (
    Credentials,
    FailureKind,
    Limit,
    OutgoingMessage,
    Repeat,
    SendFailed,
    SentMessage,
)
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
LONGEST_CODE = 40
ON_ITS_WAY = (AnswerState.PENDING, AnswerState.SENDING)
PATIENCE_SECONDS = 10.0  # an answer whose turn comes later gives its lease back
IN_DOUBT = "Связь с площадкой оборвалась: неизвестно, дошёл ли ответ."


@dataclass(frozen=True, slots=True)
class Posting:
    """One answer on its way, with what the network call needs and no database in it.

    `attempt` names the lease; `since` is when the answer was written: one that is looked up is no older.
    """

    answer_id: int
    appeal_id: int
    page_id: int
    attempt: int
    platform: str
    credentials: Credentials
    message: OutgoingMessage
    is_in_doubt: bool
    since: datetime


async def deliver_batch(resources: Resources, now: datetime) -> int:
    """Send the answers that are due; how many were tried."""
    postings = await _claim(resources, now)
    await asyncio.gather(*(_post(resources, posting) for posting in postings))
    return len(postings)


async def _claim(resources: Resources, now: datetime) -> list[Posting]:
    """Take due answers under a lease, of one that has several parts the first that is not delivered."""
    before = aliased(Answer)
    async with resources.database.transaction() as session:
        rows = await session.execute(
            select(Answer, PublicPage)
            .join(PublicPage, col(PublicPage.id) == col(Answer.page_id))
            .outerjoin(before, col(before.id) == col(Answer.follows_id))
            .where(
                col(Answer.state).in_([AnswerState.PENDING, AnswerState.SENDING]),
                col(Answer.next_attempt_at) <= now,
                col(PublicPage.sending_stopped_reason).is_(None),
                or_(col(PublicPage.sending_paused_until).is_(None), col(PublicPage.sending_paused_until) <= now),
                or_(col(before.id).is_(None), col(before.state) == AnswerState.DELIVERED),
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
    answer.is_in_doubt = answer.is_in_doubt or answer.state == AnswerState.SENDING  # whoever sent it has died
    answer.state = AnswerState.PENDING
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
        answer.id or 0, answer.appeal_id, answer.page_id, answer.attempts, page.platform, credentials, message,
        answer.is_in_doubt, answer.created_at,
    )  # fmt: skip


async def _post(resources: Resources, posting: Posting) -> None:
    limits = _limits(posting)
    if (delay := resources.limiter.delay_seconds(limits)) > PATIENCE_SECONDS:
        await _give_back(resources, posting, utc_now() + timedelta(seconds=delay))
        return
    await resources.limiter.wait(*limits)
    try:
        sent = await _find(resources, posting) or await _send(resources, posting)
    except SendFailed as failure:
        ANSWERS.labels(posting.platform, failure.kind.value).inc()
        await _record_failure(resources, posting, failure, utc_now())
        return
    if sent is not None:
        ANSWERS.labels(posting.platform, "delivered").inc()
        await _record_delivery(resources, posting, sent, utc_now())


def _limits(posting: Posting) -> list[Limit]:
    """The platform's limits, of this page alone."""
    place = f"{posting.platform}:{posting.page_id}"
    limits = PLATFORMS[posting.platform].limits(posting.message)
    return [Limit(f"{place}:{limit.key}", limit.per_second) for limit in limits]


async def _give_back(resources: Resources, posting: Posting, at: datetime) -> None:
    """Its turn comes too late for this lease: that is no attempt."""
    async with resources.database.transaction() as session:
        mine = update(Answer).where(col(Answer.id) == posting.answer_id, col(Answer.attempts) == posting.attempt)
        await session.execute(mine.values(attempts=posting.attempt - 1, next_attempt_at=at))


async def _find(resources: Resources, posting: Posting) -> SentMessage | None:
    """An answer in doubt that has arrived after all. Raises SendFailed when the platform cannot tell."""
    platform = PLATFORMS[posting.platform]
    if not posting.is_in_doubt or platform.repeat is Repeat.HARMLESS:
        return None
    if platform.repeat is Repeat.SHOWN_TWICE:
        raise SendFailed(FailureKind.UNKNOWN, IN_DOUBT)
    api_url = resources.settings.api_url(posting.platform)
    return await platform.find_sent(resources.http, api_url, posting.credentials, posting.message, posting.since)


async def _send(resources: Resources, posting: Posting) -> SentMessage | None:
    """The network call; None if the answer is no longer ours to send.

    Raises SendFailed, for a fault of our own too: else the answer would be tried for ever.
    """
    if not await _begin(resources, posting, utc_now()):
        return None
    platform = PLATFORMS[posting.platform]
    try:
        return await platform.send(
            resources.http, resources.settings.api_url(posting.platform), posting.credentials, posting.message
        )
    except SendFailed:
        raise
    except Exception as error:
        log.exception("answer_not_sent", answer_id=posting.answer_id)
        reason = "Внутренняя ошибка отправки, подробности в журнале службы."
        kind = FailureKind.RETRY if platform.repeat is Repeat.HARMLESS else FailureKind.UNKNOWN
        raise SendFailed(kind, reason, code=type(error).__name__[:LONGEST_CODE]) from error


async def _begin(resources: Resources, posting: Posting, now: datetime) -> bool:
    """From here on the platform may have it. False when somebody cancelled it or the lease was lost meanwhile."""
    async with resources.database.transaction() as session:
        mine = update(Answer).where(
            col(Answer.id) == posting.answer_id,
            col(Answer.attempts) == posting.attempt,
            col(Answer.state) == AnswerState.PENDING,
        )
        lease = now + timedelta(seconds=LEASE_SECONDS)
        begun = await session.execute(
            mine.values(state=AnswerState.SENDING, is_in_doubt=False, next_attempt_at=lease).returning(col(Answer.id))
        )
        return begun.first() is not None


async def _record_delivery(resources: Resources, posting: Posting, sent: SentMessage, now: datetime) -> None:
    """The platform confirmed: now the clock stops."""
    async with resources.database.transaction() as session:
        answer, appeal = await _load(session, posting)
        if answer.state == AnswerState.DELIVERED:
            return
        answer.external_id, answer.echo_key = sent.external_id, sent.key
        await cycle.mark_delivered(session, answer, appeal, now, cycle.SYSTEM)
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
        if answer.state not in ON_ITS_WAY or answer.attempts != posting.attempt:
            return  # our lease has lapsed: whoever took the answer over says what became of it
        was_sent = answer.state == AnswerState.SENDING
        answer.state = next_state(failure.kind, answer.attempts, PLATFORMS[posting.platform].repeat, was_sent=was_sent)
        answer.is_in_doubt = failure.kind is FailureKind.UNKNOWN or (answer.is_in_doubt and not was_sent)
        answer.error_code, answer.error_reason = failure.code or None, reason_of(failure, answer)
        if answer.state == AnswerState.PENDING:
            answer.next_attempt_at = now + timedelta(seconds=pause_seconds(failure, answer.attempts))
        else:
            cycle.record(
                session, appeal.id or 0, "answer_failed", cycle.SYSTEM, now,
                answer_id=answer.id, reason=answer.error_reason, code=failure.code,
            )  # fmt: skip
        await _tell_page(session, posting.page_id, failure, now)
        await cycle.changed(session, appeal)


async def _tell_page(session: AsyncSession, page_id: int, failure: SendFailed, now: datetime) -> None:
    """What this failure means for the other answers of the page."""
    is_stopped = failure.kind is FailureKind.PAGE_STOPPED
    if not (is_stopped or failure.is_of_page or failure.discussion_id):
        return
    page = await session.get_one(PublicPage, page_id, with_for_update=NO_KEY_UPDATE)
    if is_stopped:
        page.sending_stopped_reason = failure.reason
    if failure.is_of_page:
        page.sending_paused_until = now + timedelta(seconds=failure.retry_after_seconds)
    page.discussion_id = failure.discussion_id or page.discussion_id


async def resume_page(session: AsyncSession, page_id: int) -> None:
    """Credentials were mended: waiting answers may go."""
    page = await session.get_one(PublicPage, page_id)
    page.sending_stopped_reason = None
