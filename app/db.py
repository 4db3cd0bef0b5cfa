"""The database: the only place where a transaction begins and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import Depends, Request
from sqlalchemy import DateTime, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlmodel import Field

from app.jobs import PENDING, Queue

ROOT = Path(__file__).resolve().parent.parent


class SchemaIsStale(RuntimeError):
    """The database is not at the revision this code was written for: run `appeals migrate`."""


def utc_field(**options: Any) -> Any:
    """A column of aware UTC time."""
    return Field(sa_type=DateTime(timezone=True), **options)  # type: ignore[call-overload]


def driver_url(url: str) -> str:
    """Any PostgreSQL URL with our one driver, psycopg 3, in it."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError("APPEALS_DATABASE_URL: нужен адрес PostgreSQL (postgresql://…)")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def create_engine(url: str, pool_size: int) -> AsyncEngine:
    """An engine that notices dead connections."""
    return create_async_engine(driver_url(url), pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)


class Database:
    """Opens transactions; after a commit it sends the nudges that were remembered."""

    def __init__(self, engine: AsyncEngine, queue: Queue, sessions: async_sessionmaker[AsyncSession] | None = None):
        self.engine = engine
        self.queue = queue
        self._sessions = sessions or async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits at the end, rolls back on any error."""
        async with self._sessions() as session:
            yield session
            await session.commit()
            jobs = session.info.pop(PENDING, set())
        for job in jobs:
            self.queue.nudge(job)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.resources.database
    async with database.transaction() as session:
        yield session


# scope="function": the commit happens before the answer goes out, so a failed commit is a 5xx and not a lie.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]


def alembic_config(url: str) -> Config:
    """Alembic's configuration for one database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    return config


def _revisions(connection: Connection, config: Config) -> tuple[str | None, str | None]:
    current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(config).get_current_head()


async def schema_is_current(engine: AsyncEngine, url: str) -> bool:
    """Whether the database is at the newest revision."""
    async with engine.connect() as connection:
        current, head = await connection.run_sync(_revisions, alembic_config(url))
    return current == head


async def is_reachable(engine: AsyncEngine) -> bool:
    """Whether PostgreSQL answers now."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception:  # any driver or network error means the same: not reachable
        return False
    return True
