"""An appeal that somebody has answered, and the years after it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals import service as appeals
from app.appeals.models import Answer, Appeal
from app.resources import Resources
from app.retention.service import expire
from tests.conftest import NOW, VK
from tests.office import ROAD, clerk, do, opened

TERM = timedelta(days=1826)
AFTER = NOW + TERM + timedelta(days=1)
EVERYTHING = text(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
)


@pytest.fixture
async def anna(resources: Resources) -> Actor:
    """An operator."""
    return await clerk(resources)


async def deliver(resources: Resources, answer: Answer, at: datetime = NOW) -> None:
    """The platform has taken the answer."""
    async with resources.database.transaction() as session:
        appeal = await session.get_one(Appeal, answer.appeal_id)
        stored = await session.get_one(Answer, answer.id)
        stored.external_id, stored.echo_key = "900", "wall:900"
        await cycle.mark_delivered(session, stored, appeal, at, cycle.SYSTEM)


async def answered(
    vk: VK, anna: Actor, words: str = ROAD, comment_id: int = 731, author: int = 100000002, at: datetime = NOW
) -> Appeal:
    """A citizen's comment that has its answer since `at`."""
    appeal = await opened(vk, words, comment_id, author)
    written = await do(vk.resources, appeals.answer, appeal.id or 0, "Отремонтируем в мае", anna, now=at)
    await deliver(vk.resources, written, at)
    async with vk.resources.database.transaction() as session:
        return await session.get_one(Appeal, appeal.id)


async def years_pass(resources: Resources, now: datetime = AFTER) -> int:
    """The worker's rounds after the term, until nothing is due; how many rows."""
    total = 0
    while count := await expire(resources, now):
        total += count
    return total


async def where_is(resources: Resources, *words: str) -> dict[str, list[str]]:
    """Tables in any column of which these words stand, whatever its type."""
    found: dict[str, list[str]] = {}
    async with resources.database.transaction() as session:
        for table in await session.scalars(EVERYTHING):
            for word in words:
                said = text(f'SELECT count(*) FROM "{table}" one WHERE one::text ILIKE :word')
                if await session.scalar(said, {"word": f"%{word}%"}):
                    found.setdefault(word, []).append(table)
    return found


async def whole_database(resources: Resources) -> dict[str, list[Any]]:
    """Every row of every table as text."""
    async with resources.database.transaction() as session:
        tables = (await session.scalars(EVERYTHING)).all()
        return {
            table: sorted(await session.scalars(text(f'SELECT one::text FROM "{table}" one'))) for table in tables
        }  # fmt: skip
