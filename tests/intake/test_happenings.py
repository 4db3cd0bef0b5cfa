"""What platforms tell besides messages, and comments that find their post by its thread."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.appeals.models import Appeal, Message
from app.appeals.page_models import Contact, PagePost
from app.intake.models import EventState, InboxEvent
from app.jobs import Job
from app.platforms import PLATFORMS
from app.platforms import incoming as told
from app.platforms.incoming import Action, IncomingMessage, Kind, PageIdentity, Parsed
from app.public_pages.models import PublicPage
from app.resources import Resources
from tests.conftest import NOW, VK
from tests.office import HEATING, ROAD, actions, only, rows

CITIZEN = "700000001"


class Herald:
    """A platform that says what a test wants said: each delivery carries the number of its saying."""

    def __init__(self, vk: VK) -> None:
        self._vk = vk
        self._said: list[tuple[Parsed, ...]] = []

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        return self._said[json.loads(body)["object"]]

    async def say(self, *items: Parsed) -> None:
        """Deliver this; it is drained when the test wants it."""
        self._said.append(items)
        event = self._vk.event("message_new", {})
        await self._vk.deliver({**event, "object": len(self._said) - 1})


@pytest.fixture
def herald(vk: VK, monkeypatch: pytest.MonkeyPatch) -> Herald:
    herald = Herald(vk)
    monkeypatch.setattr(PLATFORMS["vk"], "parse", herald.parse)
    return herald


def words(number: int, text: str = ROAD, **extra: object) -> IncomingMessage:
    values: dict[str, object] = {
        "kind": Kind.COMMENT, "place": "post", "thread_key": f"post:{number}", "author_external_id": CITIZEN,
        "sent_at": NOW, **extra,
    }  # fmt: skip
    return IncomingMessage(Action.NEW, key=f"post:{number}", external_id=f"-100:{number}", text=text, **values)  # type: ignore[arg-type]


def post(text: str = "Завтра субботник", **extra: object) -> told.PagePost:
    return told.PagePost("321", text, **extra)  # type: ignore[arg-type]


async def can_be_written(resources: Resources) -> bool:
    async with resources.database.transaction() as session:
        return (await session.scalars(select(Contact))).one().can_be_written


async def test_a_comment_finds_its_post_by_the_thread(vk: VK, resources: Resources, herald: Herald) -> None:
    await herald.say(post(thread_external_id="-100:5000"))
    await herald.say(words(1, thread_external_id="-100:5000"))
    await vk.drain()
    appeal = await only(resources, Appeal)
    assert (appeal.post_external_id, appeal.text) == ("321", ROAD)
    assert (await only(resources, PagePost)).text == "Завтра субботник"


@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_a_comment_that_comes_before_its_post_waits_for_it(
    vk: VK, resources: Resources, herald: Herald, is_one_batch: bool
) -> None:
    await herald.say(words(1, thread_external_id="-100:5000"))
    if not is_one_batch:
        await vk.drain()
        waiting = await only(resources, InboxEvent)
        assert (waiting.state, waiting.waits_for) == (EventState.IGNORED, "-100:5000")
        assert "Разговор в группе" in (waiting.error or "")
        assert await rows(resources, Appeal) == []
    await herald.say(post(thread_external_id="-100:5000"))
    await vk.drain()
    assert (await only(resources, Appeal)).post_external_id == "321"
    assert {event.state for event in await rows(resources, InboxEvent)} == {EventState.HANDLED}
    assert {event.waits_for for event in await rows(resources, InboxEvent)} == {None}


async def test_a_post_wakes_only_what_waited_for_it(vk: VK, resources: Resources, herald: Herald) -> None:
    await herald.say(words(1, thread_external_id="-100:5000"))
    await herald.say(words(2, thread_external_id="-100:6000"))
    await vk.drain()
    resources.database.queue.nudges.clear()  # type: ignore[attr-defined]
    await herald.say(post(thread_external_id="-100:5000"))
    await vk.drain()
    assert Job.DRAIN_INBOX in resources.database.queue.nudges  # type: ignore[attr-defined]
    assert [appeal.external_id for appeal in await rows(resources, Appeal)] == ["-100:1"]
    assert [event.state for event in await rows(resources, InboxEvent)] == ["handled", "ignored", "handled"]


async def test_a_post_told_in_pieces_keeps_what_each_piece_says(vk: VK, resources: Resources, herald: Herald) -> None:
    await herald.say(post(source_url="https://example.test/321"), post("", thread_external_id="-100:5000"))
    await vk.drain()
    await herald.say(post("Субботник перенесён"))
    await vk.drain()
    known = await only(resources, PagePost)
    assert (known.text, known.thread_external_id) == ("Субботник перенесён", "-100:5000")
    assert known.source_url == "https://example.test/321"


async def test_a_citizen_who_forbids_and_allows_messages_is_remembered_in_the_order_he_said_so(
    vk: VK, resources: Resources, herald: Herald
) -> None:
    def change(*, can_be_written: bool, at: datetime) -> told.ContactChange:
        return told.ContactChange(CITIZEN, can_be_written, at)

    await herald.say(change(can_be_written=False, at=NOW + timedelta(minutes=5)))
    await herald.say(change(can_be_written=True, at=NOW))
    await vk.drain()
    assert await can_be_written(resources) is False
    await herald.say(change(can_be_written=True, at=NOW))  # late
    await vk.drain()
    assert await can_be_written(resources) is False
    await herald.say(change(can_be_written=True, at=NOW + timedelta(minutes=6)))
    await vk.drain()
    assert await can_be_written(resources) is True


@pytest.mark.parametrize(("minutes", "allowed"), [(5, True), (-5, False)])
async def test_whoever_writes_in_private_can_be_written_to_again(
    vk: VK, resources: Resources, herald: Herald, minutes: int, allowed: bool
) -> None:
    await herald.say(told.ContactChange(CITIZEN, False, NOW))
    await vk.drain()
    await herald.say(words(1, HEATING, kind=Kind.MESSAGE, place="message", sent_at=NOW + timedelta(minutes=minutes)))
    await vk.drain()
    assert await can_be_written(resources) is allowed


async def test_a_notice_is_shown_on_the_page_until_all_is_well(vk: VK, resources: Resources, herald: Herald) -> None:
    await herald.say(told.PageNotice("Бот больше не администратор канала."))
    await vk.drain()
    assert (await only(resources, PublicPage)).connection_problem == "Бот больше не администратор канала."
    await herald.say(told.PageNotice(None), told.DiscussionMoved("-100777"))
    await vk.drain()
    page = await only(resources, PublicPage)
    assert (page.connection_problem, page.discussion_id) == (None, "-100777")
    assert {event.state for event in await rows(resources, InboxEvent)} == {EventState.HANDLED}


@pytest.mark.parametrize("drains", [(), (1,), (1, 2)])
async def test_an_album_is_one_message_of_one_appeal(
    vk: VK, resources: Resources, herald: Herald, drains: tuple[int, ...], album: Callable[..., IncomingMessage]
) -> None:
    for number in (1, 2, 3):
        await herald.say(album(number, ROAD if number == 2 else ""))
        if number in drains:
            await vk.drain()
    await vk.drain()
    message, appeal = await only(resources, Message), await only(resources, Appeal)
    assert [one["part"] for one in message.attachments] == ["1", "2", "3"]
    assert (message.text, appeal.text, appeal.search_text.strip()) == (ROAD, ROAD, ROAD)
    assert (appeal.has_attachments, appeal.is_edited) == (True, False)
    assert "edited" not in await actions(resources)
    assert appeal.topic_group is not None


@pytest.fixture
def album() -> Callable[..., IncomingMessage]:
    def piece(number: int, text: str) -> IncomingMessage:
        photo = told.Attachment("photo", file_id=f"file-{number}", part=str(number))
        return IncomingMessage(
            Action.NEW, Kind.MESSAGE, "message", "message:1:album:7", f"1:{number}", thread_key="message:1",
            author_external_id=CITIZEN, text=text, attachments=(photo,), sent_at=NOW, part=str(number),
        )  # fmt: skip

    return piece
