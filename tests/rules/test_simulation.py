"""A draft replayed over past appeals: the counts are those of plain SQL, in the background and by itself."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app.accounts.actor import Actor
from app.appeals.models import Appeal
from app.errors import Conflict, Invalid
from app.jobs import Job
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.rules.checking import count_hits, hits_by_rule, observe
from app.rules.models import RuleSetVersion, RuleSimulation
from app.rules.simulation import ask_for_simulation, latest_simulation, run_waiting
from routing_rules import load
from routing_rules.checks import check
from tests.conftest import NOW
from tests.office import do, only
from tests.rules.conftest import change
from tests.rules.past import TOPIC, write_past

COUNT = 4_500  # more than two portions
MOVED = f'"{TOPIC}",52701000,,,mintrans'


@pytest.fixture
async def moved(published: Resources, page: PublicPage, draft: RuleSetVersion, vera: Actor) -> RuleSetVersion:
    """A draft that gives one topic of the city to the city."""
    await write_past(published, COUNT, NOW)
    await change(published, draft, "matrix.csv", MOVED, MOVED.replace("mintrans", "omsk-city"), vera)
    return draft


async def simulated(resources: Resources, draft: RuleSetVersion, actor: Actor, last: int) -> dict[str, Any]:
    await do(resources, ask_for_simulation, draft.id, actor, last, now=NOW)
    assert await run_waiting(resources, NOW) == 1
    assert await run_waiting(resources, NOW) == 0
    found = await do(resources, latest_simulation, draft.id)
    assert (found.state, found.share, found.edition) == ("done", 1.0, 2)
    result: dict[str, Any] = found.result
    return result


_BY_SQL = text(
    """
WITH believed AS (
  SELECT topic = :topic AND CAST(judgement #>> '{labels,topic,0,probability}' AS float) >= 0.5 AS is_moved, d.code,
    is_confirmed OR routing->>'layer' = 'hand' OR state IN ('in_work', 'interim', 'answered') AS is_decided
  FROM appeal JOIN department d ON d.id = department_id WHERE NOT is_talk ORDER BY appeal.id DESC LIMIT :last)
SELECT count(*) AS total, count(*) FILTER (WHERE is_moved) AS moved,
  count(*) FILTER (WHERE is_moved AND is_decided AND code = 'omsk-city') AS better,
  count(*) FILTER (WHERE is_moved AND is_decided AND code = 'mintrans') AS worse,
  count(*) FILTER (WHERE is_decided) AS decided FROM believed
"""
)


async def test_the_counts_are_those_of_plain_sql(published: Resources, moved: RuleSetVersion, vera: Actor) -> None:
    for last in (COUNT, 1_000):
        result = await simulated(published, moved, vera, last)
        async with published.database.transaction() as session:
            sql = (await session.execute(_BY_SQL, {"topic": TOPIC, "last": last})).one()
            newest = list(
                await session.scalars(
                    select(Appeal.id)
                    .where(Appeal.topic == TOPIC, ~Appeal.is_talk, Appeal.id % 10 >= 5)  # type: ignore[operator, arg-type]
                    .order_by(Appeal.id.desc())  # type: ignore[union-attr]
                    .limit(5)
                )
            )
        (move,) = result["moves"]
        assert (result["total"], result["moved"], result["decided"]) == (sql.total, sql.moved, sql.decided)
        assert (move["before"], move["after"]) == ("mintrans", "omsk-city")
        assert (move["count"], move["better"], move["worse"]) == (sql.moved, sql.better, sql.worse)
        assert move["examples"] == newest
        assert result["agreed_after"] - result["agreed_before"] == sql.better - sql.worse
        assert result["load_before"]["mintrans"] - result["load_after"].get("mintrans", 0) == sql.moved
        assert sum(result["load_after"].values()) == result["total"]
        assert result["names"]["mintrans"]


async def test_a_simulation_left_behind_is_taken_over_and_a_running_one_is_not(
    published: Resources, moved: RuleSetVersion, vera: Actor
) -> None:
    await do(published, ask_for_simulation, moved.id, vera, 10, now=NOW)
    assert Job.SIMULATE_RULES in published.database.queue.nudges  # type: ignore[attr-defined]
    async with published.database.transaction() as session:
        row = await session.get_one(RuleSimulation, 1)
        row.state, row.beat_at = "running", NOW
    assert await run_waiting(published, NOW + timedelta(seconds=30)) == 0
    assert await run_waiting(published, NOW + timedelta(seconds=90)) == 1
    assert (await only(published, RuleSimulation)).state == "done"


async def test_what_cannot_be_simulated_is_refused(
    published: Resources, moved: RuleSetVersion, vera: Actor
) -> None:  # fmt: skip
    with pytest.raises(Invalid):
        await do(published, ask_for_simulation, moved.id, vera, 0, now=NOW)
    with pytest.raises(Conflict):
        await do(published, ask_for_simulation, 1, vera, 10, now=NOW)


async def test_rules_that_never_matched_are_named_once_they_had_their_ninety_days(
    published: Resources, page: PublicPage
) -> None:
    await write_past(published, 30, NOW)
    await do(published, count_hits, NOW)
    async with published.database.transaction() as session:
        hits = await hits_by_rule(session)
        young = await observe(session, load(), NOW)
        old = await observe(session, load(), NOW + timedelta(days=91))
    assert hits == {"ГО-004": 30, "Э-03": 30}
    assert young.hits == {}
    assert (old.hits["ГО-004"], old.hits["Э-01"]) == (30, 0)
    remarks = [problem.message for problem in check(load(), NOW.date(), old) if problem.is_warning]
    assert "Исключение Э-01 «Угроза жизни» не сработало ни разу за 90 дней" in remarks
    assert not [remark for remark in remarks if "Э-03" in remark]
    assert any(remark.startswith("Нет рабочего способа доставки") for remark in remarks)


_CLOCKS = text("""
INSERT INTO clock (appeal_id, department_id, kind, cycle, policy_code, policy_version, calendar_code, started_at, span,
  holes, due_at, met_at, breached_at, is_counted)
SELECT n, d.id, 'first_answer', 1, 'social-default', 1, 'office', CAST(:now AS timestamptz) - interval '2 days', '{}',
  '[]', now(), CASE WHEN n % 4 > 0 THEN now() END, CASE WHEN n % 4 = 0 THEN now() END, n <> 9
FROM generate_series(1, 9) n JOIN department d ON d.code = CASE WHEN n <= 4 THEN 'mintrans' ELSE 'omsk-city' END
""")


async def test_the_expected_share_in_time_is_that_of_the_receiving_departments(
    published: Resources, moved: RuleSetVersion, vera: Actor
) -> None:
    async with published.database.transaction() as session:
        await session.execute(_CLOCKS, {"now": NOW})
        open_now = await session.scalar(
            text("SELECT count(*) FROM appeal JOIN department d ON d.id = department_id"
                 " WHERE is_open AND NOT is_talk AND d.code = 'mintrans'")
        )  # fmt: skip
    result = await simulated(published, moved, vera, COUNT)
    effect = result["effect"]
    assert effect["open"]["mintrans"] == open_now
    assert effect["in_time"] == {"mintrans": 3 / 4, "omsk-city": 3 / 4}
    assert effect["in_time_before"] == effect["in_time_after"] == pytest.approx(3 / 4)
    async with published.database.transaction() as session:
        await session.execute(text("UPDATE clock SET breached_at = now() WHERE appeal_id <= 2"))
    result = await simulated(published, moved, vera, COUNT)
    load, shares = result["load_after"], {"mintrans": 1 / 4, "omsk-city": 3 / 4}
    expected = sum(count * shares.get(code, 4 / 8) for code, count in load.items()) / result["total"]
    assert result["effect"]["in_time"]["mintrans"] == 1 / 4
    assert result["effect"]["in_time_after"] == pytest.approx(expected)
    assert result["effect"]["in_time_after"] > result["effect"]["in_time_before"]
