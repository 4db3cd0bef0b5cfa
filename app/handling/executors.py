"""Who of a department should take an appeal: those at work, the least loaded first; a substitute for who is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Absence, Role, User
from app.appeals.cycle import changed, load, record
from app.appeals.models import Appeal, State, appeal_columns
from app.appeals.service import count_as_appeal
from app.errors import Invalid


@dataclass(frozen=True, slots=True)
class Executor:
    """A person of a department: how many open appeals are his, and until when he is away and who stands in."""

    id: int
    name: str
    open_count: int
    away_until: date | None
    substitute: str | None

    @property
    def is_away(self) -> bool:
        """Whether he is absent today."""
        return self.away_until is not None


async def executors_of(session: AsyncSession, department_id: int, today: date) -> Sequence[Executor]:
    """The people of a department, those to be suggested first: at work before away, then by load, then by name."""
    substitute = aliased(User)
    is_his = (appeal_columns.assignee_id == User.id) & appeal_columns.is_open & ~appeal_columns.is_talk
    load_of = select(func.count()).select_from(Appeal).where(is_his).correlate(User).scalar_subquery()
    is_away = and_(
        col(Absence.user_id) == col(User.id), col(Absence.first_day) <= today, col(Absence.last_day) >= today
    )
    found = await session.execute(
        select(User, load_of, col(Absence.last_day), col(substitute.name))
        .outerjoin(Absence, is_away)
        .outerjoin(substitute, col(substitute.id) == col(Absence.substitute_id))
        .where(col(User.department_id) == department_id, col(User.role) == Role.DEPARTMENT, col(User.is_active))
        .order_by(col(User.id))
    )
    people = {
        user.id: Executor(user.id or 0, user.name, count, last_day, stand_in)
        for user, count, last_day, stand_in in found
    }
    return sorted(people.values(), key=lambda one: (one.is_away, one.open_count, one.name))


async def assign(
    session: AsyncSession,
    appeal_id: int,
    user_id: int,
    actor: Actor,
    *,
    today: date,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Make a person of the department responsible; his substitute while he is away. Raises Invalid."""
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    people = {one.id: one for one in await executors_of(session, appeal.department_id, today)}
    chosen = people.get(user_id)
    if chosen is None:
        raise Invalid("Такого сотрудника в отделе нет")
    because = ""
    if chosen.is_away:
        stand_in = next((one for one in people.values() if one.name == chosen.substitute and not one.is_away), None)
        if stand_in is None:
            raise Invalid(f"{chosen.name} отсутствует до {chosen.away_until:%d.%m.%Y}, заместитель не назначен")
        because, chosen = f"заместитель: {chosen.name} отсутствует", stand_in
    appeal.assignee_id = chosen.id
    if appeal.state in (State.REVIEW, State.ROUTED):
        appeal.state = State.IN_WORK
    await count_as_appeal(session, appeal)
    record(session, appeal_id, "assigned", actor, now, to=chosen.name, because=because)
    await changed(session, appeal)
    return appeal
