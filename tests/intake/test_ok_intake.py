"""Odnoklassniki from end to end: what citizens write becomes appeals, and answers reach them once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.appeals import delivery
from app.appeals import service as appeals
from app.appeals.authors import fetch_authors
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, AnswerState, Appeal, HistoryEntry, Message, State
from app.appeals.page_models import PagePost
from app.intake import webhooks
from app.intake.models import EventState, InboxEvent
from app.intake.polling import poll_pages
from app.intake.service import drain_batch
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, webhook_path
from app.resources import Resources
from tests.conftest import NOW
from tests.office import HEATING, ROAD, clerk, do, only, rows
from tests.ok_city import CITIZEN, CREDENTIALS, GROUP, NEIGHBOUR, OK_URL, City, ok_city

REPLY = "Здравствуйте! Яму заделают до конца недели."


@dataclass
class Center:
    """The control center and a town that talks to it."""

    resources: Resources
    city: City
    page: PublicPage

    async def hear(self) -> None:
        """Everything that was written comes in and is handled."""
        await self.city.stand_in.settle()
        await poll_pages(self.resources, self.city.now)
        while await drain_batch(self.resources, self.city.now):
            pass

    async def answer(self, appeal: Appeal, text: str = REPLY) -> Answer:
        """An operator answers, and the answer goes out."""
        operator = await clerk(self.resources, login=f"operator{appeal.id}")
        await do(self.resources, appeals.answer, appeal.id, text, operator, now=self.city.now)
        await self.deliver()
        return (await rows(self.resources, Answer))[-1]

    async def deliver(self, after: timedelta = timedelta(0)) -> None:
        """One round of the outbox, some time later."""
        self.city.clock[0] += after
        await deliver_batch(self.resources, self.city.now)

    async def looked_back(self) -> None:
        """The five minutes within which edits and removals are noticed."""
        for _ in range(11):
            self.city.wait(seconds=30)
            await self.hear()

    def said(self) -> list[str]:
        """What the page has said in public."""
        return [comment.text for comment in self.city.stand_in.world.group(GROUP).comments if comment.is_group]


@pytest.fixture
async def center(app: FastAPI, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Center]:
    async with resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="ok", credentials=CREDENTIALS, name="Администрация Примерска",
            territory_code="52701000", now=NOW,
        )  # fmt: skip
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app)) as webhook_client,
        ok_city(webhook_client, f"http://test{webhook_path(page)}") as city,
    ):
        for module in (webhooks, delivery):
            monkeypatch.setattr(module, "utc_now", lambda: city.now)
        settings = resources.settings.model_copy(update={"ok_api_url": OK_URL})
        yield Center(replace(resources, http=city.client, settings=settings), city, page)


async def test_a_private_message_becomes_an_appeal_with_its_chat_and_author(center: Center) -> None:
    photo = {"type": "IMAGE", "payload": {"url": "https://i.example.test/yama.jpg"}}
    said = center.city.stand_in.message(GROUP, CITIZEN, ROAD, attachments=[photo])
    await center.hear()
    appeal, message = await only(center.resources, Appeal), await only(center.resources, Message)
    assert (appeal.kind, appeal.platform, appeal.page_id, appeal.text) == ("message", "ok", center.page.id, ROAD)
    assert (appeal.author_external_id, appeal.author_name) == (f"user:{CITIZEN}", "Анна Примерова")
    assert (appeal.chat_external_id, appeal.thread_key) == (said.chat, f"message:{said.chat}")
    assert (message.external_id, message.sent_at) == (said.mid, NOW)
    assert [(one["kind"], one["url"]) for one in message.attachments] == [("photo", "https://i.example.test/yama.jpg")]


async def test_more_words_in_one_chat_are_one_appeal_and_another_chat_is_another(center: Center) -> None:
    center.city.stand_in.message(GROUP, CITIZEN, ROAD)
    center.city.stand_in.message(GROUP, CITIZEN, "Это у дома 5")
    center.city.stand_in.message(GROUP, NEIGHBOUR, HEATING)
    await center.hear()
    assert len(await rows(center.resources, Appeal)) == 2
    assert len(await rows(center.resources, Message)) == 3


async def test_a_webhook_told_twice_and_late_is_one_message(center: Center) -> None:
    center.city.stand_in.deliveries.double(2)
    center.city.stand_in.deliveries.mix_up(1)
    center.city.stand_in.message(GROUP, CITIZEN, ROAD)
    center.city.stand_in.message(GROUP, NEIGHBOUR, HEATING)
    await center.hear()
    assert len(await rows(center.resources, Message)) == 2


async def test_a_comment_becomes_an_appeal_under_its_post(center: Center) -> None:
    comment = center.city.comment(ROAD)
    await center.hear()
    appeal, post = await only(center.resources, Appeal), await only(center.resources, PagePost)
    assert (appeal.kind, appeal.place, appeal.external_id) == ("comment", "post", comment.id)
    assert (appeal.author_external_id, appeal.post_external_id) == (CITIZEN, center.city.post)
    assert appeal.source_url == f"https://ok.ru/group/{GROUP}/topic/{center.city.post}"
    assert (post.external_id, post.text) == (center.city.post, "Ремонт дорог")
    assert await fetch_authors(center.resources) == 1
    assert (await only(center.resources, Appeal)).author_name == "Анна Примерова"


async def test_edits_and_removals_of_comments_are_followed(center: Center) -> None:
    comment = center.city.comment(ROAD)
    await center.hear()
    center.city.stand_in.edit_comment(GROUP, comment.id, f"{ROAD}. Улица Садовая, 5")
    await center.looked_back()
    appeal = await only(center.resources, Appeal)
    assert (appeal.text, appeal.is_edited) == (f"{ROAD}. Улица Садовая, 5", True)
    center.city.stand_in.delete_comment(GROUP, comment.id)
    await center.looked_back()
    appeal = await only(center.resources, Appeal)
    assert (appeal.state, appeal.close_reason) == (State.CLOSED, "deleted")


async def test_a_comment_of_the_group_by_hand_is_no_appeal_and_stops_the_clock(center: Center) -> None:
    comment = center.city.comment(ROAD)
    await center.hear()
    center.city.wait(seconds=30)
    center.city.comment("Передали дорожникам", GROUP, reply_to=comment.id)
    await center.hear()
    assert (await only(center.resources, Appeal)).state == State.ANSWERED
    assert "answered_in_platform" in [entry.action for entry in await rows(center.resources, HistoryEntry)]


async def test_an_answer_under_a_comment_reaches_the_citizen_once_and_its_echo_is_known(center: Center) -> None:
    center.city.comment(ROAD)
    await center.hear()
    answer = await center.answer(await only(center.resources, Appeal))
    assert answer.state == AnswerState.DELIVERED
    assert center.said() == [REPLY]
    center.city.wait(seconds=30)
    await center.hear()
    appeal = await only(center.resources, Appeal)
    own = [message for message in await rows(center.resources, Message) if message.is_own]
    assert [message.appeal_id for message in own] == [appeal.id]
    assert appeal.state == State.ANSWERED


async def test_a_private_answer_goes_into_the_chat(center: Center) -> None:
    center.city.stand_in.message(GROUP, CITIZEN, ROAD)
    await center.hear()
    answer = await center.answer(await only(center.resources, Appeal))
    assert answer.state == AnswerState.DELIVERED
    _, told = center.city.stand_in.dialog(GROUP, CITIZEN)["messages"]
    assert (told["text"], told["is_page"]) == (REPLY, True)


@pytest.mark.parametrize("is_private", [True, False], ids=["private", "comment"])
@pytest.mark.parametrize("is_done", [True, False], ids=["arrived", "lost"])
async def test_an_answer_of_unknown_fate_is_looked_up_and_shown_once(
    center: Center, is_private: bool, is_done: bool
) -> None:
    if is_private:
        center.city.stand_in.message(GROUP, CITIZEN, ROAD)
    else:
        center.city.comment(ROAD)
    await center.hear()
    method = "messages.send" if is_private else "discussions.addDiscussionComment"
    center.city.stand_in.misbehave(method=method, http_status=504, is_done=is_done)
    answer = await center.answer(await only(center.resources, Appeal))
    assert answer.state == AnswerState.PENDING
    for _ in range(3):
        await center.deliver(timedelta(minutes=2))
    assert (await only(center.resources, Answer)).state == AnswerState.DELIVERED
    shown = [one["text"] for one in center.city.stand_in.dialog(GROUP, CITIZEN)["messages"] if one["is_page"]]
    assert [*shown, *center.said()] == [REPLY]


async def test_flood_control_holds_the_page_and_the_answer_goes_later(center: Center) -> None:
    center.city.comment(ROAD)
    await center.hear()
    center.city.stand_in.misbehave(method="discussions.addDiscussionComment", error_code=8)
    await center.answer(await only(center.resources, Appeal))
    assert (await only(center.resources, PublicPage)).sending_paused_until is not None
    await center.deliver(timedelta(minutes=5))
    assert center.said() == []
    await center.deliver(timedelta(minutes=10))
    assert center.said() == [REPLY]


async def test_a_citizens_reply_to_our_answer_goes_on_with_his_appeal(center: Center) -> None:
    center.city.comment(ROAD)
    await center.hear()
    answer = await center.answer(await only(center.resources, Appeal))
    center.city.wait(seconds=30)
    center.city.comment("Спасибо большое", reply_to=answer.external_id or "")
    await center.hear()
    assert len(await rows(center.resources, Appeal)) == 1


async def test_presses_of_buttons_and_forged_comments_open_nothing(center: Center, client: httpx.AsyncClient) -> None:
    path = webhook_path(center.page)
    press = {"webhookType": "MESSAGE_CALLBACK", "payload": "x", "mid": "mid:1", "sender": {"user_id": "user:1"}}
    forged = {"webhookType": "COMMENT", "discussion": {"id": "1"}, "comment": {"id": "c", "author_id": "1"}}
    assert (await client.post(path, json=press)).status_code == 200
    assert (await client.post(path, json=forged)).status_code == 403
    await center.hear()
    assert await rows(center.resources, Appeal) == []
    pressed = [event for event in await rows(center.resources, InboxEvent) if event.event_type == "MESSAGE_CALLBACK"]
    assert [event.state for event in pressed] == [EventState.IGNORED]


async def test_an_old_comment_of_a_page_connected_today_is_kept_and_opens_no_appeal(center: Center) -> None:
    old = center.city.comment(ROAD)
    center.city.wait(days=40)
    new = center.city.comment(HEATING, NEIGHBOUR)
    await center.hear()
    assert {message.external_id: message.appeal_id is None for message in await rows(center.resources, Message)} == {
        old.id: True,
        new.id: False,
    }
    center.city.wait(minutes=1)
    center.city.comment(ROAD, reply_to=old.id)  # its author asks again
    await center.hear()
    assert len(await rows(center.resources, Appeal)) == 2
