"""Migrations lead up, down and up again, and end exactly where the models are."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import create_engine

from app.db import alembic_config, driver_url, libpq_url
from app.models import metadata

DESCRIPTIONS = (
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, generation_expression"
    " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2",
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    " ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND conrelid IS DISTINCT FROM to_regclass('alembic_version')"
    " ORDER BY 1, 2",
)
# Alembic compares a computed column as text and PostgreSQL writes it its own way; `description` compares the real ones.
pytestmark = pytest.mark.filterwarnings("ignore:Computed default on")


@pytest.fixture
def scratch(postgres_url: str) -> Iterator[str]:
    """An empty database beside that of the tests."""
    yield from empty_database(postgres_url, "scratch_of_migrations")


@pytest.fixture
def second_scratch(postgres_url: str) -> Iterator[str]:
    yield from empty_database(postgres_url, "scratch_of_models")


def empty_database(postgres_url: str, name: str) -> Iterator[str]:
    with psycopg.connect(libpq_url(postgres_url), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield postgres_url.replace("/appeals?", f"/{name}?")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def tables(url: str) -> set[str]:
    with psycopg.connect(libpq_url(url)) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def description(url: str) -> list[list[tuple[object, ...]]]:
    """Every column, index and constraint in PostgreSQL's own words."""
    with psycopg.connect(libpq_url(url)) as connection:
        return [connection.execute(statement).fetchall() for statement in DESCRIPTIONS]


def test_up_down_and_up_again_end_where_the_models_are(scratch: str, second_scratch: str) -> None:
    config = alembic_config(scratch)
    command.upgrade(config, "head")
    first = description(scratch)
    command.downgrade(config, "base")
    assert tables(scratch) == {"alembic_version"}
    command.upgrade(config, "head")
    assert tables(scratch) == {*metadata.tables, "alembic_version"}
    assert description(scratch) == first
    command.check(config)

    engine = create_engine(driver_url(second_scratch))
    metadata.create_all(engine)
    engine.dispose()
    assert first == description(second_scratch)


def test_a_drift_is_noticed(scratch: str) -> None:
    config = alembic_config(scratch)
    command.upgrade(config, "head")
    before = description(scratch)
    with psycopg.connect(libpq_url(scratch)) as connection:
        connection.execute("ALTER TABLE appeal DROP COLUMN severity")
        connection.execute("DROP INDEX ix_clock_due_open")
    with pytest.raises(CommandError, match="New upgrade operations detected"):
        command.check(config)
    assert description(scratch) != before
