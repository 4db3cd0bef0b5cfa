"""From MAX to an appeal and back, the stand-in on one side and the application on the other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest

from app.accounts.actor import Actor
from app.appeals import service as appeals
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, AnswerState, Appeal, Message, State
from app.appeals.page_models import Contact, PagePost
from app.intake import webhooks
from app.intake.models import InboxEvent
from app.intake.service import drain_batch
from app.platforms import PLATFORMS
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, webhook_path
from app.resources import Resources
from app.sandbox.max_stand_in import MaxStandIn
from app.settings import Settings
from app.time import utc_now
from tests.conftest import NOW
from tests.office import DOCTOR, HEATING, ROAD, only, rows
from tests.platforms.max_room import CHANNEL, CITIZEN, CREDENTIALS, MAX_URL, NEIGHBOUR, TOKEN, Clock


@dataclass
class Wired:
    """The application with one channel, connected as `appeals pages connect` does it."""

    resources: Resources
    stand_in: MaxStandIn
    page: PublicPage
    post: str
    clock: Clock

    async def drain(self) -> None:
        await self.stand_in.settle()
        while await drain_batch(self.resources, NOW):
            pass

    async def answer(self, text: str, operator: Actor, **how: bool) -> Answer:
        appeal = await only(self.resources, Appeal)
        async with self.resources.database.transaction() as session:
            await appeals.answer(session, appeal.id or 0, text, operator, now=NOW, **how)
        return await only(self.resources, Answer)


@pytest.fixture
async def wired(
    resources: Resources, settings: Settings, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wired]:
    monkeypatch.setattr(webhooks, "utc_now", lambda: NOW)
    async with resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="max", credentials=CREDENTIALS, name="Администрация Примерска",
            territory_code="52701000", now=NOW,
        )  # fmt: skip
    clock = Clock(NOW)
    stand_in = MaxStandIn(client=client, now=clock.now, retry_delays_seconds=())
    stand_in.add_page(CHANNEL, "Администрация Примерска", access_token=TOKEN, username="primersk")
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    stand_in.add_user(NEIGHBOUR, "Пётр")
    transport = httpx.ASGITransport(stand_in.app)
    async with httpx.AsyncClient(transport=transport) as max_client:
        there = replace(resources, http=max_client, settings=settings.model_copy(update={"max_api_url": MAX_URL}))
        webhook = f"https://appeals.test{webhook_path(page)}"
        await PLATFORMS["max"].connect(max_client, MAX_URL, CREDENTIALS, webhook)
        assert await PLATFORMS["max"].connection_problem(max_client, MAX_URL, CREDENTIALS, webhook) is None
        yield Wired(there, stand_in, page, stand_in.add_post(CHANNEL, "График отключения горячей воды").mid, clock)
    await stand_in.aclose()


async def test_a_comment_becomes_an_appeal_with_author_text_thread_page_and_post(wired: Wired) -> None:
    said = wired.stand_in.comment(CHANNEL, wired.post, CITIZEN, ROAD)
    await wired.drain()
    appeal, post = await only(wired.resources, Appeal), await only(wired.resources, PagePost)
    assert (appeal.platform, appeal.kind, appeal.place, appeal.page_id) == ("max", "comment", "post", wired.page.id)
    assert (appeal.author_external_id, appeal.author_name) == (CITIZEN, "Анна Примерова")
    assert (appeal.text, appeal.external_id, appeal.post_external_id) == (ROAD, said.mid, wired.post)
    assert appeal.thread_key == f"post:{wired.post}:{said.mid}:{CITIZEN}"
    assert (post.external_id, post.text) == (wired.post, "График отключения горячей воды")
    assert (await only(wired.resources, Message)).sent_at == NOW


async def test_a_private_message_becomes_an_appeal_with_its_files(wired: Wired) -> None:
    photo = {"type": "image", "payload": {"url": "https://i.example.test/i?r=luk", "photo_id": 7, "token": "t"}}
    wired.stand_in.message(CHANNEL, CITIZEN, HEATING, extra={"attachments": [photo]})
    await wired.drain()
    wired.stand_in.message(CHANNEL, CITIZEN, "Улица Садовая, 12")
    await wired.drain()
    appeal, (message, _) = await only(wired.resources, Appeal), await rows(wired.resources, Message)
    dialog = str(wired.stand_in.world.pages[CHANNEL].dialogs[int(CITIZEN)])
    assert (appeal.kind, appeal.text, appeal.has_attachments) == ("message", HEATING, True)
    assert (appeal.thread_key, appeal.chat_external_id) == (f"message:{dialog}", dialog)
    assert [(found["kind"], found["url"]) for found in message.attachments] == [("photo", photo["payload"]["url"])]  # type: ignore[index]


async def test_a_comment_told_twice_under_two_names_out_of_order_is_one_message(wired: Wired) -> None:
    wired.stand_in.world.pages[CHANNEL].comments_as = ("comment", "message")
    await wired.drain()
    wired.stand_in.webhooks.deliveries.double(2)
    wired.stand_in.webhooks.deliveries.mix_up(1)
    wired.stand_in.comment(CHANNEL, wired.post, CITIZEN, ROAD)
    await wired.drain()
    assert (await only(wired.resources, Appeal)).text == ROAD
    assert len(await rows(wired.resources, Message)) == 1
    assert len(await rows(wired.resources, InboxEvent)) == 3  # the post and both names


async def test_an_edit_changes_the_appeal_and_a_removal_closes_it(wired: Wired) -> None:
    said = wired.stand_in.comment(CHANNEL, wired.post, CITIZEN, ROAD)
    await wired.drain()
    wired.stand_in.edit(CHANNEL, said.mid, DOCTOR)
    await wired.drain()
    appeal, message = await only(wired.resources, Appeal), await only(wired.resources, Message)
    assert (appeal.text, message.original_text, appeal.is_edited) == (DOCTOR, ROAD, True)
    wired.stand_in.delete(CHANNEL, said.mid)
    await wired.drain()
    appeal = await only(wired.resources, Appeal)
    assert (appeal.state, appeal.close_reason) == (State.CLOSED, "deleted")


async def test_a_word_of_the_channel_by_hand_answers_the_appeal_and_opens_none(wired: Wired) -> None:
    said = wired.stand_in.comment(CHANNEL, wired.post, CITIZEN, ROAD)
    wired.stand_in.comment(CHANNEL, wired.post, CHANNEL, "Отремонтируем в мае", reply_to=said.mid)
    wired.stand_in.comment(CHANNEL, wired.post, CHANNEL, "Приём граждан во вторник")
    await wired.drain()
    assert (await only(wired.resources, Appeal)).state == State.ANSWERED


async def test_an_answer_whose_confirmation_was_lost_reaches_the_citizen_once(wired: Wired, operator: Actor) -> None:
    said = wired.stand_in.comment(CHANNEL, wired.post, CITIZEN, ROAD)
    await wired.drain()
    await wired.answer("Здравствуйте! Отремонтируем в мае.", operator)
    wired.stand_in.misbehave(method="sendComment", http_status=500, is_done=True)
    assert await deliver_batch(wired.resources, NOW) == 1
    assert (await only(wired.resources, Answer)).state == AnswerState.PENDING
    assert await deliver_batch(wired.resources, utc_now() + timedelta(hours=1)) == 1  # pauses count from now
    answer = await only(wired.resources, Answer)
    (shown,) = wired.stand_in.feed(CHANNEL)["posts"][0]["comments"]
    assert shown["id"] == said.mid
    assert [(one["text"], one["id"]) for one in shown["replies"]] == [(answer.text, answer.external_id)]
    assert answer.state == AnswerState.DELIVERED
    assert len(wired.stand_in.calls("sendComment")) == 1


async def test_a_private_answer_goes_to_the_dialog_and_a_stopped_bot_is_known_before(
    wired: Wired, operator: Actor
) -> None:
    wired.stand_in.message(CHANNEL, CITIZEN, HEATING)
    await wired.drain()
    await wired.answer("Здравствуйте! Тепло дадут сегодня.", operator)
    assert await deliver_batch(wired.resources, NOW) == 1
    answer = await only(wired.resources, Answer)
    sent = [said for said in wired.stand_in.dialog(CHANNEL, CITIZEN)["messages"] if said["is_page"]]
    assert [(said["text"], said["id"]) for said in sent] == [(answer.text, answer.external_id)]
    wired.stand_in.stop_bot(CHANNEL, CITIZEN)
    await wired.drain()
    async with wired.resources.database.transaction() as session:
        contact = await session.get_one(Contact, (wired.page.id, CITIZEN))
    assert not contact.can_be_written


async def test_lost_rights_are_a_problem_of_the_page_until_they_are_back(wired: Wired) -> None:
    for permissions, is_problem in (
        (None, True),
        (["read_all_messages"], True),
        (["read_all_messages", "write"], False),
    ):
        wired.stand_in.set_rights(CHANNEL, permissions)
        await wired.drain()
        async with wired.resources.database.transaction() as session:
            page = await session.get_one(PublicPage, wired.page.id)
        assert bool(page.connection_problem) is is_problem
        wired.clock.pass_by(1)


async def test_a_delivery_with_a_wrong_secret_is_refused(wired: Wired, client: httpx.AsyncClient) -> None:
    body = b'{"update_type": "message_created", "timestamp": 1}'
    for headers in ({}, {"X-Max-Bot-Api-Secret": "wrong"}):
        answer = await client.post(webhook_path(wired.page), content=body, headers=headers)
        assert answer.status_code == 403
    await wired.drain()
    assert [event.event_type for event in await rows(wired.resources, InboxEvent)] == ["message_created"]  # the post
