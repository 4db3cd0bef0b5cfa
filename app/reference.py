"""Reference data that the code ships with and the database needs: departments and territories of the rule set."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import SchemaIsStale
from app.departments.models import Department, Territory
from routing_rules import RuleSet, territory_path


async def sync_reference_data(session: AsyncSession, rule_set: RuleSet) -> None:
    """Add what the rule set names and the database lacks. Nothing is removed: history points at it.

    What is there keeps its names: people edit the registry of departments, and the files are only its beginning.
    """
    known = {department.code: department for department in (await session.scalars(select(Department))).all()}
    for entry in rule_set.departments:
        department = known.get(entry.code)
        if department is None:
            session.add(Department(code=entry.code, name=entry.name, short_name=entry.short_name, kind=entry.kind))
    await _sync_territories(session, rule_set)


async def require_reference_data(session: AsyncSession, rule_set: RuleSet) -> None:
    """Raises SchemaIsStale before rules lead an appeal to a department that the database does not know."""
    known = set(await session.scalars(select(col(Department.code))))
    missing = sorted({entry.code for entry in rule_set.departments} - known)
    if missing:
        raise SchemaIsStale(f"В базе нет отделов из таблиц компетенции ({missing[0]}…): выполните `appeals migrate`")


async def _sync_territories(session: AsyncSession, rule_set: RuleSet) -> None:
    names = {territory.code: territory for territory in rule_set.tables.territories}
    known = {territory.code: territory for territory in (await session.scalars(select(Territory))).all()}
    for code in sorted(names, key=lambda code: len(territory_path(code))):  # parents before children
        path = territory_path(code)
        parent = next((above for above in reversed(path[:-1]) if above in names), None)
        if code not in known:
            steps = "/".join(step for step in path if step in names)
            session.add(Territory(code=code, name=names[code].name, parent_code=parent, path=steps))
            await session.flush()
