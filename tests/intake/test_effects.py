"""Rare orders of events that must neither stop the inbox nor lose a word."""

from datetime import timedelta

import pytest

from app.appeals.models import Appeal, Message, State
from app.intake import webhooks
from app.intake.effects import LONGEST_SEARCH_TEXT
from app.intake.models import EventState, InboxEvent
from app.resources import Resources
from app.sla.models import Clock
from tests.conftest import GROUP, NOW, VK, comment, private
from tests.office import HEATING, ROAD, THANKS, actions, details, only, rows


def deletion(comment_id: int) -> dict[str, int]:
    return {"owner_id": -GROUP, "id": comment_id, "deleter_id": 100000002, "post_id": 700}


async def test_a_text_longer_than_any_search_vector_is_kept_whole_and_stops_nobody(
    vk: VK, resources: Resources
) -> None:
    words = " ".join(f"w{number}" for number in range(100_000))
    await vk.comment(words, 1)
    await vk.comment(ROAD, 2)
    await vk.drain()
    long, short = await rows(resources, Appeal)
    assert (long.text, len(long.search_text)) == (words, LONGEST_SEARCH_TEXT)
    assert short.text == ROAD
    await vk.deliver(vk.event("wall_reply_edit", comment(f"{words} more", 1)))
    await vk.drain()
    assert {event.state for event in await rows(resources, InboxEvent)} == {EventState.HANDLED}
    assert len((await rows(resources, Appeal))[0].search_text) == LONGEST_SEARCH_TEXT


@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_a_restored_comment_leaves_the_newer_appeal_of_its_thread_open(
    vk: VK, resources: Resources, is_one_batch: bool
) -> None:
    """The author wrote in the same thread while the first comment was deleted: a thread has one open appeal."""
    await vk.comment(ROAD, 10, author=100000003)
    await vk.comment(ROAD, 11, parents_stack=[10], reply_to_comment=10)
    await vk.drain()
    await vk.deliver(vk.event("wall_reply_delete", deletion(11)))
    await vk.drain()
    await vk.comment("И тротуар разбит", 12, parents_stack=[10], reply_to_comment=10)
    if not is_one_batch:
        await vk.drain()
    await vk.deliver(vk.event("wall_reply_restore", comment(ROAD, 11, parents_stack=[10], reply_to_comment=10)))
    await vk.drain()
    assert {event.state for event in await rows(resources, InboxEvent)} == {EventState.HANDLED}
    _, first, second = await rows(resources, Appeal)
    assert (first.state, first.close_reason) == (State.CLOSED, "deleted")
    assert second.is_open
    assert "restored" in await actions(resources)
    assert all(message.deleted_at is None for message in await rows(resources, Message))


async def test_an_edit_that_makes_danger_of_a_nuisance_brings_the_due_time_forward(
    vk: VK, resources: Resources
) -> None:
    await vk.comment(ROAD, 1)
    await vk.drain()
    calm = await only(resources, Clock)
    urgent = "Скорая помощь не приехала к ребёнку, ждали вызов скорой три часа, фельдшер отказал"
    await vk.deliver(vk.event("wall_reply_edit", comment(urgent, 1)))
    await vk.drain(NOW + timedelta(minutes=1))
    appeal, clock = await only(resources, Appeal), await only(resources, Clock)
    assert appeal.severity >= 4
    assert calm.due_at is not None
    assert clock.due_at == appeal.next_due_at == NOW + timedelta(hours=4)
    assert "due_changed" in await actions(resources)


async def test_an_appeal_after_talk_that_was_answered_by_hand_is_no_talk(vk: VK, resources: Resources) -> None:
    await vk.message(THANKS, 1)
    await vk.drain()
    own = private("И вам спасибо!", 2, out=1, admin_author_id=100000777) | {"from_id": -GROUP, "peer_id": 100000001}
    await vk.deliver(vk.event("message_reply", own))
    await vk.drain()
    assert (await only(resources, Appeal)).state == State.ANSWERED
    await vk.message(HEATING, 3)
    await vk.drain()
    appeal, (_, clock) = await only(resources, Appeal), await rows(resources, Clock)
    assert (appeal.is_open, appeal.is_talk, appeal.cycle, clock.is_counted) == (True, False, 2, True)


async def test_the_promise_to_an_appeal_that_follows_old_talk_runs_from_its_own_words(
    vk: VK, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vk.message(THANKS, 1)
    await vk.drain()
    later = NOW + timedelta(days=90)
    monkeypatch.setattr(webhooks, "utc_now", lambda: later)
    await vk.message(HEATING, 2)
    await vk.message("И воды горячей нет", 3)
    await vk.drain(later)
    appeal, clock = await only(resources, Appeal), await only(resources, Clock)
    assert (appeal.is_talk, clock.is_counted, clock.started_at, clock.breached_at) == (False, True, later, None)
    assert clock.due_at == appeal.next_due_at
    assert later < clock.due_at < later + timedelta(days=7)
    assert (await details(resources, "due_changed"))["because"] == "обращением стало с этих слов"


async def test_words_put_under_a_picture_join_the_other_words_of_the_appeal(vk: VK, resources: Resources) -> None:
    picture = {"attachments": [{"type": "photo", "photo": {"id": 1}}]}
    await vk.comment(ROAD, 1)
    await vk.comment("", 2, parents_stack=[1], reply_to_comment=1, **picture)
    await vk.drain()
    edited = comment("Вот эта яма", 2, parents_stack=[1], reply_to_comment=1, **picture)
    await vk.deliver(vk.event("wall_reply_edit", edited))
    await vk.drain()
    words = (await only(resources, Appeal)).search_text
    assert ROAD in words
    assert "Вот эта яма" in words
