"""Which promises count, how, and for whom: on a real database."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.departments.models import Department
from app.reports.question import Question, last_days, period_of
from app.reports.sla import Figures, SlaReport, rated, sla_report, wilson
from app.reports.sla_list import NOT_KNOWN, OUTCOME_NAMES, Slice, appeals_behind
from app.resources import Resources
from tests.conftest import NOW
from tests.reports.conftest import HOUR, Promise

ZONE = "Asia/Omsk"
WEEK = Question(last_days(7, ZONE, NOW))


async def report_of(resources: Resources, question: Question = WEEK) -> SlaReport:
    async with resources.database.transaction() as session:
        return await sla_report(session, question, NOW)


async def test_compliance_is_kept_among_kept_and_broken(resources: Resources, promise: Promise) -> None:
    await promise(met_after=2)
    await promise(met_after=9)  # at the due time is in time
    await promise(met_after=12)
    totals = (await report_of(resources)).totals
    assert (totals.received, totals.answered, totals.met, totals.breached) == (3, 3, 2, 1)
    assert totals.compliance == pytest.approx(2 / 3)


async def test_open_and_past_due_counts_as_broken(resources: Resources, promise: Promise) -> None:
    await promise(at=NOW - 10 * HOUR)
    totals = (await report_of(resources)).totals
    assert (totals.answered, totals.breached, totals.open_overdue, totals.waiting) == (0, 1, 1, 0)
    assert totals.compliance == 0


async def test_open_before_its_due_time_waits_and_is_not_judged(resources: Resources, promise: Promise) -> None:
    await promise(at=NOW - 2 * HOUR)
    await promise(is_paused=True)
    totals = (await report_of(resources)).totals
    assert (totals.received, totals.waiting, totals.settled, totals.compliance) == (2, 2, 0, None)


async def test_dropped_in_time_is_not_judged_and_dropped_too_late_is_broken(
    resources: Resources, promise: Promise
) -> None:
    await promise(closed_after=1)
    await promise(closed_after=20)
    totals = (await report_of(resources)).totals
    assert (totals.received, totals.answered, totals.met, totals.breached) == (2, 0, 0, 1)
    assert totals.waiting == 0


async def test_talk_and_what_is_not_counted_is_out(resources: Resources, promise: Promise) -> None:
    await promise(met_after=1, is_counted=False)
    await promise(at=NOW - 20 * HOUR, is_counted=False)
    report = await report_of(resources)
    assert report.totals == Figures()
    assert (report.now.overdue, report.places, report.steps) == (0, (), ())


async def test_without_data_there_is_no_share_at_all(resources: Resources) -> None:
    report = await report_of(resources)
    assert report.totals.compliance is None
    assert report.totals.interval is None
    assert report.departments == ()


async def test_a_period_holds_its_first_moment_and_not_its_last(resources: Resources, promise: Promise) -> None:
    question = Question(period_of("2026-11-20", "2026-11-20", ZONE, NOW))
    for shift in (-timedelta(seconds=1), timedelta(0)):
        await promise(at=question.period.start + shift, met_after=1)
        await promise(at=question.period.end + shift, met_after=1)
    report = await report_of(resources, question)
    assert report.totals.received == 2
    assert report.previous.received == 1


async def test_times_are_percentiles_of_answers_only(resources: Resources, promise: Promise) -> None:
    for hours in (1, 2, 3, 4, 11):
        await promise(met_after=hours)
    await promise(closed_after=8)
    await promise(at=NOW - HOUR)
    totals = (await report_of(resources)).totals
    assert totals.p50_minutes == pytest.approx(180)
    assert totals.p90_minutes == pytest.approx(4 * 60 + 0.6 * 7 * 60)


async def test_figures_are_told_by_department_and_for_the_period_before(
    resources: Resources, promise: Promise, departments: list[Department]
) -> None:
    await promise(department=0, met_after=1)
    await promise(department=0, met_after=20)
    await promise(department=1, met_after=2)
    await promise(department=1, at=NOW - timedelta(days=8), met_after=20)
    await promise(department=2, at=NOW - timedelta(days=8), met_after=1)
    report = await report_of(resources)
    by_code = {line.code: line for line in report.departments}
    assert set(by_code) == {departments[0].code, departments[1].code}
    assert by_code[departments[0].code].figures.compliance == 0.5
    assert by_code[departments[1].code].figures.compliance == 1
    assert by_code[departments[1].code].previous.compliance == 0
    assert (report.totals.received, report.previous.received) == (3, 2)


async def test_only_the_promise_asked_about_is_counted(resources: Resources, promise: Promise) -> None:
    await promise(met_after=1)
    await promise(met_after=30, kind="final")
    assert (await report_of(resources)).totals.compliance == 1
    assert (await report_of(resources, Question(WEEK.period, "final"))).totals.compliance == 0


async def test_conditions_narrow_everything(
    resources: Resources, promise: Promise, departments: list[Department]
) -> None:
    await promise(met_after=1)
    await promise(department=1)
    own = Question(WEEK.period, department=departments[1].code, department_id=departments[1].id)
    report = await report_of(resources, own)
    assert (report.totals.received, report.now.overdue, len(report.departments)) == (1, 1, 1)
    assert report.steps == ()
    city = Question(WEEK.period, platform="vk", territory="52701000")
    assert (await report_of(resources, city)).totals.received == 2
    assert (await report_of(resources, Question(WEEK.period, platform="ok"))).totals.received == 0
    elsewhere = await report_of(resources, Question(WEEK.period, territory="52600000"))
    assert (elsewhere.totals.received, elsewhere.now.overdue, elsewhere.places) == (0, 0, ())


async def test_what_is_due_now_is_told_whatever_the_period(resources: Resources, promise: Promise) -> None:
    await promise(at=NOW - timedelta(days=40))
    await promise(at=NOW - 8 * HOUR)  # due in one hour
    await promise(at=NOW - HOUR)  # in eight
    await promise(at=NOW + 20 * HOUR)  # in twenty-nine
    now = (await report_of(resources)).now
    assert (now.overdue, now.due_in_4_hours, now.due_in_24_hours) == (1, 1, 2)
    assert now.delay_minutes == pytest.approx((40 * 24 - 9) * 60)


async def test_the_chart_has_a_point_for_each_day_of_the_center_that_has_answers(
    resources: Resources, promise: Promise
) -> None:
    evening = NOW.replace(day=20, hour=18, minute=30)  # 00:30 of the 21st in Omsk
    await promise(at=evening, met_after=2)
    await promise(at=evening + HOUR, met_after=4)
    await promise(at=evening - HOUR, met_after=1)
    await promise(at=evening - 24 * HOUR)
    steps = [(line.day.day, line.p50_minutes) for line in (await report_of(resources)).steps]
    assert steps == [(20, 60), (21, 180)]


async def test_places_and_topics_add_up_to_what_was_received(resources: Resources, promise: Promise) -> None:
    await promise(topic_group="ЖКХ")
    await promise(topic_group="ЖКХ", met_after=1)
    await promise(topic_group=None)
    report = await report_of(resources)
    assert {(line.topic_group, line.received) for line in report.places} == {("ЖКХ", 2), (None, 1)}
    assert sum(line.received for line in report.places) == report.totals.received


async def test_every_number_is_the_length_of_its_list(resources: Resources, promise: Promise) -> None:
    await promise(met_after=1)
    await promise(met_after=20, topic_group="Дороги")
    await promise(closed_after=1)
    await promise()
    await promise(at=NOW - HOUR)
    report = await report_of(resources)
    numbers = {
        "received": report.totals.received, "answered": report.totals.answered, "met": report.totals.met,
        "breached": report.totals.breached, "overdue": report.totals.open_overdue, "waiting": report.totals.waiting,
    }  # fmt: skip
    assert set(numbers) == set(OUTCOME_NAMES)
    async with resources.database.transaction() as session:
        for outcome, number in numbers.items():
            listing = await appeals_behind(session, WEEK, Slice(outcome), NOW, None)
            assert len(listing.rows) == number, outcome
        for line in report.places:
            part = Slice(topic_group=line.topic_group, territory_code=line.territory_code, page_id=line.page_id)
            assert len((await appeals_behind(session, WEEK, part, NOW, None)).rows) == line.received


async def test_appeals_without_topic_or_place_have_a_list_too(resources: Resources, promise: Promise) -> None:
    await promise(topic_group=None)
    await promise()
    async with resources.database.transaction() as session:
        await session.execute(text("UPDATE public_page SET territory_code = NULL"))
        without_topic = await appeals_behind(session, WEEK, Slice(topic_group=NOT_KNOWN), NOW, None)
        without_place = await appeals_behind(session, WEEK, Slice(territory_code=NOT_KNOWN), NOW, None)
    assert (len(without_topic.rows), len(without_place.rows)) == (1, 2)


async def test_a_long_list_goes_on_by_its_last_number(resources: Resources, promise: Promise) -> None:
    for _ in range(52):
        await promise(met_after=1)
    async with resources.database.transaction() as session:
        first = await appeals_behind(session, WEEK, Slice(), NOW, None)
        second = await appeals_behind(session, WEEK, Slice(), NOW, first.next_id)
    assert (len(first.rows), len(second.rows), second.next_id) == (50, 2, None)
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}


async def test_the_report_costs_five_queries_whatever_there_is(
    resources: Resources, promise: Promise, engine: AsyncEngine
) -> None:
    for department in range(3):
        await promise(department=department, met_after=1)
    statements: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    await report_of(resources)
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 5


async def test_departments_with_little_are_shown_and_not_rated(resources: Resources, promise: Promise) -> None:
    for _ in range(10):
        await promise(department=0, met_after=20)
    for _ in range(9):
        await promise(department=1, met_after=1)
    report = await report_of(resources)
    assert len(report.departments) == 2
    assert [line.figures.settled for line in rated(report.departments)] == [10]


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20)[0] == 0
    assert round(wilson(0, 20)[1], 4) == 0.1611
    assert wilson(20, 20)[1] == pytest.approx(1)
