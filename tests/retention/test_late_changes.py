"""What comes from a network after the words are gone does not bring them back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.accounts.actor import Actor
from app.appeals import drafts, requests
from app.appeals import service as appeals
from app.appeals.history import sentence_of
from app.appeals.models import Appeal, Draft, HistoryEntry, Message
from app.errors import Conflict
from app.intake import cropped
from app.intake.models import EventState, InboxEvent
from app.outgoing.models import ChannelAppeal, DepartmentChannel
from app.outgoing.open311 import RequestStatus
from app.resources import Resources
from app.retention.citizens import forget_citizen
from app.vault import Vault
from tests.conftest import GROUP, NOW, VK, comment
from tests.office import DOCTOR, do, rows
from tests.retention.conftest import answered, where_is

AUTHOR = 100000002
MARK = "zqlate"


async def forgotten(resources: Resources, vk: VK, anna: Actor) -> Appeal:
    """An appeal whose author has asked to be forgotten a moment after the answer."""
    await answered(vk, anna, author=AUTHOR)
    await do(resources, forget_citizen, resources.vault, "vk", str(AUTHOR), anna, now=NOW)
    (appeal,) = await rows(resources, Appeal)
    assert appeal.text == "[удалено по просьбе жителя]"
    return appeal


@pytest.mark.parametrize(
    ("event_type", "content", "told"),
    [
        ("wall_reply_edit", comment(MARK, 731, AUTHOR), "исправил"),
        ("wall_reply_restore", comment(MARK, 731, AUTHOR), "вернул"),
        ("wall_reply_delete", {"id": 731, "owner_id": -GROUP, "deleter_id": AUTHOR, "post_id": 700}, "удалил"),
    ],
)
async def test_a_late_change_of_an_emptied_comment_is_noted_and_not_taken(
    resources: Resources, vk: VK, anna: Actor, event_type: str, content: dict[str, object], told: str
) -> None:
    before = await forgotten(resources, vk, anna)
    await vk.deliver(vk.event(event_type, content))
    await vk.drain()
    (after,) = await rows(resources, Appeal)
    assert after == before
    assert len(await rows(resources, Message)) == 1
    assert await where_is(resources, MARK, str(AUTHOR)) == {}
    note = (await rows(resources, HistoryEntry))[-1]
    assert (note.appeal_id, note.action) == (before.id, "came_late")
    assert told in sentence_of(note, lambda at: "")
    assert {one.state for one in await rows(resources, InboxEvent)} == {EventState.HANDLED}


async def test_a_change_is_known_after_the_secret_key_has_been_replaced(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await forgotten(resources, vk, anna)
    vk.resources = replace(resources, vault=Vault(b"n" * 32, b"k" * 32))
    await vk.deliver(vk.event("wall_reply_edit", comment(MARK, 731, AUTHOR)))
    await vk.drain()
    assert len(await rows(resources, Appeal)) == 1
    assert await where_is(resources, MARK) == {}


async def test_new_words_of_the_same_citizen_in_the_same_thread_are_a_new_appeal(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    before = await forgotten(resources, vk, anna)
    await vk.comment(DOCTOR, 732, AUTHOR, parents_stack=[731], reply_to_comment=731)
    await vk.drain(NOW + timedelta(hours=1))
    old, new = await rows(resources, Appeal)
    assert old == before
    assert (new.text, new.author_external_id, new.is_open) == (DOCTOR, str(AUTHOR), True)


async def test_nobody_writes_into_an_appeal_without_words(resources: Resources, vk: VK, anna: Actor) -> None:
    appeal = await forgotten(resources, vk, anna)
    with pytest.raises(Conflict, match="по просьбе жителя"):
        await do(resources, appeals.note, appeal.id or 0, "Напоминаю, кто это был", anna, now=NOW)
    with pytest.raises(Conflict, match="больше не меняют"):
        await do(resources, appeals.answer, appeal.id or 0, "Ещё ответ", anna, now=NOW, is_open=False)
    await do(resources, drafts.save_draft, appeal.id or 0, anna, "Набрано в старом окне", now=NOW)
    assert await rows(resources, Draft) == []


async def test_news_asked_for_before_and_told_after_are_not_written_down(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    appeal = await forgotten(resources, vk, anna)
    async with resources.database.transaction() as session:
        channel = DepartmentChannel(department_id=appeal.department_id, kind="open311", url="https://open311.example",
                                    secret=b"-", created_at=NOW)  # fmt: skip
        session.add(channel)
        await session.flush()
        session.add(ChannelAppeal(channel_id=channel.id or 0, appeal_id=appeal.id or 0, is_held=True, handed_at=NOW))
    inquiry = requests.Inquiry(channel.id or 0, appeal.id or 0, channel.url, "17", None)
    await requests._write_down(resources, inquiry, "17", RequestStatus("closed", MARK), NOW)
    (message,) = await rows(resources, Message)
    await cropped._store(resources, message.id or 0, MARK, NOW)
    assert await where_is(resources, MARK) == {}
