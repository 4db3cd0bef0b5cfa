"""Co-executors: other departments answer their part, and the responsible one joins the parts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import SYSTEM, changed, load, record
from app.appeals.drafts import save_draft
from app.appeals.models import Appeal, Draft, Part
from app.db import NO_KEY_UPDATE
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotFound

MOST_LENGTH = 10_000


async def ask_part(
    session: AsyncSession,
    appeal_id: int,
    department_id: int,
    actor: Actor,
    *,
    question: str,
    now: datetime,
    expected_version: int | None = None,
) -> Part:
    """Ask another department to contribute. The promise stays with the responsible one. Raises Invalid, Conflict."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    department = await session.get(Department, department_id)
    if department is None or not department.is_active:
        raise Invalid("Такого отдела нет")
    if department_id == appeal.department_id:
        raise Invalid("Этот отдел и так отвечает за обращение")
    if not question.strip():
        raise Invalid("Напишите, что нужно от соисполнителя")
    known = await session.scalar(
        select(Part).where(col(Part.appeal_id) == appeal_id, col(Part.department_id) == department_id)
    )
    if known is not None and known.given_at is None:
        raise Conflict(f"{department.short_name} уже готовит свою часть")
    part = known or Part(appeal_id=appeal_id, department_id=department_id, question="", asked_by="", asked_at=now)
    part.question, part.asked_by, part.asked_at = question.strip()[:MOST_LENGTH], actor.label, now
    part.given_at, part.is_declined = None, False
    session.add(part)
    record(session, appeal_id, "part_asked", actor, now, department=department.short_name, question=part.question)
    await changed(session, appeal)
    return part


async def ask_by_rules(session: AsyncSession, appeals: Sequence[Appeal], now: datetime) -> None:
    """Ask the co-executors that the rules name for these appeals; who was asked already is not asked again."""
    wanted = [(appeal, code) for appeal in appeals for code in appeal.routing.get("co_departments", ())]
    if not wanted:
        return
    by_code = {
        one.code: one
        for one in await session.scalars(
            select(Department).where(col(Department.code).in_({code for _, code in wanted}), col(Department.is_active))
        )
    }
    known = await session.execute(
        select(col(Part.appeal_id), col(Part.department_id)).where(
            col(Part.appeal_id).in_([appeal.id for appeal, _ in wanted])
        )
    )
    asked = {(appeal_id, department_id) for appeal_id, department_id in known}
    for appeal, code in wanted:
        department = by_code.get(code)
        if department is None or department.id == appeal.department_id or (appeal.id, department.id) in asked:
            continue
        question = f"Ваша часть ответа, по правилу {appeal.routing['rule']}"
        session.add(
            Part(
                appeal_id=appeal.id or 0, department_id=department.id or 0, question=question, asked_by=SYSTEM.label,
                asked_at=now,
            )
        )  # fmt: skip
        asked.add((appeal.id or 0, department.id or 0))
        record(session, appeal.id or 0, "part_asked", SYSTEM, now, department=department.short_name, question=question)


async def give_part(
    session: AsyncSession, appeal_id: int, actor: Actor, *, text: str, now: datetime, is_declined: bool = False
) -> Part:
    """The co-executor's own words, or why there is nothing to say. May be given again until the answer goes out."""
    appeal = await session.get(Appeal, appeal_id, with_for_update=NO_KEY_UPDATE)
    part = await session.scalar(
        select(Part).where(col(Part.appeal_id) == appeal_id, col(Part.department_id) == (actor.only_department_id or 0))
    )
    if appeal is None or part is None:
        raise NotFound("От вашего отдела части ответа не просили")
    if not appeal.is_open:
        raise Conflict("Обращение уже закрыто")
    if not text.strip():
        raise Invalid("Напишите свою часть ответа")
    department = await session.get_one(Department, part.department_id)
    part.text, part.given_by, part.given_at = text.strip()[:MOST_LENGTH], actor.label, now
    part.is_declined = is_declined
    if is_declined:
        record(session, appeal_id, "part_declined", actor, now, department=department.short_name, reason=part.text)
    else:
        record(session, appeal_id, "part_given", actor, now, department=department.short_name)
    await changed(session, appeal)
    return part


async def join_parts(session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime) -> str:
    """Put the parts that were given behind what the person has drafted already; the draft as it is then."""
    await load(session, appeal_id, actor)
    given = [part for part, _ in await parts_of(session, appeal_id) if part.given_at and not part.is_declined]
    if not given:
        raise Conflict("Готовых частей ответа ещё нет")
    draft = await session.get(Draft, (appeal_id, actor.user_id)) if actor.user_id is not None else None
    words = draft.text.rstrip() if draft is not None else ""
    missing = [part.text for part in given if part.text not in words]
    joined = "\n\n".join([*([words] if words else []), *missing])
    if actor.user_id is not None:
        await save_draft(session, appeal_id, actor, joined, now=now)
    return joined


async def parts_of(session: AsyncSession, appeal_id: int) -> Sequence[tuple[Part, Department]]:
    """The parts of an appeal with their departments, as they were asked for."""
    found = await session.execute(
        select(Part, Department)
        .join(Department, col(Department.id) == col(Part.department_id))
        .where(col(Part.appeal_id) == appeal_id)
        .order_by(col(Part.id))
    )
    return [(part, department) for part, department in found]
