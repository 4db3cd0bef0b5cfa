"""The benchmarks write rows by SQL of their own: a column that it does not know must not wait for `make bench`."""

from sqlalchemy import func, select, text

from app.appeals.models import Answer, Appeal
from app.resources import Resources
from app.sla.models import Clock
from tests.bench import queue_page, similar


async def test_the_benchmarks_can_fill_every_table_they_measure(resources: Resources) -> None:
    engine = resources.database.engine
    indexes = text("SELECT count(*) FROM pg_indexes WHERE tablename = 'appeal'")
    async with resources.database.transaction() as session:
        before = await session.scalar(indexes)
        await session.execute(text("SELECT setval(pg_get_serial_sequence('appeal', 'id'), 999800)"))
    await queue_page.furnish(resources)
    await queue_page.fill(engine, 999_801, 1_000_000)
    await similar.note_likeness(engine)
    async with resources.database.transaction() as session:
        counts = [await session.scalar(select(func.count()).select_from(one)) or 0 for one in (Appeal, Clock, Answer)]
        assert counts[0] == 200
        assert min(counts) > 0
        assert await session.scalar(indexes) == before
