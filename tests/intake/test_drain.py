"""From stored deliveries to appeals: judged, routed, with a clock; every order and every failure."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals import service as appeals
from app.appeals.models import Answer, AnswerState, Appeal, HistoryEntry, Message, State
from app.departments.models import Department
from app.errors import Conflict, NotFound
from app.intake import batch, service
from app.intake.models import EventState, InboxEvent
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sla.models import Clock
from tests.conftest import FIXTURES, GROUP, NOW, VK, comment, private

ROAD = "Когда отремонтируют дорогу на улице Примерной? Яма на яме, колёса пробиваем каждый день"
THANKS = "Спасибо большое"


async def rows(resources: Resources, model: type[SQLModel]) -> list[Any]:
    async with resources.database.transaction() as session:
        return list((await session.scalars(select(model).order_by(model.id))).all())  # type: ignore[attr-defined]


async def actions(resources: Resources) -> list[str]:
    return [entry.action for entry in await rows(resources, HistoryEntry)]


async def test_a_comment_becomes_an_appeal_with_topic_department_and_due_time(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 731)
    assert await vk.drain() == 1
    (appeal,) = await rows(resources, Appeal)
    assert appeal.text == ROAD
    assert appeal.topic_group == "Дороги"
    assert appeal.topic
    assert 0 < appeal.confidence <= 1
    assert appeal.next_due_at is not None
    assert appeal.state in (State.ROUTED, State.REVIEW)
    assert appeal.source_url == f"https://vk.com/wall-{GROUP}_700?reply=731"
    assert len(appeal.judgement["labels"]["topic"]) == 5
    assert appeal.routing["steps"]
    (clock,) = await rows(resources, Clock)
    (message,) = await rows(resources, Message)
    (event,) = await rows(resources, InboxEvent)
    assert (clock.appeal_id, clock.department_id) == (appeal.id, appeal.department_id)
    assert (message.appeal_id, message.external_id, message.post_external_id) == (appeal.id, "731", "700")
    assert event.state == EventState.HANDLED
    assert await actions(resources) == ["received", "judged", "routed", "clock_started"]


async def test_messages_of_one_dialog_are_one_appeal_and_the_later_words_count(vk: VK, resources: Resources) -> None:
    await vk.message("Здравствуйте", 1)
    await vk.drain()
    await vk.message("Третий день нет отопления в доме, батареи холодные", 2)
    await vk.message("Улица Садовая, 12", 3)
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    assert appeal.text == "Здравствуйте"
    assert "батареи" in appeal.search_text
    assert appeal.topic_group == "ЖКХ"
    assert not appeal.is_talk
    assert len(await rows(resources, Message)) == 3
    assert len(await rows(resources, Clock)) == 1


async def test_two_comments_of_one_author_under_one_post_are_two_appeals(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.comment("Автобус не приходит", 2)
    await vk.drain()
    assert len(await rows(resources, Appeal)) == 2


async def test_another_author_in_the_thread_opens_an_appeal_of_his_own(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.comment("У нас во дворе то же самое, яма", 2, author=100000003, parents_stack=[1], reply_to_comment=1)
    await vk.comment("И тротуар разбит", 3, parents_stack=[1], reply_to_comment=1)
    await vk.drain()
    first, second = await rows(resources, Appeal)
    assert (first.author_external_id, second.author_external_id) == ("100000002", "100000003")
    assert "тротуар" in first.search_text


async def test_an_edit_changes_the_text_with_history_and_the_judge_thinks_again(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.drain()
    new = "Не могу записаться к врачу в поликлинику, талонов нет вторую неделю"
    await vk.deliver(vk.event("wall_reply_edit", comment(new, 1)))
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    (message,) = await rows(resources, Message)
    assert appeal.text == appeal.search_text == message.text == new
    assert appeal.is_edited
    assert message.original_text == ROAD
    assert appeal.topic_group == "Здравоохранение/Медицина"
    entry = next(entry for entry in await rows(resources, HistoryEntry) if entry.action == "edited")
    assert entry.details["before"] == ROAD


async def test_an_edit_does_not_move_what_a_person_took(vk: VK, resources: Resources, operator: Actor) -> None:
    await vk.comment(ROAD, 1)
    await vk.drain()
    (before,) = await rows(resources, Appeal)
    async with resources.database.transaction() as session:
        await appeals.take(session, before.id, operator, now=NOW)
    await vk.deliver(vk.event("wall_reply_edit", comment("Не могу записаться к врачу", 1)))
    await vk.drain()
    (after,) = await rows(resources, Appeal)
    assert (after.topic, after.department_id) == (before.topic, before.department_id)
    assert after.text == "Не могу записаться к врачу"


async def test_a_deleted_comment_closes_its_clock_and_a_restored_one_runs_on(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 731)
    await vk.drain()
    (before,) = await rows(resources, Clock)
    gone = {"owner_id": -GROUP, "id": 731, "deleter_id": 100000002, "post_id": 700}
    await vk.deliver(vk.event("wall_reply_delete", gone))
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    (clock,) = await rows(resources, Clock)
    assert (appeal.state, appeal.close_reason, appeal.next_due_at) == (State.CLOSED, "deleted", None)
    assert (clock.close_reason, clock.is_counted, clock.met_at) == ("deleted", False, None)
    await vk.deliver(vk.event("wall_reply_restore", comment(ROAD, 731)))
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    (clock,) = await rows(resources, Clock)
    assert (appeal.state, appeal.close_reason, appeal.next_due_at) == (State.ROUTED, None, before.due_at)
    assert (clock.closed_at, clock.is_counted, clock.due_at) == (None, True, before.due_at)


@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_deletion_before_creation_opens_nothing(vk: VK, resources: Resources, is_one_batch: bool) -> None:
    await vk.deliver(vk.event("wall_reply_delete", {"owner_id": -GROUP, "id": 1, "deleter_id": 2, "post_id": 700}))
    if not is_one_batch:
        await vk.drain()
    await vk.comment(ROAD, 1)
    await vk.drain()
    (message,) = await rows(resources, Message)
    assert message.deleted_at is not None
    assert message.text == ROAD
    assert await rows(resources, Appeal) == []


async def test_edit_before_creation_opens_one_appeal_with_the_edited_words(vk: VK, resources: Resources) -> None:
    await vk.deliver(vk.event("wall_reply_edit", comment(f"{ROAD}!", 1)))
    await vk.drain()
    await vk.comment(ROAD, 1)
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    assert appeal.text == f"{ROAD}!"
    assert appeal.is_edited


async def test_created_and_deleted_in_one_batch_opens_nothing(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.deliver(vk.event("wall_reply_delete", {"owner_id": -GROUP, "id": 1, "deleter_id": 2, "post_id": 700}))
    await vk.drain()
    assert await rows(resources, Appeal) == []


async def test_a_comment_that_a_moderator_writes_by_hand_answers_the_appeal(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 731)
    await vk.drain()
    await vk.comment("Здравствуйте! Ремонт в мае.", 732, author=-GROUP, parents_stack=[731], reply_to_comment=731)
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    (clock,) = await rows(resources, Clock)
    assert appeal.state == State.ANSWERED
    assert clock.met_at is not None
    assert "answered_in_platform" in await actions(resources)


async def test_a_private_message_that_a_moderator_writes_by_hand_answers_the_appeal(
    vk: VK, resources: Resources
) -> None:
    await vk.message("Третий день нет отопления, батареи холодные", 1)
    await vk.drain()
    own = private("Передали в службу.", 2, out=1, admin_author_id=100000777) | {"from_id": -GROUP, "peer_id": 100000001}
    await vk.deliver(vk.event("message_reply", own))
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    assert appeal.state == State.ANSWERED
    messages = await rows(resources, Message)
    assert [message.is_own for message in messages] == [False, True]
    assert messages[1].appeal_id == appeal.id


async def test_an_automatic_reply_joins_the_dialog_and_answers_nothing(vk: VK, resources: Resources) -> None:
    await vk.message("Третий день нет отопления, батареи холодные", 1)
    await vk.drain()
    own = private("Здравствуйте! Мы ответим вам в рабочее время.", 2, out=1) | {"from_id": -GROUP, "peer_id": 100000001}
    await vk.deliver(vk.event("message_reply", own))
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    (clock,) = await rows(resources, Clock)
    assert (appeal.is_open, clock.met_at) == (True, None)
    assert (await rows(resources, Message))[1].appeal_id == appeal.id


async def test_own_comments_to_nobody_open_nothing(vk: VK, resources: Resources) -> None:
    await vk.comment("Уважаемые жители!", 5, author=-GROUP)
    await vk.drain()
    assert await rows(resources, Appeal) == []
    assert len(await rows(resources, Message)) == 1


async def test_the_echo_of_an_answer_on_its_way_is_not_a_second_answer(
    vk: VK, resources: Resources, operator: Actor
) -> None:
    await vk.comment(ROAD, 731)
    await vk.drain()
    async with resources.database.transaction() as session:
        answer = await appeals.answer(session, 1, "Ремонт в мае.", operator, now=NOW)
        answer.state, answer.attempts = AnswerState.SENDING, 1
    await vk.comment("Ремонт в мае.", 733, author=-GROUP, parents_stack=[731], reply_to_comment=731)
    await vk.drain()
    (answer,) = await rows(resources, Answer)
    assert answer.echo_key == "wall:733"
    assert "answered_in_platform" not in await actions(resources)


async def test_a_new_message_after_the_answer_reopens_and_thanks_do_not(
    vk: VK, resources: Resources, operator: Actor
) -> None:
    await vk.message("Третий день нет отопления, батареи холодные", 1)
    await vk.drain()
    async with resources.database.transaction() as session:
        await cycle.mark_answered(session, await session.get_one(Appeal, 1), NOW, NOW, is_interim=False)
    await vk.message(THANKS, 2)
    await vk.drain(NOW + timedelta(minutes=5))
    assert [appeal.state for appeal in await rows(resources, Appeal)] == [State.ANSWERED]
    await vk.message("До сих пор нет отопления! Батареи ледяные, в квартире холодно", 3)
    await vk.drain(NOW + timedelta(minutes=9))
    (appeal,) = await rows(resources, Appeal)
    assert (appeal.state, appeal.cycle) == (State.ROUTED, 2)
    assert [clock.cycle for clock in await rows(resources, Clock)] == [1, 2]
    assert (await rows(resources, Clock))[0].met_at == NOW


@pytest.mark.parametrize(
    ("stored", "calendar_code", "hours"), [("office", "office", 25), ("duty", "duty", 9), ("lost", "office", 25)]
)
async def test_the_first_answer_is_promised_in_the_hours_of_the_department_in_charge(
    vk: VK, resources: Resources, stored: str, calendar_code: str, hours: int
) -> None:
    async with resources.database.transaction() as session:
        await session.execute(update(Department).values(calendar_code=stored))
    await vk.message(ROAD, 1)
    await vk.drain()
    (clock,) = await rows(resources, Clock)
    assert (clock.calendar_code, clock.due_at) == (calendar_code, NOW + timedelta(hours=hours))
    async with resources.database.transaction() as session:
        await cycle.mark_answered(session, await session.get_one(Appeal, 1), NOW, NOW, is_interim=True)
        await cycle.mark_answered(session, await session.get_one(Appeal, 1), NOW, NOW, is_interim=False)
    await vk.message("До сих пор яма на улице Примерной! Когда отремонтируют дорогу?", 2)
    await vk.drain(NOW + timedelta(minutes=9))
    assert [(one.kind, one.cycle, one.calendar_code) for one in await rows(resources, Clock)] == [
        ("first_answer", 1, calendar_code), ("final", 1, calendar_code), ("first_answer", 2, calendar_code),
    ]  # fmt: skip


async def test_departments_are_read_once_however_many_promises_begin(vk: VK, resources: Resources) -> None:
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "FROM department" in statement and "department_channel" not in statement:
            asked.append(statement)

    engine = resources.database.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        for number in range(1, 5):
            await vk.message(ROAD, number, author=100000010 + number)
        await vk.drain()
        assert len(asked) == 1
        async with resources.database.transaction() as session:
            for number in range(1, 5):
                appeal = await session.get_one(Appeal, number)
                await cycle.mark_answered(session, appeal, NOW, NOW, is_interim=False)
        for number in range(1, 5):
            await vk.message("До сих пор яма на улице Примерной! Когда отремонтируют?", 10 + number, 100000010 + number)
        asked.clear()
        await vk.drain(NOW + timedelta(minutes=9))
        assert len(asked) == 1
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)
    assert [appeal.cycle for appeal in await rows(resources, Appeal)] == [2, 2, 2, 2]


async def test_a_message_long_after_the_answer_is_a_new_appeal(vk: VK, resources: Resources) -> None:
    await vk.message("Третий день нет отопления, батареи холодные", 1)
    await vk.drain()
    async with resources.database.transaction() as session:
        await cycle.mark_answered(session, await session.get_one(Appeal, 1), NOW, NOW, is_interim=False)
    await vk.message("Автобус не приходит на остановку", 2)
    await vk.drain(NOW + timedelta(days=30))
    assert len(await rows(resources, Appeal)) == 2


@pytest.mark.parametrize("event_type", ["message_read", "wall_repost", "group_join", "brand_new_type"])
async def test_other_events_are_kept_as_ignored(vk: VK, resources: Resources, event_type: str) -> None:
    await vk.deliver(vk.event(event_type, {"user_id": 5}))
    await vk.drain()
    (event,) = await rows(resources, InboxEvent)
    assert event.state == EventState.IGNORED
    assert event.error


async def test_every_sample_is_handled(vk: VK, resources: Resources) -> None:
    samples = [
        json.loads(path.read_text()) for path in sorted(FIXTURES.glob("*.json")) if not path.name.startswith("api_")
    ]
    events = [sample for sample in samples if "object" in sample]
    for number, sample in enumerate(events):
        await vk.deliver({**sample, "event_id": f"sample-{number}"})
    await vk.drain()
    states = {event.state for event in await rows(resources, InboxEvent)}
    assert states <= {EventState.HANDLED, EventState.IGNORED}


async def test_a_poison_event_fails_alone_keeps_its_error_and_can_be_retried(
    vk: VK, resources: Resources, operator: Actor
) -> None:
    await vk.comment(ROAD, 1)
    await vk.deliver(vk.event("wall_reply_new", {"id": 2, "text": "без автора"}))
    await vk.comment("Автобус не приходит", 3)
    await vk.drain()
    good, poison, other = await rows(resources, InboxEvent)
    assert (good.state, poison.state, other.state) == (EventState.HANDLED, EventState.FAILED, EventState.HANDLED)
    assert "from_id" in poison.error
    async with resources.database.transaction() as session:
        await service.retry_event(session, poison.id, operator, now=NOW)
    await vk.drain()
    (_, poison, _) = await rows(resources, InboxEvent)
    assert poison.state == EventState.FAILED
    async with resources.database.transaction() as session:
        await service.dismiss_event(session, poison.id, operator, now=NOW)
        with pytest.raises(Conflict):
            await service.dismiss_event(session, poison.id, operator, now=NOW)
        with pytest.raises(NotFound):
            await service.retry_event(session, 999, operator, now=NOW)


async def test_an_event_that_breaks_the_transaction_fails_alone(
    vk: VK, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batch.apply

    def breaks(message: Any, incoming: Any, *rest: Any) -> Any:
        if incoming.external_id == "2":
            raise RuntimeError("бомба")
        return real(message, incoming, *rest)

    monkeypatch.setattr(batch, "apply", breaks)
    for number in (1, 2, 3):
        await vk.comment(ROAD, number)
    now = NOW
    for _ in range(service.MOST_ATTEMPTS):
        await vk.drain(now)
        now += timedelta(hours=1)
    good, bomb, other = await rows(resources, InboxEvent)
    assert (good.state, bomb.state, other.state) == (EventState.HANDLED, EventState.FAILED, EventState.HANDLED)
    assert bomb.attempts == service.MOST_ATTEMPTS
    assert "RuntimeError" in bomb.error
    assert len(await rows(resources, Appeal)) == 2


async def test_a_deadlock_is_tried_again_at_once_and_an_outage_is_not(
    vk: VK, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vk.comment(ROAD, 1)
    trouble: list[Exception] = [DeadlockDetected(), psycopg.OperationalError()]
    real = service.take_effect

    async def in_trouble(*arguments: Any) -> None:
        if trouble:
            raise OperationalError("UPDATE", {}, trouble.pop())
        await real(*arguments)

    monkeypatch.setattr(service, "take_effect", in_trouble)
    with pytest.raises(OperationalError):
        await service.drain_batch(resources, NOW)
    assert await service.drain_batch(resources, NOW) == 1
    (event,) = await rows(resources, InboxEvent)
    assert (event.state, event.attempts) == (EventState.HANDLED, 1)


async def test_two_workers_share_the_inbox_and_double_nothing(vk: VK, resources: Resources) -> None:
    for number in range(1, 121):
        await vk.comment(ROAD, number, author=100 + number)
    small = resources.settings.model_copy(update={"drain_batch_size": 10})
    workers = [Resources(**{**_fields(resources), "settings": small}) for _ in range(3)]

    async def work(one: Resources) -> int:
        total = 0
        while count := await service.drain_batch(one, NOW):
            total += count
        return total

    totals = await asyncio.gather(*(work(one) for one in workers))
    assert sum(totals) == 120
    assert len(await rows(resources, Appeal)) == 120
    assert len(await rows(resources, Clock)) == 120


async def test_two_workers_with_one_dialog_keep_it_one_appeal(vk: VK, resources: Resources) -> None:
    for number in range(1, 41):
        await vk.message("Третий день нет отопления, батареи холодные", number)
    small = resources.settings.model_copy(update={"drain_batch_size": 3})
    workers = [Resources(**{**_fields(resources), "settings": small}) for _ in range(3)]

    async def work(one: Resources) -> None:
        for _ in range(60):
            if not await service.drain_batch(one, NOW + timedelta(hours=1)):
                return

    await asyncio.gather(*(work(one) for one in workers))
    assert {event.state for event in await rows(resources, InboxEvent)} == {EventState.HANDLED}
    assert len(await rows(resources, Appeal)) == 1
    assert len(await rows(resources, Message)) == 40


def _fields(resources: Resources) -> dict[str, Any]:
    return {name: getattr(resources, name) for name in Resources.__dataclass_fields__}


async def test_payloads_are_forgotten_after_their_time_and_keys_stay(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.drain()
    async with resources.database.transaction() as session:
        assert await service.forget_payloads(session, NOW + timedelta(days=3650)) == 1
    (event,) = await rows(resources, InboxEvent)
    assert event.payload is None
    assert event.delivery_key == "event-1"


async def test_the_promise_runs_from_the_delivery_and_not_from_the_drain(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.drain(NOW + timedelta(days=400))
    (clock,) = await rows(resources, Clock)
    (event,) = await rows(resources, InboxEvent)
    assert clock.started_at == event.received_at


async def test_departments_of_every_decision_exist(vk: VK, resources: Resources) -> None:
    await vk.comment(ROAD, 1)
    await vk.drain()
    (appeal,) = await rows(resources, Appeal)
    departments = {department.id: department.code for department in await rows(resources, Department)}
    assert departments[appeal.department_id] == appeal.routing["department"]
    pages = await rows(resources, PublicPage)
    assert pages[0].last_event_at == NOW
