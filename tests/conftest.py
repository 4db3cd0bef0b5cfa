"""Fixtures: a real PostgreSQL of its own, the real model and rules, one page of a made-up body."""

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import routing_rules
from app import db, embedded
from app.accounts.actor import Actor
from app.accounts.models import Role, User
from app.accounts.service import create_user
from app.db import alembic_config
from app.file_store import open_file_store
from app.intake import webhooks
from app.intake.service import drain_batch
from app.jobs import Job, Queue
from app.live import Live
from app.logs import configure_logging
from app.main import attach, create_app
from app.models import metadata
from app.platforms.base import Credentials
from app.platforms.rate import RateLimiter
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, webhook_path
from app.reference import sync_reference_data
from app.resources import Resources
from app.rulebook import Rulebook
from app.settings import Settings
from app.vault import Vault
from classifier import Judge

FIXTURES = Path(__file__).parent / "platforms" / "vk"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # a Monday, 12:00 in Omsk
ZONE = "Asia/Omsk"
GROUP = 200000001
SECRET = "vkSecretExample123"
PASSWORD = "a-long-test-password"
REFERENCE_TABLES = ("department", "territory")
KEPT_TABLES = {*REFERENCE_TABLES, "alembic_version"}

configure_logging()  # as in every process; structlog's own way draws tracebacks for seconds

_DELETES = "".join(f'DELETE FROM "{name}";' for name in metadata.tables if name not in KEPT_TABLES)
# What a test has done to reference data is undone, row by row: nearly always there is nothing to do.
_RESTORES = "".join(
    f"DELETE FROM {name} AS here WHERE NOT EXISTS (SELECT FROM reference.{name} AS kept WHERE kept.* = here.*);"
    f"INSERT INTO {name} SELECT * FROM reference.{name} AS kept "
    f"WHERE NOT EXISTS (SELECT FROM {name} AS here WHERE here.* = kept.*);"
    for name in REFERENCE_TABLES
)
_KEEPS = "CREATE SCHEMA reference;" + "".join(
    f"CREATE TABLE reference.{name} AS TABLE {name};" for name in REFERENCE_TABLES
)
# Ten times faster than TRUNCATE, which makes new files for every table and index.
EMPTY = f"""DO $$ DECLARE one record; BEGIN
  SET LOCAL session_replication_role = replica;
  {_DELETES}
  {_RESTORES}
  FOR one IN SELECT format('%I.%I', schemaname, sequencename) AS name FROM pg_sequences
    WHERE last_value IS NOT NULL AND sequencename <> 'department_id_seq'
  LOOP PERFORM setval(one.name::regclass, 1, false); END LOOP;
END $$"""


TLS = httpx.create_ssl_context()  # takes longer than most tests, and every client would make one


class RecordedQueue(Queue):
    """A queue that remembers the nudges instead of sending them."""

    def __init__(self) -> None:
        super().__init__("unix:///nowhere")
        self.nudges: list[Job] = []

    def nudge(self, job: Job) -> None:
        self.nudges.append(job)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A migrated database in a server of this test process.

    Not under pytest's own folder: that one is closed to others at every start of pytest, and PostgreSQL, started by
    root, runs as another user.
    """
    with tempfile.TemporaryDirectory(prefix="appeals-test-", ignore_cleanup_errors=True) as folder:
        servers = embedded.start(Path(folder), needs_database=True, needs_redis=False)
        command.upgrade(alembic_config(servers.database_url), "head")
        yield servers.database_url
        servers.stop()


@pytest.fixture(scope="session")
def judge() -> Judge:
    """The starter model."""
    return Judge.load()


@pytest.fixture(scope="session")
def rule_set() -> routing_rules.RuleSet:
    """The shipped tables."""
    return routing_rules.load(routing_rules.DEFAULT_DIRECTORY)


@pytest.fixture(scope="session")
async def engine(postgres_url: str, rule_set: routing_rules.RuleSet) -> AsyncIterator[AsyncEngine]:
    """One engine for all tests, reference data in place, without waiting for the disk."""
    engine = db.create_engine(postgres_url, 10)
    async with engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ALTER SYSTEM SET fsync = off"))
        await connection.execute(text("SELECT pg_reload_conf()"))
    async with db.Database(engine, RecordedQueue()).transaction() as session:
        await sync_reference_data(session, rule_set)
    async with engine.begin() as connection:
        await connection.execute(text(f"DO $$ BEGIN {_KEEPS} END $$"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def database(engine: AsyncEngine) -> db.Database:
    """An empty database: what a test commits is really committed, and gone before the next test."""
    async with engine.begin() as connection:
        await connection.execute(text(EMPTY))
    return db.Database(engine, RecordedQueue())


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    """Settings of a test, untouched by the environment."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path,
        database_url=postgres_url,
        redis_url="unix:///nowhere",
        time_zone=ZONE,
        vk_api_url="http://vk.test",
    )


@pytest.fixture
async def resources(
    settings: Settings, database: db.Database, judge: Judge, rule_set: routing_rules.RuleSet
) -> AsyncIterator[Resources]:
    """Everything a process holds open, on the test database."""
    async with httpx.AsyncClient(verify=TLS) as client:
        yield Resources(
            settings=settings,
            database=database,
            vault=Vault(b"k" * 32),
            http=client,
            downloads=client,
            channels=client,
            files=open_file_store(settings),
            limiter=RateLimiter(),
            judge=judge,
            rulebook=Rulebook(rule_set),
            live=Live(settings.database_url),
        )


@pytest.fixture(scope="session")
def application(postgres_url: str) -> FastAPI:
    """The web application, built once: its routes are worked out when first asked for, which takes a second."""
    return create_app(Settings(_env_file=None, database_url=postgres_url))  # type: ignore[call-arg]


@pytest.fixture
async def app(application: FastAPI, settings: Settings, resources: Resources) -> AsyncIterator[FastAPI]:
    """The web application with the resources of this test."""
    application.state.settings = settings
    attach(application, resources)
    yield application
    await application.state.webhooks.close()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser or platform that talks to the application; failures inside come out as the 500 that they are."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def page(resources: Resources) -> PublicPage:
    """A VK page of the city."""
    credentials = Credentials(str(GROUP), SECRET, "confirm-me", "community-token")
    async with resources.database.transaction() as session:
        return await add_page(
            session, resources.vault, platform="vk", credentials=credentials, name="Администрация Примерска",
            territory_code="52701000", now=NOW,
        )  # fmt: skip


@dataclass
class VK:
    """VKontakte as the tests play it: it delivers events of one page."""

    client: httpx.AsyncClient
    resources: Resources
    page: PublicPage
    count: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)

    def event(self, event_type: str, content: dict[str, Any], **extra: Any) -> dict[str, Any]:
        """An envelope with an event id of its own."""
        self.count += 1
        envelope = {"type": event_type, "group_id": GROUP, "event_id": f"event-{self.count}", "v": "5.199"}
        return {**envelope, "object": content, "secret": SECRET, **extra}

    async def deliver(self, event: dict[str, Any]) -> httpx.Response:
        """POST it to the page's webhook."""
        return await self.client.post(webhook_path(self.page), content=json.dumps(event).encode())

    async def comment(self, text: str, comment_id: int, author: int = 100000002, **extra: Any) -> httpx.Response:
        """A citizen's new comment under post 700."""
        return await self.deliver(self.event("wall_reply_new", comment(text, comment_id, author, **extra)))

    async def message(self, text: str, number: int, author: int = 100000001) -> httpx.Response:
        """A citizen's private message."""
        return await self.deliver(self.event("message_new", {"message": private(text, number, author)}))

    async def drain(self, now: datetime = NOW) -> int:
        """Handle everything that waits."""
        total = 0
        while count := await drain_batch(self.resources, now):
            total += count
        return total


def comment(text: str, comment_id: int, author: int = 100000002, **extra: Any) -> dict[str, Any]:
    """A wall comment as VK shapes it."""
    return {
        "id": comment_id, "from_id": author, "date": int(NOW.timestamp()) - 60, "text": text, "post_id": 700,
        "owner_id": -GROUP, "parents_stack": [], "post_owner_id": -GROUP, **extra,
    }  # fmt: skip


def private(text: str, number: int, author: int = 100000001, **extra: Any) -> dict[str, Any]:
    """A private message as VK shapes it."""
    return {
        "id": 5000 + number, "conversation_message_id": number, "peer_id": author, "from_id": author, "out": 0,
        "date": int(NOW.timestamp()) - 60, "text": text, "version": 1, "attachments": [], **extra,
    }  # fmt: skip


@pytest.fixture
def vk(client: httpx.AsyncClient, resources: Resources, page: PublicPage, monkeypatch: pytest.MonkeyPatch) -> VK:
    """VKontakte with one page; webhooks arrive at NOW."""
    monkeypatch.setattr(webhooks, "utc_now", lambda: NOW)
    return VK(client, resources, page)


@pytest.fixture
async def operator(resources: Resources) -> Actor:
    """An operator of the control center."""
    return await person(resources, "operator", Role.OPERATOR)


async def person(resources: Resources, login: str, role: Role, department_code: str = "") -> Actor:
    """A user with the test password."""
    async with resources.database.transaction() as session:
        user: User = await create_user(
            session,
            login=login,
            name=f"Имя {login}",
            role=role,
            password=PASSWORD,
            department_code=department_code,
            now=NOW,
        )
    return Actor(label=user.name, role=user.role, user_id=user.id, department_id=user.department_id, login=user.login)
