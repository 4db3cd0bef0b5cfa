"""Where a platform has no idempotency, a lost confirmation makes no second answer; and long answers go in parts."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.appeals import delivery, outbox
from app.appeals.models import Answer, AnswerState, Appeal, State
from app.errors import Conflict
from app.platforms import PLATFORMS
from app.platforms.base import FailureKind, Repeat, SendFailed, SentMessage
from app.public_pages.models import PublicPage
from tests.appeals.post_office import REPLY, Office
from tests.conftest import GROUP, NOW
from tests.office import actions, do, only, rows

LONG = "\n\n".join(f"Абзац {number}. " + "Подробности о ремонте дороги. " * 60 for number in range(1, 6))


class Lossy:
    """VKontakte as if it knew no idempotency: carried out, the confirmation lost; perhaps it can be looked up."""

    def __init__(self, office: Office, patch: pytest.MonkeyPatch, repeat: Repeat) -> None:
        self.office, self.send = office, PLATFORMS["vk"].send
        self.loses, self.asked, self.sent = 1, 0, 0
        self.trouble: SendFailed | None = None
        patch.setattr(PLATFORMS["vk"], "repeat", repeat)
        patch.setattr(PLATFORMS["vk"], "send", self.send_and_lose)
        patch.setattr(PLATFORMS["vk"], "find_sent", self.find)

    async def send_and_lose(self, client: Any, url: str, credentials: Any, message: Any) -> SentMessage:
        self.sent += 1
        message = replace(message, idempotency_key=f"unrecognised-{self.sent}")
        sent = await self.send(client, url, credentials, message)
        if self.loses:
            self.loses -= 1
            raise SendFailed(FailureKind.UNKNOWN, "Связь оборвалась.", code="network")
        return sent

    async def find(self, client: Any, url: str, credentials: Any, message: Any, since: datetime) -> SentMessage | None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        community = self.office.stand_in.world.community(GROUP)
        own = [one for one in community.comments if one.from_id < 0 and one.text == message.text]
        return SentMessage(str(own[0].id), f"wall:{own[0].id}") if own else None


@pytest.fixture
def looked_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> Lossy:
    return Lossy(office, monkeypatch, Repeat.LOOKED_UP)


@pytest.fixture
def shown_twice(office: Office, monkeypatch: pytest.MonkeyPatch) -> Lossy:
    return Lossy(office, monkeypatch, Repeat.SHOWN_TWICE)


async def test_an_answer_in_doubt_is_looked_up_and_found(office: Office, looked_up: Lossy) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    waiting = await only(office.resources, Answer)
    assert (waiting.state, waiting.is_in_doubt) == (AnswerState.PENDING, True)
    await office.deliver(timedelta(minutes=1))
    found = await only(office.resources, Answer)
    assert (found.state, found.is_in_doubt, looked_up.asked) == (AnswerState.DELIVERED, False, 1)
    assert office.own_comments() == [REPLY]
    assert (await only(office.resources, Appeal)).state == State.ANSWERED


async def test_an_answer_that_certainly_did_not_arrive_is_sent_again(office: Office, looked_up: Lossy) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    office.stand_in.world.community(GROUP).comments[-1].text = "не наш"
    await office.deliver(timedelta(minutes=1))
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    assert office.own_comments() == ["не наш", REPLY]


@pytest.mark.parametrize("kind", [FailureKind.UNKNOWN, FailureKind.PERMANENT])
async def test_an_answer_that_cannot_be_looked_up_is_shown_to_a_person(
    office: Office, looked_up: Lossy, kind: FailureKind
) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    looked_up.trouble = SendFailed(kind, "Не посмотреть.")
    await office.deliver(timedelta(minutes=1))
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.is_in_doubt) == (AnswerState.UNKNOWN, True)
    assert await office.deliver(timedelta(days=1)) == 0
    assert office.own_comments() == [REPLY]


async def test_a_look_up_that_fails_for_now_is_tried_again_before_anything_is_sent(
    office: Office, looked_up: Lossy
) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    looked_up.trouble = SendFailed(FailureKind.RETRY, "Позже.")
    await office.deliver(timedelta(minutes=1))
    assert (await only(office.resources, Answer)).is_in_doubt
    looked_up.trouble = None
    await office.deliver(timedelta(minutes=1))
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    assert office.own_comments() == [REPLY]


async def test_where_nobody_can_tell_the_answer_waits_for_a_person_and_is_not_repeated(
    office: Office, shown_twice: Lossy
) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    assert (await only(office.resources, Answer)).state == AnswerState.UNKNOWN
    assert await office.deliver(timedelta(days=1)) == 0
    assert office.own_comments() == [REPLY]
    assert (await only(office.resources, Appeal)).is_open


async def test_a_person_who_has_seen_it_confirms_and_the_clock_stops(office: Office, shown_twice: Lossy) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    answer = await only(office.resources, Answer)
    await do(office.resources, outbox.confirm_answer, answer.id, office.operator, now=office.now)
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    appeal = await only(office.resources, Appeal)
    assert (appeal.state, appeal.first_answered_at) == (State.ANSWERED, office.now)
    with pytest.raises(Conflict):
        await do(office.resources, outbox.confirm_answer, answer.id, office.operator, now=office.now)


async def test_a_person_who_has_not_seen_it_sends_it_again(office: Office, shown_twice: Lossy) -> None:
    await office.answer(await office.comment())
    await office.deliver()
    answer = await only(office.resources, Answer)
    await do(office.resources, outbox.retry_answer, answer.id, office.operator, now=office.now)
    await office.deliver()
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    assert office.own_comments() == [REPLY, REPLY]


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("repeat", [Repeat.LOOKED_UP, Repeat.SHOWN_TWICE])
async def test_a_worker_killed_while_sending_makes_no_second_answer(
    office: Office, monkeypatch: pytest.MonkeyPatch, repeat: Repeat
) -> None:
    Lossy(office, monkeypatch, repeat).loses = 0
    await office.answer(await office.comment())

    async def die(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_record_delivery", die)
        with pytest.raises(Killed):
            await office.deliver()
    await office.deliver(timedelta(seconds=delivery.LEASE_SECONDS))
    expected = AnswerState.DELIVERED if repeat is Repeat.LOOKED_UP else AnswerState.UNKNOWN
    assert (await only(office.resources, Answer)).state == expected
    assert office.own_comments() == [REPLY]


async def test_a_worker_killed_while_waiting_for_its_turn_leaves_no_doubt(
    office: Office, shown_twice: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*arguments: Any) -> bool:
        raise Killed

    shown_twice.loses = 0
    await office.answer(await office.comment())
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_begin", die)
        with pytest.raises(Killed):
            await office.deliver()
    await office.deliver(timedelta(seconds=delivery.LEASE_SECONDS))
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    assert office.own_comments() == [REPLY]


async def test_an_answer_cancelled_while_it_waits_for_its_turn_is_not_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await office.answer(await office.comment())
    begin = delivery._begin

    async def cancel_first(*arguments: Any) -> bool:
        await do(office.resources, outbox.cancel_answer, answer.id, office.operator, now=office.now)
        return await begin(*arguments)

    monkeypatch.setattr(delivery, "_begin", cancel_first)
    await office.deliver()
    assert office.own_comments() == []
    assert await rows(office.resources, Answer) == []


async def test_an_answer_whose_turn_comes_late_gives_its_lease_back(office: Office) -> None:
    await office.answer(await office.comment())
    limiter = office.resources.limiter
    page = await only(office.resources, PublicPage)
    limiter._next_slot[f"vk:{page.id}:"] = limiter._clock() + 60
    await office.deliver()
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.attempts) == (AnswerState.PENDING, 0)
    assert timedelta(seconds=55) < answer.next_attempt_at - office.now < timedelta(seconds=65)


async def test_flood_control_of_the_page_holds_all_its_answers(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def flooded(*arguments: Any) -> SentMessage:
        raise SendFailed(FailureKind.RETRY, "Слишком часто.", code="9", retry_after_seconds=600, is_of_page=True)

    first, second = await office.comment(), await office.comment("Автобус не приходит на остановку", 100000009)
    await office.answer(first)
    with monkeypatch.context() as patched:
        patched.setattr(PLATFORMS["vk"], "send", flooded)
        await office.deliver()
    await office.answer(second)
    assert await office.deliver(timedelta(seconds=599)) == 0
    assert await office.deliver(timedelta(seconds=1)) == 2


async def test_a_discussion_that_has_moved_is_remembered_and_the_answer_goes_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(*arguments: Any) -> SentMessage:
        raise SendFailed(FailureKind.RETRY, "Переехали.", discussion_id="-100777")

    await office.answer(await office.comment())
    with monkeypatch.context() as patched:
        patched.setattr(PLATFORMS["vk"], "send", moved)
        await office.deliver()
    assert (await only(office.resources, PublicPage)).discussion_id == "-100777"
    assert await office.deliver() == 1


async def test_a_long_answer_goes_in_parts_in_their_order_and_the_last_stops_the_clock(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal, LONG)
    parts = await rows(office.resources, Answer)
    assert len(parts) == 3
    assert [part.follows_id for part in parts] == [None, parts[0].id, parts[1].id]
    for number in range(3):
        assert (await only(office.resources, Appeal)).is_open
        assert await office.deliver() == 1
        assert len(office.own_comments()) == number + 1
    assert office.own_comments() == [part.text for part in parts]
    assert (await only(office.resources, Appeal)).state == State.ANSWERED
    await office.drain()
    assert (await actions(office.resources)).count("answered_in_platform") == 0


async def test_a_part_that_fails_holds_the_rest_until_a_person_decides(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal, LONG)
    await office.deliver()
    office.stand_in.misbehave(error_code=222)
    await office.deliver()
    stuck = (await rows(office.resources, Answer))[1]
    assert stuck.state == AnswerState.HANDS_NEEDED
    assert await office.deliver(timedelta(days=1)) == 0
    await do(office.resources, outbox.retry_answer, stuck.id, office.operator, now=office.now)
    assert [await office.deliver() for _ in range(3)] == [1, 1, 0]
    assert (await only(office.resources, Appeal)).state == State.ANSWERED


async def test_giving_up_a_part_gives_up_what_follows_it(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal, LONG)
    await office.deliver()
    office.stand_in.misbehave(error_code=222)
    await office.deliver()
    stuck = (await rows(office.resources, Answer))[1]
    await do(office.resources, outbox.cancel_answer, stuck.id, office.operator, now=NOW)
    assert [part.state for part in await rows(office.resources, Answer)] == [AnswerState.DELIVERED]
    await office.answer(appeal)
    await office.deliver()
    assert (await only(office.resources, Appeal)).state == State.ANSWERED
