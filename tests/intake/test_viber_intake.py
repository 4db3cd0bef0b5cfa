"""From Viber to an appeal and back, the stand-in on one side and the application on the other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import pytest

from app.accounts.actor import Actor
from app.appeals import service as appeals
from app.appeals.delivery import deliver_batch
from app.appeals.models import Answer, AnswerState, Appeal, Message
from app.appeals.page_models import Contact
from app.intake import webhooks
from app.intake.models import EventState, InboxEvent
from app.intake.service import drain_batch
from app.platforms import PLATFORMS
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, webhook_path
from app.resources import Resources
from app.sandbox.viber_stand_in import ViberStandIn
from app.settings import Settings
from tests.conftest import NOW
from tests.office import HEATING, only, rows
from tests.platforms.viber_world import CITIZEN, CREDENTIALS, PAGE, TOKEN, VIBER_URL


@dataclass
class Wired:
    """The application with one bot, connected as `appeals pages connect` does it."""

    resources: Resources
    stand_in: ViberStandIn
    page: PublicPage
    clock: list[datetime]

    async def drain(self) -> None:
        await self.stand_in.settle()
        while await drain_batch(self.resources, NOW):
            pass


@pytest.fixture
async def wired(
    resources: Resources, settings: Settings, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wired]:
    monkeypatch.setattr(webhooks, "utc_now", lambda: NOW)
    async with resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="viber", credentials=CREDENTIALS, name="Администрация Примерска",
            territory_code="52701000", now=NOW,
        )  # fmt: skip
    clock = [NOW]
    stand_in = ViberStandIn(client=client, now=lambda: clock[0], retry_delays_seconds=())
    stand_in.add_page(PAGE, "Администрация Примерска", access_token=TOKEN)
    stand_in.add_user(CITIZEN, "Анна", "Примерова")
    transport = httpx.ASGITransport(stand_in.app)
    async with httpx.AsyncClient(transport=transport) as viber_client:
        there = replace(resources, http=viber_client, settings=settings.model_copy(update={"viber_api_url": VIBER_URL}))
        await PLATFORMS["viber"].connect(viber_client, VIBER_URL, CREDENTIALS, f"http://test{webhook_path(page)}")
        yield Wired(there, stand_in, page, clock)
    await stand_in.aclose()


async def test_a_message_becomes_an_appeal_with_author_text_thread_page_and_photo(wired: Wired) -> None:
    photo = {"type": "picture", "media": "https://dl-media.example.test/p.jpg", "file_name": "p.jpg"}
    said = wired.stand_in.message(PAGE, CITIZEN, HEATING, photo)
    await wired.drain()
    appeal, message = await only(wired.resources, Appeal), await only(wired.resources, Message)
    assert (appeal.platform, appeal.kind, appeal.page_id) == ("viber", "message", wired.page.id)
    assert (appeal.author_external_id, appeal.author_name) == (CITIZEN, "Анна Примерова")
    assert (appeal.text, appeal.thread_key, appeal.external_id) == (HEATING, f"message:{CITIZEN}", str(said.token))
    assert message.sent_at == NOW
    assert [(found["kind"], found["url"]) for found in message.attachments] == [("photo", photo["media"])]


async def test_repeated_and_mixed_up_callbacks_are_one_appeal_of_one_conversation(wired: Wired) -> None:
    wired.stand_in.deliveries.double(3)
    wired.stand_in.deliveries.mix_up(1)
    wired.stand_in.message(PAGE, CITIZEN, "Улица Садовая, 12")
    wired.stand_in.message(PAGE, CITIZEN, HEATING)
    await wired.drain()
    appeal = await only(wired.resources, Appeal)
    assert {message.appeal_id for message in await rows(wired.resources, Message)} == {appeal.id}
    assert len(await rows(wired.resources, InboxEvent)) == 2


async def test_an_answer_reaches_the_citizen_once_and_what_became_of_it_opens_nothing(
    wired: Wired, operator: Actor
) -> None:
    wired.stand_in.message(PAGE, CITIZEN, HEATING)
    await wired.drain()
    wired.stand_in.break_device(CITIZEN, "no space left")
    appeal = await only(wired.resources, Appeal)
    async with wired.resources.database.transaction() as session:
        await appeals.answer(session, appeal.id or 0, "Здравствуйте! Тепло дадут сегодня.", operator, now=NOW)
    assert await deliver_batch(wired.resources, NOW) == 1
    await wired.drain()
    answer = await only(wired.resources, Answer)
    sent = [said for said in wired.stand_in.dialog(PAGE, CITIZEN)["messages"] if said["is_page"]]
    assert [(said["text"], said["id"]) for said in sent] == [(answer.text, answer.external_id)]
    assert answer.state == AnswerState.DELIVERED
    assert len(await rows(wired.resources, Appeal)) == 1
    failed = (await rows(wired.resources, InboxEvent))[-1]
    assert (failed.event_type, failed.state) == ("failed", EventState.IGNORED)
    assert "no space left" in (failed.error or "")


async def test_who_unsubscribes_cannot_be_written_to_until_he_writes_himself(wired: Wired) -> None:
    acts = (
        (lambda: wired.stand_in.open_conversation(PAGE, CITIZEN), False),
        (lambda: wired.stand_in.subscribe(PAGE, CITIZEN), True),
        (lambda: wired.stand_in.block(PAGE, CITIZEN), False),
        (lambda: wired.stand_in.message(PAGE, CITIZEN, HEATING), True),
    )
    for act, expected in acts:
        act()
        await wired.drain()
        contact = await only(wired.resources, Contact)
        assert (contact.external_id, contact.can_be_written) == (CITIZEN, expected)
        wired.clock[0] += timedelta(minutes=1)


async def test_a_delivery_with_a_wrong_signature_is_refused(wired: Wired, client: httpx.AsyncClient) -> None:
    headers = {"X-Viber-Content-Signature": "0" * 64}
    answer = await client.post(webhook_path(wired.page), content=b'{"event": "message"}', headers=headers)
    assert answer.status_code == 403
    assert await rows(wired.resources, InboxEvent) == []
