"""The database: the only place where a transaction begins and ends."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import Depends, Request
from sqlalchemy import DateTime, Table, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import make_transient_to_detached
from sqlmodel import Field, SQLModel

from app.jobs import PENDING, Queue

ROOT = Path(__file__).resolve().parent.parent
LAST_WORK = "work_before_commit"
KEPT = "kept_between_sessions"
CONNECT_SECONDS = 5  # a platform that waits for an acknowledgement hears 503 rather than nothing
# How rows that others refer to are locked (FOR NO KEY UPDATE): a foreign key's own lock goes past it. With FOR UPDATE
# the sweep (holds a clock, writes history) and a person (holds the appeal, stops the clock) would deadlock.
NO_KEY_UPDATE: dict[str, Any] = {"key_share": True}


class SchemaIsStale(RuntimeError):
    """The database is not at the revision this code was written for: run `appeals migrate`."""


def utc_field(**options: Any) -> Any:
    """A column of aware UTC time."""
    return Field(sa_type=DateTime(timezone=True), **options)


class NotPostgres(ValueError):
    """The address names another database than PostgreSQL, or nothing at all."""


def driver_url(url: str) -> str:
    """Any PostgreSQL URL with our one driver, psycopg 3, in it. Raises NotPostgres."""
    return _with_driver(url, "postgresql+psycopg")


def libpq_url(url: str) -> str:
    """The same for psycopg itself, which knows no drivers. Raises NotPostgres."""
    return _with_driver(url, "postgresql")


def _with_driver(url: str, driver: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise NotPostgres("APPEALS_DATABASE_URL: это не адрес базы данных") from error
    if parsed.drivername.split("+")[0] not in {"postgresql", "postgres"}:
        raise NotPostgres("APPEALS_DATABASE_URL: нужен адрес PostgreSQL (postgresql://…)")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def create_engine(url: str, pool_size: int) -> AsyncEngine:
    """An engine that notices dead connections. Its errors name no values: in our logs they would be citizens' words."""
    return create_async_engine(
        driver_url(url), pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )  # fmt: skip


class Database:
    """Opens transactions; after a commit it sends the nudges that were remembered."""

    def __init__(self, engine: AsyncEngine, queue: Queue, sessions: async_sessionmaker[AsyncSession] | None = None):
        self.engine = engine
        self.queue = queue
        self._sessions = sessions or async_sessionmaker(engine, expire_on_commit=False, info={KEPT: {}})

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits at the end, rolls back on any error."""
        async with self._sessions() as session:
            yield session
            for work in session.info.pop(LAST_WORK, ()):
                await work(session)
            await session.commit()
            jobs = session.info.pop(PENDING, set())
        for job in jobs:
            self.queue.nudge(job)


def at_the_end(session: AsyncSession, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
    """Remember to do this once, in this transaction, after everything else. `session.info[KEPT]` outlives it."""
    session.info.setdefault(LAST_WORK, {})[work] = None


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.resources.database
    async with database.transaction() as session:
        yield session


# scope="function": the commit happens before the answer goes out, so a failed commit is a 5xx and not a lie.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]


async def assign_ids(session: AsyncSession, rows: Sequence[SQLModel]) -> None:
    """Give new rows of one table their ids now, so that others may point at them before they are written."""
    if not rows:
        return
    ids = await session.scalars(
        text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)"),
        {"table": table_of(rows[0]).name, "count": len(rows)},
    )
    for row, number in zip(rows, ids, strict=True):
        row.id = number


async def flush_in_bulk(session: AsyncSession) -> None:
    """Write what is new in this session with one statement a table, then what changed.

    For batches of hundreds: rows travel as one JSON parameter, which costs a tenth of the placeholders of an ordinary
    flush. Afterwards the objects are persistent, as after `flush`.
    """
    new: dict[Table, list[SQLModel]] = {}
    for row in session.new:
        new.setdefault(table_of(row), []).append(row)
    for table in (table for table in SQLModel.metadata.sorted_tables if table in new):
        rows = new[table]
        await assign_ids(session, [row for row in rows if getattr(row, "id", 0) is None])
        for row in rows:
            session.expunge(row)
        await _insert(session, table, rows)
        for row in rows:
            make_transient_to_detached(row)
        session.add_all(rows)
    await session.flush()


def table_of(row: SQLModel) -> Table:
    """The table of a mapped object."""
    table: Table = type(row).__table__  # type: ignore[attr-defined]
    return table


async def _insert(session: AsyncSession, table: Table, rows: Sequence[SQLModel]) -> None:
    names = [column.name for column in table.columns if column.computed is None]
    columns = ", ".join(f'"{name}"' for name in names)
    stored = map(vars, rows)  # a new row has all its values at hand: no need to ask its mapped attributes
    values = msgspec.json.encode([{name: row[name] for name in names} for row in stored]).decode()
    statement = (
        f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} '  # noqa: S608 (names of our own tables)
        f'FROM jsonb_populate_recordset(NULL::"{table.name}", CAST(:rows AS jsonb))'
    )
    await session.execute(text(statement), {"rows": values})


def alembic_config(url: str) -> Config:
    """Alembic's configuration for one database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    return config


@cache
def newest_revision() -> str | None:
    """The revision this code was written for. Read once: whoever asks for readiness must not make us read files."""
    return ScriptDirectory(str(ROOT / "alembic")).get_current_head()


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def schema_is_current(engine: AsyncEngine) -> bool:
    """Whether the database is at the newest revision."""
    async with engine.connect() as connection:
        return await connection.run_sync(_current_revision) == newest_revision()


async def require_current_schema(engine: AsyncEngine) -> None:
    """Raises SchemaIsStale before code meets tables that it was not written for."""
    if not await schema_is_current(engine):
        raise SchemaIsStale("Схема базы не от этой версии: выполните `appeals migrate`")


async def is_reachable(engine: AsyncEngine) -> bool:
    """Whether PostgreSQL answers now."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception:  # any driver or network error means the same: not reachable
        return False
    return True
