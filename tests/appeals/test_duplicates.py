"""Repeats of an appeal: merged, parted, and their authors answered; clocks of both."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from app.accounts.actor import Actor
from app.appeals import cycle, duplicates, outbox, service
from app.appeals.duplicates import Outcome
from app.appeals.models import Answer, AnswerState, Appeal, Message, State, Wait, appeal_columns
from app.appeals.queries import list_queue
from app.appeals.queue import Queue, Tab
from app.errors import Conflict, Invalid, NotFound
from app.handling.silence import close_silent
from app.resources import Resources
from app.sla import service as sla
from app.sla.models import Clock
from tests.appeals.conftest import SignIn
from tests.conftest import GROUP, NOW, VK
from tests.office import ROAD, clerk, details, do, opened, rows

LATER = NOW + timedelta(minutes=30)


@pytest.fixture
async def anna(resources: Resources) -> Actor:
    return await clerk(resources)


@pytest.fixture
async def pair(vk: VK) -> tuple[Appeal, Appeal]:
    """Two citizens on one road, the second an hour later by his clock."""
    first = await opened(vk, ROAD, 731, author=100000003)
    second = await opened(vk, ROAD, 732, author=100000004)
    return first, second


@pytest.fixture
async def third(vk: VK, pair: tuple[Appeal, Appeal]) -> Appeal:
    """A third citizen on the same road."""
    return await opened(vk, ROAD, 733, author=100000005)


async def reread(resources: Resources, appeal: Appeal) -> Appeal:
    return next(one for one in await rows(resources, Appeal) if one.id == appeal.id)


async def clock_of(resources: Resources, appeal: Appeal) -> Clock:
    return next(one for one in await rows(resources, Clock) if one.appeal_id == appeal.id)


async def started_earlier(resources: Resources, appeal: Appeal, hours: int) -> None:
    """The appeal's promise began and ends earlier."""
    async with resources.database.transaction() as session:
        (clock,) = await sla.open_clocks(session, [appeal.id or 0])
        sla.restart(clock, appeal.severity, NOW - timedelta(hours=hours))
        stored = await session.get_one(Appeal, appeal.id)
        stored.next_due_at = clock.due_at


async def merge(resources: Resources, appeal: Appeal, parent: Appeal, actor: Actor, **options: int) -> Appeal:
    return await do(resources, duplicates.mark_duplicate, appeal.id, parent.id, actor, now=LATER, **options)


async def delivered(resources: Resources, appeal: Appeal, text: str, actor: Actor) -> None:
    """The appeal answered, and the answer with its author."""
    answer = await do(resources, service.answer, appeal.id, text, actor, now=LATER)
    async with resources.database.transaction() as session:
        stored, its = await outbox.load_answer(session, answer.id or 0, actor)
        await cycle.mark_delivered(session, stored, its, LATER, actor)


async def test_a_repeat_has_no_clock_and_its_appeal_keeps_the_earlier_due_time(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await started_earlier(resources, repeat, 30)
    before = await reread(resources, repeat)
    await merge(resources, repeat, parent, anna)
    merged, kept = await reread(resources, repeat), await reread(resources, parent)
    assert (merged.state, merged.close_reason, merged.duplicate_of_id) == (State.CLOSED, "duplicate", parent.id)
    assert (merged.next_due_at, kept.next_due_at) == (None, before.next_due_at)
    assert not (await clock_of(resources, repeat)).is_counted
    assert (await details(resources, "due_changed"))["because"] == f"присоединён повтор № {repeat.id}, его срок раньше"
    assert await details(resources, "joined") == {"duplicate": repeat.id}


async def test_a_later_repeat_leaves_the_due_time_as_it_is(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await started_earlier(resources, parent, 30)
    before = await reread(resources, parent)
    await merge(resources, repeat, parent, anna)
    assert (await reread(resources, parent)).next_due_at == before.next_due_at
    assert (await clock_of(resources, parent)).own is None


async def test_parting_restores_both_promises(resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor) -> None:
    parent, repeat = pair
    await started_earlier(resources, repeat, 30)
    due = {one.id: (await reread(resources, one)).next_due_at for one in pair}
    await merge(resources, repeat, parent, anna)
    await do(resources, duplicates.separate, repeat.id, anna, now=LATER)
    assert {one.id: (await reread(resources, one)).next_due_at for one in pair} == due
    parted = await reread(resources, repeat)
    assert (parted.state, parted.duplicate_of_id, parted.close_reason) == (State.ROUTED, None, None)
    clock = await clock_of(resources, repeat)
    assert (clock.closed_at, clock.is_counted) == (None, True)
    assert (await clock_of(resources, parent)).own is None


async def test_a_promise_that_is_taken_over_runs_in_the_hours_of_its_own_department(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    async with resources.database.transaction() as session:
        (clock,) = await sla.open_clocks(session, [repeat.id or 0])
        clock.calendar_code = "duty"
        sla.restart(clock, repeat.severity, NOW)
    await merge(resources, repeat, parent, anna)
    kept = await clock_of(resources, parent)
    assert (kept.calendar_code, kept.due_at) == ("duty", NOW + timedelta(hours=9))
    await do(resources, duplicates.separate, repeat.id, anna, now=LATER)
    assert [(one.calendar_code, one.due_at) for one in [await clock_of(resources, one) for one in pair]] == [
        ("office", parent.next_due_at), ("duty", NOW + timedelta(hours=9)),
    ]  # fmt: skip


# Pauses. It is Monday, 12:00; nine hours end on Tuesday at 13:00, those of a repeat 30 hours older at 10:00.

TUESDAY = NOW + timedelta(hours=21)  # 9:00


async def test_an_appeal_that_begins_anew_still_keeps_what_a_repeats_author_was_promised(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await merge_an_hour_older(resources, parent, repeat, anna)
    promised = (await clock_of(resources, parent)).due_at
    async with resources.database.transaction() as session:
        (clock,) = await sla.open_clocks(session, [parent.id or 0])
        assert sla.restart(clock, parent.severity, LATER) is None
    assert (await clock_of(resources, parent)).due_at == promised
    await do(resources, duplicates.separate, repeat.id, anna, now=LATER)
    parted = await clock_of(resources, parent)
    assert (parted.started_at, parted.own) == (LATER, None)
    assert parted.due_at is not None
    assert promised is not None
    assert parted.due_at > promised


async def hold(resources: Resources, appeal: Appeal, at: datetime) -> None:
    """The citizen is asked something: the promise stands still."""
    async with resources.database.transaction() as session:
        await cycle.hold(session, await session.get_one(Appeal, appeal.id), Wait.CITIZEN, at)


async def release(resources: Resources, appeal: Appeal, at: datetime) -> None:
    """He has answered."""
    async with resources.database.transaction() as session:
        await cycle.release(session, await session.get_one(Appeal, appeal.id), at, "житель ответил")


async def test_an_appeal_that_waits_for_its_citizen_still_waits_when_a_repeat_is_parted_from_it(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await started_earlier(resources, repeat, 30)
    await merge(resources, repeat, parent, anna)
    await hold(resources, parent, TUESDAY)
    await do(resources, duplicates.separate, repeat.id, anna, now=TUESDAY + timedelta(minutes=30))
    clock = await clock_of(resources, parent)
    assert (clock.due_at, sla.state_of(clock).is_paused) == (None, True)
    await release(resources, parent, TUESDAY + timedelta(hours=1))
    after_lunch = TUESDAY + timedelta(hours=6)  # for 13:00, an hour later
    assert (await clock_of(resources, parent)).due_at == after_lunch
    assert (await clock_of(resources, repeat)).due_at == TUESDAY + timedelta(hours=1)


async def test_a_pause_that_ended_while_the_promise_was_taken_over_counts_for_the_own_one(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await merge_an_hour_older(resources, parent, repeat, anna)
    await hold(resources, parent, TUESDAY)
    await release(resources, parent, TUESDAY + timedelta(hours=1))
    assert (await clock_of(resources, parent)).due_at == TUESDAY + timedelta(hours=4)
    await do(resources, duplicates.separate, repeat.id, anna, now=TUESDAY + timedelta(hours=2))
    assert (await clock_of(resources, parent)).due_at == TUESDAY + timedelta(hours=6)


async def merge_an_hour_older(resources: Resources, parent: Appeal, repeat: Appeal, actor: Actor) -> None:
    """A repeat that is due at 12:00 on Tuesday."""
    await started_earlier(resources, repeat, 1)
    await merge(resources, repeat, parent, actor)


async def test_a_repeat_of_an_appeal_that_waits_leaves_it_waiting_and_brings_its_promise(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await hold(resources, parent, NOW)
    await merge_an_hour_older(resources, parent, repeat, anna)  # half an hour later
    assert (await clock_of(resources, parent)).due_at is None
    await release(resources, parent, NOW + timedelta(hours=1))
    kept = await clock_of(resources, parent)
    noon = TUESDAY + timedelta(hours=3, minutes=30)  # its own half hour before was none of its pause
    assert kept.due_at == noon
    await do(resources, duplicates.separate, repeat.id, anna, now=TUESDAY)
    assert (await clock_of(resources, parent)).due_at == TUESDAY + timedelta(hours=6)
    assert (await clock_of(resources, repeat)).due_at == TUESDAY + timedelta(hours=3)


async def test_a_repeat_that_waits_itself_brings_its_promise_with_the_pause(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await started_earlier(resources, repeat, 1)
    await hold(resources, repeat, NOW)
    await merge(resources, repeat, parent, anna)  # half an hour later
    assert (await clock_of(resources, parent)).due_at == TUESDAY + timedelta(hours=3, minutes=30)
    await do(resources, duplicates.separate, repeat.id, anna, now=LATER)
    assert (await clock_of(resources, repeat)).due_at == TUESDAY + timedelta(hours=3, minutes=30)
    assert (await clock_of(resources, parent)).due_at == TUESDAY + timedelta(hours=4)


async def test_the_promise_of_a_repeat_that_stays_keeps_the_pauses_since_it_was_merged(
    resources: Resources, pair: tuple[Appeal, Appeal], third: Appeal, anna: Actor
) -> None:
    (parent, early), late = pair, third
    await merge_an_hour_older(resources, parent, early, anna)
    await hold(resources, parent, TUESDAY)
    await merge(resources, late, parent, anna)
    await do(resources, duplicates.separate, late.id, anna, now=TUESDAY + timedelta(minutes=30))
    assert (await clock_of(resources, parent)).due_at is None
    await release(resources, parent, TUESDAY + timedelta(hours=1))
    await merge(resources, late, parent, anna)
    await do(resources, duplicates.separate, late.id, anna, now=TUESDAY + timedelta(hours=2))
    assert (await clock_of(resources, parent)).due_at == TUESDAY + timedelta(hours=4)


async def test_repeats_of_an_earlier_cycle_bring_nothing_to_the_present_one(
    resources: Resources, pair: tuple[Appeal, Appeal], third: Appeal, anna: Actor
) -> None:
    (parent, early), other = pair, third
    await started_earlier(resources, early, 30)
    await merge(resources, early, parent, anna)
    await merge(resources, other, parent, anna)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, parent.id)
        await cycle.mark_answered(session, stored, LATER, LATER, is_interim=False)
        words = Message(**{**(await session.get_one(Message, parent.id)).model_dump(exclude={"id"}), "key": "again"})
        words.received_at = TUESDAY
        session.add(words)
        await session.flush()
        await cycle.reopen(
            session, stored, words, TUESDAY, policy_code="social-default", calendar_code=sla.OFFICE
        )  # fmt: skip
    before = await reread(resources, parent)
    await do(resources, duplicates.separate, other.id, anna, now=TUESDAY)
    clock = (await rows(resources, Clock))[-1]
    assert (clock.cycle, clock.started_at, clock.due_at) == (2, TUESDAY, before.next_due_at)
    assert (await reread(resources, parent)).next_due_at == before.next_due_at


async def test_parting_one_of_two_leaves_the_promise_of_the_other(
    vk: VK, resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, early = pair
    earliest = await opened(vk, ROAD, 733, author=100000005)
    await started_earlier(resources, early, 30)
    await started_earlier(resources, earliest, 60)
    due = (await reread(resources, early)).next_due_at
    await merge(resources, early, parent, anna)
    await merge(resources, earliest, parent, anna)
    await do(resources, duplicates.separate, earliest.id, anna, now=LATER)
    assert (await reread(resources, parent)).next_due_at == due


async def test_two_people_merging_in_opposite_directions_leave_one_appeal_open(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    one, other = pair
    results = await asyncio.gather(
        merge(resources, one, other, anna), merge(resources, other, one, anna), return_exceptions=True
    )
    assert sorted(isinstance(result, Conflict) for result in results) == [False, True]
    assert sorted([(await reread(resources, appeal)).is_open for appeal in pair]) == [False, True]


async def test_what_makes_no_sense_is_refused(
    vk: VK, resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    third = await opened(vk, ROAD, 733, author=100000005)
    with pytest.raises(Invalid):
        await merge(resources, repeat, repeat, anna)
    with pytest.raises(NotFound):
        await do(resources, duplicates.mark_duplicate, repeat.id, 999, anna, now=LATER)
    with pytest.raises(Conflict, match="изменилось"):
        await merge(resources, repeat, parent, anna, expected_version=repeat.version + 5)
    await merge(resources, repeat, parent, anna)
    with pytest.raises(Conflict, match="само повтор"):
        await merge(resources, third, repeat, anna)
    with pytest.raises(Conflict, match="свои повторы"):
        await merge(resources, parent, third, anna)
    with pytest.raises(Conflict, match="не повтор"):
        await do(resources, duplicates.separate, parent.id, anna, now=LATER)
    await do(resources, service.close, third.id, "spam", anna, now=LATER)
    with pytest.raises(Conflict, match="закрыто без ответа"):
        await merge(resources, parent, third, anna)


async def test_a_repeat_whose_author_writes_again_in_the_thread_stays_where_it_is(
    vk: VK, resources: Resources, anna: Actor
) -> None:
    parent = await opened(vk, ROAD, 731, author=100000003)
    await vk.message(ROAD, 1)
    await vk.drain()
    repeat = (await rows(resources, Appeal))[-1]
    await merge(resources, repeat, parent, anna)
    await vk.message("А ещё у нас во дворе на Примерной не горит ни один фонарь, почините освещение", 2)
    await vk.drain()
    with pytest.raises(Conflict, match="снова"):
        await do(resources, duplicates.separate, repeat.id, anna, now=LATER)


async def test_the_authors_of_repeats_get_the_same_answer_on_request_each_by_itself(
    vk: VK, resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    third = await opened(vk, ROAD, 733, author=100000005)
    await merge(resources, repeat, parent, anna)
    await merge(resources, third, parent, anna)
    with pytest.raises(Conflict, match="Сначала"):
        await do(resources, duplicates.answer_repeats, parent.id, "Засыпали", anna, now=LATER)
    await delivered(resources, parent, "Засыпали", anna)
    assert len(await rows(resources, Answer)) == 1
    async with resources.database.transaction() as session:
        await session.execute(update(Appeal).where(appeal_columns.id == third.id).values(platform="viber"))
    long = "Засыпали. " * 3000
    refused = await do(resources, duplicates.answer_repeats, parent.id, long, anna, now=LATER)
    assert [one.appeal_id for one in refused if one.refusal] == [repeat.id, third.id]
    sent = await do(resources, duplicates.answer_repeats, parent.id, "Засыпали", anna, now=LATER)
    assert sent == [Outcome(repeat.id or 0, ""), Outcome(third.id or 0, "")]
    answers = (await rows(resources, Answer))[1:]
    assert [(one.appeal_id, one.text, one.state) for one in answers] == [
        (repeat.id, "Засыпали", AnswerState.PENDING), (third.id, "Засыпали", AnswerState.PENDING),
    ]  # fmt: skip
    assert await do(resources, duplicates.answer_repeats, parent.id, "Засыпали", anna, now=LATER) == []
    with pytest.raises(Conflict, match="уже ответили"):
        await do(resources, duplicates.separate, repeat.id, anna, now=LATER)


async def waiting_repeats(resources: Resources, actor: Actor) -> list[int]:
    async with resources.database.transaction() as session:
        return [row.id for row in (await list_queue(session, Queue(tab=Tab.REPEATS), actor, LATER)).rows]


async def test_repeats_whose_authors_wait_are_listed_until_they_are_told(
    resources: Resources, pair: tuple[Appeal, Appeal], third: Appeal, anna: Actor
) -> None:
    parent, repeat = pair
    await merge(resources, repeat, parent, anna)
    await merge(resources, third, parent, anna)
    assert await waiting_repeats(resources, anna) == [], "the appeal itself is not answered yet"
    await delivered(resources, parent, "Яму засыпали", anna)
    assert await waiting_repeats(resources, anna) == [third.id, repeat.id]
    await do(resources, service.answer, repeat.id, "Яму засыпали", anna, now=LATER, is_open=False)
    assert await waiting_repeats(resources, anna) == [third.id]
    await do(resources, duplicates.separate, third.id, anna, now=LATER)
    assert await waiting_repeats(resources, anna) == []


async def test_the_delivered_answer_of_a_repeat_leaves_it_a_repeat(
    resources: Resources, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    parent, repeat = pair
    await merge(resources, repeat, parent, anna)
    await delivered(resources, parent, "Засыпали", anna)
    await do(resources, duplicates.answer_repeats, parent.id, "Засыпали", anna, now=LATER)
    answer = (await rows(resources, Answer))[-1]
    async with resources.database.transaction() as session:
        stored, its = await outbox.load_answer(session, answer.id or 0, anna)
        await cycle.mark_delivered(session, stored, its, LATER, anna)
    assert (await reread(resources, repeat)).state == State.CLOSED


async def test_the_card_merges_parts_and_answers_all(
    resources: Resources, pair: tuple[Appeal, Appeal], sign_in: SignIn
) -> None:
    parent, repeat = pair
    browser = await sign_in()
    card = (await browser.get(f"/appeals/{repeat.id}")).text
    assert 'data-key="KeyD"' in card
    assert f'name="parent" value="{parent.id}"' in card
    merged = await browser.post(f"/appeals/{repeat.id}/duplicate", parent=parent.id, version=repeat.version)
    assert "Отсоединить" in merged.text
    await delivered(resources, parent, "Засыпали", browser.actor)
    assert "Ответить всем: 1" in (await browser.get(f"/appeals/{parent.id}")).text
    told = await browser.post(f"/appeals/{parent.id}/repeated-answers", text="Засыпали")
    assert "Ответов отправляется: 1 из 1" in told.text
    assert "ответ дан" in told.text


async def test_when_the_main_appeal_is_deleted_its_oldest_repeat_goes_on_in_its_place(
    vk: VK, pair: tuple[Appeal, Appeal], third: Appeal, anna: Actor
) -> None:
    first, second = pair
    for one in (second, third):
        await merge(vk.resources, one, first, anna)
    due = {(await reread(vk.resources, one)).id: (await clock_of(vk.resources, one)).due_at for one in (second, third)}
    gone = {"owner_id": -GROUP, "id": 731, "deleter_id": 100000003, "post_id": 700}
    await vk.deliver(vk.event("wall_reply_delete", gone))
    await vk.drain(LATER)
    parent, heir, repeat = [await reread(vk.resources, one) for one in (first, second, third)]
    assert (parent.state, parent.close_reason) == (State.CLOSED, "deleted")
    assert (heir.state, heir.duplicate_of_id, heir.department_id) == (State.ROUTED, None, parent.department_id)
    assert heir.next_due_at == min(at for at in due.values() if at)
    assert (repeat.state, repeat.duplicate_of_id) == (State.CLOSED, second.id)
    assert await details(vk.resources, "joined") == {"duplicate": third.id}


async def test_a_silent_author_leaves_no_repeat_without_an_answer(
    vk: VK, pair: tuple[Appeal, Appeal], anna: Actor
) -> None:
    first, second = pair
    await merge(vk.resources, second, first, anna)
    async with vk.resources.database.transaction() as session:
        stored = await session.get_one(Appeal, first.id)
        await cycle.hold(session, stored, Wait.CITIZEN, NOW)
        stored.waits_until = NOW + timedelta(hours=1)
    assert await close_silent(vk.resources, NOW + timedelta(hours=2)) == 1
    assert (await reread(vk.resources, first)).close_reason == cycle.NO_REPLY
    heir = await reread(vk.resources, second)
    assert (heir.is_open, heir.duplicate_of_id) == (True, None)


async def test_whose_author_has_written_anew_does_not_inherit(vk: VK, resources: Resources, anna: Actor) -> None:
    parent = await opened(vk, ROAD, 731, author=100000003)
    await vk.message(ROAD, 1)
    await vk.drain()
    repeat = (await rows(resources, Appeal))[-1]
    await merge(resources, repeat, parent, anna)
    await vk.message("А ещё у нас во дворе на Примерной не горит ни один фонарь, почините освещение", 2)
    await vk.drain()
    async with resources.database.transaction() as session:
        await duplicates.pass_on(session, await session.get_one(Appeal, parent.id), LATER)
    assert (await reread(resources, repeat)).duplicate_of_id == parent.id
