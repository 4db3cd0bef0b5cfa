"""Departments and territories of the rule set, brought into the database as often as one likes."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from app.db import Database, SchemaIsStale
from app.departments.models import Department, Territory
from app.reference import require_reference_data, sync_reference_data
from routing_rules import RuleSet, territory_path


async def test_every_department_and_territory_of_the_rules_is_there_with_its_place_in_the_tree(
    database: Database, rule_set: RuleSet
) -> None:
    async with database.transaction() as session:
        await sync_reference_data(session, rule_set)  # a second time: nothing doubles
        departments = {one.code: one for one in await session.scalars(select(Department))}
        territories = {one.code: one for one in await session.scalars(select(Territory))}
    assert set(departments) >= {entry.code for entry in rule_set.departments}
    for entry in rule_set.departments:
        known = departments[entry.code]
        assert (known.name, known.short_name, known.kind) == (entry.name, entry.short_name, entry.kind)
    names = {one.code: one.name for one in rule_set.tables.territories}
    assert {code: one.name for code, one in territories.items()} == names
    for code, territory in territories.items():
        assert territory.path.split("/") == [step for step in territory_path(code) if step in names]
        above = territory.path.split("/")[-2:-1]
        assert territory.parent_code == (above[0] if above else None)


async def test_names_that_people_gave_stay_and_nobody_is_removed(database: Database, rule_set: RuleSet) -> None:
    first = rule_set.departments[0]

    class Renamed:
        departments = (replace(first, name="Новое имя"),)
        tables = rule_set.tables

    async with database.transaction() as session:
        before = len((await session.scalars(select(Department))).all())
        await sync_reference_data(session, Renamed())  # type: ignore[arg-type]
        found = {one.code: one.name for one in await session.scalars(select(Department))}
        assert (found[first.code], len(found)) == (first.name, before)
        await session.rollback()  # the other tests keep the real names


async def test_rules_that_name_an_unknown_department_are_refused_at_the_start(
    database: Database, rule_set: RuleSet
) -> None:
    class Newer:
        departments = (*rule_set.departments, replace(rule_set.departments[0], code="brand-new"))

    async with database.transaction() as session:
        await require_reference_data(session, rule_set)
        with pytest.raises(SchemaIsStale, match="brand-new"):
            await require_reference_data(session, Newer())  # type: ignore[arg-type]
