"""Who is acting, and what they may see."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from app.accounts.models import Role

ROLE_NAMES = {
    Role.OPERATOR: "оператор",
    Role.DEPARTMENT: "сотрудник отдела",
    Role.MANAGER: "руководитель",
    Role.ADMIN: "администратор",
}


class Right(StrEnum):
    """What a role may do; each contains the ones before it."""

    ANSWER = "answer"  # see the appeals one is shown, answer them, write notes
    ROUTE = "route"  # see all appeals, change topics and departments, retry failed events
    OVERSEE = "oversee"  # what concerns several people: settings of deadlines, rules, pages
    ADMINISTER = "administer"  # accounts, tokens, credentials


RIGHTS: dict[Right, tuple[Role, ...]] = {
    Right.ANSWER: (Role.OPERATOR, Role.DEPARTMENT, Role.MANAGER, Role.ADMIN),
    Right.ROUTE: (Role.OPERATOR, Role.MANAGER, Role.ADMIN),
    Right.OVERSEE: (Role.MANAGER, Role.ADMIN),
    Right.ADMINISTER: (Role.ADMIN,),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or another system, as the services know them. `label` is what the history shows."""

    label: str
    role: str
    user_id: int | None = None
    department_id: int | None = None
    csrf_token: str = field(default="", repr=False)
    login: str = ""

    @property
    def role_name(self) -> str:
        """The role in Russian; empty for the service itself."""
        return ROLE_NAMES[Role(self.role)] if self.role in set(Role) else ""

    @property
    def only_department_id(self) -> int | None:
        """The one department whose appeals this actor sees; None: all of them.

        Somebody of role `department` without a department sees nothing: no department has number 0.
        """
        return (self.department_id or 0) if self.role == Role.DEPARTMENT else None


class BelongsToDepartment(Protocol):
    """Anything with a department in charge: an appeal."""

    @property
    def department_id(self) -> int | None:
        """The department in charge."""
        ...


def may_see(actor: Actor, appeal: BelongsToDepartment) -> bool:
    """Whether the actor may see it: role `department` sees its own department's appeals only."""
    return actor.only_department_id in {None, appeal.department_id}
