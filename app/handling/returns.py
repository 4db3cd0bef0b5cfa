"""«Не наше»: a department gives an appeal back. Deadlines go on, and after two returns the center decides."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import load, record
from app.appeals.models import Appeal, HistoryEntry, State
from app.appeals.service import hand_to
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotAllowed

RETURNS_UNTIL_CENTER = 2  # DOMAIN: after two returns the control center decides
DESK = "desk"
MOST_REASON_LENGTH = 1000


async def give_back(
    session: AsyncSession,
    appeal_id: int,
    actor: Actor,
    *,
    reason: str,
    proposed_id: int | None,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Return an appeal as somebody else's. It goes to the proposed body, or to the center's desk.

    The desk gets it without a proposal, and after two returns. Raises NotAllowed, Invalid, NotFound, Conflict.
    """
    if actor.only_department_id is None:
        raise NotAllowed("Вернуть обращение может только отдел, у которого оно сейчас")
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    if not reason.strip():
        raise Invalid("Напишите, почему обращение не ваше")
    if appeal.waits_for is not None:
        raise Conflict("Обращение ждёт проверки ответа или слова жителя: вернуть его сейчас нельзя")
    before = await session.get_one(Department, appeal.department_id)
    proposed = await _proposed(session, appeal, proposed_id)
    appeal.return_count += 1
    is_for_center = proposed is None or appeal.return_count >= RETURNS_UNTIL_CENTER
    after = await desk(session) if is_for_center or proposed is None else proposed
    record(
        session, appeal_id, "returned", actor, now,
        **{"from": before.short_name, "to": after.short_name, "department_id": before.id,
           "reason": reason.strip()[:MOST_REASON_LENGTH], "proposed": proposed.short_name if proposed else ""},
    )  # fmt: skip
    await hand_to(session, appeal, after, _because(actor, reason, proposed, is_for_center=is_for_center), now)
    if is_for_center and appeal.state == State.ROUTED:
        appeal.state = State.REVIEW
    return appeal


def _because(actor: Actor, reason: str, proposed: Department | None, *, is_for_center: bool) -> str:
    said = f"{actor.label}: «не наше», {reason.strip()[:MOST_REASON_LENGTH]}"
    if proposed is None:
        return said
    return f"{said}; предложено: {proposed.short_name}" + ("; решает центр" if is_for_center else "")


async def _proposed(session: AsyncSession, appeal: Appeal, proposed_id: int | None) -> Department | None:
    """The body that is to take it instead. One that has returned it already is no way out."""
    if proposed_id is None:
        return None
    department = await session.get(Department, proposed_id)
    if department is None or not department.is_active:
        raise Invalid("Такого отдела нет")
    if department.id == appeal.department_id:
        raise Invalid("Предложите другой отдел, не свой")
    if department.id in await departments_that_returned(session, appeal.id or 0):
        raise Invalid(f"{department.short_name} уже вернул это обращение: оставьте выбор центру")
    return department


async def departments_that_returned(session: AsyncSession, appeal_id: int) -> set[int]:
    """Who has said "not ours" to this appeal."""
    returned = select(col(HistoryEntry.details)).where(
        col(HistoryEntry.appeal_id) == appeal_id, col(HistoryEntry.action) == "returned"
    )
    return {int(details["department_id"]) for details in await session.scalars(returned)}


async def desk(session: AsyncSession) -> Department:
    """The center's own desk, where everything ends that nobody owns. Raises Conflict without one."""
    found = await session.scalar(
        select(Department)
        .where(col(Department.kind) == DESK, col(Department.is_active))
        .order_by(col(Department.id))
        .limit(1)
    )
    if found is None:
        raise Conflict("В справочнике отделов нет дежурной смены центра: вернуть обращение некому")
    return found
