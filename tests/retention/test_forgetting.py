"""A citizen asks to be forgotten: what it concerns is said first, what is owed an answer stays."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals import cycle, duplicates
from app.appeals.models import Answer, AnswerState, Appeal, Message, State
from app.appeals.page_models import Contact
from app.audit.models import AuditEntry
from app.files.keeping import keep, remove_unused
from app.files.models import FileState, MessageFile, StoredFile
from app.platforms import UnknownPlatform
from app.resources import Resources
from app.retention.citizens import forget_citizen, mark_of
from app.retention.queries import Citizen, read_citizen
from tests.conftest import NOW, VK
from tests.files.conftest import picture
from tests.office import ROAD, THANKS, do, opened, rows
from tests.retention.conftest import answered, where_is, whole_database

AUTHOR, OTHER = 700000123, 700000456


async def read(resources: Resources, author: int = AUTHOR) -> Citizen:
    return await do(resources, read_citizen, "vk", str(author), NOW)


async def forget(resources: Resources, anna: Actor, author: int = AUTHOR) -> Citizen:
    return await do(resources, forget_citizen, resources.vault, "vk", str(author), anna, now=NOW)


async def test_what_it_concerns_is_told_without_changing_anything(resources: Resources, vk: VK, anna: Actor) -> None:
    ended, left = await answered(vk, anna, author=AUTHOR), await opened(vk, comment_id=741, author=AUTHOR)
    await answered(vk, anna, comment_id=751, author=OTHER)
    everything = await whole_database(resources)
    assert await read(resources) == Citizen([ended.id or 0], [left.id or 0], [], messages=1, loose=[], files=0)
    assert await whole_database(resources) == everything


async def test_ended_appeals_are_emptied_and_open_ones_keep_their_words(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await answered(vk, anna, author=AUTHOR)
    left = await opened(vk, comment_id=741, author=AUTHOR)
    await answered(vk, anna, comment_id=751, author=OTHER)
    await forget(resources, anna)
    first, second, third = await rows(resources, Appeal)
    assert (first.text, first.depersonalised_why) == ("[удалено по просьбе жителя]", "request")
    assert second == left
    assert (third.text, third.author_external_id) == (ROAD, str(OTHER))
    assert (await forget(resources, anna)).ended == []


async def test_the_audit_says_how_many_and_names_nobody(resources: Resources, vk: VK, anna: Actor) -> None:
    await answered(vk, anna, author=AUTHOR)
    await forget(resources, anna)
    entry = next(one for one in await rows(resources, AuditEntry) if one.action == "citizen_forgotten")
    mark = mark_of(resources.vault, "vk", str(AUTHOR))
    assert (entry.actor, entry.at) == (anna.label, NOW)
    assert entry.details == {"platform": "vk", "author": mark, "appeals": 1, "messages": 1, "files": 0, "left": 0}
    assert await where_is(resources, str(AUTHOR)) == {}


async def test_an_answer_that_has_not_arrived_is_still_owed(resources: Resources, vk: VK, anna: Actor) -> None:
    appeal = await answered(vk, anna, author=AUTHOR)
    async with resources.database.transaction() as session:
        await session.execute(update(Answer).values(state=AnswerState.UNKNOWN))
    assert (await forget(resources, anna)).left == [appeal.id]
    assert (await rows(resources, Appeal))[0].text == ROAD


async def test_a_repeat_whose_author_was_told_nothing_is_still_owed(resources: Resources, vk: VK, anna: Actor) -> None:
    main = await answered(vk, anna, author=OTHER)
    repeat = await opened(vk, comment_id=741, author=AUTHOR)
    await do(resources, duplicates.mark_duplicate, repeat.id or 0, main.id or 0, anna, now=NOW)
    assert (await forget(resources, anna)).left == [repeat.id]
    assert (await forget(resources, anna, OTHER)).left == [main.id], "its answer is to be given to the other one too"
    async with resources.database.transaction() as session:
        await session.execute(update(Appeal).where(col(Appeal.id) == repeat.id).values(duplicate_of_id=None))
    assert (await forget(resources, anna, OTHER)).ended == [main.id]


async def test_talk_is_forgotten_too_for_nobody_owes_it_an_answer(resources: Resources, vk: VK, anna: Actor) -> None:
    talk = await opened(vk, THANKS, author=AUTHOR)
    assert talk.is_talk
    assert talk.is_open
    assert (await forget(resources, anna)).ended == [talk.id]
    assert await where_is(resources, str(AUTHOR)) == {}


async def test_a_repeat_of_what_was_closed_without_an_answer_is_owed_none(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    main, repeat = await opened(vk, author=OTHER), await opened(vk, comment_id=741, author=AUTHOR)
    await do(resources, duplicates.mark_duplicate, repeat.id or 0, main.id or 0, anna, now=NOW)
    assert (await read(resources)).left == [repeat.id]
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, main.id)
        await cycle.finish(session, stored, State.CLOSED, "spam", anna, NOW)
    assert (await read(resources)).ended == [repeat.id]
    assert (await read(resources, OTHER)).ended == [main.id]


async def test_messages_in_no_appeal_and_contacts_go_too(resources: Resources, vk: VK, anna: Actor) -> None:
    page_id = vk.page.id or 0
    async with resources.database.transaction() as session:
        message = Message(
            page_id=page_id, platform="vk", kind="comment", place="wall", key="wall:9", external_id="9",
            author_external_id=str(AUTHOR), author_name="Имя", text="Слова", received_at=NOW,
        )  # fmt: skip
        session.add(message)
        session.add(Contact(page_id=page_id, external_id=str(AUTHOR), can_be_written=False, changed_at=NOW))
        session.add(Contact(page_id=page_id, external_id=str(OTHER), can_be_written=False, changed_at=NOW))
    assert (await forget(resources, anna)).loose == [1]
    assert await where_is(resources, str(AUTHOR), "Слова", "wall:9") == {}
    assert [one.external_id for one in await rows(resources, Contact)] == [str(OTHER)]


async def test_files_go_within_the_hour_unless_somebody_else_has_sent_the_same(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    mine, both = [await keep(resources, picture(size=(side, side)), NOW - timedelta(days=2)) for side in (20, 30)]
    first, second = await answered(vk, anna, author=AUTHOR), await answered(vk, anna, comment_id=741, author=OTHER)
    async with resources.database.transaction() as session:
        carried = [(first, 0, mine), (first, 1, both), (second, 0, both)]
        for appeal, position, stored in carried:
            message_id = await session.scalar(select(col(Message.id)).where(col(Message.appeal_id) == appeal.id))
            session.add(
                MessageFile(
                    message_id=message_id or 0, position=position, page_id=appeal.page_id, source={"url": "https://a"},
                    state=FileState.STORED, sha256=stored.sha256, next_attempt_at=NOW,
                )
            )  # fmt: skip
    assert (await forget(resources, anna)).files == 2
    assert await remove_unused(resources, NOW + timedelta(hours=1)) == 1
    assert [one.sha256 for one in await rows(resources, StoredFile)] == [both.sha256]


async def test_a_block_holds_while_an_answer_is_owed(resources: Resources, vk: VK, anna: Actor) -> None:
    await opened(vk, author=AUTHOR)
    async with resources.database.transaction() as session:
        session.add(
            Contact(page_id=vk.page.id or 0, external_id=str(AUTHOR), can_be_written=False, changed_at=NOW)
        )  # fmt: skip
    await forget(resources, anna)
    assert len(await rows(resources, Contact)) == 1


async def test_words_in_other_peoples_appeals_are_named_and_left(resources: Resources, vk: VK, anna: Actor) -> None:
    appeal = await answered(vk, anna, author=OTHER)
    async with resources.database.transaction() as session:
        session.add(Message(page_id=appeal.page_id, platform="vk", kind="comment", place="wall", key="wall:9",
                            external_id="9", author_external_id=str(AUTHOR), text="Слова", received_at=NOW,
                            appeal_id=appeal.id))  # fmt: skip
    found = await forget(resources, anna)
    assert (found.ended, found.elsewhere) == ([], [appeal.id])
    assert (await rows(resources, Message))[-1].text == "Слова"


async def test_a_platform_that_is_none_is_refused(resources: Resources, anna: Actor) -> None:
    with pytest.raises(UnknownPlatform, match="myspace"):
        await do(resources, forget_citizen, resources.vault, "myspace", "1", anna, now=NOW)
