"""A department's work: «не наше», questions, the center's check, co-executors, executors and their absence."""

from datetime import date, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role, RosterEntry, RosterKind
from app.appeals import outbox, queries
from app.appeals import service as appeals
from app.appeals.cycle import mark_delivered
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, AnswerState, Appeal, Draft, Part, State, Wait
from app.appeals.queue import Queue, Tab
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotAllowed, NotFound
from app.handling import checking, executors, parts, returns
from app.handling.silence import close_silent
from app.resources import Resources
from app.sla.models import Clock
from tests.conftest import NOW, VK, comment
from tests.office import actions, clerk, departments, details, do, only, opened, other_department, rows

TODAY = NOW.date()


async def member(resources: Resources, department_id: int, login: str = "worker") -> Actor:
    return await clerk(resources, login=login, role=Role.DEPARTMENT, department_id=department_id)


async def routed(vk: VK) -> tuple[Appeal, Actor]:
    """An appeal at a department, and a person of it."""
    appeal = await opened(vk)
    return appeal, await member(vk.resources, appeal.department_id)


async def again(vk: VK) -> Appeal:
    return await only(vk.resources, Appeal)


async def give_back(vk: VK, appeal: Appeal, actor: Actor, proposed: Department | None = None) -> Appeal:
    return await do(
        vk.resources, returns.give_back, appeal.id, actor, reason="Двор не на нашем балансе",
        proposed_id=proposed.id if proposed else None, now=NOW + timedelta(hours=1),
    )  # fmt: skip


# «Не наше»


async def test_a_returned_appeal_goes_to_the_proposed_body_and_its_due_time_stays(vk: VK) -> None:
    appeal, worker = await routed(vk)
    other = await other_department(vk.resources, appeal)
    await give_back(vk, appeal, worker, other)
    now = await again(vk)
    assert (now.department_id, now.state, now.return_count) == (other.id, State.ROUTED, 1)
    assert now.transfer_count == 1
    assert now.next_due_at == appeal.next_due_at
    assert (await only(vk.resources, Clock)).department_id == other.id
    assert (await details(vk.resources, "returned"))["reason"] == "Двор не на нашем балансе"
    assert "не наше" in now.routing["steps"][0]["because"]


async def test_without_a_proposal_the_center_decides(vk: VK) -> None:
    appeal, worker = await routed(vk)
    await give_back(vk, appeal, worker)
    now = await again(vk)
    desk = next(one for one in await rows(vk.resources, Department) if one.kind == "desk")
    assert (now.department_id, now.state) == (desk.id, State.REVIEW)


async def test_after_two_returns_the_center_decides_whatever_is_proposed(vk: VK) -> None:
    appeal, worker = await routed(vk)
    second = await other_department(vk.resources, appeal)
    await give_back(vk, appeal, worker, second)
    third = next(one for one in await rows(vk.resources, Department) if one.id not in (appeal.department_id, second.id))
    await give_back(vk, appeal, await member(vk.resources, second.id or 0, "second"), third)
    now = await again(vk)
    assert (now.state, now.return_count) == (State.REVIEW, 2)
    assert now.department_id != third.id
    assert third.short_name in now.routing["steps"][0]["because"]


async def test_an_appeal_is_not_thrown_back_to_who_has_returned_it(vk: VK) -> None:
    appeal, worker = await routed(vk)
    first = (await departments(vk.resources))[appeal.routing["department"]]
    second = await other_department(vk.resources, appeal)
    await give_back(vk, appeal, worker, second)
    with pytest.raises(Invalid, match="уже вернул"):
        await give_back(vk, appeal, await member(vk.resources, second.id or 0, "second"), first)


async def test_a_return_needs_a_reason_and_a_department(vk: VK, operator: Actor) -> None:
    appeal, worker = await routed(vk)
    with pytest.raises(Invalid, match="почему"):
        await do(vk.resources, returns.give_back, appeal.id, worker, reason=" ", proposed_id=None, now=NOW)
    with pytest.raises(NotAllowed):
        await give_back(vk, appeal, operator)


# The center's check


async def checked_answer(vk: VK) -> tuple[Appeal, Actor]:
    appeal, worker = await routed(vk)
    async with vk.resources.database.transaction() as session:
        await session.execute(
            update(Department).where(col(Department.id) == appeal.department_id).values(is_checked=True)
        )
    await do(vk.resources, appeals.answer, appeal.id, "Заделаем до пятницы", worker, now=NOW + timedelta(hours=1))
    return appeal, worker


@pytest.fixture(autouse=True)
async def unchecked(vk: VK) -> None:
    """Departments outlive a test."""
    async with vk.resources.database.transaction() as session:
        await session.execute(update(Department).values(is_checked=False))


async def test_a_checked_departments_answer_waits_and_its_clock_stands_while_the_centers_own_runs(vk: VK) -> None:
    appeal, _ = await checked_answer(vk)
    now = await again(vk)
    assert now.waits_for == Wait.CHECK
    assert (await only(vk.resources, Answer)).state == AnswerState.CHECK
    assert await deliver_batch(vk.resources, NOW + timedelta(hours=2)) == 0
    first, moderation = await rows(vk.resources, Clock)
    assert (first.kind, first.due_at) == ("first_answer", None)
    assert moderation.kind == "moderation"
    assert now.next_due_at == moderation.due_at
    assert appeal.next_due_at != now.next_due_at


async def test_an_approved_answer_goes_out_and_the_clock_runs_on_with_a_hole(vk: VK, operator: Actor) -> None:
    appeal, _ = await checked_answer(vk)
    await do(
        vk.resources, checking.approve, appeal.id, operator, text="Заделаем до пятницы", now=NOW + timedelta(hours=3)
    )
    answer = await only(vk.resources, Answer)
    assert (answer.state, answer.author_label) == (AnswerState.PENDING, "Имя worker")
    first, moderation = await rows(vk.resources, Clock)
    assert moderation.met_at == NOW + timedelta(hours=3)
    assert first.due_at is not None
    assert appeal.next_due_at is not None
    assert first.due_at > appeal.next_due_at  # the two hours on the center's desk are not the department's
    assert (await again(vk)).waits_for is None


async def test_the_center_may_correct_the_words(vk: VK, operator: Actor) -> None:
    appeal, _ = await checked_answer(vk)
    await do(vk.resources, checking.approve, appeal.id, operator, text="Заделаем к пятнице.", now=NOW)
    answer = await only(vk.resources, Answer)
    assert (answer.text, answer.state, answer.author_label) == (
        "Заделаем к пятнице.",
        AnswerState.PENDING,
        "Имя worker",
    )
    assert (await details(vk.resources, "answer_approved"))["is_changed"] is True


async def test_an_answer_sent_back_is_its_authors_draft_again(vk: VK, operator: Actor) -> None:
    appeal, worker = await checked_answer(vk)
    await do(vk.resources, checking.send_back, appeal.id, operator, reason="Назовите дату", now=NOW)
    draft = await only(vk.resources, Draft)
    assert (draft.user_id, draft.text) == (worker.user_id, "Заделаем до пятницы")
    assert await rows(vk.resources, Answer) == []
    assert (await again(vk)).waits_for is None
    with pytest.raises(Conflict):
        await do(vk.resources, checking.approve, appeal.id, operator, text="Поздно", now=NOW)


async def test_an_answer_of_the_center_itself_waits_for_nobody(vk: VK, operator: Actor) -> None:
    appeal, _ = await routed(vk)
    async with vk.resources.database.transaction() as session:
        await session.execute(update(Department).values(is_checked=True))
    await do(vk.resources, appeals.answer, appeal.id, "Сделаем", operator, now=NOW)
    assert (await only(vk.resources, Answer)).state == AnswerState.PENDING


async def test_what_ends_the_cycle_takes_the_answer_back_from_the_check_as_a_draft(vk: VK, operator: Actor) -> None:
    appeal, worker = await checked_answer(vk)
    answer = await only(vk.resources, Answer)
    with pytest.raises(Conflict, match="на проверке"):
        await do(vk.resources, outbox.cancel_answer, answer.id, worker, now=NOW)
    await do(vk.resources, appeals.close, appeal.id, "no_answer_needed", operator, now=NOW + timedelta(hours=2))
    assert await rows(vk.resources, Answer) == []
    assert (await only(vk.resources, Draft)).text == "Заделаем до пятницы"
    assert (await again(vk)).waits_for is None
    await vk.comment("Ямы так и не заделали", 733, int(appeal.author_external_id))
    await vk.drain(NOW + timedelta(hours=3))
    newest = (await rows(vk.resources, Appeal))[-1]
    await do(vk.resources, appeals.answer, newest.id, "Сделаем", operator, now=NOW + timedelta(hours=3))


async def test_another_department_finds_no_check_of_the_former_one(vk: VK, operator: Actor) -> None:
    appeal, worker = await checked_answer(vk)
    other = await other_department(vk.resources, appeal)
    await do(vk.resources, parts.ask_part, appeal.id, other.id, operator, question="Когда?", now=NOW)
    await do(vk.resources, appeals.reroute, appeal.id, other.id, operator, reason="", now=NOW + timedelta(hours=2))
    now = await again(vk)
    assert (now.waits_for, now.next_due_at is not None) == (None, True)
    assert await rows(vk.resources, Part) == []
    assert (await only(vk.resources, Draft)).user_id == worker.user_id
    first, check = await rows(vk.resources, Clock)
    assert (first.closed_at, check.close_reason, check.is_counted) == (None, "withdrawn", False)
    theirs = await member(vk.resources, other.id or 0, "theirs")
    await do(vk.resources, appeals.answer, appeal.id, "Наш ответ", theirs, now=NOW + timedelta(hours=2))


# Asking the citizen


async def asked(vk: VK) -> tuple[Appeal, Actor]:
    """A question that the citizen has."""
    appeal, worker = await routed(vk)
    answer = await do(vk.resources, appeals.answer, appeal.id, "Какой дом?", worker, now=NOW, is_question=True)
    async with vk.resources.database.transaction() as session:
        found, same = await outbox.load_answer(session, answer.id or 0, worker)
        await mark_delivered(session, found, same, NOW + timedelta(minutes=5), worker)
    return appeal, worker


async def test_a_delivered_question_stops_the_clock_and_answers_nothing(vk: VK) -> None:
    await asked(vk)
    now = await again(vk)
    assert (now.state, now.waits_for, now.first_answered_at) == (State.IN_WORK, Wait.CITIZEN, None)
    assert now.next_due_at is None
    assert now.waits_until is not None
    assert now.waits_until > NOW + timedelta(days=4)


async def test_the_citizens_reply_lets_the_clock_run_on(vk: VK) -> None:
    appeal, _ = await asked(vk)
    await vk.comment("Дом 12", 732, int(appeal.author_external_id), parents_stack=[731], reply_to_comment=731)
    await vk.drain(NOW + timedelta(hours=4))
    now = await again(vk)
    assert (now.waits_for, now.waits_until) == (None, None)
    assert now.next_due_at is not None
    assert appeal.next_due_at is not None
    assert now.next_due_at > appeal.next_due_at
    assert "citizen_replied" in await actions(vk.resources)


async def test_a_question_deleted_with_its_appeal_and_restored_leaves_a_due_time(vk: VK) -> None:
    appeal, _ = await asked(vk)
    gone = vk.event("wall_reply_delete", {"id": 731, "owner_id": -200000001, "post_id": 700, "deleter_id": 1})
    await vk.deliver(gone)
    await vk.drain(NOW + timedelta(hours=1))
    assert (await again(vk)).state == State.CLOSED
    await vk.deliver(vk.event("wall_reply_restore", comment(appeal.text, 731, int(appeal.author_external_id))))
    await vk.drain(NOW + timedelta(hours=2))
    now = await again(vk)
    assert now.is_open
    assert now.next_due_at is not None


async def test_a_late_reply_opens_the_appeal_again_however_short_it_is(vk: VK) -> None:
    appeal, _ = await asked(vk)
    ends_at = (await again(vk)).waits_until
    assert ends_at is not None
    await close_silent(vk.resources, ends_at + timedelta(minutes=1))
    await vk.comment("Дом 12", 732, int(appeal.author_external_id), parents_stack=[731], reply_to_comment=731)
    await vk.drain(ends_at + timedelta(days=1))
    now = await again(vk)  # the only one still
    assert (now.is_open, now.cycle, now.close_reason) == (True, 2, None)


async def test_an_answer_without_waiting_for_the_citizen_lets_the_clock_run_on(vk: VK) -> None:
    appeal, worker = await asked(vk)
    await do(vk.resources, appeals.answer, appeal.id, "Сделаем без ответа", worker, now=NOW + timedelta(hours=1))
    now = await again(vk)
    assert (now.waits_for, now.waits_until) == (None, None)
    assert now.next_due_at is not None


async def test_silence_closes_the_appeal_by_itself_outside_of_the_kpis(vk: VK) -> None:
    await asked(vk)
    now = await again(vk)
    assert now.waits_until is not None
    assert await close_silent(vk.resources, now.waits_until - timedelta(minutes=1)) == 0
    assert await close_silent(vk.resources, now.waits_until + timedelta(minutes=1)) == 1
    closed = await again(vk)
    assert (closed.state, closed.close_reason, closed.waits_for) == (State.CLOSED, "no_reply", None)
    assert not (await only(vk.resources, Clock)).is_counted


# Co-executors


async def test_a_co_executor_sees_answers_and_the_responsible_department_joins_the_parts(vk: VK) -> None:
    appeal, worker = await routed(vk)
    other = await other_department(vk.resources, appeal)
    helper = await member(vk.resources, other.id or 0, "helper")
    with pytest.raises(NotFound):
        await do(vk.resources, parts.give_part, appeal.id, helper, text="Рано", now=NOW)
    await do(vk.resources, parts.ask_part, appeal.id, other.id, worker, question="Когда освещение?", now=NOW)
    async with vk.resources.database.transaction() as session:
        listed = await queries.list_queue(session, Queue(tab=Tab.PARTS), helper, NOW)
        counted = await queries.count_tabs(session, helper, NOW)
        own = await queries.list_queue(session, Queue(), helper, NOW)
    assert ([row.id for row in listed.rows], counted[Tab.PARTS], own.rows) == ([appeal.id], 1, [])

    with pytest.raises(Conflict, match="Готовых частей"):
        await do(vk.resources, parts.join_parts, appeal.id, worker, now=NOW)
    await do(vk.resources, parts.give_part, appeal.id, helper, text="Фонари включат в среду.", now=NOW)
    for _ in range(2):  # joined twice, a part stands there once
        draft = await do(vk.resources, parts.join_parts, appeal.id, worker, now=NOW)
    assert draft == "Фонари включат в среду."
    async with vk.resources.database.transaction() as session:
        assert (await queries.list_queue(session, Queue(tab=Tab.PARTS), helper, NOW)).rows == []
    assert (await again(vk)).department_id == appeal.department_id


async def test_a_part_may_be_declined_with_a_reason_and_asked_for_again(vk: VK) -> None:
    appeal, worker = await routed(vk)
    other = await other_department(vk.resources, appeal)
    helper = await member(vk.resources, other.id or 0, "helper")
    ask = (parts.ask_part, appeal.id, other.id, worker)
    await do(vk.resources, *ask, question="Когда?", now=NOW)
    with pytest.raises(Conflict, match="уже готовит"):
        await do(vk.resources, *ask, question="Когда?", now=NOW)
    await do(vk.resources, parts.give_part, appeal.id, helper, text="Не наш столб", now=NOW, is_declined=True)
    with pytest.raises(Conflict, match="Готовых частей"):
        await do(vk.resources, parts.join_parts, appeal.id, worker, now=NOW)
    await do(vk.resources, *ask, question="Точно?", now=NOW)
    part = await only(vk.resources, Part)
    assert (part.question, part.given_at, part.is_declined) == ("Точно?", None, False)


# Executors


async def test_the_least_loaded_executor_at_work_is_suggested_and_a_substitute_takes_over(vk: VK) -> None:
    appeal, worker = await routed(vk)
    idle = await member(vk.resources, appeal.department_id, "idle")
    away = await member(vk.resources, appeal.department_id, "away")
    await do(vk.resources, appeals.take, appeal.id, worker, now=NOW)
    async with vk.resources.database.transaction() as session:
        session.add(
            RosterEntry(
                kind=RosterKind.AWAY,
                user_id=away.user_id or 0,
                first_day=TODAY,
                last_day=date(2026, 12, 1),
                substitute_id=idle.user_id,
            )
        )
    async with vk.resources.database.transaction() as session:
        found = await executors.executors_of(session, appeal.department_id, TODAY)
    assert [(one.name, one.open_count, one.is_away) for one in found] == [
        ("Имя idle", 0, False),
        ("Имя worker", 1, False),
        ("Имя away", 0, True),
    ]
    await do(vk.resources, executors.assign, appeal.id, away.user_id, worker, today=TODAY, now=NOW)
    assert (await again(vk)).assignee_id == idle.user_id
    assert "заместитель" in (await details(vk.resources, "assigned"))["because"]


async def test_nobody_of_another_department_is_assigned(vk: VK) -> None:
    appeal, worker = await routed(vk)
    stranger = await member(vk.resources, (await other_department(vk.resources, appeal)).id or 0, "stranger")
    with pytest.raises(Invalid):
        await do(vk.resources, executors.assign, appeal.id, stranger.user_id, worker, today=TODAY, now=NOW)


async def test_co_executors_that_the_rules_name_are_asked_once(vk: VK) -> None:
    appeal, _ = await routed(vk)
    other = await other_department(vk.resources, appeal)
    async with vk.resources.database.transaction() as session:
        found = await session.get_one(Appeal, appeal.id)
        found.routing = {**found.routing, "co_departments": [other.code, appeal.routing["department"], "nobody"]}
        for _ in range(2):
            await parts.ask_by_rules(session, [found], NOW)
            await session.flush()
    part = await only(vk.resources, Part)
    assert (part.department_id, part.asked_by) == (other.id, "Система")
    assert (await actions(vk.resources)).count("part_asked") == 1
