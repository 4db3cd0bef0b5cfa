"""The sweep over clocks that ran out."""

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from app.appeals import breaches, cycle
from app.appeals.breaches import mark_breaches
from app.appeals.models import Appeal, HistoryEntry
from app.resources import Resources
from app.sla import service as sla
from app.sla.models import Clock
from tests.conftest import NOW, VK
from tests.office import THANKS, actions, clerk, details, only, opened, rows


async def test_a_clock_past_its_due_time_is_marked_once_at_that_time(resources: Resources, vk: VK) -> None:
    appeal = await opened(vk)
    assert appeal.next_due_at is not None
    assert await mark_breaches(resources, appeal.next_due_at) == 0  # the last instant is in time
    late = appeal.next_due_at + timedelta(minutes=1)
    assert await mark_breaches(resources, late) == 1
    assert await mark_breaches(resources, late + timedelta(days=1)) == 0
    clock = await only(resources, Clock)
    assert (clock.breached_at, clock.closed_at) == (appeal.next_due_at, None)
    assert (await actions(resources)).count("breached") == 1
    assert await details(resources, "breached") == {"kind": "first_answer", "due_at": appeal.next_due_at.isoformat()}
    assert (await rows(resources, HistoryEntry))[-1].at == late
    assert (await only(resources, Appeal)).next_due_at == appeal.next_due_at


async def test_closed_clocks_are_left_alone_and_a_late_answer_keeps_the_mark(resources: Resources, vk: VK) -> None:
    answered, late = await opened(vk), await opened(vk, comment_id=732)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, answered.id)
        await cycle.mark_answered(session, stored, NOW, NOW, is_interim=False)
    assert await mark_breaches(resources, NOW + timedelta(days=30)) == 1
    async with resources.database.transaction() as session:
        at = NOW + timedelta(days=31)
        await cycle.mark_answered(session, await session.get_one(Appeal, late.id), at, at, is_interim=False)
    in_time, after = await rows(resources, Clock)
    assert (in_time.breached_at, in_time.met_at) == (None, NOW)
    assert (after.breached_at, after.met_at) == (late.next_due_at, NOW + timedelta(days=31))


async def test_talk_is_said_to_be_late_by_nobody(resources: Resources, vk: VK) -> None:
    await opened(vk, THANKS)
    await mark_breaches(resources, NOW + timedelta(days=30))
    assert "breached" not in await actions(resources)
    assert await mark_breaches(resources, NOW + timedelta(days=31)) == 0


async def test_a_paused_clock_is_not_marked(resources: Resources, vk: VK) -> None:
    await opened(vk)
    async with resources.database.transaction() as session:
        (await session.get_one(Clock, 1)).due_at = None
    assert await mark_breaches(resources, NOW + timedelta(days=30)) == 0


async def test_many_workers_mark_each_clock_once(resources: Resources, vk: VK, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaches, "BATCH", 5)
    appeal = await opened(vk)
    async with resources.database.transaction() as session:
        for _ in range(22):
            session.add(
                sla.start_clock(
                    appeal_id=appeal.id or 0, department_id=appeal.department_id, kind=sla.FIRST_ANSWER, severity=2,
                    cycle=1, policy_code="social-default", calendar_code=sla.OFFICE, at=NOW,
                )
            )  # fmt: skip

    async def work() -> int:
        done = 0
        while marked := await mark_breaches(resources, NOW + timedelta(days=30)):
            done += marked
        return done

    assert sum(await asyncio.gather(*(work() for _ in range(3)))) == 23
    assert (await actions(resources)).count("breached") == 23


async def test_the_sweep_reads_the_index_of_open_clocks_only(resources: Resources, vk: VK) -> None:
    """The very statement of the sweep, explained on a table of 5,000 closed clocks."""
    await opened(vk)
    async with resources.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO clock (appeal_id, department_id, kind, cycle, policy_code, policy_version, calendar_code,"
                " started_at, span, holes, due_at, closed_at, is_counted) SELECT appeal_id, department_id, kind, cycle,"
                " policy_code, policy_version, calendar_code, started_at, span, holes, due_at, started_at, true"
                " FROM clock, generate_series(1, 5000)"
            )
        )
        await session.execute(text("ANALYZE clock"))
    engine = resources.database.engine.sync_engine
    statements: list[tuple[str, object]] = []

    def remember(connection: object, cursor: object, statement: str, parameters: object, *rest: object) -> None:
        if "FROM clock" in statement:
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        assert await mark_breaches(resources, NOW + timedelta(days=30)) == 1
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    ((statement, parameters),) = statements
    async with resources.database.engine.connect() as connection:
        result = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)  # type: ignore[arg-type]
        plan = json.dumps(result.scalar_one())
    assert "ix_clock_due_open" in plan
    assert "Seq Scan" not in plan


async def test_the_sweep_writes_history_while_a_person_holds_the_appeal(resources: Resources, vk: VK) -> None:
    """Else the two would wait for each other: the person for the clock, the sweep for the appeal it writes about."""
    appeal, anna = await opened(vk), await clerk(resources)
    async with resources.database.transaction() as session:
        await cycle.load(session, appeal.id or 0, anna)
        async with asyncio.timeout(5):
            assert await mark_breaches(resources, NOW + timedelta(days=30)) == 1


async def test_late_news_of_an_answer_in_time_takes_the_mark_away(resources: Resources, vk: VK) -> None:
    appeal = await opened(vk)
    assert await mark_breaches(resources, NOW + timedelta(days=30)) == 1
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, appeal.id)
        await cycle.mark_answered(session, stored, NOW, NOW + timedelta(days=30), is_interim=False)
    clock = await only(resources, Clock)
    assert (clock.met_at, clock.breached_at) == (NOW, None)
