"""Clocks in the database: rows become values and back, and the sweep over what is due."""

from datetime import timedelta

import pytest
import structlog

from app.appeals.models import Appeal
from app.resources import Resources
from app.sla import clock as arithmetic
from app.sla import service as sla
from app.sla.models import Clock
from app.sla.policy import NothingPromised
from app.sla.service import UnknownCode
from tests.conftest import NOW, VK
from tests.office import do, only, opened, rows


def clock(
    severity: int = 2,
    policy_code: str = "social-default",
    kind: str = sla.FIRST_ANSWER,
    calendar_code: str = sla.OFFICE,
) -> Clock:
    return sla.start_clock(
        appeal_id=7, department_id=3, kind=kind, severity=severity, cycle=1, policy_code=policy_code,
        calendar_code=calendar_code, at=NOW,
    )  # fmt: skip


def test_a_new_clock_promises_what_its_policy_says() -> None:
    row = clock()
    assert (row.appeal_id, row.department_id, row.cycle, row.is_counted) == (7, 3, 1, True)
    assert (row.policy_code, row.policy_version, row.calendar_code) == ("social-default", 2, "office")
    assert row.span["amount"] == 540
    assert row.span["unit"] == "working_minutes"
    assert row.due_at == arithmetic.due_after(sla.state_of(row).span, sla.calendar_of(row), NOW)
    assert (row.met_at, row.closed_at, row.breached_at, row.spent_minutes) == (None, None, None, None)
    assert clock(severity=4).due_at == NOW + timedelta(hours=4)


def test_a_row_is_the_same_value_again() -> None:
    row = clock()
    begin, end = NOW + timedelta(minutes=10), NOW + timedelta(minutes=70)
    row.holes = [[begin.isoformat(), end.isoformat()], [end.isoformat(), None]]
    state = sla.state_of(row)
    assert state.holes == ((begin, end), (end, None))
    assert (state.kind, state.started_at, state.due_at) == (row.kind, row.started_at, row.due_at)
    assert (state.met_at, state.stopped_at, state.stop_reason, state.extensions) == (None, None, "", 0)


def test_meeting_in_time_stores_what_reports_read() -> None:
    row = clock()
    sla.meet(row, NOW + timedelta(minutes=45))
    assert (row.met_at, row.closed_at) == (NOW + timedelta(minutes=45), NOW + timedelta(minutes=45))
    assert (row.spent_minutes, row.breached_at, row.close_reason) == (45, None, None)


def test_meeting_late_is_met_and_breached() -> None:
    row = clock()
    assert row.due_at is not None
    sla.meet(row, row.due_at)
    assert row.breached_at is None  # on the last instant is in time
    late = clock()
    assert late.due_at is not None
    sla.meet(late, late.due_at + timedelta(seconds=1))
    assert late.breached_at == late.due_at
    assert late.met_at is not None


def test_working_minutes_are_spent_in_working_hours_only() -> None:
    row = clock()
    sla.meet(row, NOW + timedelta(days=1))  # Monday noon to Tuesday noon: 1 + 4 hours, then 3
    assert row.spent_minutes == 480


@pytest.mark.parametrize("is_counted", [True, False])
def test_stopping_ends_the_clock_and_may_take_it_out_of_the_reports(is_counted: bool) -> None:
    row = clock()
    sla.stop(row, NOW + timedelta(minutes=5), "spam", is_counted=is_counted)
    assert (row.closed_at, row.met_at, row.close_reason) == (NOW + timedelta(minutes=5), None, "spam")
    assert row.is_counted == is_counted
    assert sla.state_of(row).stopped_at == row.closed_at
    talk = clock()
    talk.is_counted = False
    sla.stop(talk, NOW, "answered_elsewhere", is_counted=True)
    assert not talk.is_counted


def test_another_severity_moves_the_due_time_forward_only() -> None:
    row = clock()
    before = row.due_at
    assert sla.reclassify(row, 2, NOW) is None
    moved = sla.reclassify(row, 5, NOW + timedelta(minutes=1))
    assert row.due_at == NOW + timedelta(hours=4)
    assert before is not None
    assert moved is not None
    assert (moved["from"], moved["to"]) == (before.isoformat(), row.due_at.isoformat())
    assert sla.reclassify(row, 2, NOW + timedelta(minutes=2)) is None
    assert row.due_at == NOW + timedelta(hours=4)


def test_a_paused_clock_that_becomes_urgent_has_no_due_time_before_and_after() -> None:
    row = clock()
    row.holes, row.due_at = [[NOW.isoformat(), None]], None
    moved = sla.reclassify(row, 5, NOW + timedelta(minutes=1))
    assert moved is None or moved["from"] is None


def test_unknown_codes_and_promises_are_said() -> None:
    with pytest.raises(UnknownCode, match="календаря"):
        sla.calendar("луна")
    with pytest.raises(UnknownCode, match="политики"):
        sla.policy("луна")
    with pytest.raises(NothingPromised):
        clock(policy_code="pos", kind=sla.FINAL)


def test_a_clock_whose_calendar_has_gone_runs_by_the_offices_and_the_log_says_so_once() -> None:
    with structlog.testing.capture_logs() as logged:
        row = clock(calendar_code="long-gone")
        stored = clock()
        stored.calendar_code = "long-gone"
        sla.pause(stored, NOW, "")
        sla.resume(stored, NOW + timedelta(minutes=5), "")
    assert (row.calendar_code, row.due_at) == ("office", clock().due_at)
    assert stored.due_at == NOW + timedelta(days=1, hours=2, minutes=5)  # Tuesday 14:05, after lunch
    assert [(line["event"], line["log_level"], line["calendar"]) for line in logged] == [
        ("calendar_unknown", "error", "long-gone")
    ]


def test_a_calendar_may_be_of_another_zone() -> None:
    assert str(sla.calendar(sla.OFFICE, "Europe/Moscow").zone) == "Europe/Moscow"


async def test_the_nearest_open_due_time_is_the_appeals(resources: Resources, vk: VK) -> None:
    appeal = await opened(vk)
    async with resources.database.transaction() as session:
        session.add(clock_of(appeal, severity=4))
        session.add(clock_of(appeal, kind=sla.FINAL))
    assert await do(resources, sla.next_due_at, appeal.id) == NOW + timedelta(hours=4)
    async with resources.database.transaction() as session:
        for row in await sla.open_clocks(session, [appeal.id or 0]):
            sla.stop(row, NOW, "spam", is_counted=False)
        assert await sla.next_due_at(session, appeal.id or 0) is None


def clock_of(appeal: Appeal, kind: str = sla.FIRST_ANSWER, severity: int = 2) -> Clock:
    row = clock(severity, kind=kind)
    row.appeal_id, row.department_id = appeal.id or 0, appeal.department_id
    return row


async def test_only_clocks_stopped_by_a_deletion_run_on(resources: Resources, vk: VK) -> None:
    appeal = await opened(vk)
    async with resources.database.transaction() as session:
        (deleted,) = await sla.open_clocks(session, [appeal.id or 0])
        sla.stop(deleted, NOW + timedelta(minutes=3), "deleted", is_counted=False)
        spam, older = clock_of(appeal), clock_of(appeal)
        sla.stop(spam, NOW, "spam", is_counted=False)
        sla.stop(older, NOW, "deleted", is_counted=False)
        older.cycle = 0
        session.add_all([spam, older])
    resumed = await do(resources, sla.run_on, appeal.id, 1, is_counted=True)
    assert [row.id for row in resumed] == [deleted.id]
    reasons = [(row.close_reason, row.is_counted, row.spent_minutes) for row in await rows(resources, Clock)]
    assert reasons == [(None, True, None), ("spam", False, 0), ("deleted", False, 0)]
    assert (await only(resources, Appeal)).next_due_at == appeal.next_due_at
