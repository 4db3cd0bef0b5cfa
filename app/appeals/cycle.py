"""The life of an appeal from its opening to its answer: loading, history, cycles and their clocks.

What people decide (take, hand over, answer, close) is in `service`; this is what those verbs, the drain and
the delivery have in common.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Integer, Text, any_, delete, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals.drafts import save_draft
from app.appeals.gone import reason_of
from app.appeals.models import Answer, AnswerState, Appeal, HistoryEntry, Message, Part, State, Wait
from app.appeals.telling import remember
from app.db import NO_KEY_UPDATE
from app.departments.models import Department
from app.errors import Conflict, NotFound
from app.jobs import Job, enqueue
from app.live import announce
from app.sla import service as sla

SYSTEM = Actor(label="Система", role="system")
NO_REPLY = "no_reply"
UNCOUNTED_REASONS = {"no_answer_needed", "spam", "duplicate", "deleted", NO_REPLY}
PAUSES = {Wait.CITIZEN: "clarification", Wait.CHECK: "moderation"}  # as policies call them
WAITING = {Wait.CITIZEN: "ждём ответа жителя", Wait.CHECK: "ответ на проверке у центра"}


def record(session: AsyncSession, appeal_id: int, action: str, actor: Actor, now: datetime, **details: Any) -> None:
    """Write one line of history, and have the department's system told."""
    entry = HistoryEntry(appeal_id=appeal_id, at=now, actor=actor.label, action=action, details=details)
    session.add(entry)
    remember(session, entry)


async def load(
    session: AsyncSession, appeal_id: int, actor: Actor, *, expected_version: int | None = None, is_open: bool = True
) -> Appeal:
    """The appeal, locked for this transaction. Raises NotFound, Conflict (changed meanwhile, closed, or wordless)."""
    appeal = await session.get(Appeal, appeal_id, with_for_update=NO_KEY_UPDATE)
    if appeal is None or (actor.role == Role.DEPARTMENT and appeal.department_id != actor.department_id):
        raise NotFound(f"Обращения № {appeal_id} нет")
    if expected_version is not None and appeal.version != expected_version:
        raise Conflict("Обращение изменилось, пока вы его читали. Проверьте и повторите.")
    if is_open and not appeal.is_open:
        raise Conflict("Обращение уже закрыто")
    if appeal.depersonalised_at is not None:
        raise Conflict(f"Слова и имя из обращения № {appeal_id} удалены {reason_of(appeal)}, его больше не меняют")
    return appeal


async def changed(session: AsyncSession, appeal: Appeal) -> None:
    """Count the change and tell the browsers."""
    appeal.version += 1
    await announce(session, [appeal.id or 0])


async def place(session: AsyncSession, appeal: Appeal, department: Department, now: datetime) -> None:
    """Put the appeal and its open clocks with a department, whose calendar counts where it ends a promise earlier."""
    appeal.department_id = department.id or 0
    because = f"{department.short_name}: по календарю отдела срок раньше"
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        is_handed_over, clock.department_id = clock.department_id != department.id, department.id or 0
        if is_handed_over and clock.kind != sla.MODERATION:
            moved = sla.adopt_calendar(clock, department.calendar_code, now, because)
            _tell_move(session, appeal, clock.kind, moved, now)
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)


async def finish(session: AsyncSession, appeal: Appeal, state: State, reason: str, actor: Actor, now: datetime) -> None:
    """End the appeal's cycle and its clocks; `reason` says whether the promise counts as kept."""
    await _withdraw_checked(session, appeal, now)
    appeal.state = state
    appeal.closed_at = now
    appeal.close_reason = reason
    appeal.waits_for = appeal.waits_until = None
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        sla.stop(clock, now, reason, is_counted=reason not in UNCOUNTED_REASONS)
    appeal.next_due_at = None
    record(session, appeal.id or 0, "closed", actor, now, reason=reason)
    await changed(session, appeal)


async def mark_delivered(session: AsyncSession, answer: Answer, appeal: Appeal, now: datetime, actor: Actor) -> None:
    """The citizen has this answer: the clock stops, unless more parts of it are on their way."""
    answer.state, answer.delivered_at = AnswerState.DELIVERED, now
    answer.error_code = answer.error_reason = None
    answer.is_in_doubt = False
    record(session, appeal.id or 0, "answer_delivered", actor, now, answer_id=answer.id)
    if answer.is_continued:
        enqueue(session, Job.DELIVER_ANSWERS)
    elif appeal.is_open and answer.is_question:
        if appeal.waits_for != Wait.CHECK:  # a newer answer is looked at: the clock stands still for that already
            await hold(session, appeal, Wait.CITIZEN, now)
    elif appeal.is_open:
        await mark_answered(session, appeal, now, now, is_interim=answer.is_interim)


async def mark_answered(
    session: AsyncSession, appeal: Appeal, at: datetime, now: datetime, *, is_interim: bool
) -> None:
    """An answer reached the citizen at `at`: the first-answer promise is kept (or kept late).

    An interim answer starts the promise of a final one; a final answer ends the cycle.
    """
    await _withdraw_checked(session, appeal, now)
    met = [
        clock
        for clock in await sla.open_clocks(session, [appeal.id or 0])
        if not is_interim or clock.kind == sla.FIRST_ANSWER
    ]
    for clock in met:
        sla.meet(clock, at)
    appeal.first_answered_at = appeal.first_answered_at or at
    if appeal.waits_for is not None:  # nobody waits any longer
        await release(session, appeal, now, "ответ у жителя")
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)
    if not is_interim:
        appeal.state, appeal.closed_at, appeal.close_reason = State.ANSWERED, at, None
        return
    appeal.state = State.INTERIM
    for clock in met:  # a second interim answer meets nothing: the final promise runs already
        calendar_code = (await session.get_one(Department, appeal.department_id)).calendar_code
        await start_clock(
            session, appeal, sla.FINAL, at, now, policy_code=clock.policy_code, calendar_code=calendar_code
        )


async def change_hands(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """Another department is in charge: the former one's answer on check is not its own, and it owes itself no part."""
    if appeal.waits_for == Wait.CHECK:
        await _withdraw_checked(session, appeal, now)
        await release(session, appeal, now, "обращение у другого отдела")
    own = delete(Part).where(
        col(Part.appeal_id) == appeal.id, col(Part.department_id) == appeal.department_id, col(Part.given_at).is_(None)
    )
    await session.execute(own)


async def _withdraw_checked(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """An answer on check is overtaken: nobody will look at it. Its words stay as its author's draft."""
    if appeal.waits_for != Wait.CHECK:
        return
    waiting = select(Answer).where(col(Answer.appeal_id) == appeal.id, col(Answer.state) == AnswerState.CHECK)
    parts = (await session.scalars(waiting.order_by(col(Answer.id)))).all()
    text = "\n\n".join(part.text for part in parts)
    author_id = parts[0].author_user_id if parts else None
    for part in reversed(parts):
        await session.delete(part)
        await session.flush()
    if author_id is not None:
        await save_draft(session, appeal.id or 0, Actor(label="", role="", user_id=author_id), text, now=now)
    record(session, appeal.id or 0, "answer_withdrawn", SYSTEM, now, text=text)
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        if clock.kind == sla.MODERATION:
            sla.stop(clock, now, "withdrawn", is_counted=False)


async def hold(session: AsyncSession, appeal: Appeal, wait: Wait, now: datetime) -> None:
    """Let the department's promises stand still, where their policies allow it; the center's own check is timed."""
    appeal.waits_for = wait
    clocks = await sla.open_clocks(session, [appeal.id or 0])
    for clock in clocks:
        if clock.kind != sla.MODERATION and sla.policy(clock.policy_code).allows_pause(PAUSES[wait]):
            _tell_move(session, appeal, clock.kind, sla.pause(clock, now, WAITING[wait]), now)
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)
    if wait is Wait.CITIZEN:
        ends = [sla.silence_ends_at(clock.policy_code, now) for clock in clocks]
        appeal.waits_until = min((end for end in ends if end is not None), default=None)
    else:
        await _time_check(session, appeal, clocks[0].policy_code if clocks else "", now)


async def _time_check(session: AsyncSession, appeal: Appeal, policy_code: str, now: datetime) -> None:
    if policy_code and sla.policy(policy_code).promises(sla.MODERATION):
        await start_clock(session, appeal, sla.MODERATION, now, now, policy_code=policy_code, calendar_code=sla.OFFICE)


async def release(session: AsyncSession, appeal: Appeal, now: datetime, because: str) -> None:
    """Let the promises run on from where they stood; the check of the center is over."""
    appeal.waits_for = appeal.waits_until = None
    await session.flush()  # what was met a moment ago is closed
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        if clock.kind == sla.MODERATION:
            sla.meet(clock, now)
        else:
            _tell_move(session, appeal, clock.kind, sla.resume(clock, now, because), now)
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)


def _tell_move(session: AsyncSession, appeal: Appeal, kind: str, moved: dict[str, Any] | None, now: datetime) -> None:
    if moved is not None:
        record(session, appeal.id or 0, "due_changed", SYSTEM, now, kind=kind, **moved)


async def revive(session: AsyncSession, appeal: Appeal, reason: str = "deleted") -> None:
    """Why the appeal was closed has gone: the promise that was stopped runs on, from its old start."""
    clocks = await sla.run_on(session, appeal.id or 0, appeal.cycle, is_counted=not appeal.is_talk, reason=reason)
    appeal.state = State.IN_WORK if appeal.assignee_id else State.ROUTED
    if any(clock.kind == sla.FINAL for clock in clocks):
        appeal.state = State.INTERIM
    appeal.closed_at = appeal.close_reason = None
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)


async def reopen(
    session: AsyncSession, appeal: Appeal, message: Message, now: datetime, *, policy_code: str, calendar_code: str
) -> None:
    """The citizen wrote again: a new cycle with a new promise; the old cycle's result stays as it was.

    What was answered may have been talk; these words are not.
    """
    appeal.state = State.IN_WORK if appeal.assignee_id else State.ROUTED
    appeal.is_talk = False
    appeal.cycle += 1
    appeal.closed_at = appeal.close_reason = None
    record(session, appeal.id or 0, "reopened", SYSTEM, now, message_id=message.id, cycle=appeal.cycle)
    await start_clock(
        session, appeal, sla.FIRST_ANSWER, message.received_at, now, policy_code=policy_code,
        calendar_code=calendar_code,
    )  # fmt: skip


async def begin_anew(session: AsyncSession, appeal: Appeal, at: datetime, now: datetime) -> None:
    """Talk has become an appeal with the words of `at`: the promise runs from them, not from an old greeting."""
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        moved = sla.restart(clock, appeal.severity, at)
        if moved is not None:
            record(session, appeal.id or 0, "due_changed", SYSTEM, now, kind=clock.kind, **moved)
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)


async def start_clock(
    session: AsyncSession,
    appeal: Appeal,
    kind: str,
    at: datetime,
    now: datetime,
    *,
    policy_code: str,
    calendar_code: str,
) -> None:
    """Start one promise, in the working hours of who is to keep it, and show the nearest due time on the appeal."""
    clock = sla.start_clock(
        appeal_id=appeal.id or 0, department_id=appeal.department_id, kind=kind, severity=appeal.severity,
        cycle=appeal.cycle, policy_code=policy_code, calendar_code=calendar_code, at=at, is_counted=not appeal.is_talk,
    )  # fmt: skip
    session.add(clock)
    due = [due_at for due_at in (appeal.next_due_at, clock.due_at) if due_at is not None]
    appeal.next_due_at = min(due, default=None)
    due_text = clock.due_at.isoformat() if clock.due_at else None
    record(session, appeal.id or 0, "clock_started", SYSTEM, now, kind=kind, due_at=due_text)


async def open_by_thread(session: AsyncSession, threads: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Appeal]:
    """The newest appeal of each thread (page id, thread key), open or not, locked against other workers."""
    wanted = set(threads)
    if not wanted:
        return {}
    pages = literal(sorted({page for page, _ in wanted}), ARRAY(Integer))
    keys = literal(sorted({key for _, key in wanted}), ARRAY(Text))
    newest = (
        select(Appeal)
        .where(col(Appeal.page_id) == any_(pages), col(Appeal.thread_key) == any_(keys))
        .order_by(col(Appeal.id))
        .with_for_update(**NO_KEY_UPDATE)
    )
    appeals = (await session.scalars(newest)).all()
    return {(appeal.page_id, appeal.thread_key): appeal for appeal in appeals}


def may_reopen(appeal: Appeal, now: datetime, days: int) -> bool:
    """Whether a new message of its author belongs to this finished appeal."""
    is_recent = appeal.closed_at is not None and now - appeal.closed_at <= timedelta(days=days)
    return is_recent and (appeal.state == State.ANSWERED or appeal.close_reason == NO_REPLY)
