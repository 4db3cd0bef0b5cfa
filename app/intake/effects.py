"""What citizens' messages do to appeals: open, append, edit, delete, restore."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app import files
from app.appeals import cycle, duplicates
from app.appeals.models import Appeal, Message, State, Wait
from app.db import NO_KEY_UPDATE, assign_ids, flush_in_bulk
from app.departments.models import Department
from app.handling import parts
from app.intake.batch import Arrival, Batch, Touched, apply_all, thread_of
from app.intake.changes import Change
from app.intake.own_answers import recognise_own
from app.intake.replies import appeals_replied_to
from app.intake.too_late import leave_out_too_late
from app.jobs import Job, enqueue
from app.live import announce
from app.resources import Resources
from app.sla import service as sla
from app.triage import service as triage
from app.triage.similar import note_likeness
from app.triage.watch import asks_for_an_answer, watch_words

NOTES = {"author_contact", "service", "consent"}
LONGEST_SEARCH_TEXT = 20_000  # characters; PostgreSQL refuses a search vector of more than a megabyte


async def take_effect(resources: Resources, session: AsyncSession, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Apply a batch of arrivals, in their order, in this transaction."""
    arrivals = await leave_out_too_late(resources.vault, session, arrivals, now)
    if not arrivals:
        return
    batch = Batch(resources, session, now)
    with session.no_autoflush:  # everything is written at once, at the end
        touched = await apply_all(session, arrivals)
        citizens = [one for one in touched if not one.message.is_own]
        await _gather_words(batch, [one for one in citizens if _has_new_words(one)])
        await assign_ids(session, [one.message for one in touched if one.message.id is None])
        await assign_ids(session, batch.opened)
        await files.expect(session, [one.message for one in citizens], now)
        await _follow_changes(batch, [one for one in citizens if not one.is_new])
        await _judge(batch)
        await recognise_own(batch, [one for one in touched if one.message.is_own and Change.CREATED in one.changes])
        note_likeness([*batch.opened, *batch.changed.values()])
        for appeal in batch.changed.values():
            appeal.version += 1
        await flush_in_bulk(session)
    await announce(session, [appeal.id or 0 for appeal in (*batch.opened, *batch.changed.values())])
    if any(one.message.author_name is None for one in citizens):
        enqueue(session, Job.FETCH_AUTHORS)
    if any(one.message.is_cropped for one in citizens):
        enqueue(session, Job.FETCH_TEXTS)


def _has_new_words(one: Touched) -> bool:
    """A citizen's message that no appeal holds yet, that still stands, and that is not of the time before us."""
    is_created = Change.CREATED in one.changes or Change.RESTORED in one.changes
    is_held = one.message.appeal_id is not None or one.incoming.is_past
    return is_created and not is_held and one.message.deleted_at is None


async def _gather_words(batch: Batch, fresh: Sequence[Touched]) -> None:
    """Give each new message its appeal: the open one of its thread, a recent answered one, or a new one."""
    known = await cycle.open_by_thread(batch.session, [thread_of(one.message) for one in fresh])
    replied_to = await appeals_replied_to(batch.session, [one for one in fresh if thread_of(one.message) not in known])
    for one in fresh:
        message = one.message
        appeal = known.get(thread_of(message)) or _continued(one, replied_to)
        if appeal is not None and (appeal.is_open or _may_reopen(batch, appeal)):
            _append(batch, appeal, message)
        else:
            appeal = _open(batch, message)
            known[thread_of(message)] = appeal
            batch.opening.append((appeal, message))


def _continued(one: Touched, replied_to: Mapping[tuple[int, str], Appeal]) -> Appeal | None:
    """The author's own appeal, if this is his reply to our answer there."""
    appeal = replied_to.get((one.message.page_id, one.incoming.reply_to_key or ""))
    is_his = appeal is not None and appeal.author_external_id == one.message.author_external_id
    return appeal if is_his else None


def _may_reopen(batch: Batch, appeal: Appeal) -> bool:
    return cycle.may_reopen(appeal, batch.now, batch.resources.settings.reopen_days)


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
        chat_external_id=message.chat_external_id,
        post_external_id=message.post_external_id,
        text=message.text,
        search_text=message.text[:LONGEST_SEARCH_TEXT],
        source_url=message.source_url,
        has_attachments=has_files(message),
        is_edited=message.edited_at is not None,
        state=State.REVIEW,
        department_id=0,
        received_at=message.received_at,
        judgement={},  # given, because pydantic reads the signature of a default factory every time
        routing={},
        places=[],
        likeness=[],
    )
    batch.opened.append(appeal)
    return appeal


def has_files(message: Message) -> bool:
    """Whether there is something to look at beside the text, and not only what else a form has asked."""
    return any(attachment["kind"] not in NOTES for attachment in message.attachments)


def _append(batch: Batch, appeal: Appeal, message: Message) -> None:
    appeal.search_text = f"{appeal.search_text}\n{message.text}"[:LONGEST_SEARCH_TEXT]
    appeal.has_attachments = appeal.has_attachments or has_files(message)
    if message.author_external_id == appeal.author_external_id:
        message.author_name = message.author_name or appeal.author_name  # only nameless appeals are asked for
    batch.appended.append((appeal, message))
    if appeal.id is not None:
        batch.changed[appeal.id] = appeal
        if is_undecided(appeal):
            batch.reworded[appeal.id] = appeal


def is_undecided(appeal: Appeal) -> bool:
    """Nobody has said anything to the labels and nobody works on it: the judge may think again, and of talk always."""
    return (appeal.is_open and appeal.is_talk) or (
        appeal.state in (State.REVIEW, State.ROUTED) and not appeal.is_confirmed and appeal.transfer_count == 0
    )


async def _judge(batch: Batch) -> None:
    """One prediction for the new appeals, with their clocks and history; one for those whose words changed."""
    session, now = batch.session, batch.now
    departments = await triage.judge_and_route(batch.resources, session, batch.opened, now)
    calendars = await _calendars(batch, departments)
    session.add_all(batch.opened)
    for appeal, message in batch.opening:
        message.appeal_id = appeal.id
        await _begin(batch, appeal, message, calendars[appeal.department_id])
    first_words = {
        appeal.id: (appeal, message)
        for appeal, message in reversed(batch.appended)
        if appeal.is_talk and appeal.is_open
    }
    await parts.ask_by_rules(session, batch.opened, now)
    for appeal, message in batch.appended:
        await _continue(batch, appeal, message, calendars[appeal.department_id])
    await triage.judge_again(batch.resources, session, list(batch.reworded.values()), now)
    for appeal, message in first_words.values():
        if appeal.is_open and not appeal.is_talk:
            await cycle.begin_anew(session, appeal, message.received_at, now)


async def _calendars(batch: Batch, departments: Mapping[int, Department]) -> dict[int, str]:
    """The working calendar of each department in charge; those of new appeals are read already, with all others."""
    found = {number: department.calendar_code for number, department in departments.items()}
    missing = {appeal.department_id for appeal, _ in batch.appended} - found.keys()
    if missing:
        asked = select(Department).where(col(Department.id).in_(missing))
        found |= {one.id or 0: one.calendar_code for one in await batch.session.scalars(asked)}
    return found


async def _begin(batch: Batch, appeal: Appeal, message: Message, calendar_code: str) -> None:
    cycle.record(batch.session, appeal.id or 0, "received", cycle.SYSTEM, message.received_at)
    triage.record_judgement(batch.session, appeal, batch.now)
    triage.record_alarm(batch.session, appeal, batch.now)
    # The promise runs from the moment the platform brought the message, not from when the queue was drained.
    await cycle.start_clock(
        batch.session,
        appeal,
        sla.FIRST_ANSWER,
        message.received_at,
        batch.now,
        policy_code=batch.resources.settings.policy,
        calendar_code=calendar_code,
    )


async def _continue(batch: Batch, appeal: Appeal, message: Message, calendar_code: str) -> None:
    """More words of the same citizen; after an answer they open a new cycle, unless they are only talk ("thanks")."""
    message.appeal_id = appeal.id
    cycle.record(batch.session, appeal.id or 0, "appended", cycle.SYSTEM, message.received_at, message_id=message.id)
    if appeal.is_open and appeal.waits_for == Wait.CITIZEN:
        cycle.record(batch.session, appeal.id or 0, "citizen_replied", cycle.SYSTEM, message.received_at)
        await cycle.release(batch.session, appeal, batch.now, "житель ответил")
    is_reply = appeal.close_reason == cycle.NO_REPLY  # late, but what we have asked for, however short
    if not appeal.is_open and (is_reply or asks_for_an_answer(batch.resources, message.text)):
        policy = batch.resources.settings.policy
        await cycle.reopen(batch.session, appeal, message, batch.now, policy_code=policy, calendar_code=calendar_code)
    await watch_words(batch.session, appeal, message.text, batch.now, is_new_message=True)


async def _follow_changes(batch: Batch, touched: Sequence[Touched]) -> None:
    """Edits, deletions and restorations of messages that appeals hold."""
    held = {one.message.appeal_id for one in touched if one.message.appeal_id is not None}
    if not held:
        return
    rows = await batch.session.scalars(
        select(Appeal).where(col(Appeal.id).in_(held)).order_by(col(Appeal.id)).with_for_update(**NO_KEY_UPDATE)
    )
    by_id = {appeal.id: appeal for appeal in rows}
    for one in touched:
        appeal = by_id.get(one.message.appeal_id)
        if appeal is not None:
            await _follow(batch, appeal, one)


async def _follow(batch: Batch, appeal: Appeal, one: Touched) -> None:
    session, message, appeal_id = batch.session, one.message, appeal.id or 0
    if Change.EDITED in one.changes:
        cycle.record(
            session, appeal_id, "edited", cycle.SYSTEM, one.received_at, message_id=message.id, before=one.before
        )
        reword(appeal, message, one.before or "")
        appeal.is_edited = True
        await watch_words(session, appeal, message.text, batch.now)
        if is_undecided(appeal):
            batch.reworded[appeal_id] = appeal
    if Change.GATHERED in one.changes:
        appeal.has_attachments = True
        if message.text != one.before:
            reword(appeal, message, one.before or "")
            await watch_words(session, appeal, message.text, batch.now)
            if is_undecided(appeal):
                batch.reworded[appeal_id] = appeal
    if Change.DELETED in one.changes and message.deleted_at is not None:
        cycle.record(session, appeal_id, "deleted", cycle.SYSTEM, one.received_at, message_id=message.id)
        if appeal.is_open and await _nothing_left(session, appeal_id):
            await cycle.finish(session, appeal, State.CLOSED, "deleted", cycle.SYSTEM, batch.now)
            await duplicates.pass_on(session, appeal, batch.now)
    if Change.RESTORED in one.changes and message.deleted_at is None:
        cycle.record(session, appeal_id, "restored", cycle.SYSTEM, one.received_at, message_id=message.id)
        if appeal.close_reason == "deleted" and not await _has_successor(batch, appeal):
            await cycle.revive(session, appeal)
    batch.changed[appeal_id] = appeal


async def _has_successor(batch: Batch, appeal: Appeal) -> bool:
    """The author wrote again while his message was deleted: a thread has one open appeal, and that is the newer one."""
    if any(_conversation(one) == _conversation(appeal) for one in batch.opened):
        return True
    found = await cycle.open_by_thread(batch.session, [_conversation(appeal)])
    return found[_conversation(appeal)].id != appeal.id


def _conversation(appeal: Appeal) -> tuple[int, str]:
    return appeal.page_id, appeal.thread_key


def reword(appeal: Appeal, message: Message, before: str) -> None:
    """Put a message's present words where its former ones stood in the appeal."""
    words = appeal.search_text
    reworded = words.replace(before, message.text, 1) if before else f"{words}\n{message.text}".lstrip("\n")
    appeal.search_text = reworded[:LONGEST_SEARCH_TEXT]
    if message.external_id == appeal.external_id:
        appeal.text = message.text
        appeal.has_attachments = has_files(message)


async def _nothing_left(session: AsyncSession, appeal_id: int) -> bool:
    await flush_in_bulk(session)
    left = select(col(Message.id)).where(
        col(Message.appeal_id) == appeal_id, col(Message.deleted_at).is_(None), col(Message.is_own).is_(False)
    )
    return await session.scalar(left.limit(1)) is None
