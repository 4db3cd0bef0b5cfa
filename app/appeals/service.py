"""What happens to an appeal, as verbs of the office. Each writes its line of history in the same transaction."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Integer, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals.models import Answer, AnswerState, Appeal, Draft, HistoryEntry, Message, State
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotAllowed, NotFound
from app.jobs import Job, enqueue
from app.live import announce
from app.platforms import PLATFORMS
from app.sla import service as sla

SYSTEM = Actor(label="Система", role="system")
CLOSE_REASONS = {
    "no_answer_needed": "Ответ не нужен",
    "spam": "Спам или брань",
    "duplicate": "Повтор другого обращения",
    "answered_elsewhere": "Ответ дан иначе",
}
SYSTEM_CLOSE_REASONS = {"deleted": "Автор удалил сообщение", "answered_in_platform": "Ответ дан вручную в соцсети"}
UNCOUNTED_REASONS = {"no_answer_needed", "spam", "duplicate", "deleted"}
MOST_NOTE_LENGTH = 4000


def record(session: AsyncSession, appeal_id: int, action: str, actor: Actor, now: datetime, **details: Any) -> None:
    """Write one line of history."""
    session.add(HistoryEntry(appeal_id=appeal_id, at=now, actor=actor.label, action=action, details=details))


async def load(
    session: AsyncSession, appeal_id: int, actor: Actor, *, expected_version: int | None = None, is_open: bool = True
) -> Appeal:
    """The appeal, locked for this transaction. Raises NotFound, Conflict (changed meanwhile, or closed)."""
    appeal = await session.get(Appeal, appeal_id, with_for_update=True)
    if appeal is None or (actor.role == Role.DEPARTMENT and appeal.department_id != actor.department_id):
        raise NotFound(f"Обращения № {appeal_id} нет")
    if expected_version is not None and appeal.version != expected_version:
        raise Conflict("Обращение изменилось, пока вы его читали. Проверьте и повторите.")
    if is_open and not appeal.is_open:
        raise Conflict("Обращение уже закрыто")
    return appeal


async def changed(session: AsyncSession, appeal: Appeal) -> None:
    """Count the change and tell the browsers."""
    appeal.version += 1
    await announce(session, [appeal.id or 0])


async def take(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """Make the person responsible for this appeal."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    if actor.user_id is None:
        raise NotAllowed("Взять обращение может только человек")
    appeal.assignee_id = actor.user_id
    if appeal.state in (State.REVIEW, State.ROUTED):
        appeal.state = State.IN_WORK
    record(session, appeal_id, "taken", actor, now)
    await changed(session, appeal)
    return appeal


async def reroute(
    session: AsyncSession,
    appeal_id: int,
    department_id: int,
    actor: Actor,
    *,
    reason: str,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Hand the appeal to another department. The due time stays: a transfer gives no extra time."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    department = await session.get(Department, department_id)
    if department is None or not department.is_active:
        raise Invalid("Такого отдела нет")
    if department_id == appeal.department_id:
        raise Invalid("Обращение уже в этом отделе")
    before = await session.get(Department, appeal.department_id)
    record(
        session, appeal_id, "rerouted", actor, now,
        **{"from": before.short_name if before else "", "to": department.short_name, "reason": reason.strip()},
    )  # fmt: skip
    appeal.routing = {
        "rule": "hand", "layer": "hand", "rule_set_version": appeal.routing.get("rule_set_version", ""),
        "department": department.code, "at": now.isoformat(),
        "steps": [{"layer": "hand", "rule": "hand", "outcome": "won", "department": department.code,
                   "because": f"{actor.label}: {reason.strip() or 'без пояснения'}"}],
    }  # fmt: skip
    await place(session, appeal, department_id)
    appeal.transfer_count += 1
    appeal.assignee_id = None
    appeal.state = State.INTERIM if appeal.state == State.INTERIM else State.ROUTED
    await changed(session, appeal)
    return appeal


async def place(session: AsyncSession, appeal: Appeal, department_id: int) -> None:
    """Put the appeal and its open clocks with a department."""
    appeal.department_id = department_id
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        clock.department_id = department_id


async def answer(
    session: AsyncSession,
    appeal_id: int,
    text: str,
    actor: Actor,
    *,
    now: datetime,
    is_interim: bool = False,
    is_private: bool = False,
    expected_version: int | None = None,
) -> Answer:
    """Write an answer into the outbox. The clock stops when the platform confirms delivery, not now."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    text = text.strip()
    platform = PLATFORMS[appeal.platform]
    if not text:
        raise Invalid("Пустой ответ")
    if len(text) > platform.text_limit:
        raise Invalid(f"Ответ длиннее {platform.text_limit} знаков: {platform.name} его не примет")
    await _refuse_second_answer(session, appeal_id)
    if is_interim:
        await _refuse_endless_interim(session, appeal_id)
    outgoing = _outgoing(appeal, text, actor, now, is_interim=is_interim, is_private=is_private)
    session.add(outgoing)
    if appeal.state in (State.REVIEW, State.ROUTED):
        appeal.state = State.IN_WORK
    if appeal.assignee_id is None:
        appeal.assignee_id = actor.user_id
    await _count(session, appeal)
    await session.flush()
    await drop_draft(session, appeal_id, actor)
    record(session, appeal_id, "answer_written", actor, now, answer_id=outgoing.id, is_interim=is_interim)
    enqueue(session, Job.DELIVER_ANSWERS)
    await changed(session, appeal)
    return outgoing


async def _refuse_second_answer(session: AsyncSession, appeal_id: int) -> None:
    """A double click or two operators must not answer twice."""
    on_its_way = await session.scalar(
        select(col(Answer.id)).where(
            col(Answer.appeal_id) == appeal_id,
            col(Answer.state).in_([AnswerState.PENDING, AnswerState.SENDING]),
        )
    )
    if on_its_way is not None:
        raise Conflict("Ответ на это обращение уже отправляется")


async def _refuse_endless_interim(session: AsyncSession, appeal_id: int) -> None:
    """An interim answer promises a final one: a policy that has no time for it cannot be answered in two steps."""
    for clock in await sla.open_clocks(session, [appeal_id]):
        if not sla.policy(clock.policy_code).promises(sla.FINAL):
            raise Invalid("Правила сроков этого обращения не знают промежуточных ответов: ответьте по существу")


async def _count(session: AsyncSession, appeal: Appeal) -> None:
    """It is an appeal, whatever the judge held it for, and has been one since it came."""
    appeal.is_talk = False
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        clock.is_counted = True


def _outgoing(appeal: Appeal, text: str, actor: Actor, now: datetime, *, is_interim: bool, is_private: bool) -> Answer:
    is_message = is_private or appeal.kind == "message"
    return Answer(
        appeal_id=appeal.id or 0,
        page_id=appeal.page_id,
        kind="message" if is_message else "comment",
        place="message" if is_message else appeal.place,
        text=text,
        is_interim=is_interim,
        author_user_id=actor.user_id,
        author_label=actor.label,
        recipient_external_id=appeal.author_external_id,
        post_external_id=None if is_message else appeal.post_external_id,
        reply_to_external_id=None if is_message else appeal.external_id,
        idempotency_key=secrets.token_hex(16),
        next_attempt_at=now,
        created_at=now,
    )


async def close(
    session: AsyncSession,
    appeal_id: int,
    reason: str,
    actor: Actor,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Close without an answer of ours. Some reasons take the appeal out of the KPIs."""
    if reason not in CLOSE_REASONS:
        raise Invalid("Выберите причину закрытия")
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    await finish(session, appeal, State.CLOSED, reason, actor, now)
    return appeal


async def finish(session: AsyncSession, appeal: Appeal, state: State, reason: str, actor: Actor, now: datetime) -> None:
    """End the appeal's cycle and its clocks; `reason` says whether the promise counts as kept."""
    appeal.state = state
    appeal.closed_at = now
    appeal.close_reason = reason
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        sla.stop(clock, now, reason, is_counted=reason not in UNCOUNTED_REASONS)
    appeal.next_due_at = None
    record(session, appeal.id or 0, "closed", actor, now, reason=reason)
    await changed(session, appeal)


async def confirm_appeal(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """What looked like talk is an appeal. Its clock has run since it came."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    await _count(session, appeal)
    record(session, appeal_id, "confirmed", actor, now)
    await changed(session, appeal)
    return appeal


async def note(session: AsyncSession, appeal_id: int, text: str, actor: Actor, *, now: datetime) -> None:
    """Leave a note that the citizen does not see."""
    appeal = await load(session, appeal_id, actor, is_open=False)
    if not text.strip():
        raise Invalid("Пустая заметка")
    record(session, appeal_id, "noted", actor, now, text=text.strip()[:MOST_NOTE_LENGTH])
    await changed(session, appeal)


async def save_draft(session: AsyncSession, appeal_id: int, actor: Actor, text: str, *, now: datetime) -> None:
    """Keep what the person has typed. Never refused: a draft is never lost."""
    values = {"appeal_id": appeal_id, "user_id": actor.user_id, "text": text, "updated_at": now}
    await session.execute(
        insert(Draft).values(values).on_conflict_do_update(
            index_elements=["appeal_id", "user_id"], set_={"text": text, "updated_at": now}
        )
    )  # fmt: skip


async def drop_draft(session: AsyncSession, appeal_id: int, actor: Actor) -> None:
    """Forget the draft: it has become an answer."""
    draft = await session.get(Draft, (appeal_id, actor.user_id)) if actor.user_id is not None else None
    if draft is not None:
        await session.delete(draft)


async def load_answer(session: AsyncSession, answer_id: int, actor: Actor) -> tuple[Answer, Appeal]:
    """An answer with its appeal, both locked, the appeal first as everywhere. Raises NotFound."""
    known = await session.get(Answer, answer_id)
    appeal = await load(session, known.appeal_id, actor, is_open=False) if known is not None else None
    found = await session.get(Answer, answer_id, with_for_update=True)
    if appeal is None or found is None:
        raise NotFound("Такого ответа нет")
    return found, appeal


async def retry_answer(session: AsyncSession, answer_id: int, actor: Actor, *, now: datetime) -> Answer:
    """Try a stuck answer again with the same idempotency key."""
    found, appeal = await load_answer(session, answer_id, actor)
    if found.state not in (AnswerState.FAILED, AnswerState.HANDS_NEEDED, AnswerState.UNKNOWN):
        raise Conflict("Этот ответ не ждёт повтора")
    await _refuse_second_answer(session, found.appeal_id)
    found.state, found.next_attempt_at, found.attempts = AnswerState.PENDING, now, 0
    found.error_code = found.error_reason = None
    enqueue(session, Job.DELIVER_ANSWERS)
    await changed(session, appeal)
    return found


async def cancel_answer(session: AsyncSession, answer_id: int, actor: Actor, *, now: datetime) -> Answer:
    """Give a stuck answer up, so that another can be written."""
    found, appeal = await load_answer(session, answer_id, actor)
    if found.state in (AnswerState.DELIVERED, AnswerState.SENDING):
        raise Conflict("Ответ уже отправлен")
    await session.delete(found)
    record(session, appeal.id or 0, "answer_cancelled", actor, now, answer_id=answer_id, text=found.text)
    await changed(session, appeal)
    return found


async def mark_answered(
    session: AsyncSession, appeal: Appeal, at: datetime, now: datetime, *, is_interim: bool
) -> None:
    """An answer reached the citizen at `at`: the first-answer promise is kept (or kept late).

    An interim answer starts the promise of a final one; a final answer ends the cycle.
    """
    met = [
        clock
        for clock in await sla.open_clocks(session, [appeal.id or 0])
        if not is_interim or clock.kind == sla.FIRST_ANSWER
    ]
    for clock in met:
        sla.meet(clock, at)
    appeal.first_answered_at = appeal.first_answered_at or at
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)
    if not is_interim:
        appeal.state, appeal.closed_at, appeal.close_reason = State.ANSWERED, at, None
        return
    appeal.state = State.INTERIM
    for clock in met:  # a second interim answer meets nothing: the final promise runs already
        await start_clock(session, appeal, sla.FINAL, at, now, policy_code=clock.policy_code)


async def revive(session: AsyncSession, appeal: Appeal) -> None:
    """The author restored what was deleted: the promise that was stopped runs on, from its old start."""
    clocks = await sla.run_on(session, appeal.id or 0, appeal.cycle, is_counted=not appeal.is_talk)
    appeal.state = State.IN_WORK if appeal.assignee_id else State.ROUTED
    if any(clock.kind == sla.FINAL for clock in clocks):
        appeal.state = State.INTERIM
    appeal.closed_at = appeal.close_reason = None
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)


async def reopen(session: AsyncSession, appeal: Appeal, message: Message, now: datetime, *, policy_code: str) -> None:
    """The citizen wrote again: a new cycle with a new promise; the old cycle's result stays as it was."""
    appeal.state = State.IN_WORK if appeal.assignee_id else State.ROUTED
    appeal.cycle += 1
    appeal.closed_at = appeal.close_reason = None
    record(session, appeal.id or 0, "reopened", SYSTEM, now, message_id=message.id, cycle=appeal.cycle)
    await start_clock(session, appeal, sla.FIRST_ANSWER, message.sent_at or now, now, policy_code=policy_code)


async def start_clock(
    session: AsyncSession, appeal: Appeal, kind: str, at: datetime, now: datetime, *, policy_code: str
) -> None:
    """Start one promise and show the nearest due time on the appeal."""
    clock = sla.start_clock(
        appeal_id=appeal.id or 0, department_id=appeal.department_id, kind=kind, severity=appeal.severity,
        cycle=appeal.cycle, policy_code=policy_code, at=at, is_counted=not appeal.is_talk,
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
        .with_for_update()
    )
    appeals = (await session.scalars(newest)).all()
    return {(appeal.page_id, appeal.thread_key): appeal for appeal in appeals}


def may_reopen(appeal: Appeal, now: datetime, days: int) -> bool:
    """Whether a new message of its author belongs to this finished appeal."""
    is_recent = appeal.closed_at is not None and now - appeal.closed_at <= timedelta(days=days)
    return appeal.state == State.ANSWERED and is_recent
