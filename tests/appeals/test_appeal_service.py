"""The verbs of the office: what each does to an appeal, its clocks and its history, and whom it refuses."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals import cycle, drafts, outbox
from app.appeals import service as appeals
from app.appeals.models import Answer, AnswerState, Appeal, Draft, HistoryEntry, State
from app.departments.models import Department
from app.errors import Conflict, Invalid, NotAllowed, NotFound
from app.jobs import Job
from app.resources import Resources
from app.sla.models import Clock
from tests.conftest import NOW, VK, private
from tests.office import (
    HEATING,
    ROAD,
    THANKS,
    actions,
    clerk,
    departments,
    details,
    do,
    only,
    opened,
    other_department,
    rows,
)

LATER = NOW + timedelta(minutes=30)


@pytest.fixture
async def anna(resources: Resources) -> Actor:
    return await clerk(resources)


@pytest.fixture
async def appeal(vk: VK) -> Appeal:
    return await opened(vk)


def nudges(resources: Resources) -> list[Job]:
    queue: Any = resources.database.queue  # the recording one of conftest
    return list(queue.nudges)


async def test_who_takes_an_appeal_is_responsible_and_it_is_in_work(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    taken = await do(resources, appeals.take, appeal.id, anna, now=LATER, expected_version=appeal.version)
    assert (taken.state, taken.assignee_id, taken.version) == (State.IN_WORK, anna.user_id, appeal.version + 1)
    entry = (await rows(resources, HistoryEntry))[-1]
    assert (entry.action, entry.actor, entry.at, entry.details) == ("taken", anna.label, LATER, {})
    clock = await only(resources, Clock)
    assert (clock.due_at, clock.closed_at) == (appeal.next_due_at, None)


async def test_taking_over_from_a_colleague_keeps_the_interim_state(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        await cycle.mark_answered(session, await session.get_one(Appeal, appeal.id), NOW, NOW, is_interim=True)
    taken = await do(resources, appeals.take, appeal.id, await clerk(resources, "boris"), now=LATER)
    assert taken.state == State.INTERIM
    taken = await do(resources, appeals.take, appeal.id, anna, now=LATER)
    assert taken.assignee_id == anna.user_id


async def test_only_a_person_takes_an_appeal(resources: Resources, appeal: Appeal) -> None:
    with pytest.raises(NotAllowed):
        await do(resources, appeals.take, appeal.id, cycle.SYSTEM, now=NOW)


async def test_an_appeal_that_changed_meanwhile_is_a_conflict(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    await do(resources, appeals.note, appeal.id, "Звонили заявителю", anna, now=NOW)
    calls: list[tuple[Any, ...]] = [
        (appeals.take,),
        (appeals.close, "spam"),
        (appeals.confirm_appeal,),
        (appeals.answer, "Ответ"),
    ]
    for verb, *words in calls:
        with pytest.raises(Conflict, match="изменилось"):
            await do(resources, verb, appeal.id, *words, anna, now=NOW, expected_version=appeal.version)
    other = await other_department(resources, appeal)
    with pytest.raises(Conflict, match="изменилось"):
        await do(
            resources, appeals.reroute, appeal.id, other.id, anna, reason="", now=NOW, expected_version=appeal.version
        )
    assert (await actions(resources))[-1] == "noted"


async def test_a_transfer_moves_the_appeal_and_its_clock_and_gives_no_extra_time(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    await do(resources, appeals.take, appeal.id, anna, now=NOW)
    other, known = await other_department(resources, appeal), await departments(resources)
    moved = await do(resources, appeals.reroute, appeal.id, other.id, anna, reason=" не наше ", now=LATER)
    assert (moved.department_id, moved.transfer_count, moved.assignee_id) == (other.id, 1, None)
    assert (moved.state, moved.next_due_at) == (State.ROUTED, appeal.next_due_at)
    clock = await only(resources, Clock)
    assert (clock.department_id, clock.due_at, clock.started_at) == (other.id, appeal.next_due_at, NOW)
    before = next(one for one in known.values() if one.id == appeal.department_id)
    assert await details(resources, "rerouted") == {
        "from": before.short_name,
        "to": other.short_name,
        "reason": "не наше",
    }
    assert (moved.routing["layer"], moved.routing["department"]) == ("hand", other.code)
    assert moved.routing["steps"][0]["because"] == f"{anna.label}: не наше"
    back = await do(resources, appeals.reroute, appeal.id, before.id, anna, reason="", now=LATER)
    assert (back.transfer_count, back.routing["steps"][0]["because"]) == (2, f"{anna.label}: без пояснения")


async def test_a_transfer_to_who_works_longer_hours_brings_the_due_time_forward_and_the_history_says_why(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    other = await other_department(resources, appeal)
    async with resources.database.transaction() as session:
        await session.execute(update(Department).where(col(Department.id) == other.id).values(calendar_code="duty"))
    moved = await do(resources, appeals.reroute, appeal.id, other.id, anna, reason="", now=LATER)
    clock = await only(resources, Clock)
    assert appeal.next_due_at is not None
    assert (clock.calendar_code, clock.due_at, moved.next_due_at) == ("duty", *[NOW + timedelta(hours=9)] * 2)
    assert await details(resources, "due_changed") == {
        "kind": "first_answer", "from": appeal.next_due_at.isoformat(), "to": (NOW + timedelta(hours=9)).isoformat(),
        "because": f"{other.short_name}: по календарю отдела срок раньше",
    }  # fmt: skip
    back = await do(resources, appeals.reroute, appeal.id, appeal.department_id, anna, reason="", now=LATER)
    assert back.next_due_at == NOW + timedelta(hours=9)
    assert (await actions(resources)).count("due_changed") == 1


async def test_a_transfer_of_what_has_an_interim_answer_keeps_that(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        await cycle.mark_answered(session, await session.get_one(Appeal, appeal.id), NOW, NOW, is_interim=True)
    other = await other_department(resources, appeal)
    moved = await do(resources, appeals.reroute, appeal.id, other.id, anna, reason="", now=NOW)
    assert moved.state == State.INTERIM
    met, running = await rows(resources, Clock)
    assert (met.department_id, running.department_id) == (appeal.department_id, other.id)


async def test_a_transfer_goes_to_another_existing_department(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    for department_id in (appeal.department_id, 9999):
        with pytest.raises(Invalid):
            await do(resources, appeals.reroute, appeal.id, department_id, anna, reason="", now=NOW)


async def test_an_answer_waits_in_the_outbox_and_wakes_the_worker(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    answer = await do(resources, appeals.answer, appeal.id, "  Ремонт в мае. ", anna, now=LATER)
    assert (answer.text, answer.state, answer.next_attempt_at) == ("Ремонт в мае.", AnswerState.PENDING, LATER)
    assert (answer.kind, answer.place, answer.post_external_id) == ("comment", "wall", "700")
    assert (answer.reply_to_external_id, answer.recipient_external_id) == ("731", appeal.author_external_id)
    assert len(answer.idempotency_key) == 32
    stored = await only(resources, Appeal)
    assert (stored.state, stored.assignee_id) == (State.IN_WORK, anna.user_id)
    assert await details(resources, "answer_written") == {
        "answer_id": answer.id,
        "is_interim": False,
        "is_question": False,
    }
    assert nudges(resources)[-1] == Job.DELIVER_ANSWERS


async def test_a_private_answer_to_a_comment_is_a_message_to_its_author(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    answer = await do(resources, appeals.answer, appeal.id, "Ответ", anna, now=NOW, is_private=True)
    assert (answer.kind, answer.place) == ("message", "message")
    assert (answer.post_external_id, answer.reply_to_external_id) == (None, None)


async def test_an_answer_of_a_colleague_leaves_the_appeal_with_who_took_it(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    await do(resources, appeals.take, appeal.id, anna, now=NOW)
    await do(resources, appeals.answer, appeal.id, "Ответ", await clerk(resources, "boris"), now=NOW)
    assert (await only(resources, Appeal)).assignee_id == anna.user_id


@pytest.mark.parametrize("text", ["", "  \n ", "о" * 20_001])
async def test_empty_and_too_long_answers_are_refused_before_anything_is_sent(
    resources: Resources, appeal: Appeal, anna: Actor, text: str
) -> None:
    with pytest.raises(Invalid):
        await do(resources, appeals.answer, appeal.id, text, anna, now=NOW)
    assert await rows(resources, Answer) == []


async def test_a_second_answer_is_refused_while_one_is_on_its_way(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    first = await do(resources, appeals.answer, appeal.id, "Ответ", anna, now=NOW)
    for state in (AnswerState.PENDING, AnswerState.SENDING):
        async with resources.database.transaction() as session:
            (await session.get_one(Answer, first.id)).state = state
        with pytest.raises(Conflict, match="отправляется"):
            await do(resources, appeals.answer, appeal.id, "Ещё ответ", anna, now=NOW)


async def test_what_was_asked_in_a_chat_is_answered_in_the_chat(resources: Resources, vk: VK, anna: Actor) -> None:
    chat = 2_000_000_007
    await vk.deliver(vk.event("message_new", {"message": private(HEATING, 1, peer_id=chat)}))
    await vk.drain()
    in_chat = await do(resources, appeals.answer, 1, "Тепло дадут к вечеру", anna, now=NOW)
    assert (in_chat.place, in_chat.post_external_id) == ("message", str(chat))


async def test_a_stuck_answer_is_not_repeated_beside_another(resources: Resources, appeal: Appeal, anna: Actor) -> None:
    stuck = await do(resources, appeals.answer, appeal.id, "Ответ", anna, now=NOW)
    async with resources.database.transaction() as session:
        (await session.get_one(Answer, stuck.id)).state = AnswerState.FAILED
    await do(resources, appeals.answer, appeal.id, "Другой ответ", anna, now=NOW)
    with pytest.raises(Conflict, match="отправляется"):
        await do(resources, outbox.retry_answer, stuck.id, anna, now=NOW)


async def test_answering_talk_makes_it_an_appeal_that_counts(resources: Resources, vk: VK, anna: Actor) -> None:
    talk = await opened(vk, THANKS)
    assert talk.is_talk
    assert not (await only(resources, Clock)).is_counted
    await do(resources, appeals.answer, talk.id, "И вам спасибо", anna, now=NOW)
    assert not (await only(resources, Appeal)).is_talk
    assert (await only(resources, Clock)).is_counted


async def test_talk_that_is_taken_or_handed_over_is_an_appeal(resources: Resources, vk: VK, anna: Actor) -> None:
    taken, handed = await opened(vk, THANKS), await opened(vk, THANKS, comment_id=732)
    await do(resources, appeals.take, taken.id, anna, now=NOW)
    elsewhere = await other_department(resources, handed)
    await do(resources, appeals.reroute, handed.id, elsewhere.id, anna, reason="", now=NOW)
    assert [one.is_talk for one in await rows(resources, Appeal)] == [False, False]
    assert [clock.is_counted for clock in await rows(resources, Clock)] == [True, True]


async def test_no_interim_answer_where_the_policy_knows_no_final_term(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        (await session.get_one(Clock, 1)).policy_code = "pos"
    with pytest.raises(Invalid, match="промежуточных"):
        await do(resources, appeals.answer, appeal.id, "Работаем", anna, now=NOW, is_interim=True)
    await do(resources, appeals.answer, appeal.id, "Сделано", anna, now=NOW)


@pytest.mark.parametrize("reason", list(appeals.CLOSE_REASONS))
async def test_every_reason_closes_and_some_leave_the_reports(
    resources: Resources, appeal: Appeal, anna: Actor, reason: str
) -> None:
    closed = await do(resources, appeals.close, appeal.id, reason, anna, now=LATER)
    assert (closed.state, closed.close_reason, closed.closed_at, closed.next_due_at) == (
        State.CLOSED, reason, LATER, None,
    )  # fmt: skip
    clock = await only(resources, Clock)
    assert (clock.closed_at, clock.met_at, clock.close_reason, clock.spent_minutes) == (LATER, None, reason, 30)
    assert clock.is_counted == (reason == "answered_elsewhere")
    assert await details(resources, "closed") == {"reason": reason}
    for verb in (appeals.take, appeals.confirm_appeal):
        with pytest.raises(Conflict, match="закрыто"):
            await do(resources, verb, appeal.id, anna, now=LATER)


async def test_closing_needs_a_reason_of_the_list(resources: Resources, appeal: Appeal, anna: Actor) -> None:
    for reason in ("", "deleted", "lazy"):
        with pytest.raises(Invalid):
            await do(resources, appeals.close, appeal.id, reason, anna, now=NOW)


async def test_a_person_says_that_talk_is_an_appeal_and_its_clock_has_run_since_it_came(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    talk = await opened(vk, THANKS)
    assert talk.is_talk
    confirmed = await do(resources, appeals.confirm_appeal, talk.id, anna, now=LATER)
    clock = await only(resources, Clock)
    assert (confirmed.is_talk, clock.is_counted, clock.started_at) == (False, True, NOW)
    assert (await actions(resources))[-1] == "confirmed"


async def test_a_note_is_kept_for_colleagues_even_on_a_closed_appeal(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    await do(resources, appeals.close, appeal.id, "spam", anna, now=NOW)
    await do(resources, appeals.note, appeal.id, "  Писал и раньше " + "!" * 5000, anna, now=NOW)
    text = (await details(resources, "noted"))["text"]
    assert text.startswith("Писал и раньше !")
    assert len(text) == appeals.MOST_NOTE_LENGTH
    with pytest.raises(Invalid):
        await do(resources, appeals.note, appeal.id, "  ", anna, now=NOW)


async def test_a_draft_is_one_per_person_and_goes_with_the_answer(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    boris = await clerk(resources, "boris")
    await do(resources, drafts.save_draft, appeal.id, anna, "Здрав", now=NOW)
    await do(resources, drafts.save_draft, appeal.id, anna, "Здравствуйте", now=LATER)
    await do(resources, drafts.save_draft, appeal.id, boris, "Моё", now=NOW)
    async with resources.database.transaction() as session:
        draft = await session.get_one(Draft, (appeal.id, anna.user_id))
    assert (draft.text, draft.updated_at) == ("Здравствуйте", LATER)
    await do(resources, appeals.answer, appeal.id, "Здравствуйте!", anna, now=LATER)
    async with resources.database.transaction() as session:
        assert await session.get(Draft, (appeal.id, anna.user_id)) is None
        assert await session.get(Draft, (appeal.id, boris.user_id)) is not None


async def test_another_system_answers_without_a_draft_and_without_taking_the_appeal(
    resources: Resources, appeal: Appeal
) -> None:
    system = Actor(label="Ключ портала", role=Role.OPERATOR)
    answer = await do(resources, appeals.answer, appeal.id, "Ответ", system, now=NOW)
    assert (answer.author_user_id, answer.author_label) == (None, "Ключ портала")
    assert (await only(resources, Appeal)).assignee_id is None


@pytest.mark.parametrize("state", [AnswerState.FAILED, AnswerState.HANDS_NEEDED, AnswerState.UNKNOWN])
async def test_a_stuck_answer_is_sent_again_or_given_up(
    resources: Resources, appeal: Appeal, anna: Actor, state: AnswerState
) -> None:
    answer = await do(resources, appeals.answer, appeal.id, "Ответ", anna, now=NOW)
    with pytest.raises(Conflict):
        await do(resources, outbox.retry_answer, answer.id, anna, now=NOW)
    async with resources.database.transaction() as session:
        stuck = await session.get_one(Answer, answer.id)
        stuck.state, stuck.error_code, stuck.error_reason, stuck.attempts = state, "14", "Капча", 3
    again = await do(resources, outbox.retry_answer, answer.id, anna, now=LATER)
    assert (again.state, again.next_attempt_at, again.attempts) == (AnswerState.PENDING, LATER, 0)
    assert (again.error_code, again.error_reason) == (None, None)
    assert again.idempotency_key == answer.idempotency_key
    await do(resources, outbox.cancel_answer, answer.id, anna, now=LATER)
    assert await rows(resources, Answer) == []
    assert await details(resources, "answer_cancelled") == {"answer_id": answer.id, "text": "Ответ"}


@pytest.mark.parametrize("state", [AnswerState.SENDING, AnswerState.DELIVERED])
async def test_what_is_sent_is_not_cancelled(
    resources: Resources, appeal: Appeal, anna: Actor, state: AnswerState
) -> None:
    answer = await do(resources, appeals.answer, appeal.id, "Ответ", anna, now=NOW)
    async with resources.database.transaction() as session:
        (await session.get_one(Answer, answer.id)).state = state
    with pytest.raises(Conflict, match="отправлен"):
        await do(resources, outbox.cancel_answer, answer.id, anna, now=NOW)


async def test_a_department_sees_and_touches_its_own_appeals_only(resources: Resources, appeal: Appeal) -> None:
    ours = await clerk(resources, "ours", Role.DEPARTMENT, appeal.department_id)
    strangers = (await other_department(resources, appeal)).id
    theirs = await clerk(resources, "theirs", Role.DEPARTMENT, strangers)
    nobodys = Actor(label="Без отдела", role=Role.DEPARTMENT, user_id=theirs.user_id)
    answer = await do(resources, appeals.answer, appeal.id, "Ответ", ours, now=NOW)
    for stranger in (theirs, nobodys):
        calls: list[tuple[Any, ...]] = [
            (appeals.take, appeal.id),
            (appeals.answer, appeal.id, "Чужой ответ"),
            (appeals.close, appeal.id, "spam"),
            (appeals.note, appeal.id, "Заметка"),
            (appeals.confirm_appeal, appeal.id),
            (outbox.retry_answer, answer.id),
            (outbox.cancel_answer, answer.id),
        ]
        for verb, *arguments in calls:
            with pytest.raises(NotFound):
                await do(resources, verb, *arguments, stranger, now=NOW)
        with pytest.raises(NotFound):
            await do(resources, appeals.reroute, appeal.id, strangers, stranger, reason="", now=NOW)
    await do(resources, outbox.cancel_answer, answer.id, ours, now=NOW)


async def test_what_does_not_exist_is_not_found(resources: Resources, database: Any, anna: Actor) -> None:
    with pytest.raises(NotFound, match="№ 404"):
        await do(resources, appeals.take, 404, anna, now=NOW)
    with pytest.raises(NotFound):
        await do(resources, outbox.retry_answer, 404, anna, now=NOW)


async def test_a_deleted_comment_with_an_interim_answer_comes_back_as_it_was(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, appeal.id)
        await cycle.mark_answered(session, stored, NOW, NOW, is_interim=True)
        final_due_at = stored.next_due_at
        await cycle.finish(session, stored, State.CLOSED, "deleted", cycle.SYSTEM, LATER)
    async with resources.database.transaction() as session:
        await cycle.revive(session, await session.get_one(Appeal, appeal.id))
    revived = await only(resources, Appeal)
    assert (revived.state, revived.next_due_at, revived.closed_at) == (State.INTERIM, final_due_at, None)
    first, final = await rows(resources, Clock)
    assert first.met_at == NOW
    assert (final.closed_at, final.spent_minutes, final.is_counted) == (None, None, True)


async def test_restored_talk_stays_out_of_the_reports(resources: Resources, vk: VK) -> None:
    talk = await opened(vk, THANKS)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, talk.id)
        await cycle.finish(session, stored, State.CLOSED, "deleted", cycle.SYSTEM, LATER)
        await cycle.revive(session, stored)
    assert not (await only(resources, Clock)).is_counted


async def test_a_reopened_appeal_gets_a_new_promise_and_the_old_result_stays(
    resources: Resources, appeal: Appeal, anna: Actor, vk: VK
) -> None:
    await do(resources, appeals.take, appeal.id, anna, now=NOW)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, appeal.id)
        await cycle.mark_answered(session, stored, NOW, NOW, is_interim=False)
        assert cycle.may_reopen(stored, NOW + timedelta(days=7), 7)
        assert not cycle.may_reopen(stored, NOW + timedelta(days=7, seconds=1), 7)
    await vk.comment(f"Ничего не сделали! {ROAD}", 732, parents_stack=[731], reply_to_comment=731)
    await vk.drain(LATER)
    reopened = await only(resources, Appeal)
    assert (reopened.state, reopened.cycle, reopened.close_reason) == (State.IN_WORK, 2, None)
    old, new = await rows(resources, Clock)
    assert (old.cycle, old.met_at, new.cycle, new.closed_at) == (1, NOW, 2, None)
    assert reopened.next_due_at == new.due_at


async def test_closed_appeals_are_not_reopened_by_new_words(resources: Resources, appeal: Appeal, anna: Actor) -> None:
    closed = await do(resources, appeals.close, appeal.id, "spam", anna, now=NOW)
    assert not cycle.may_reopen(closed, NOW, 7)


async def test_threads_of_nobody_have_no_appeal(resources: Resources, appeal: Appeal) -> None:
    assert await do(resources, cycle.open_by_thread, []) == {}
    key = (appeal.page_id, appeal.thread_key)
    found = await do(resources, cycle.open_by_thread, [key, (appeal.page_id, "wall:700:0:1")])
    assert list(found) == [key]


async def test_an_answer_meets_only_open_clocks_and_counts_from_the_first(resources: Resources, appeal: Appeal) -> None:
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, appeal.id)
        await cycle.mark_answered(session, stored, LATER, LATER, is_interim=False)
        await cycle.mark_answered(session, stored, LATER + timedelta(hours=1), LATER, is_interim=False)
    assert (await only(resources, Clock)).met_at == LATER
    assert (await only(resources, Appeal)).first_answered_at == LATER
