"""What tests of services do again and again: open an appeal, act in one transaction, read what is stored."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import select
from sqlmodel import SQLModel

from app.accounts.actor import Actor
from app.accounts.models import Role, User
from app.appeals.models import Appeal, HistoryEntry
from app.departments.models import Department
from app.resources import Resources
from tests.conftest import NOW, VK

ROAD = "Когда отремонтируют дорогу на улице Примерной? Яма на яме, колёса пробиваем каждый день"
DOCTOR = "Не могу записаться к врачу в поликлинику, талонов нет вторую неделю"
HEATING = "Третий день нет отопления в доме, батареи холодные"
THANKS = "Спасибо большое"

Row = TypeVar("Row", bound=SQLModel)
Result = TypeVar("Result")


async def rows(resources: Resources, model: type[Row]) -> list[Row]:
    """Every row of a table, oldest first, as it is stored."""
    async with resources.database.transaction() as session:
        return list((await session.scalars(select(model).order_by(*model.__table__.primary_key))).all())  # type: ignore[attr-defined]


async def only(resources: Resources, model: type[Row]) -> Row:
    """The one row of a table."""
    (row,) = await rows(resources, model)
    return row


async def actions(resources: Resources) -> list[str]:
    """What happened, in order."""
    return [entry.action for entry in await rows(resources, HistoryEntry)]


async def details(resources: Resources, action: str) -> dict[str, Any]:
    """The details of the last history line of this kind."""
    return [entry.details for entry in await rows(resources, HistoryEntry) if entry.action == action][-1]


async def do(resources: Resources, verb: Callable[..., Awaitable[Result]], *arguments: Any, **options: Any) -> Result:
    """One verb of a service in a transaction of its own."""
    async with resources.database.transaction() as session:
        return await verb(session, *arguments, **options)


async def opened(vk: VK, text: str = ROAD, comment_id: int = 731, author: int = 100000002) -> Appeal:
    """The appeal that a citizen's comment has become."""
    await vk.comment(text, comment_id, author)
    await vk.drain()
    return (await rows(vk.resources, Appeal))[-1]


async def clerk(
    resources: Resources, login: str = "anna", role: Role = Role.OPERATOR, department_id: int | None = None
) -> Actor:
    """A person who never signs in, so nobody waits for a password hash."""
    user = User(
        login=login, name=f"Имя {login}", role=role, password_hash="-", department_id=department_id, created_at=NOW
    )
    async with resources.database.transaction() as session:
        session.add(user)
    return Actor(label=user.name, role=role, user_id=user.id, department_id=department_id, login=login)


async def departments(resources: Resources) -> dict[str, Department]:
    """Departments by code."""
    return {department.code: department for department in await rows(resources, Department)}


async def other_department(resources: Resources, appeal: Appeal) -> Department:
    """Any department but the one in charge."""
    return next(one for one in await rows(resources, Department) if one.id != appeal.department_id)
