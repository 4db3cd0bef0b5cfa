"""What the messages of a batch do to appeals: open, append, edit, delete, restore, recognise our own answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ARRAY, Integer, Text, any_, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals import service as appeals
from app.appeals.models import Answer, AnswerState, Appeal, Message, State
from app.db import assign_ids, flush_in_bulk
from app.intake.changes import Change, apply
from app.jobs import Job, enqueue
from app.live import announce
from app.platforms import PLATFORMS
from app.platforms.base import IncomingMessage
from app.resources import Resources
from app.sla import service as sla
from app.triage import service as triage

UNHEARD = (AnswerState.PENDING, AnswerState.SENDING, AnswerState.UNKNOWN)
LONGEST_SEARCH_TEXT = 20_000  # characters; PostgreSQL refuses a search vector of more than a megabyte


@dataclass(frozen=True, slots=True)
class Arrival:
    """One change of one message, on one page."""

    page_id: int
    platform: str
    received_at: datetime
    incoming: IncomingMessage


@dataclass(slots=True)
class Touched:
    """One message with everything that this batch did to it."""

    message: Message
    incoming: IncomingMessage
    received_at: datetime
    is_new: bool = False
    before: str | None = None
    changes: set[Change] = field(default_factory=set)


@dataclass(slots=True)
class Batch:
    """The work of one transaction."""

    resources: Resources
    session: AsyncSession
    now: datetime
    opened: list[Appeal] = field(default_factory=list)
    reworded: dict[int, Appeal] = field(default_factory=dict)
    changed: dict[int, Appeal] = field(default_factory=dict)
    opening: list[tuple[Appeal, Message]] = field(default_factory=list)
    appended: list[tuple[Appeal, Message]] = field(default_factory=list)


async def take_effect(resources: Resources, session: AsyncSession, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Apply a batch of arrivals, in their order, in this transaction."""
    if not arrivals:
        return
    batch = Batch(resources, session, now)
    with session.no_autoflush:  # everything is written at once, at the end
        touched = await _apply_all(session, arrivals)
        citizens = [one for one in touched if not one.message.is_own]
        await _gather_words(batch, [one for one in citizens if _has_new_words(one)])
        await assign_ids(session, [one.message for one in touched if one.message.id is None])
        await assign_ids(session, batch.opened)
        await _follow_changes(batch, [one for one in citizens if not one.is_new])
        await _judge(batch)
        await _recognise_own(batch, [one for one in touched if one.message.is_own and Change.CREATED in one.changes])
        for appeal in batch.changed.values():
            appeal.version += 1
        await flush_in_bulk(session)
    await announce(session, [appeal.id or 0 for appeal in (*batch.opened, *batch.changed.values())])
    if any(one.message.author_name is None for one in citizens):
        enqueue(session, Job.FETCH_AUTHORS)
    if any(one.message.is_cropped for one in citizens):
        enqueue(session, Job.FETCH_TEXTS)


async def _apply_all(session: AsyncSession, arrivals: Sequence[Arrival]) -> list[Touched]:
    known = await _load_messages(session, arrivals)
    touched: dict[tuple[int, str], Touched] = {}
    for arrival in arrivals:
        key = (arrival.page_id, arrival.incoming.key)
        row = known.get(key)
        before = row.text if row is not None else None
        message, change = apply(row, arrival.incoming, arrival.page_id, arrival.platform, arrival.received_at)
        if row is None:
            session.add(message)
            known[key] = message
        one = touched.setdefault(key, Touched(message, arrival.incoming, arrival.received_at, is_new=row is None))
        one.changes.add(change)
        if change is Change.EDITED and one.before is None:
            one.before = before
    return list(touched.values())


async def _load_messages(session: AsyncSession, arrivals: Iterable[Arrival]) -> dict[tuple[int, str], Message]:
    """The messages that are known already, locked in a fixed order."""
    pages = sorted({arrival.page_id for arrival in arrivals})
    keys = sorted({arrival.incoming.key for arrival in arrivals})
    rows = await session.scalars(
        select(Message)
        .where(
            col(Message.page_id) == any_(literal(pages, ARRAY(Integer))),
            col(Message.key) == any_(literal(keys, ARRAY(Text))),
        )
        .order_by(col(Message.id))
        .with_for_update()
    )
    return {(message.page_id, message.key): message for message in rows}


def _has_new_words(one: Touched) -> bool:
    """A citizen's message that no appeal holds yet, and that still stands."""
    is_created = Change.CREATED in one.changes or Change.RESTORED in one.changes
    return is_created and one.message.appeal_id is None and one.message.deleted_at is None


def _thread(message: Message) -> tuple[int, str]:
    return message.page_id, message.thread_key or message.key


async def _gather_words(batch: Batch, fresh: Sequence[Touched]) -> None:
    """Give each new message its appeal: the open one of its thread, a recent answered one, or a new one."""
    known = await appeals.open_by_thread(batch.session, [_thread(one.message) for one in fresh])
    for one in fresh:
        message = one.message
        appeal = known.get(_thread(message))
        if appeal is not None and (appeal.is_open or _may_reopen(batch, appeal)):
            _append(batch, appeal, message)
        else:
            appeal = _open(batch, message)
            known[_thread(message)] = appeal
            batch.opening.append((appeal, message))


def _may_reopen(batch: Batch, appeal: Appeal) -> bool:
    return appeals.may_reopen(appeal, batch.now, batch.resources.settings.reopen_days)


def _open(batch: Batch, message: Message) -> Appeal:
    appeal = Appeal(
        page_id=message.page_id,
        platform=message.platform,
        kind=message.kind,
        place=message.place,
        thread_key=message.thread_key or message.key,
        author_external_id=message.author_external_id or "",
        author_name=message.author_name,
        external_id=message.external_id,
        post_external_id=message.post_external_id,
        text=message.text,
        search_text=message.text[:LONGEST_SEARCH_TEXT],
        source_url=message.source_url,
        has_attachments=bool(message.attachments),
        is_edited=message.edited_at is not None,
        state=State.REVIEW,
        department_id=0,
        received_at=message.received_at,
        judgement={},  # given, because pydantic reads the signature of a default factory every time
        routing={},
    )
    batch.opened.append(appeal)
    return appeal


def _append(batch: Batch, appeal: Appeal, message: Message) -> None:
    appeal.search_text = f"{appeal.search_text}\n{message.text}"[:LONGEST_SEARCH_TEXT]
    appeal.has_attachments = appeal.has_attachments or bool(message.attachments)
    batch.appended.append((appeal, message))
    if appeal.id is not None:
        batch.changed[appeal.id] = appeal
        if is_undecided(appeal):
            batch.reworded[appeal.id] = appeal


def is_undecided(appeal: Appeal) -> bool:
    """Nobody has said anything to the labels and nobody works on it: the judge may think again."""
    return appeal.state in (State.REVIEW, State.ROUTED) and not appeal.is_confirmed and appeal.transfer_count == 0


async def _judge(batch: Batch) -> None:
    """One prediction for the new appeals, with their clocks and history; one for those whose words changed."""
    session, now = batch.session, batch.now
    await triage.judge_and_route(batch.resources, session, batch.opened, now)
    session.add_all(batch.opened)
    for appeal, message in batch.opening:
        message.appeal_id = appeal.id
        await _begin(batch, appeal, message)
    for appeal, message in batch.appended:
        await _continue(batch, appeal, message)
    await triage.judge_again(batch.resources, session, list(batch.reworded.values()), now)


async def _begin(batch: Batch, appeal: Appeal, message: Message) -> None:
    appeals.record(batch.session, appeal.id or 0, "received", appeals.SYSTEM, message.received_at)
    triage.record_judgement(batch.session, appeal, batch.now)
    # The promise runs from the moment the platform brought the message, not from when the queue was drained.
    await appeals.start_clock(
        batch.session,
        appeal,
        sla.FIRST_ANSWER,
        message.received_at,
        batch.now,
        policy_code=batch.resources.settings.policy,
    )


async def _continue(batch: Batch, appeal: Appeal, message: Message) -> None:
    """More words of the same citizen; after an answer they open a new cycle, unless they are only talk ("thanks")."""
    message.appeal_id = appeal.id
    appeals.record(
        batch.session, appeal.id or 0, "appended", appeals.SYSTEM, message.received_at, message_id=message.id
    )
    if appeal.is_open:
        return
    judgement = batch.resources.judge.judge([message.text])[0]
    if judgement.appeal_probability >= batch.resources.judge.manifest.thresholds["appeal"]:
        policy = batch.resources.settings.policy
        await appeals.reopen(batch.session, appeal, message, batch.now, policy_code=policy)


async def _follow_changes(batch: Batch, touched: Sequence[Touched]) -> None:
    """Edits, deletions and restorations of messages that appeals hold."""
    held = {one.message.appeal_id for one in touched if one.message.appeal_id is not None}
    if not held:
        return
    rows = await batch.session.scalars(
        select(Appeal).where(col(Appeal.id).in_(held)).order_by(col(Appeal.id)).with_for_update()
    )
    by_id = {appeal.id: appeal for appeal in rows}
    for one in touched:
        appeal = by_id.get(one.message.appeal_id)
        if appeal is not None:
            await _follow(batch, appeal, one)


async def _follow(batch: Batch, appeal: Appeal, one: Touched) -> None:
    session, message, appeal_id = batch.session, one.message, appeal.id or 0
    if Change.EDITED in one.changes:
        appeals.record(
            session, appeal_id, "edited", appeals.SYSTEM, one.received_at, message_id=message.id, before=one.before
        )
        reword(appeal, message, one.before or "")
        appeal.is_edited = True
        if is_undecided(appeal):
            batch.reworded[appeal_id] = appeal
    if Change.DELETED in one.changes and message.deleted_at is not None:
        appeals.record(session, appeal_id, "deleted", appeals.SYSTEM, one.received_at, message_id=message.id)
        if appeal.is_open and await _nothing_left(session, appeal_id):
            await appeals.finish(session, appeal, State.CLOSED, "deleted", appeals.SYSTEM, batch.now)
    if Change.RESTORED in one.changes and message.deleted_at is None:
        appeals.record(session, appeal_id, "restored", appeals.SYSTEM, one.received_at, message_id=message.id)
        if appeal.close_reason == "deleted" and not await _has_successor(batch, appeal):
            await appeals.revive(session, appeal)
    batch.changed[appeal_id] = appeal


async def _has_successor(batch: Batch, appeal: Appeal) -> bool:
    """The author wrote again while his message was deleted: a thread has one open appeal, and that is the newer one."""
    if any(_thread_of(one) == _thread_of(appeal) for one in batch.opened):
        return True
    found = await appeals.open_by_thread(batch.session, [_thread_of(appeal)])
    return found[_thread_of(appeal)].id != appeal.id


def _thread_of(appeal: Appeal) -> tuple[int, str]:
    return appeal.page_id, appeal.thread_key


def reword(appeal: Appeal, message: Message, before: str) -> None:
    """Put a message's present words where its former ones stood in the appeal."""
    reworded = appeal.search_text.replace(before, message.text, 1) if before else message.text
    appeal.search_text = reworded[:LONGEST_SEARCH_TEXT]
    if message.external_id == appeal.external_id:
        appeal.text = message.text
        appeal.has_attachments = bool(message.attachments)


async def _nothing_left(session: AsyncSession, appeal_id: int) -> bool:
    await flush_in_bulk(session)
    left = select(col(Message.id)).where(
        col(Message.appeal_id) == appeal_id, col(Message.deleted_at).is_(None), col(Message.is_own).is_(False)
    )
    return await session.scalar(left.limit(1)) is None


async def _recognise_own(batch: Batch, own: Sequence[Touched]) -> None:
    """Our answers come back as events; an own message that we did not send is a moderator's answer by hand."""
    if not own:
        return
    await flush_in_bulk(batch.session)  # the message that is answered may have come in this very batch
    echoes = await _answers_behind(batch.session, own)
    for one in own:
        candidates = [answer for answer in echoes if _is_echo(answer, one)]
        if candidates:
            answer = min(candidates, key=lambda answer: _is_under_another(answer, one.message))
            one.message.appeal_id = answer.appeal_id
            answer.echo_key = answer.echo_key or one.message.key
            echoes.remove(answer)
        else:
            await _answered_by_hand(batch, one.message)


async def _answers_behind(session: AsyncSession, own: Sequence[Touched]) -> list[Answer]:
    pages = {one.message.page_id for one in own}
    rows = await session.scalars(
        select(Answer).where(
            col(Answer.page_id).in_(pages),
            or_(
                col(Answer.echo_key).in_([one.message.key for one in own]),
                # Tried, and the platform's own word is not heard yet: it may have taken the answer all the same.
                col(Answer.state).in_(UNHEARD)
                & ((col(Answer.state) != AnswerState.PENDING) | (col(Answer.attempts) > 0))
                & col(Answer.text).in_([one.message.text for one in own]),
            ),
        )
    )
    return list(rows.all())


def _is_echo(answer: Answer, one: Touched) -> bool:
    """Known by the key the platform gave it; before that, by our idempotency key or, where none echoes, by the text."""
    message, idempotency_key = one.message, one.incoming.own_idempotency_key
    if answer.page_id != message.page_id:
        return False
    if answer.echo_key is not None:
        return answer.echo_key == message.key
    if idempotency_key is not None:
        return idempotency_key == PLATFORMS[message.platform].echoed_idempotency_key(answer.idempotency_key)
    return answer.text == message.text


def _is_under_another(answer: Answer, message: Message) -> bool:
    """The same words may be on their way to two citizens."""
    return answer.reply_to_external_id != message.reply_to_external_id


async def _answered_by_hand(batch: Batch, message: Message) -> None:
    appeal = await _appeal_answered_by(batch.session, message)
    if appeal is None:
        return
    message.appeal_id = appeal.id
    if not appeal.is_open:
        return
    session, now = batch.session, batch.now
    at = message.sent_at or message.received_at
    appeals.record(session, appeal.id or 0, "answered_in_platform", appeals.SYSTEM, at, message_id=message.id)
    await appeals.mark_answered(session, appeal, at, now, is_interim=False)
    batch.changed[appeal.id or 0] = appeal


async def _appeal_answered_by(session: AsyncSession, message: Message) -> Appeal | None:
    """The appeal under the message that this one replies to, or of the same dialog."""
    if message.kind == "message":
        found = await appeals.open_by_thread(session, [_thread(message)])
        return found.get(_thread(message))
    if message.reply_to_external_id is None:
        return None
    return await session.scalar(
        select(Appeal)
        .join(Message, col(Message.appeal_id) == col(Appeal.id))
        .where(
            col(Message.page_id) == message.page_id,
            col(Message.place) == message.place,
            col(Message.external_id) == message.reply_to_external_id,
            col(Message.is_own).is_(False),
        )
        .with_for_update(of=Appeal)
    )
