"""Who of a department should take an appeal: those at work, the least loaded first; a substitute for who is away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role, RosterEntry, RosterKind, User
from app.appeals.cycle import changed, load, record
from app.appeals.models import Appeal, State, appeal_columns
from app.appeals.service import count_as_appeal
from app.errors import Invalid


@dataclass(frozen=True, slots=True)
class Executor:
    """A person of a department: how many open appeals are his, whether he is on duty, until when he is away."""

    id: int
    name: str
    open_count: int
    is_on_duty: bool
    away_until: date | None
    substitute_id: int | None
    substitute: str | None

    @property
    def is_away(self) -> bool:
        """Whether he is absent today."""
        return self.away_until is not None


async def executors_of(session: AsyncSession, department_id: int, today: date) -> Sequence[Executor]:
    """The people of a department, those to be suggested first: at work before away, on duty, by load, by name."""
    is_his = (appeal_columns.assignee_id == User.id) & appeal_columns.is_open & ~appeal_columns.is_talk
    load_of = select(func.count()).select_from(Appeal).where(is_his).correlate(User).scalar_subquery()
    people = await session.execute(
        select(User, load_of)
        .where(col(User.department_id) == department_id, col(User.role) == Role.DEPARTMENT, col(User.is_active))
        .order_by(col(User.id))
    )
    loads = [(user, count) for user, count in people]
    names = {user.id: user.name for user, _ in loads}
    roster = await session.scalars(
        select(RosterEntry)
        .where(
            col(RosterEntry.user_id).in_(list(names)),
            col(RosterEntry.first_day) <= today,
            col(RosterEntry.last_day) >= today,
        )
        .order_by(col(RosterEntry.last_day))
    )
    away: dict[int, RosterEntry] = {}
    duty: set[int] = set()
    for entry in roster:
        if entry.kind == RosterKind.AWAY:
            away[entry.user_id] = entry
        else:
            duty.add(entry.user_id)
    found = [_executor(user, count, away.get(user.id or 0), names, is_on_duty=user.id in duty) for user, count in loads]
    return sorted(found, key=lambda one: (one.is_away, not one.is_on_duty, one.open_count, one.name))


def _executor(
    user: User, count: int, away: RosterEntry | None, names: Mapping[int | None, str], *, is_on_duty: bool
) -> Executor:
    substitute_id = away.substitute_id if away else None
    return Executor(
        id=user.id or 0,
        name=user.name,
        open_count=count,
        is_on_duty=is_on_duty,
        away_until=away.last_day if away else None,
        substitute_id=substitute_id,
        substitute=names.get(substitute_id),
    )


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
        stand_in = people.get(chosen.substitute_id or 0)
        if stand_in is None or stand_in.is_away:
            raise Invalid(f"{chosen.name} отсутствует до {chosen.away_until:%d.%m.%Y}, заместитель не назначен")
        because, chosen = f"заместитель: {chosen.name} отсутствует", stand_in
    appeal.assignee_id = chosen.id
    if appeal.state in (State.REVIEW, State.ROUTED):
        appeal.state = State.IN_WORK
    await count_as_appeal(session, appeal)
    record(session, appeal_id, "assigned", actor, now, to=chosen.name, because=because)
    await changed(session, appeal)
    return appeal
