"""Telegram from the citizen's words to the answer in her hands: the stand-in and the service, talking to each other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.appeals import delivery
from app.appeals import service as appeals
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, AnswerState, Appeal, Message
from app.appeals.page_models import Contact
from app.intake import webhooks
from app.intake.models import EventState, InboxEvent
from app.intake.service import drain_batch
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, webhook_path
from app.resources import Resources
from app.sandbox.telegram_stand_in import TelegramStandIn
from tests.conftest import NOW
from tests.office import HEATING, ROAD, actions, clerk, do, only, rows
from tests.platforms.telegram_room import CHANNEL, CITIZEN, CREDENTIALS, GROUP, NEIGHBOUR, SECRET, TOKEN

REPLY = "Здравствуйте! Яму заделают до конца недели."


@dataclass
class Room:
    """The service with its Telegram page, and the Telegram that it hears and answers."""

    resources: Resources
    stand_in: TelegramStandIn
    page: PublicPage
    now: datetime = NOW

    async def drain(self) -> None:
        await self.stand_in.settle()
        while await drain_batch(self.resources, self.now):
            pass

    async def answer(self, appeal: Appeal) -> Answer:
        """Write an answer and let it be sent once."""
        operator = await clerk(self.resources)
        await do(self.resources, appeals.answer, appeal.id, REPLY, operator, now=self.now)
        return await self.deliver()

    async def deliver(self) -> Answer:
        await deliver_batch(self.resources, self.now)
        return await only(self.resources, Answer)


@pytest.fixture
async def room(
    app: FastAPI, client: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Room]:
    async with resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="telegram", credentials=CREDENTIALS, name="Администрация Примерска",
            territory_code="52701000", now=NOW,
        )  # fmt: skip
    stand_in = TelegramStandIn(client=client, now=lambda: NOW, retry_delays_seconds=(0.0,))
    stand_in.add_page(
        CHANNEL, page.name, access_token=TOKEN, discussion_id=GROUP, callback_url=f"http://test{webhook_path(page)}",
        secret=SECRET,
    )  # fmt: skip
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    stand_in.add_user(NEIGHBOUR, "Пётр")
    settings = resources.settings.model_copy(update={"telegram_api_url": "http://telegram.test"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stand_in.app)) as wire:
        room = Room(replace(resources, http=wire, settings=settings), stand_in, page)
        monkeypatch.setattr(webhooks, "utc_now", lambda: NOW)
        monkeypatch.setattr(delivery, "utc_now", lambda: room.now)
        yield room
    await stand_in.aclose()


async def commented(room: Room) -> Appeal:
    """A comment that has become an appeal."""
    post = room.stand_in.add_post(CHANNEL, "Завтра субботник")
    await room.drain()
    room.stand_in.comment(CHANNEL, str(post.id), CITIZEN, ROAD)
    await room.drain()
    return (await rows(room.resources, Appeal))[-1]


async def test_a_comment_becomes_an_appeal_under_its_post(room: Room) -> None:
    appeal = await commented(room)
    (post,) = room.stand_in.feed(CHANNEL)["posts"]
    assert (appeal.kind, appeal.place, appeal.platform, appeal.page_id) == ("comment", "post", "telegram", room.page.id)
    assert (appeal.author_external_id, appeal.author_name, appeal.text) == (CITIZEN, "Анна Примерова", ROAD)
    assert (appeal.external_id, appeal.post_external_id) == (post["comments"][0]["id"], post["id"])
    assert (appeal.source_url or "").startswith("https://t.me/c/1000000001/")
    assert {event.state for event in await rows(room.resources, InboxEvent)} == {EventState.HANDLED}


async def test_telegram_is_answered_with_nothing_that_it_could_carry_out(room: Room, client: httpx.AsyncClient) -> None:
    body = {"update_id": 7, "message": {"message_id": 1, "chat": {"id": 5}, "date": 1795312800, "text": "sendMessage"}}
    address, proof = webhook_path(room.page), {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    answer = await client.post(address, json=body, headers=proof)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.post(address, json=body)).status_code == 403
    await commented(room)
    assert room.stand_in.webhooks.commands == []
    assert room.stand_in.world.page(CHANNEL).pending == {}


async def test_a_reply_finds_its_post_by_the_thread(room: Room) -> None:
    first = await commented(room)
    room.stand_in.comment(CHANNEL, first.post_external_id or "", NEIGHBOUR, HEATING, reply_to=first.external_id)
    await room.drain()
    _, second = await rows(room.resources, Appeal)
    assert (second.author_name, second.post_external_id) == ("Пётр", first.post_external_id)


async def test_an_album_is_one_message_with_all_its_pictures(room: Room) -> None:
    for number, text in enumerate([ROAD, ""]):
        photo = {"file_id": room.stand_in.add_file(f"photos/{number}.jpg", b"x"), "width": 90, "height": 60}
        room.stand_in.message(CHANNEL, CITIZEN, text, extra={"photo": [photo], "media_group_id": "135"})
        await room.drain()
    message = await only(room.resources, Message)
    assert (message.text, [one["file_id"] for one in message.attachments]) == (ROAD, ["photos~0.jpg", "photos~1.jpg"])
    appeal = await only(room.resources, Appeal)
    assert (appeal.kind, appeal.chat_external_id, appeal.has_attachments) == ("message", CITIZEN, True)


async def test_an_edit_changes_the_appeal_and_a_blocked_bot_is_known(room: Room) -> None:
    message = room.stand_in.message(CHANNEL, CITIZEN, ROAD)
    await room.drain()
    room.stand_in.edit(CHANNEL, f"{CITIZEN}:{message.id}", HEATING)
    room.stand_in.block(CHANNEL, CITIZEN)
    await room.drain()
    appeal = await only(room.resources, Appeal)
    assert (appeal.text, appeal.is_edited) == (HEATING, True)
    async with room.resources.database.transaction() as session:
        contact = (await session.scalars(select(Contact))).one()
    assert (contact.external_id, contact.can_be_written) == (CITIZEN, False)


async def test_updates_that_come_twice_and_out_of_order_are_one_appeal(room: Room) -> None:
    room.stand_in.webhooks.deliveries.double(3)
    room.stand_in.webhooks.deliveries.mix_up(1)
    message = room.stand_in.message(CHANNEL, CITIZEN, ROAD)
    room.stand_in.edit(CHANNEL, f"{CITIZEN}:{message.id}", HEATING)
    await room.drain()
    assert (await only(room.resources, Appeal)).text == HEATING


async def test_an_answer_reaches_the_citizen_once_while_telegram_asks_for_patience(room: Room) -> None:
    appeal = await commented(room)
    room.stand_in.misbehave(method="sendMessage", error_code=429)
    assert (await room.answer(appeal)).state == AnswerState.PENDING
    room.now += timedelta(minutes=1)
    answer = await room.deliver()
    assert answer.state == AnswerState.DELIVERED
    (reply,) = room.stand_in.feed(CHANNEL)["posts"][0]["comments"][0]["replies"]
    assert (reply["text"], reply["id"], reply["is_page"]) == (REPLY, answer.external_id, True)


async def test_an_answer_of_unknown_fate_is_never_repeated_blindly(room: Room) -> None:
    appeal = await commented(room)
    room.stand_in.misbehave(method="sendMessage", http_status=504, is_done=True)
    assert (await room.answer(appeal)).state == AnswerState.UNKNOWN
    room.now += timedelta(hours=1)
    assert (await room.deliver()).state == AnswerState.UNKNOWN
    assert len(room.stand_in.calls("sendMessage")) == 1


async def test_a_moderators_answer_by_hand_closes_the_clock(room: Room) -> None:
    appeal = await commented(room)
    room.stand_in.comment(CHANNEL, appeal.post_external_id or "", GROUP, REPLY, reply_to=appeal.external_id)
    await room.drain()
    assert "answered_in_platform" in await actions(room.resources)
    assert not (await only(room.resources, Appeal)).is_open


async def test_a_group_that_has_moved_takes_the_answer_along(room: Room) -> None:
    appeal = await commented(room)
    room.stand_in.move_group(CHANNEL, "-1001000000012")
    await room.answer(appeal)
    room.now += timedelta(minutes=1)
    assert (await room.deliver()).state == AnswerState.DELIVERED
    assert [call["params"]["chat_id"] for call in room.stand_in.calls("sendMessage")] == [-1001000000012]


async def test_a_private_answer_goes_to_the_chat(room: Room) -> None:
    room.stand_in.message(CHANNEL, CITIZEN, ROAD)
    await room.drain()
    assert (await room.answer(await only(room.resources, Appeal))).state == AnswerState.DELIVERED
    assert [one["text"] for one in room.stand_in.dialog(CHANNEL, CITIZEN)["messages"]] == [ROAD, REPLY]
