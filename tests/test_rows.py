"""The base of all tables keeps what SQLModel promises, without doing it twice."""

import pytest
from sqlalchemy import inspect
from sqlmodel import SQLModel

from app.audit.models import AuditEntry
from app.models import metadata
from app.resources import Resources
from app.rows import Row
from app.sla.models import Clock
from tests.conftest import NOW
from tests.office import only


def test_every_table_is_made_of_rows() -> None:
    assert {mapped.__tablename__ for mapped in Row.__subclasses__()} == set(metadata.tables)
    assert not [one for one in SQLModel.__subclasses__() if hasattr(one, "__table__")]


def test_a_new_row_has_its_defaults_and_shares_none_with_others() -> None:
    one, other = AuditEntry(at=NOW, actor="a", action="x"), AuditEntry(at=NOW, actor="a", action="y")
    assert (one.id, one.details, one.action, other.action) == (None, {}, "x", "y")
    one.details["a"] = 1
    assert other.details == {}


def test_a_name_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="Clock has no due"):
        Clock(due=NOW)  # type: ignore[call-arg]


async def test_a_change_of_a_stored_row_is_noted_and_written(resources: Resources) -> None:
    async with resources.database.transaction() as session:
        session.add(AuditEntry(at=NOW, actor="a", action="x"))
    async with resources.database.transaction() as session:
        entry = await session.get_one(AuditEntry, (await only(resources, AuditEntry)).id)
        entry.details = {"a": 1}
        assert inspect(entry).attrs.details.history.added == [{"a": 1}]
        assert not inspect(entry).attrs.action.history.has_changes()
    assert (await only(resources, AuditEntry)).details == {"a": 1}
