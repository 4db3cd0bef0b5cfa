"""A department's system is told what happens to its appeals, in order, signed, and until it has taken it."""

import asyncio
import hashlib
import hmac
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Role
from app.appeals import service as appeals
from app.appeals.models import HistoryEntry
from app.errors import Conflict
from app.handling import parts
from app.outgoing import webhook
from app.outgoing.channels import Directory, resume_channel, stop_channel
from app.outgoing.models import ChannelKind, DeliveryState
from app.outgoing.outcome import GIVE_UP_AFTER, patience_of, repeat_pause
from app.outgoing.replaying import replay, replay_failed, try_out
from tests.conftest import NOW
from tests.office import ROAD, departments, do, other_department, rows
from tests.outgoing.conftest import SECRET, Desk
from tests.outgoing.receiver import Broken, refusal

REWORDED = "Когда отремонтируют дорогу? Яма на яме каждый день"


async def test_a_new_appeal_reaches_the_system_of_its_department_signed(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    appeal = await desk.appeal()
    assert await desk.tell() == 1
    headers, body = desk.receiver.requests[0]
    expected = hmac.new(
        SECRET.encode(), headers["appeals-timestamp"].encode() + b"." + body, hashlib.sha256
    ).hexdigest()
    assert headers["appeals-signature"] == f"v1={expected}"
    assert headers["appeals-timestamp"] == str(int(NOW.timestamp()))
    told = json.loads(body)
    assert (told["event"], told["id"]) == (headers["appeals-event"], headers["appeals-delivery"])
    assert told["event"] == "appeal.routed"
    assert told["appeal"] | {"id": appeal.id, "text": appeal.text, "version": appeal.version} == told["appeal"]
    assert told["place"] == {"territory_code": "52701000", "territory": "Омск", "latitude": None, "longitude": None}
    delivery = await desk.delivery()
    assert (delivery.state, delivery.status_code, delivery.attempts) == (DeliveryState.DELIVERED, 204, 1)
    assert await desk.tell(timedelta(hours=1)) == 0


async def test_the_shape_of_an_appeal_is_that_of_the_api(desk: Desk) -> None:
    from app.appeals.api_schema import AppealItem

    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    await desk.tell()
    assert set(desk.receiver.taken[0]["appeal"]) == set(AppealItem.model_fields)
    assert AppealItem.model_validate(desk.receiver.taken[0]["appeal"])


async def test_departments_without_a_channel_are_told_nothing_and_nothing_is_asked(desk: Desk) -> None:
    await desk.department_of_appeals()
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "department_channel" in statement or "channel_appeal" in statement or "department_delivery" in statement:
            asked.append(statement)

    engine = desk.resources.database.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    await desk.appeal()
    sqlalchemy_event.remove(engine, "before_cursor_execute", note)
    assert asked == []
    assert await desk.deliveries() == []


async def test_the_life_of_an_appeal_is_told_in_its_order(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    appeal = await desk.appeal()
    await desk.vk.comment("Дорога разбита: яма на яме, колёса пробиваем", 732, parents_stack=[731])
    await desk.vk.drain()
    edit = {"id": 731, "from_id": 100000002, "date": int(NOW.timestamp()), "text": REWORDED,
            "post_id": 700, "owner_id": -200000001}  # fmt: skip
    await desk.vk.deliver(desk.vk.event("wall_reply_edit", edit))
    await desk.vk.drain()
    gone = {"owner_id": -200000001, "id": 732, "post_id": 700, "deleter_id": 100000002}
    await desk.vk.deliver(desk.vk.event("wall_reply_delete", gone))
    await desk.vk.drain()
    await do(desk.resources, appeals.close, appeal.id, "answered_elsewhere", desk.operator, now=NOW)
    await desk.tell()
    told = desk.receiver.taken
    assert desk.receiver.events() == [
        "appeal.routed", "appeal.appended", "appeal.edited", "appeal.deleted", "appeal.closed",
    ]  # fmt: skip
    assert told[1]["message"]["text"] == "Дорога разбита: яма на яме, колёса пробиваем"
    assert told[2]["appeal"]["text"] == REWORDED
    assert told[3]["message"]["deleted_at"] is not None
    assert (told[4]["appeal"]["state"], told[4]["details"]) == ("closed", {"reason": "answered_elsewhere"})


async def test_an_answer_is_told_when_the_citizen_has_it(desk: Desk) -> None:
    from app.appeals import cycle
    from app.appeals.models import Answer

    await desk.channel(await desk.department_of_appeals())
    appeal = await desk.appeal()
    written = await do(desk.resources, appeals.answer, appeal.id, "Починим до пятницы", desk.operator, now=NOW)
    await desk.tell()
    assert desk.receiver.events() == ["appeal.routed"]
    async with desk.resources.database.transaction() as session:
        loaded = await cycle.load(session, appeal.id or 0, desk.operator)
        answer = await session.get_one(Answer, written.id)
        await cycle.mark_delivered(session, answer, loaded, NOW, cycle.SYSTEM)
    await desk.tell()
    assert desk.receiver.events() == ["appeal.routed", "appeal.answered"]
    assert desk.receiver.taken[1]["answer"]["text"] == "Починим до пятницы"
    assert desk.receiver.taken[1]["appeal"]["state"] == "answered"


async def test_an_appeal_that_is_handed_over_leaves_one_system_and_comes_to_another(desk: Desk) -> None:
    first = await desk.department_of_appeals()
    await desk.channel(first)
    appeal = await desk.appeal()
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0, url="https://hook.example/hook?other")
    await do(desk.resources, appeals.reroute, appeal.id, other.id, desk.operator, reason="не наше", now=NOW)
    await desk.vk.comment("Добавлю: яма у дома 5", 732, parents_stack=[731])
    await desk.vk.drain()
    await do(desk.resources, appeals.reroute, appeal.id, first, desk.operator, reason="всё же ваше", now=NOW)
    await desk.tell()
    by_channel: dict[int, list[str]] = {}
    for delivery in await desk.deliveries():
        by_channel.setdefault(delivery.channel_id, []).append(delivery.event)
    assert by_channel == {
        1: ["appeal.routed", "appeal.withdrawn", "appeal.routed"],
        2: ["appeal.routed", "appeal.appended", "appeal.withdrawn"],
    }
    withdrawn = next(one for one in desk.receiver.taken if one["event"] == "appeal.withdrawn")
    assert withdrawn["appeal"] == {"id": appeal.id}
    assert "message" not in withdrawn


async def test_what_was_rolled_back_is_not_told(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    appeal = await desk.appeal()
    with pytest.raises(Conflict):
        await do(desk.resources, _close_and_fail, appeal.id or 0, desk)
    async with desk.resources.database.transaction() as session:
        with suppress(Conflict):
            async with session.begin_nested():
                await _close_and_fail(session, appeal.id or 0, desk)
    assert [one.event for one in await desk.deliveries()] == ["appeal.routed"]


async def _close_and_fail(session: AsyncSession, appeal_id: int, desk: Desk) -> None:
    await appeals.close(session, appeal_id, "spam", desk.operator, now=NOW)
    raise Conflict("нет")


async def test_a_co_executors_system_is_told_what_part_is_asked_of_it_and_again_when_it_is_asked_again(
    desk: Desk,
) -> None:
    appeal = await desk.appeal()
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0)
    ask = (parts.ask_part, appeal.id, other.id, desk.operator)
    await do(desk.resources, *ask, question="Когда фонари?", now=NOW)
    await do(desk.resources, appeals.note, appeal.id, "Ждём", desk.operator, now=NOW + timedelta(minutes=1))
    await desk.tell()
    (told,) = desk.receiver.taken
    assert (told["event"], told["appeal"]["id"], told["place"]["territory"]) == ("appeal.part_asked", appeal.id, "Омск")
    assert told["part"] == {"question": "Когда фонари?", "asked_by": desk.operator.label}
    helper = replace(desk.operator, role=Role.DEPARTMENT, department_id=other.id)
    await do(desk.resources, parts.give_part, appeal.id, helper, text="Не наши", now=NOW, is_declined=True)
    await do(desk.resources, *ask, question="Точно?", now=NOW + timedelta(minutes=2))
    await do(desk.resources, appeals.close, appeal.id, "spam", desk.operator, now=NOW + timedelta(minutes=3))
    await desk.tell(timedelta(minutes=5))
    assert [one.get("part", {}).get("question") for one in desk.receiver.taken] == ["Когда фонари?", "Точно?", None]
    assert desk.receiver.taken[-1]["event"] == "appeal.part_dropped"


async def test_a_co_executors_system_hears_that_its_part_is_not_needed_and_later_that_it_is_again(
    desk: Desk,
) -> None:
    appeal = await desk.appeal()
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0)
    await do(desk.resources, parts.ask_part, appeal.id, other.id, desk.operator, question="Когда фонари?", now=NOW)
    comment = {"owner_id": -200000001, "id": 731, "post_id": 700}
    await desk.vk.deliver(desk.vk.event("wall_reply_delete", comment | {"deleter_id": 100000002}))
    await desk.vk.drain()
    restored = comment | {"from_id": 100000002, "date": int(NOW.timestamp()), "text": appeal.text}
    await desk.vk.deliver(desk.vk.event("wall_reply_restore", restored))
    await desk.vk.drain()
    assert [one.event for one in await desk.deliveries()] == [
        "appeal.part_asked", "appeal.part_dropped", "appeal.part_asked",
    ]  # fmt: skip


async def test_a_part_that_was_given_is_not_taken_back_when_the_appeal_ends(desk: Desk) -> None:
    appeal = await desk.appeal()
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0)
    await do(desk.resources, parts.ask_part, appeal.id, other.id, desk.operator, question="Когда фонари?", now=NOW)
    helper = replace(desk.operator, role=Role.DEPARTMENT, department_id=other.id)
    await do(desk.resources, parts.give_part, appeal.id, helper, text="В мае", now=NOW)
    await do(desk.resources, appeals.close, appeal.id, "spam", desk.operator, now=NOW + timedelta(minutes=1))
    assert [one.event for one in await desk.deliveries()] == ["appeal.part_asked"]


async def test_a_part_of_what_looks_like_talk_is_told_of_once_it_is_an_appeal(desk: Desk) -> None:
    appeal = await desk.appeal(text="Спасибо, красота!")
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0)
    await do(desk.resources, parts.ask_part, appeal.id, other.id, desk.operator, question="Что скажете?", now=NOW)
    assert await desk.deliveries() == []
    await do(desk.resources, appeals.confirm_appeal, appeal.id, desk.operator, now=NOW)
    assert [one.event for one in await desk.deliveries()] == ["appeal.part_asked"]


async def test_an_open311_server_is_not_told_of_parts(desk: Desk) -> None:
    appeal = await desk.appeal()
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0, ChannelKind.OPEN311)
    await do(desk.resources, parts.ask_part, appeal.id, other.id, desk.operator, question="Когда?", now=NOW)
    assert await desk.deliveries() == []


async def test_talk_is_told_only_once_it_is_an_appeal(desk: Desk) -> None:
    for department in (await departments(desk.resources)).values():
        await desk.channel(department.id or 0)
    appeal = await desk.appeal(text="Спасибо, красота!")
    assert appeal.is_talk
    assert await desk.deliveries() == []
    await do(desk.resources, appeals.confirm_appeal, appeal.id, desk.operator, now=NOW)
    assert [one.event for one in await desk.deliveries()] == ["appeal.routed"]


async def test_a_channel_that_asked_for_some_events_is_told_only_those(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals(), events=["appeal.closed"])
    appeal = await desk.appeal()
    await do(desk.resources, appeals.close, appeal.id, "spam", desk.operator, now=NOW)
    await desk.tell()
    assert desk.receiver.events() == ["appeal.closed"]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500, 502])
async def test_what_is_not_taken_comes_again_with_the_same_number(desk: Desk, status: int) -> None:
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.receiver.answers = [refusal(status, Location="https://hook.example/hook")]
    await desk.tell()
    waiting = await desk.delivery()
    assert (waiting.state, waiting.status_code, waiting.error) == ("pending", status, f"Система ответила {status}")
    await desk.tell(timedelta(seconds=10))
    assert desk.receiver.events() == ["appeal.routed"]
    first, second = (headers["appeals-delivery"] for headers, _ in desk.receiver.requests)
    assert first == second


async def test_a_slow_system_and_a_dead_one_are_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "WHOLE_SECONDS", 0.05)
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.receiver.slow_seconds = 1
    await desk.tell()
    assert (await desk.delivery()).error == "Система не ответила вовремя"
    desk.receiver.slow_seconds, desk.receiver.answers = 0, [Broken()]
    await desk.tell(timedelta(minutes=1))
    desk.wire.is_cut = True
    await desk.tell(timedelta(minutes=1))
    assert (await desk.delivery()).attempts == 3
    desk.wire.is_cut = False
    await desk.tell(timedelta(minutes=2))
    assert (await desk.delivery()).state == "delivered"


async def test_events_of_one_appeal_wait_for_the_one_before_and_others_do_not(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    first = await desk.appeal()
    await desk.vk.comment("И фонарь не горит уже неделю", 732, parents_stack=[731])
    await desk.vk.drain()
    second = await desk.appeal(comment_id=740, author=100000005)
    desk.receiver.answers = [refusal(500)]
    await desk.tell()
    assert [(one["event"], one["appeal"]["id"]) for one in desk.receiver.taken] == [("appeal.routed", second.id)]
    await desk.tell(timedelta(seconds=10))
    own = [one["event"] for one in desk.receiver.taken if one["appeal"]["id"] == first.id]
    assert own == ["appeal.routed", "appeal.appended"]


async def test_after_a_day_it_is_given_up_and_a_person_may_have_it_sent_again(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.wire.is_cut = True
    await desk.tell()
    await desk.tell(GIVE_UP_AFTER - timedelta(minutes=1))
    assert (await desk.delivery()).state == "pending"
    await desk.tell(timedelta(hours=2))
    failed = await desk.delivery()
    assert failed.state == "failed"
    assert await desk.tell(timedelta(days=1)) == 0
    desk.wire.is_cut = False
    await do(desk.resources, replay, failed.id, desk.operator, now=desk.now)
    await desk.tell(timedelta(minutes=1))
    assert desk.receiver.events() == ["appeal.routed"]
    again = await desk.delivery()
    assert (again.state, again.number) == ("delivered", failed.number)


async def test_everything_that_was_given_up_is_sent_again_in_one_go(desk: Desk) -> None:
    number = await desk.channel(await desk.department_of_appeals())
    for author in (5, 6):
        await desk.appeal(comment_id=740 + author, author=100000000 + author)
    desk.wire.is_cut = True
    await desk.tell()
    await desk.tell(GIVE_UP_AFTER + timedelta(hours=1))
    desk.wire.is_cut = False
    assert await do(desk.resources, replay_failed, number, desk.operator, now=desk.now) == 2
    await desk.tell(timedelta(minutes=1))
    assert len(desk.receiver.taken) == 2


async def test_what_is_under_way_is_not_replayed(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    with pytest.raises(Conflict, match="повторится сама"):
        await do(desk.resources, replay, (await desk.delivery()).id, desk.operator, now=NOW)


async def test_a_system_that_answers_410_is_told_nothing_more_until_a_person_says_so(desk: Desk) -> None:
    number = await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.receiver.answers = [refusal(410)]
    await desk.tell()
    channel = await desk.the_channel()
    assert (channel.is_active, channel.stopped_reason) == (False, "Система ответила 410: событий больше не ждёт")
    await desk.appeal(comment_id=740, author=100000005)
    assert len(await desk.deliveries()) == 1
    await do(desk.resources, resume_channel, number, desk.operator, now=NOW)
    await desk.appeal(comment_id=741, author=100000006)
    await desk.tell()
    assert desk.receiver.events() == ["appeal.routed"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_system_that_asks_for_patience_is_given_it_for_all_of_its_events(desk: Desk, status: int) -> None:
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.receiver.answers = [refusal(status, Retry_After="1800")]
    await desk.tell()
    await desk.appeal(comment_id=740, author=100000005)
    assert await desk.tell(timedelta(minutes=29)) == 0
    assert await desk.tell(timedelta(minutes=2)) == 2


async def test_a_stopped_channel_keeps_what_waits(desk: Desk) -> None:
    number = await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    await do(desk.resources, stop_channel, number, "ремонт", desk.operator, now=NOW)
    assert await desk.tell(timedelta(hours=1)) == 0
    await do(desk.resources, resume_channel, number, desk.operator, now=NOW)
    assert await desk.tell() == 1


async def test_a_system_inside_our_network_is_not_spoken_to(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.names["hook.example"] = ["10.0.0.5"]
    await desk.tell()
    assert (await desk.delivery()).error == "Адрес ведёт во внутреннюю сеть"
    assert desk.receiver.requests == []


async def test_two_workers_tell_an_event_once(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    for author in range(5):
        await desk.appeal(comment_id=740 + author, author=100000010 + author)
    await asyncio.gather(desk.tell(), desk.tell(), desk.tell())
    numbers = [headers["appeals-delivery"] for headers, _ in desk.receiver.requests]
    assert len(numbers) == len(set(numbers)) == 5


async def test_a_worker_that_died_leaves_its_event_to_the_next(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    assert len(await sending_claim(desk)) == 1  # and then the process dies
    assert await desk.tell(timedelta(seconds=60)) == 0
    assert await desk.tell(timedelta(seconds=61)) == 1
    assert (await desk.delivery()).state == "delivered"


async def sending_claim(desk: Desk) -> list[object]:
    from app.outgoing import sending

    return list(await sending._claim(desk.resources, desk.now))


async def test_a_try_carries_no_words_of_citizens(desk: Desk) -> None:
    number = await desk.channel(await desk.department_of_appeals())
    assert "приняла" in await try_out(desk.resources, number, NOW)
    assert desk.receiver.events() == ["channel.test"]
    assert "appeal" not in desk.receiver.taken[0]
    desk.receiver.answers = [refusal(401)]
    with pytest.raises(Conflict, match="401"):
        await try_out(desk.resources, number, NOW)


async def test_an_event_is_written_by_the_transaction_of_its_change(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    appeal = await desk.appeal()
    await do(desk.resources, appeals.close, appeal.id, "spam", desk.operator, now=NOW)
    line = next(one for one in await rows(desk.resources, HistoryEntry) if one.action == "closed")
    delivery = (await desk.deliveries())[-1]
    assert (delivery.appeal_id, delivery.event, delivery.created_at) == (line.appeal_id, "appeal.closed", line.at)


def test_channels_are_read_again_after_a_few_seconds() -> None:
    assert Directory().clock() - Directory().read_at >= 5


def test_pauses_grow_to_an_hour_and_are_never_all_the_same() -> None:
    assert [4 <= repeat_pause(1).total_seconds() <= 6, repeat_pause(50) <= timedelta(hours=1.2)] == [True, True]
    assert len({repeat_pause(5) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("header", "patience"),
    [
        (None, None), ("120", timedelta(minutes=2)), (" 7 ", timedelta(seconds=7)), ("soon", None), ("-5", None),
        ("99999999999", timedelta(days=1)), (format_datetime(NOW + timedelta(hours=1)), timedelta(hours=1)),
        (format_datetime(NOW - timedelta(hours=1)), timedelta(0)), ("", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_and_as_a_date(header: str | None, patience: timedelta | None) -> None:
    assert patience_of(header, NOW) == patience


async def test_a_batch_of_appeals_is_told_with_a_handful_of_statements(desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    for number in range(20):
        await desk.vk.comment(ROAD, 800 + number, 100000100 + number)
    count = 0

    def note(*rest: object) -> None:
        nonlocal count
        count += 1

    engine = desk.resources.database.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    await desk.vk.drain()
    sqlalchemy_event.remove(engine, "before_cursor_execute", note)
    assert len(await desk.deliveries()) == 20
    assert count < 45
