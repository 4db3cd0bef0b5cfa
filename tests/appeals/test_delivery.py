"""Answers reach the citizen once: against a VKontakte that keeps to its documented limits and errors."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from app.appeals import delivery, outbox
from app.appeals import service as appeals
from app.appeals.delivery import resume_page
from app.appeals.models import Answer, AnswerState, Appeal, Message, State
from app.appeals.retries import MOST_ATTEMPTS, MOST_DOUBTS, next_state, retry_pause_seconds
from app.errors import Conflict
from app.platforms import PLATFORMS
from app.platforms.base import Credentials, FailureKind, Limit, Repeat
from app.public_pages.models import PublicPage
from app.public_pages.service import seal_credentials
from app.sla.models import Clock
from app.vault import Vault
from tests.appeals.post_office import CITIZEN, REPLY, Office
from tests.conftest import GROUP, NOW, SECRET
from tests.office import HEATING, ROAD, actions, details, do, only, rows


async def test_an_answer_to_a_comment_reaches_the_wall_once_under_the_comment(office: Office) -> None:
    appeal = await office.comment()
    answer = await office.answer(appeal)
    assert await office.deliver() == 1
    assert await office.deliver() == 0
    (call,) = office.stand_in.calls("wall.createComment")
    assert call["params"]["owner_id"] == f"-{GROUP}"
    assert (call["params"]["post_id"], call["params"]["reply_to_comment"]) == ("700", appeal.external_id)
    assert (call["params"]["message"], call["params"]["guid"]) == (REPLY, answer.idempotency_key)
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.external_id) == (AnswerState.DELIVERED, str(call["response"]["comment_id"]))
    assert (await only(office.resources, Appeal)).state == State.ANSWERED
    assert (await actions(office.resources))[-2:] == ["answer_written", "answer_delivered"]


async def test_an_answer_to_a_private_message_is_sent_once(office: Office) -> None:
    office.stand_in.message(GROUP, CITIZEN, HEATING)
    await office.drain()
    appeal = await only(office.resources, Appeal)
    await office.answer(appeal)
    await office.deliver()
    (call,) = office.stand_in.calls("messages.send")
    assert (call["params"]["peer_ids"], call["params"]["message"]) == (str(CITIZEN), REPLY)
    assert (await only(office.resources, Appeal)).state == State.ANSWERED
    assert office.own_comments() == []


async def test_the_clock_stops_when_the_platform_confirms_and_not_at_the_click(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal)
    clock = await only(office.resources, Clock)
    assert (clock.met_at, clock.closed_at) == (None, None)
    assert (await only(office.resources, Appeal)).state == State.IN_WORK
    await office.deliver(timedelta(minutes=40))
    clock, appeal = await only(office.resources, Clock), await only(office.resources, Appeal)
    assert (
        clock.met_at == clock.closed_at == appeal.closed_at == appeal.first_answered_at == NOW + timedelta(minutes=40)
    )
    assert (clock.breached_at, clock.spent_minutes, appeal.next_due_at) == (None, 40, None)


async def test_a_delivery_after_the_due_time_meets_the_clock_late(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal)
    await office.deliver(timedelta(days=10))
    clock = await only(office.resources, Clock)
    assert clock.met_at == NOW + timedelta(days=10)
    assert clock.breached_at == clock.due_at


async def test_an_interim_answer_meets_the_first_clock_and_starts_the_final_one(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal, "Приняли в работу, ответим по существу.", is_interim=True)
    await office.deliver(timedelta(minutes=5))
    first, final = await rows(office.resources, Clock)
    appeal = await only(office.resources, Appeal)
    assert (first.kind, first.met_at) == ("first_answer", NOW + timedelta(minutes=5))
    assert (final.kind, final.started_at, final.closed_at) == ("final", NOW + timedelta(minutes=5), None)
    assert (appeal.state, appeal.next_due_at, appeal.closed_at) == (State.INTERIM, final.due_at, None)

    await office.answer(appeal, "Ещё проверяем.", is_interim=True)
    await office.deliver(timedelta(minutes=5))
    assert len(await rows(office.resources, Clock)) == 2
    assert (await only(office.resources, Appeal)).next_due_at == final.due_at

    await office.answer(appeal)
    await office.deliver(timedelta(minutes=5))
    appeal = await only(office.resources, Appeal)
    assert (appeal.state, appeal.next_due_at) == (State.ANSWERED, None)
    assert (await rows(office.resources, Clock))[1].met_at == NOW + timedelta(minutes=15)
    assert appeal.first_answered_at == NOW + timedelta(minutes=5)
    assert len(office.own_comments()) == 3


async def test_too_many_requests_are_tried_again_later_with_the_same_key(office: Office) -> None:
    await office.answer(await office.comment())
    office.stand_in.misbehave(error_code=6, method="wall.createComment")
    await office.deliver()
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.error_code, answer.attempts) == (AnswerState.PENDING, "6", 1)
    assert answer.error_reason is not None
    assert answer.next_attempt_at == NOW + timedelta(seconds=2)
    assert await office.deliver(timedelta(seconds=1)) == 0
    assert await office.deliver(timedelta(seconds=1)) == 1
    (call,) = office.stand_in.calls("wall.createComment")
    answer = await only(office.resources, Answer)
    assert call["params"]["guid"] == answer.idempotency_key
    assert (answer.state, answer.error_code, answer.error_reason) == (AnswerState.DELIVERED, None, None)


async def test_a_citizen_who_forbids_messages_is_a_failure_with_the_platforms_reason(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal, is_private=True)
    await office.deliver()
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.error_code) == (AnswerState.FAILED, "901")
    assert answer.error_reason is not None
    assert "Код ВКонтакте 901: Can't send messages for users without permission" in answer.error_reason
    appeal = await only(office.resources, Appeal)
    assert (appeal.state, appeal.is_open) == (State.IN_WORK, True)
    assert (await only(office.resources, Clock)).closed_at is None
    assert await details(office.resources, "answer_failed") == {
        "answer_id": answer.id, "reason": answer.error_reason, "code": "901",
    }  # fmt: skip
    await office.answer(appeal)  # publicly then
    await office.deliver()
    assert office.own_comments() == [REPLY]


async def test_a_captcha_needs_hands_and_the_answer_can_be_sent_again(office: Office) -> None:
    await office.answer(await office.comment())
    office.stand_in.misbehave(error_code=14, error_msg="Captcha needed")
    await office.deliver()
    answer = await only(office.resources, Answer)
    assert answer.state == AnswerState.HANDS_NEEDED
    assert await office.deliver(timedelta(days=1)) == 0
    await do(office.resources, outbox.retry_answer, answer.id, office.operator, now=office.now)
    waiting = await only(office.resources, Answer)
    assert (waiting.state, waiting.error_reason, waiting.attempts) == (AnswerState.PENDING, None, 0)
    await office.deliver()
    (call,) = office.stand_in.calls("wall.createComment")
    assert call["params"]["guid"] == answer.idempotency_key
    with pytest.raises(Conflict):
        await do(office.resources, outbox.retry_answer, answer.id, office.operator, now=office.now)


async def test_a_refused_key_stops_the_page_until_a_person_mends_it(office: Office) -> None:
    first, second = await office.comment(), await office.comment("Автобус не приходит на остановку")
    office.stand_in.world.community(GROUP).access_token = "a new token"
    await office.answer(first)
    await office.deliver()
    await office.answer(second)
    assert await office.deliver(timedelta(days=1)) == 0
    page = await only(office.resources, PublicPage)
    assert page.sending_stopped_reason is not None
    assert "ключ" in page.sending_stopped_reason
    assert [answer.state for answer in await rows(office.resources, Answer)] == [AnswerState.PENDING] * 2
    assert "answer_failed" not in await actions(office.resources)

    mended = Credentials(str(GROUP), SECRET, "confirm-me", "a new token")
    async with office.resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).credentials = seal_credentials(office.resources.vault, mended)
        await resume_page(session, page.id or 0)
    assert await office.deliver() == 2
    assert len(office.own_comments()) == 2
    assert (await only(office.resources, PublicPage)).sending_stopped_reason is None


async def test_credentials_that_cannot_be_opened_stop_their_page_and_no_other(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal)
    foreign = seal_credentials(Vault(b"x" * 32), Credentials(str(GROUP), SECRET))
    async with office.resources.database.transaction() as session:
        page = await session.get_one(PublicPage, appeal.page_id)
        mended, page.credentials = page.credentials, foreign
        other = Answer(
            appeal_id=appeal.id or 0, page_id=0, kind="comment", place="wall", text="Другая", author_label="Имя",
            recipient_external_id=str(CITIZEN), post_external_id="700", reply_to_external_id=appeal.external_id,
            idempotency_key="other", next_attempt_at=NOW, created_at=NOW,
        )  # fmt: skip
        neighbour = PublicPage(
            key="neighbour", platform="vk", external_id=f"{GROUP} ", name="Соседи", created_at=NOW, credentials=mended
        )
        session.add(neighbour)
        await session.flush()
        other.page_id = neighbour.id or 0
        session.add(other)
    await office.deliver()
    ours, theirs = await rows(office.resources, Answer)
    assert ours.state == AnswerState.PENDING
    assert theirs.attempts == 1
    stopped, _ = [page.sending_stopped_reason or "" for page in await rows(office.resources, PublicPage)]
    assert "Ключи доступа страницы не читаются" in stopped


@pytest.mark.parametrize("is_done", [False, True])
async def test_an_outage_is_waited_out_with_growing_pauses_and_one_comment_comes_of_it(
    office: Office, is_done: bool
) -> None:
    await office.answer(await office.comment())
    office.stand_in.misbehave(http_status=500, times=3, is_done=is_done)
    pauses = []
    for _ in range(3):
        await office.deliver()
        answer = await only(office.resources, Answer)
        assert (answer.state, answer.error_code) == (AnswerState.PENDING, "http-500")
        pauses.append((answer.next_attempt_at - office.now).total_seconds())
        office.now = answer.next_attempt_at
    assert pauses == [5, 5, 8]  # at least what the platform needs, then 2, 4, 8 …
    await office.deliver()
    assert office.own_comments() == [REPLY]
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED


async def test_an_answer_whose_confirmation_was_lost_on_the_wire_is_sent_again_and_seen_once(office: Office) -> None:
    async def lose() -> None:
        office.wire.after = None
        raise httpx.ReadTimeout("lost")

    await office.answer(await office.comment())
    office.wire.after = lose
    await office.deliver()
    assert (await only(office.resources, Answer)).state == AnswerState.PENDING
    await office.deliver(timedelta(minutes=1))
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    assert [call["is_repeat"] for call in office.stand_in.calls("wall.createComment")] == [False, True]
    assert office.own_comments() == [REPLY]


async def test_after_many_attempts_a_person_is_told(office: Office) -> None:
    await office.answer(await office.comment())
    office.stand_in.misbehave(http_status=503, times=MOST_ATTEMPTS)
    for _ in range(MOST_ATTEMPTS):
        await office.deliver(timedelta(hours=2))
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.attempts) == (AnswerState.FAILED, MOST_ATTEMPTS)
    assert (await details(office.resources, "answer_failed"))["code"] == "http-503"


async def test_a_fault_of_our_own_is_counted_and_does_not_stop_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, send = PLATFORMS["vk"], PLATFORMS["vk"].send

    async def stumble(client: Any, url: str, credentials: Any, message: Any) -> Any:
        if message.text == "Споткнёмся":
            raise KeyError("nobody foresaw it")
        return await send(client, url, credentials, message)

    monkeypatch.setattr(platform, "send", stumble)
    await office.answer(await office.comment(), "Споткнёмся")
    await office.answer(await office.comment(author=CITIZEN + 1))
    await office.deliver()
    failed, sent = await rows(office.resources, Answer)
    assert (failed.state, failed.error_code, sent.state) == (AnswerState.PENDING, "KeyError", AnswerState.DELIVERED)
    for _ in range(MOST_ATTEMPTS):
        await office.deliver(timedelta(hours=2))
    failed = (await rows(office.resources, Answer))[0]
    assert failed.state == AnswerState.FAILED
    assert "сами больше не повторим" in (failed.error_reason or "")


class Killed(BaseException):
    """The process dies here."""


async def test_a_worker_killed_after_sending_leaves_one_comment_and_a_delivered_answer(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*arguments: Any) -> None:
        raise Killed

    await office.answer(await office.comment())
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_record_delivery", die)
        with pytest.raises(Killed):
            await office.deliver()
    assert (await only(office.resources, Answer)).state == AnswerState.SENDING
    assert await office.deliver(timedelta(seconds=delivery.LEASE_SECONDS - 1)) == 0
    assert await office.deliver(timedelta(seconds=1)) == 1
    answer = await only(office.resources, Answer)
    assert (answer.state, answer.attempts) == (AnswerState.DELIVERED, 2)
    assert [call["is_repeat"] for call in office.stand_in.calls("wall.createComment")] == [False, True]
    assert office.own_comments() == [REPLY]


async def test_several_workers_share_the_outbox_and_send_nothing_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 4)
    office.stand_in.api._monotonic = iter(range(1000)).__next__  # the limit of 20 a second is proved elsewhere
    for number in range(12):
        await office.vk.comment(ROAD, 8000 + number, author=100 + number)
    await office.drain()
    for appeal in await rows(office.resources, Appeal):
        async with office.resources.database.transaction() as session:
            answer = await appeals.answer(session, appeal.id or 0, f"Ответ {appeal.id}", office.operator, now=NOW)
            answer.reply_to_external_id = None  # these comments are not in the stand-in's world

    async def work() -> int:
        done = 0
        while count := await office.deliver():
            done += count
        return done

    assert sum(await asyncio.gather(*(work() for _ in range(3)))) == 12
    assert sorted(office.own_comments()) == sorted(f"Ответ {number}" for number in range(1, 13))
    assert len(office.stand_in.calls("wall.createComment")) == 12


async def test_a_slow_worker_does_not_undo_what_another_has_delivered(office: Office) -> None:
    """Its lease lapsed while VKontakte kept it waiting; its own call fails after the other's succeeded."""

    async def deliver_meanwhile() -> None:
        office.wire.before = None
        await office.deliver(timedelta(seconds=delivery.LEASE_SECONDS))

    await office.answer(await office.comment())

    async def then_fail() -> None:
        await deliver_meanwhile()
        office.stand_in.misbehave(error_code=14, method="wall.createComment")

    office.wire.before = then_fail
    await office.deliver()
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED
    assert (await only(office.resources, Appeal)).state == State.ANSWERED
    assert "answer_failed" not in await actions(office.resources)
    assert (await actions(office.resources)).count("answer_delivered") == 1


async def test_two_confirmations_of_one_answer_are_one(office: Office) -> None:
    async def deliver_meanwhile() -> None:
        office.wire.after = None
        await office.deliver(timedelta(seconds=delivery.LEASE_SECONDS))

    await office.answer(await office.comment())
    office.wire.after = deliver_meanwhile
    await office.deliver()
    assert (await actions(office.resources)).count("answer_delivered") == 1
    assert office.own_comments() == [REPLY]


async def test_the_echo_after_delivery_belongs_to_the_answer(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal)
    await office.deliver()
    await office.drain()
    echo = (await rows(office.resources, Message))[-1]
    assert (echo.is_own, echo.text, echo.appeal_id) == (True, REPLY, appeal.id)
    assert "answered_in_platform" not in await actions(office.resources)


@pytest.mark.parametrize("is_message", [False, True])
async def test_the_echo_before_the_confirmation_is_recognised_and_adopted(office: Office, is_message: bool) -> None:
    if is_message:
        office.stand_in.message(GROUP, CITIZEN, HEATING)
        await office.drain()
    else:
        await office.comment()
    await office.answer(await only(office.resources, Appeal), is_interim=True)
    office.wire.after = office.drain
    await office.deliver()
    echo, appeal = (await rows(office.resources, Message))[-1], await only(office.resources, Appeal)
    assert (echo.is_own, echo.appeal_id, echo.key) == (True, appeal.id, (await only(office.resources, Answer)).echo_key)
    assert appeal.state == State.INTERIM
    assert "answered_in_platform" not in await actions(office.resources)


async def test_the_echo_of_an_answer_that_waits_for_its_repeat_is_no_answer_by_hand(office: Office) -> None:
    await office.answer(await office.comment(), is_interim=True)
    office.stand_in.misbehave(http_status=502, is_done=True)
    await office.deliver()
    await office.drain()
    assert (await only(office.resources, Appeal)).state == State.IN_WORK
    await office.deliver(timedelta(minutes=1))
    assert (await only(office.resources, Appeal)).state == State.INTERIM
    assert "answered_in_platform" not in await actions(office.resources)


async def test_echoes_of_the_same_words_belong_each_to_their_own_appeal(office: Office) -> None:
    for text in (ROAD, "Автобус не приходит на остановку"):
        await office.answer(await office.comment(text))
    async with office.resources.database.transaction() as session:
        (await session.get_one(Answer, 2)).next_attempt_at = NOW - timedelta(minutes=1)  # sent first
    office.wire.after = office.drain
    await office.deliver()
    owners = {m.reply_to_external_id: m.appeal_id for m in await rows(office.resources, Message) if m.is_own}
    assert owners == {appeal.external_id: appeal.id for appeal in await rows(office.resources, Appeal)}
    assert "answered_in_platform" not in await actions(office.resources)


async def test_an_answer_delivered_after_its_appeal_was_closed_leaves_it_closed(office: Office) -> None:
    appeal = await office.comment()
    await office.answer(appeal)
    await do(office.resources, appeals.close, appeal.id, "spam", office.operator, now=NOW)
    await office.deliver()
    appeal = await only(office.resources, Appeal)
    assert (appeal.state, appeal.close_reason) == (State.CLOSED, "spam")
    assert (await only(office.resources, Answer)).state == AnswerState.DELIVERED


async def test_a_cancelled_answer_is_not_sent(office: Office) -> None:
    answer = await office.answer(await office.comment())
    await do(office.resources, outbox.cancel_answer, answer.id, office.operator, now=NOW)
    assert await office.deliver() == 0
    assert office.own_comments() == []


async def test_no_transaction_is_open_while_the_network_is_waited_for(office: Office) -> None:
    seen: list[tuple[int, int]] = []

    async def look() -> None:
        url = office.resources.settings.database_url
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE xact_start IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            row = await cursor.fetchone()
        pool: Any = office.resources.database.engine.pool
        seen.append((row[0] if row else -1, pool.checkedout()))

    await office.answer(await office.comment())
    office.wire.before = look
    await office.deliver()
    assert seen == [(0, 0)]


async def test_answers_of_a_page_keep_to_its_rate(office: Office) -> None:
    waits: list[str] = []

    class Limiter:
        def delay_seconds(self, limits: list[Limit]) -> float:
            return 0.0

        async def wait(self, *limits: Limit) -> None:
            waits.extend(f"{limit.key} {limit.per_second:.0f}" for limit in limits)

    office.resources = replace(office.resources, limiter=Limiter())  # type: ignore[arg-type]
    appeal = await office.comment()
    await office.answer(appeal)
    await office.deliver()
    assert waits == [f"vk:{appeal.page_id}: 20"]


@pytest.mark.parametrize(
    ("kind", "attempts", "state"),
    [
        (FailureKind.RETRY, 1, AnswerState.PENDING),
        (FailureKind.RETRY, MOST_ATTEMPTS - 1, AnswerState.PENDING),
        (FailureKind.RETRY, MOST_ATTEMPTS, AnswerState.FAILED),
        (FailureKind.PAGE_STOPPED, 1, AnswerState.PENDING),
        (FailureKind.PAGE_STOPPED, MOST_ATTEMPTS + 5, AnswerState.PENDING),
        (FailureKind.UNKNOWN, 1, AnswerState.UNKNOWN),
        (FailureKind.HANDS_NEEDED, 1, AnswerState.HANDS_NEEDED),
        (FailureKind.PERMANENT, 1, AnswerState.FAILED),
    ],
)
def test_every_kind_of_failure_has_its_state(kind: FailureKind, attempts: int, state: AnswerState) -> None:
    assert next_state(kind, attempts, Repeat.SHOWN_TWICE) == state


def test_an_answer_that_is_sent_and_never_found_is_not_sent_for_ever() -> None:
    states = [next_state(FailureKind.UNKNOWN, attempts, Repeat.LOOKED_UP) for attempts in range(1, MOST_DOUBTS + 1)]
    assert states == [AnswerState.PENDING] * (MOST_DOUBTS - 1) + [AnswerState.UNKNOWN]


def test_pauses_double_up_to_an_hour() -> None:
    assert [retry_pause_seconds(attempts) for attempts in (1, 2, 3, 11, 12, 40)] == [2, 4, 8, 2048, 3600, 3600]
