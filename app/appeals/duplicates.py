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
from app.appeals.cycle import SYSTEM, changed, finish, load, open_by_thread, place, record, revive
from app.appeals.models import Appeal, State, appeal_columns
from app.appeals.service import answer, refuse_second_answer
from app.appeals.visibility import was_told_since_closed
from app.departments.models import Department
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
    _tell_merged(session, appeal, parent, actor, now)
    await _keep_earliest(session, parent, clocks, now)
    await changed(session, parent)
    return appeal


async def _keep_earliest(session: AsyncSession, parent: Appeal, clocks: Sequence[Clock], now: datetime) -> None:
    for own in await sla.open_clocks(session, [parent.id or 0]):
        for other in clocks:
            moved = None
            if other.kind == own.kind:
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
    open_clocks = await sla.open_clocks(session, [parent.id or 0])
    for clock in open_clocks:
        sla.give_back(clock, parent.severity, now)
    cycle_began_at = min((clock.started_at for clock in open_clocks), default=now)
    rest = await _stopped_clocks(session, await repeats_of(session, parent.id or 0))
    left = [clock for clock in rest if clock.closed_at is not None and clock.closed_at >= cycle_began_at]
    await _keep_earliest(session, parent, left, now)
    _tell_parted(session, appeal, parent, actor, now)
    await changed(session, appeal)
    await changed(session, parent)
    return appeal


async def _stopped_clocks(session: AsyncSession, repeats: Sequence[Appeal]) -> Sequence[Clock]:
    """The clocks that these repeats brought when they were merged."""
    return await sla.stopped_clocks(session, {one.id or 0: one.cycle for one in repeats}, DUPLICATE)


async def _refuse_lost_thread(session: AsyncSession, appeal: Appeal) -> None:
    """A thread has one open appeal, and a citizen who was answered needs no second one."""
    newest = await open_by_thread(session, [(appeal.page_id, appeal.thread_key)])
    if newest[appeal.page_id, appeal.thread_key].id != appeal.id:
        raise Conflict("Житель уже написал в этой переписке снова: работайте с новым обращением")
    if appeal.id in await answered_repeats(session, [appeal.id or 0]):
        raise Conflict("Автору этого повтора уже ответили")


async def pass_on(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """An appeal has closed by itself, unanswered: the oldest of its repeats that waits goes on in its place.

    That one citizen deleted his words, or does not reply, is no answer to the others.
    """
    waiting = await _waiting(session, await repeats_of(session, appeal.id or 0))
    if not waiting:
        return
    first, *rest = waiting
    first.duplicate_of_id = None
    await revive(session, first, DUPLICATE)
    await place(session, first, await session.get_one(Department, appeal.department_id), now)
    _tell_parted(session, first, appeal, SYSTEM, now)
    for one in rest:
        one.duplicate_of_id = first.id
        _tell_merged(session, one, first, SYSTEM, now)
    await _keep_earliest(session, first, await _stopped_clocks(session, rest), now)
    for one in waiting:
        await changed(session, one)


async def _waiting(session: AsyncSession, repeats: Sequence[Appeal]) -> list[Appeal]:
    """Whose authors have no answer and have not written anew since."""
    done = await answered_repeats(session, [one.id or 0 for one in repeats])
    newest = await open_by_thread(session, [(one.page_id, one.thread_key) for one in repeats])
    return [one for one in repeats if one.id not in done and newest[one.page_id, one.thread_key].id == one.id]


def _tell_merged(session: AsyncSession, appeal: Appeal, parent: Appeal, actor: Actor, now: datetime) -> None:
    record(session, appeal.id or 0, "merged", actor, now, parent=parent.id)
    record(session, parent.id or 0, "joined", actor, now, duplicate=appeal.id)


def _tell_parted(session: AsyncSession, appeal: Appeal, parent: Appeal, actor: Actor, now: datetime) -> None:
    record(session, appeal.id or 0, "separated", actor, now, parent=parent.id)
    record(session, parent.id or 0, "separated", actor, now, duplicate=appeal.id)


async def repeats_of(session: AsyncSession, appeal_id: int) -> Sequence[Appeal]:
    """The appeals that are merged into this one, the oldest first."""
    repeats = select(Appeal).where(col(Appeal.duplicate_of_id) == appeal_id).order_by(col(Appeal.id))
    return (await session.scalars(repeats)).all()


async def answered_repeats(session: AsyncSession, appeal_ids: Sequence[int]) -> set[int]:
    """Which of these repeats have a final answer that was sent or is on its way since they were merged."""
    is_one = appeal_columns.id.in_(appeal_ids)
    return set(await session.scalars(select(appeal_columns.id).where(is_one, was_told_since_closed())))


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
