"""This installation: its servers, embedded where no address is given, its key and its schema."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from alembic import command

from app import embedded
from app.db import alembic_config
from app.reference import sync_reference_data
from app.resources import Resources, open_resources
from app.rules.service import import_first_version
from app.settings import Settings
from app.time import utc_now
from app.vault import create_key_file
from routing_rules import read_texts


@contextmanager
def with_servers(settings: Settings) -> Iterator[Settings]:
    """The settings with addresses of running servers. Embedded servers stop with their last user."""
    servers = embedded.start(
        settings.data_dir, needs_database=not settings.database_url, needs_redis=not settings.redis_url
    )
    try:
        create_key_file(settings)
        yield settings.model_copy(
            update={
                "database_url": settings.database_url or servers.database_url,
                "redis_url": settings.redis_url or servers.redis_url,
            }
        )
    finally:
        servers.stop()


@asynccontextmanager
async def with_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Everything open, on the servers of this installation."""
    with with_servers(settings) as addressed:
        async with open_resources(addressed) as resources:
            yield resources


def migrate_database(settings: Settings) -> None:
    """Alembic to the newest revision, then what the shipped tables know: reference data, the first rules."""
    command.upgrade(alembic_config(settings.database_url), "head")

    async def sync() -> None:
        async with open_resources(settings) as resources, resources.database.transaction() as session:
            await sync_reference_data(session, resources.rulebook.shipped)
            await import_first_version(session, read_texts(settings.shipped_rules), utc_now())

    asyncio.run(sync())
