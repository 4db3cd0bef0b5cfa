"""Repeats of one appeal: merged into it, parted from it, and their authors answered as its author was.

A repeat has no clock of its own; the appeal it is merged into keeps the earliest due time. Parting restores both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import SYSTEM, changed, finish, load, open_by_thread, record, revive
from app.appeals.models import Answer, AnswerState, Appeal, State
from app.appeals.service import answer, refuse_second_answer
from app.errors import AppError, Conflict, Invalid
from app.sla import service as sla
from app.sla.models import Clock

DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one repeat when all were answered; `refusal` is empty where the answer is on its way."""

    appeal_id: int
    refusal: str


async def _load_both(session: AsyncSession, one: int, other: int, actor: Actor) -> tuple[Appeal, Appeal]:
    """Both appeals, locked in one order whoever asks: two people who merge in opposite directions meet here."""
    found = {number: await load(session, number, actor, is_open=False) for number in sorted((one, other))}
    return found[one], found[other]


async def mark_duplicate(
    session: AsyncSession,
    appeal_id: int,
    parent_id: int,
    actor: Actor,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Merge an appeal into another, which keeps the earlier due time. Raises NotFound, Invalid, Conflict."""
    if appeal_id == parent_id:
        raise Invalid("Обращение не может быть повтором самого себя")
    appeal, parent = await _load_both(session, appeal_id, parent_id, actor)
    await load(session, appeal_id, actor, expected_version=expected_version)
    if parent.duplicate_of_id is not None:
        raise Conflict(f"№ {parent_id} само повтор обращения № {parent.duplicate_of_id}: выберите его")
    if not parent.is_open and parent.state != State.ANSWERED:
        raise Conflict(f"№ {parent_id} закрыто без ответа: повторять нечего")
    if appeal.danger:
        raise Conflict("В обращении тревога: снимите её или сделайте главным его")
    if await repeats_of(session, appeal_id):
        raise Conflict("У этого обращения есть свои повторы: отсоедините их или сделайте повтором то, другое")
    await refuse_second_answer(session, appeal_id)
    clocks = await sla.open_clocks(session, [appeal_id])
    appeal.duplicate_of_id = parent_id
    await finish(session, appeal, State.CLOSED, DUPLICATE, actor, now)
    record(session, appeal_id, "merged", actor, now, parent=parent_id)
    record(session, parent_id, "joined", actor, now, duplicate=appeal_id)
    await _keep_earliest(session, parent, clocks, now)
    await changed(session, parent)
    return appeal


async def _keep_earliest(session: AsyncSession, parent: Appeal, clocks: Sequence[Clock], now: datetime) -> None:
    for own in await sla.open_clocks(session, [parent.id or 0]):
        for other in clocks:
            moved = None
            is_of_this_cycle = other.closed_at is not None and other.closed_at >= own.started_at
            if other.kind == own.kind and is_of_this_cycle:
                moved = sla.take_over(own, other, now, f"присоединён повтор № {other.appeal_id}, его срок раньше")
            if moved is not None:
                record(session, parent.id or 0, "due_changed", SYSTEM, now, kind=own.kind, **moved)
    parent.next_due_at = await sla.next_due_at(session, parent.id or 0)


async def separate(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """Part a repeat from its appeal: its own promise runs on from its old start, the other's is its own again."""
    known = await session.get(Appeal, appeal_id)
    if known is None or known.duplicate_of_id is None:
        raise Conflict("Это обращение не повтор")
    appeal, parent = await _load_both(session, appeal_id, known.duplicate_of_id, actor)
    await load(session, appeal_id, actor, expected_version=expected_version, is_open=False)
    if appeal.duplicate_of_id != parent.id:
        raise Conflict("Обращение изменилось, пока вы его читали. Проверьте и повторите.")
    await _refuse_lost_thread(session, appeal)
    appeal.duplicate_of_id = None
    await revive(session, appeal, DUPLICATE)
    rest = await repeats_of(session, parent.id or 0)
    for clock in await sla.open_clocks(session, [parent.id or 0]):
        sla.give_back(clock, parent.severity, now)
    left = await sla.stopped_clocks(session, {one.id or 0: one.cycle for one in rest}, DUPLICATE)
    await _keep_earliest(session, parent, left, now)
    record(session, appeal_id, "separated", actor, now, parent=parent.id)
    record(session, parent.id or 0, "separated", actor, now, duplicate=appeal_id)
    await changed(session, appeal)
    await changed(session, parent)
    return appeal


async def _refuse_lost_thread(session: AsyncSession, appeal: Appeal) -> None:
    """A thread has one open appeal, and a citizen who was answered needs no second one."""
    newest = await open_by_thread(session, [(appeal.page_id, appeal.thread_key)])
    if newest[appeal.page_id, appeal.thread_key].id != appeal.id:
        raise Conflict("Житель уже написал в этой переписке снова: работайте с новым обращением")
    if appeal.id in await answered_repeats(session, [appeal.id or 0]):
        raise Conflict("Автору этого повтора уже ответили")


async def repeats_of(session: AsyncSession, appeal_id: int) -> Sequence[Appeal]:
    """The appeals that are merged into this one, the oldest first."""
    repeats = select(Appeal).where(col(Appeal.duplicate_of_id) == appeal_id).order_by(col(Appeal.id))
    return (await session.scalars(repeats)).all()


async def answered_repeats(session: AsyncSession, appeal_ids: Sequence[int]) -> set[int]:
    """Which of these repeats have a final answer that was sent or is on its way since they were merged."""
    sent = (AnswerState.CHECK, AnswerState.PENDING, AnswerState.SENDING, AnswerState.DELIVERED, AnswerState.UNKNOWN)
    found = await session.scalars(
        select(col(Answer.appeal_id))
        .join(Appeal, col(Appeal.id) == col(Answer.appeal_id))
        .where(
            col(Answer.appeal_id).in_(appeal_ids),
            col(Answer.created_at) >= col(Appeal.closed_at),
            col(Answer.state).in_(sent),
            col(Answer.is_interim).is_(False),
            col(Answer.is_question).is_(False),
        )
    )
    return set(found)


async def answer_repeats(
    session: AsyncSession, appeal_id: int, text: str, actor: Actor, *, now: datetime
) -> list[Outcome]:
    """Give the authors of all repeats that have no answer yet the same one. What one refuses does not stop the others.

    Raises NotFound; Conflict while the appeal itself is not answered; Invalid when the text is empty.
    """
    parent = await load(session, appeal_id, actor, is_open=False)
    if parent.state != State.ANSWERED:
        raise Conflict("Сначала ответьте на само обращение")
    if not text.strip():
        raise Invalid("Пустой ответ")
    repeats = [one.id or 0 for one in await repeats_of(session, appeal_id)]
    done = await answered_repeats(session, repeats)
    return [await _answer_one(session, one, text, actor, now) for one in repeats if one not in done]


async def _answer_one(session: AsyncSession, appeal_id: int, text: str, actor: Actor, now: datetime) -> Outcome:
    try:
        async with session.begin_nested():
            await answer(session, appeal_id, text, actor, now=now, is_open=False)
    except AppError as refusal:
        return Outcome(appeal_id, refusal.message)
    return Outcome(appeal_id, "")
