"""What the card shows of the work of departments: the answer on check, parts of others, who could take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import RIGHTS, Actor, Right
from app.appeals.models import Answer, AnswerState, Appeal, Part, Wait
from app.departments.models import Department
from app.handling.checking import joined
from app.handling.executors import Executor, executors_of
from app.handling.parts import parts_of
from app.handling.returns import DESK, RETURNS_UNTIL_CENTER


@dataclass(frozen=True, slots=True)
class WorkPanel:
    """`is_own` tells a person of the responsible department or the center from a co-executor's.

    `checked` is the answer that waits for the center's check, None when none does. `my_part` is what the reader's own
    department was asked to contribute.
    """

    is_own: bool
    may_return: bool
    goes_to_center: bool
    checked: str | None
    parts: Sequence[tuple[Part, Department]]
    my_part: Part | None
    executors: Sequence[Executor]

    @property
    def has_given_parts(self) -> bool:
        """Whether there is something to join."""
        return any(part.given_at is not None and not part.is_declined for part, _ in self.parts)


async def work_panel(
    session: AsyncSession,
    appeal: Appeal,
    department: Department,
    answers: Sequence[Answer],
    actor: Actor,
    today: date,
) -> WorkPanel:
    """The panel of one card, as this person sees it: two short queries."""
    is_center = actor.role in RIGHTS[Right.ROUTE]
    is_own = is_center or actor.only_department_id == appeal.department_id
    parts = await parts_of(session, appeal.id or 0)
    mine = [part for part, one in parts if one.id == actor.only_department_id]
    is_open = appeal.is_open
    return WorkPanel(
        is_own=is_own,
        may_return=is_open and not is_center and is_own and department.kind != DESK and appeal.waits_for is None,
        goes_to_center=appeal.return_count + 1 >= RETURNS_UNTIL_CENTER,
        checked=_checked(appeal, answers) if is_center else None,
        parts=parts,
        my_part=mine[0] if mine and not is_own else None,
        executors=await executors_of(session, appeal.department_id, today) if is_open and is_own else [],
    )


def _checked(appeal: Appeal, answers: Sequence[Answer]) -> str | None:
    waiting = [answer for answer in answers if answer.state == AnswerState.CHECK]
    return joined(waiting) if appeal.waits_for == Wait.CHECK and waiting else None
