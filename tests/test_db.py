"""Transactions, nudges after commit, the one driver, the schema check, writing in bulk."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db
from app.appeals.models import Appeal, HistoryEntry
from app.audit.models import AuditEntry
from app.audit.service import audit
from app.db import Database, NotPostgres, SessionDep, alembic_config, assign_ids, driver_url, flush_in_bulk, libpq_url
from app.jobs import Job, enqueue
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sla.models import Clock
from tests.conftest import NOW, VK
from tests.office import only, opened, rows


def nudges(database: Database) -> list[Job]:
    queue: Any = database.queue  # the recording one of conftest
    return list(queue.nudges)


async def test_a_transaction_commits_and_then_nudges_once_a_kind(database: Database) -> None:
    async with database.transaction() as session:
        audit(session, "Тест", "written", NOW, number=1)
        for job in (Job.DRAIN_INBOX, Job.DRAIN_INBOX, Job.DELIVER_ANSWERS):
            enqueue(session, job)
        assert nudges(database) == []
    assert sorted(nudges(database)) == [Job.DELIVER_ANSWERS, Job.DRAIN_INBOX]
    async with database.transaction() as session:
        entry = (await session.scalars(select(AuditEntry))).one()
    assert (entry.actor, entry.action, entry.at, entry.details) == ("Тест", "written", NOW, {"number": 1})


async def give_up(database: Database) -> None:
    async with database.transaction() as session:
        audit(session, "Тест", "written", NOW)
        enqueue(session, Job.DRAIN_INBOX)
        raise RuntimeError("передумали")


async def write_what_is_refused(database: Database) -> None:
    async with database.transaction() as session:
        enqueue(session, Job.DRAIN_INBOX)
        session.add(HistoryEntry(appeal_id=404, at=NOW, actor="Тест", action="received"))


async def test_what_is_rolled_back_nudges_nobody(database: Database) -> None:
    with pytest.raises(RuntimeError, match="передумали"):
        await give_up(database)
    with pytest.raises(IntegrityError):
        await write_what_is_refused(database)
    assert nudges(database) == []
    async with database.transaction() as session:
        assert (await session.scalars(select(AuditEntry))).all() == []


@pytest.fixture
async def writer(database: Database, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """An application with one endpoint whose row is refused at the commit only."""
    app = FastAPI()
    app.state.resources = resources

    @app.post("/{appeal_id}")
    async def write(appeal_id: int, session: SessionDep) -> str:
        session.add(HistoryEntry(appeal_id=appeal_id, at=NOW, actor="Тест", action="received"))
        return "written"

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_request_whose_commit_fails_is_not_told_that_it_worked(writer: httpx.AsyncClient, vk: VK) -> None:
    appeal = await opened(vk)
    assert (await writer.post(f"/{appeal.id}")).status_code == 200
    assert (await writer.post("/404")).status_code == 500


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p%40ss@host:5433/appeals",
        "postgres://user:p%40ss@host:5433/appeals",
        "postgresql+psycopg2://user:p%40ss@host:5433/appeals",
    ],
)
def test_every_spelling_of_a_postgresql_address_gets_the_one_driver(url: str) -> None:
    assert driver_url(url) == "postgresql+psycopg://user:p%40ss@host:5433/appeals"
    assert libpq_url(url) == "postgresql://user:p%40ss@host:5433/appeals"


@pytest.mark.parametrize("url", ["mysql://host/appeals", "sqlite:///appeals.db", "appeals", ""])
def test_another_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(NotPostgres, match="APPEALS_DATABASE_URL"):
        driver_url(url)


def test_a_percent_sign_in_a_password_survives_alembics_configuration() -> None:
    url = "postgresql://user:50%25@host/appeals"
    assert alembic_config(url).get_main_option("sqlalchemy.url") == driver_url(url)


async def test_the_schema_is_current_after_migrations_only(engine: AsyncEngine, postgres_url: str) -> None:
    assert await db.schema_is_current(engine)
    await db.require_current_schema(engine)
    empty = db.create_engine(postgres_url.replace("/appeals?", "/postgres?"), 1)
    try:
        assert not await db.schema_is_current(empty)
        with pytest.raises(db.SchemaIsStale, match="migrate"):
            await db.require_current_schema(empty)
    finally:
        await empty.dispose()


async def test_a_dead_database_is_not_reachable(engine: AsyncEngine) -> None:
    assert await db.is_reachable(engine)
    dead = db.create_engine("postgresql://127.0.0.1:1/appeals", 1)
    assert not await db.is_reachable(dead)
    await dead.dispose()


async def test_rows_written_in_bulk_are_as_if_written_one_by_one(resources: Resources, vk: VK) -> None:
    template = await opened(vk)
    copied = {name: getattr(template, name) for name in Appeal.model_fields if name not in ("id", "thread_key")}
    async with resources.database.transaction() as session:
        with session.no_autoflush:
            new = [Appeal(**copied, thread_key=f"thread {number}") for number in range(3)]
            session.add_all(new)
            await assign_ids(session, new)
            entries = [
                HistoryEntry(appeal_id=one.id or 0, at=NOW, actor="Тест", action="received", details={"ё": [1, None]})
                for one in new
            ]
            session.add_all(entries)
            page = await session.get_one(PublicPage, template.page_id)
            page.name = "Новое имя"
            await flush_in_bulk(session)
        new[0].text = "Правка после записи"
    written = await rows(resources, Appeal)
    assert [one.id for one in written] == [template.id, *(one.id for one in new)]
    assert written[1].text == "Правка после записи"
    for name in set(Appeal.model_fields) - {"id", "thread_key"}:
        assert getattr(written[2], name) == getattr(template, name), name
    assert [one.details for one in (await rows(resources, HistoryEntry))[-3:]] == [{"ё": [1, None]}] * 3
    assert (await only(resources, PublicPage)).name == "Новое имя"
    async with resources.database.transaction() as session:
        found = await session.execute(text("SELECT count(*) FROM appeal WHERE is_open AND search @@ 'дорог'::tsquery"))
        assert found.scalar_one() == 4  # what PostgreSQL computes is there too


async def test_nothing_to_write_is_no_statement(database: Database) -> None:
    async with database.transaction() as session:
        await assign_ids(session, [])
        await flush_in_bulk(session)
        assert (await session.scalars(select(Clock))).all() == []


async def test_a_failed_statement_tells_no_values(database: Database) -> None:
    """Errors go to the log, and the values are what citizens wrote."""
    async with database.transaction() as session:
        audit(session, "Тест" * 60, "words", NOW, text="слова жителя")
        with pytest.raises(DataError) as failure:
            await session.flush()
        await session.rollback()
    assert "слова жителя" not in str(failure.value)
    assert "audit_entry" in str(failure.value)
