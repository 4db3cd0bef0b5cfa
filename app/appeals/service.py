"""What happens to an appeal, as verbs of the office. Each writes its line of history in the same transaction."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import change_hands, changed, finish, hold, load, place, record, release
from app.appeals.drafts import drop_draft
from app.appeals.models import Answer, AnswerState, Appeal, State, Wait
from app.db import assign_ids
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotAllowed
from app.jobs import Job, enqueue
from app.platforms import PLATFORMS
from app.platforms.splitting import split_text
from app.sla import service as sla

CLOSE_REASONS = {
    "no_answer_needed": "Ответ не нужен",
    "spam": "Спам или брань",
    "duplicate": "Повтор другого обращения",
    "answered_elsewhere": "Ответ дан иначе",
}
SYSTEM_CLOSE_REASONS = {
    "deleted": "Автор удалил сообщение",
    "answered_in_platform": "Ответ дан вручную в соцсети",
    "no_reply": "Житель не ответил на уточняющий вопрос",
}
MOST_NOTE_LENGTH = 4000
MOST_ANSWER_LENGTH = 20_000


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
    await count_as_appeal(session, appeal)  # talk is in nobody's list
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
    """Hand the appeal to another department. A transfer gives no extra time: the due time stays, or comes earlier."""
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
    await hand_to(session, appeal, department, f"{actor.label}: {reason.strip() or 'без пояснения'}", now)
    return appeal


async def hand_to(session: AsyncSession, appeal: Appeal, department: Department, because: str, now: datetime) -> None:
    """Put the appeal with a department that a person has named; the trace says why. It gives no extra time."""
    appeal.routing = {
        "rule": "hand", "layer": "hand", "rule_set_version": appeal.routing.get("rule_set_version", ""),
        "department": department.code, "at": now.isoformat(),
        "steps": [{"layer": "hand", "rule": "hand", "outcome": "won", "department": department.code,
                   "because": because}],
    }  # fmt: skip
    await place(session, appeal, department, now)
    await change_hands(session, appeal, now)
    await count_as_appeal(session, appeal)  # a department is shown no talk
    appeal.transfer_count += 1
    appeal.assignee_id = None
    appeal.state = State.INTERIM if appeal.state == State.INTERIM else State.ROUTED
    await changed(session, appeal)


async def answer(
    session: AsyncSession,
    appeal_id: int,
    text: str,
    actor: Actor,
    *,
    now: datetime,
    is_interim: bool = False,
    is_private: bool = False,
    is_open: bool = True,
    is_question: bool = False,
    expected_version: int | None = None,
) -> Answer:
    """Write an answer into the outbox. The clock stops when the platform confirms delivery, not now.

    A question lets it stand still instead, until the citizen replies. What is longer than the platform allows goes in
    parts; the first of them is returned. Answers of some departments are checked by the center first. Without `is_open`
    the author of a closed appeal is answered too, which does not open it.
    """
    appeal = await load(session, appeal_id, actor, expected_version=expected_version, is_open=is_open)
    await refuse_second_answer(session, appeal_id)
    if appeal.waits_for == Wait.CITIZEN:
        await release(session, appeal, now, "отвечаем, не дождавшись жителя")
    if is_interim:
        await _refuse_endless_interim(session, appeal_id)
    parts = [
        _outgoing(appeal, part, actor, now, is_interim=is_interim, is_private=is_private)
        for part in _in_parts(appeal, text)
    ]
    is_checked = await _is_checked(session, actor)
    for part in parts:
        part.is_question = is_question
        part.state = AnswerState.CHECK if is_checked else AnswerState.PENDING
    outgoing = await _write(session, parts)
    if appeal.state in (State.REVIEW, State.ROUTED):
        appeal.state = State.IN_WORK
    if appeal.assignee_id is None and appeal.is_open:
        appeal.assignee_id = actor.user_id
    await count_as_appeal(session, appeal)
    await drop_draft(session, appeal_id, actor)
    details = {"answer_id": outgoing.id, "is_interim": is_interim, "is_question": is_question}
    if is_checked:
        record(session, appeal_id, "answer_submitted", actor, now, **details)
        await hold(session, appeal, Wait.CHECK, now)
    else:
        record(session, appeal_id, "answer_written", actor, now, **details)
        enqueue(session, Job.DELIVER_ANSWERS)
    await changed(session, appeal)
    return outgoing


def _in_parts(appeal: Appeal, text: str) -> list[str]:
    """The text as its platform takes it. Raises Invalid when there is none, or too much."""
    text = text.strip()
    platform = PLATFORMS[appeal.platform]
    if not text:
        raise Invalid("Пустой ответ")
    if len(text) > MOST_ANSWER_LENGTH:
        raise Invalid(f"Ответ длиннее {MOST_ANSWER_LENGTH} знаков: такой никто не прочтёт, сократите его")
    return split_text(text, platform.text_limit, platform.text_length)


async def rewrite(session: AsyncSession, appeal: Appeal, parts: Sequence[Answer], text: str) -> list[Answer]:
    """Put other words into an answer that has not gone out; its author stays. Raises Invalid."""
    first = parts[0]
    author = Actor(label=first.author_label, role="", user_id=first.author_user_id)
    is_private = first.kind == "message"
    written = [
        _outgoing(appeal, part, author, first.created_at, is_interim=first.is_interim, is_private=is_private)
        for part in _in_parts(appeal, text)
    ]
    for part in reversed(parts):
        await session.delete(part)
        await session.flush()
    for part in written:
        part.is_question = first.is_question
    await _write(session, written)
    return written


async def _is_checked(session: AsyncSession, actor: Actor) -> bool:
    if actor.only_department_id is None:
        return False
    department = await session.get(Department, actor.only_department_id)
    return department is not None and department.is_checked


async def _write(session: AsyncSession, parts: list[Answer]) -> Answer:
    """Put the parts into the outbox, each to be sent after the one before; the first."""
    await assign_ids(session, parts)
    for before, part in pairwise(parts):
        before.is_continued, part.follows_id = True, before.id
    session.add_all(parts)
    await session.flush()
    return parts[0]


async def refuse_second_answer(session: AsyncSession, appeal_id: int, *, besides: Collection[int] = ()) -> None:
    """A double click or two operators must not answer twice."""
    on_its_way = await session.scalar(
        select(col(Answer.id)).where(
            col(Answer.appeal_id) == appeal_id,
            col(Answer.state).in_([AnswerState.CHECK, AnswerState.PENDING, AnswerState.SENDING]),
            col(Answer.id).not_in(besides),
        )
    )
    if on_its_way is not None:
        raise Conflict("Ответ на это обращение уже отправляется или ждёт проверки")


async def _refuse_endless_interim(session: AsyncSession, appeal_id: int) -> None:
    """An interim answer promises a final one: a policy that has no time for it cannot be answered in two steps."""
    for clock in await sla.open_clocks(session, [appeal_id]):
        if not sla.policy(clock.policy_code).promises(sla.FINAL):
            raise Invalid("Правила сроков этого обращения не знают промежуточных ответов: ответьте по существу")


async def count_as_appeal(session: AsyncSession, appeal: Appeal) -> None:
    """It is an appeal, whatever the judge held it for, and has been one since it came."""
    appeal.is_talk = False
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        clock.is_counted = True


def _outgoing(appeal: Appeal, text: str, actor: Actor, now: datetime, *, is_interim: bool, is_private: bool) -> Answer:
    is_message = is_private or appeal.kind == "message"
    is_where_it_was_asked = is_message == (appeal.kind == "message")  # a chat, too, is answered in the chat
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
        chat_external_id=appeal.chat_external_id if is_where_it_was_asked else None,
        post_external_id=appeal.post_external_id if is_where_it_was_asked else None,
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
    repeats = select(col(Appeal.id)).where(col(Appeal.duplicate_of_id) == appeal_id).limit(1)
    if await session.scalar(repeats) is not None:
        raise Conflict("У обращения есть повторы: ответьте на него или отсоедините их")
    await finish(session, appeal, State.CLOSED, reason, actor, now)
    return appeal


async def confirm_appeal(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """What looked like talk is an appeal. Its clock has run since it came."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    await count_as_appeal(session, appeal)
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
