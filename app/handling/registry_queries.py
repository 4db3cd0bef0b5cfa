"""What the pages of departments and territories read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.models import Role, RosterEntry, User
from app.appeals.models import Appeal, appeal_columns
from app.departments.models import Department, Territory
from app.errors import NotFound
from app.handling.returns import DESK
from app.outgoing.models import DepartmentChannel

_HAS_PEOPLE = exists().where(
    col(User.department_id) == col(Department.id), col(User.role) == Role.DEPARTMENT, col(User.is_active)
)
_HAS_CHANNEL = exists().where(
    col(DepartmentChannel.department_id) == col(Department.id), col(DepartmentChannel.is_active)
)
IS_REACHED: ColumnElement[bool] = or_(col(Department.kind) == DESK, _HAS_PEOPLE, _HAS_CHANNEL)
"""Somebody or something takes what is handed to the department: people in our workplace, or its own system."""
_OPEN = and_(appeal_columns.department_id == col(Department.id), appeal_columns.is_open, ~appeal_columns.is_talk)
IS_CUT_OFF_AND_ASKED: ColumnElement[bool] = and_(col(Department.is_active), ~IS_REACHED, exists().where(_OPEN))
"""Citizens wait for a department that nothing reaches: an alert before it is a complaint."""


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """One line of the list. `ways` names how it is reached."""

    department: Department
    parent: str | None
    people: int
    has_channel: bool
    open_count: int

    @property
    def ways(self) -> str:
        """Ways of delivery in words; empty when there is none."""
        ways = ["рабочее место"] if self.people or self.department.kind == DESK else []
        return ", ".join([*ways, *(["система или почта"] if self.has_channel else [])])


async def list_departments(session: AsyncSession, words: str = "") -> list[DepartmentRow]:
    """All departments, those that citizens wait for most first."""
    above = select(col(Department.id), col(Department.short_name)).subquery()
    people = (
        select(func.count())
        .select_from(User)
        .where(col(User.department_id) == col(Department.id), col(User.role) == Role.DEPARTMENT, col(User.is_active))
        .scalar_subquery()
    )
    waiting = select(func.count()).select_from(Appeal).where(_OPEN).correlate(Department).scalar_subquery()
    query = (
        select(Department, above.c.short_name, people, _HAS_CHANNEL, waiting)
        .outerjoin(above, above.c.id == col(Department.parent_id))
        .order_by(col(Department.is_active).desc(), waiting.desc(), col(Department.short_name))
    )
    if words:
        like = f"%{_escaped(words)}%"
        query = query.where(or_(col(Department.name).ilike(like), col(Department.short_name).ilike(like)))
    return [DepartmentRow(*row) for row in await session.execute(query)]


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("\x00", "")


async def one_department(session: AsyncSession, department_id: int) -> Department:
    """Raises NotFound."""
    found = await session.get(Department, department_id)
    if found is None:
        raise NotFound("Такого отдела нет")
    return found


async def staff_of(session: AsyncSession, department_id: int) -> Sequence[User]:
    """The department's people."""
    found = await session.scalars(
        select(User)
        .where(col(User.department_id) == department_id, col(User.role) == Role.DEPARTMENT)
        .order_by(col(User.is_active).desc(), col(User.name))
    )
    return found.all()


async def roster_of(session: AsyncSession, user_ids: Sequence[int], since: date) -> Sequence[RosterEntry]:
    """What is and what comes, the soonest first."""
    found = await session.scalars(
        select(RosterEntry)
        .where(col(RosterEntry.user_id).in_(user_ids), col(RosterEntry.last_day) >= since)
        .order_by(col(RosterEntry.first_day), col(RosterEntry.id))
    )
    return found.all()


async def list_territories(session: AsyncSession, words: str = "", most: int = 500) -> Sequence[Territory]:
    """The tree, every branch below its root."""
    query: Any = select(Territory).order_by(col(Territory.path)).limit(most)
    if words:
        query = query.where(
            or_(col(Territory.name).ilike(f"%{_escaped(words)}%"), col(Territory.code).startswith(words))
        )
    return (await session.scalars(query)).all()
