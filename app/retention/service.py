"""Taking citizens' words and names out of appeals that are over. What reports count stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import SYSTEM, finish
from app.appeals.gone import Why, in_place_of_words
from app.appeals.models import Answer, Appeal, Draft, HistoryEntry, Message, Part, State
from app.appeals.page_models import Contact, PagePost
from app.audit.service import audit
from app.db import NO_KEY_UPDATE
from app.files.keeping import let_go
from app.files.models import FileState, MessageFile
from app.live import announce
from app.outgoing.models import ChannelAppeal, DepartmentDelivery
from app.resources import Resources
from app.retention.emptying import empty_answer, empty_appeal, empty_entry, empty_message, empty_part
from app.retention.queries import due_appeals, due_talk, is_only_talk, is_over
from app.vault import Vault

APPEALS_AT_ONCE = 100
ROWS_AT_ONCE = 1000
NOT_NEEDED = "no_answer_needed"


@dataclass(frozen=True, slots=True)
class Removed:
    """From how many rows words were taken."""

    appeals: int
    messages: int
    files: int


async def expire(resources: Resources, now: datetime) -> int:
    """Empty one batch of what was kept as long as the setting says; how many rows. Zero means that nothing is due."""
    days = resources.settings.personal_data_days
    if not days:
        return 0
    before = now - timedelta(days=days)
    async with resources.database.transaction() as session:
        due = due_appeals(before, now, APPEALS_AT_ONCE), due_talk(before, now, APPEALS_AT_ONCE)
        numbers = [number for statement in due for number in await session.scalars(statement)]
        may_be = or_(is_over(now), is_only_talk(now))
        removed = await remove_words(session, resources.vault, numbers, may_be, Why.TERM, SYSTEM, now)
        beside = await _expire_what_is_in_no_appeal(session, before)
        if removed.appeals or beside:
            audit(
                session, SYSTEM.label, "personal_data_expired", now, appeals=removed.appeals,
                messages=removed.messages, files=removed.files, beside=beside,
            )  # fmt: skip
    return removed.appeals + beside


async def remove_words(
    session: AsyncSession,
    vault: Vault,
    numbers: Sequence[int],
    may_be: ColumnElement[bool],
    why: Why,
    actor: Actor,
    now: datetime,
) -> Removed:
    """Empty these appeals and all that belongs to them; those that have changed meanwhile and must not be, are left.
    Talk is closed before.

    Messages are locked before appeals, as the drain does it: the two must not wait for each other.
    """
    if not numbers:
        return Removed(0, 0, 0)
    written = select(Message).where(col(Message.appeal_id).in_(numbers)).order_by(col(Message.id))
    messages = (await session.scalars(written.with_for_update())).all()
    locked = select(Appeal).where(col(Appeal.id).in_(numbers), may_be).order_by(col(Appeal.id))
    appeals = (await session.scalars(locked.with_for_update(skip_locked=True, **NO_KEY_UPDATE))).all()
    ids = [appeal.id or 0 for appeal in appeals]
    taken = set(ids)
    messages = [message for message in messages if message.appeal_id in taken]
    authors = tuple_(col(Contact.page_id), col(Contact.external_id)).in_(
        [(appeal.page_id, appeal.author_external_id) for appeal in appeals]
    )
    for talk in [appeal for appeal in appeals if appeal.is_open]:
        await finish(session, talk, State.CLOSED, NOT_NEEDED, actor, now)
    files = await _empty_messages(session, vault, messages, why, now)
    await _empty_what_belongs_to(session, ids, why)
    for appeal in appeals:
        empty_appeal(appeal, why, now)
        session.add(HistoryEntry(appeal_id=appeal.id or 0, at=now, actor=actor.label, action="depersonalised",
                                 details={"why": why}))  # fmt: skip
    await session.flush()
    await forget_contacts(session, authors)
    await announce(session, ids)
    return Removed(len(ids), len(messages), files)


async def forget_loose(session: AsyncSession, vault: Vault, numbers: Sequence[int], now: datetime) -> None:
    """Empty messages of a citizen that are in no appeal."""
    found = select(Message).where(col(Message.id).in_(numbers), col(Message.appeal_id).is_(None))
    messages = (await session.scalars(found.order_by(col(Message.id)).with_for_update())).all()
    await _empty_messages(session, vault, messages, Why.REQUEST, now)


async def _empty_messages(
    session: AsyncSession, vault: Vault, messages: Sequence[Message], why: Why, now: datetime
) -> int:
    """How many files were let go: the round that removes unused files takes their bytes."""
    for message in messages:
        empty_message(message, hidden_keys(vault, message.page_id, message.key)[0], why)
    is_theirs = col(MessageFile.message_id).in_([message.id for message in messages])
    kept = select(col(MessageFile.sha256)).where(is_theirs, col(MessageFile.sha256).is_not(None))
    hashes = [one for one in await session.scalars(kept) if one]
    emptied = update(MessageFile).values(state=FileState.REMOVED, sha256=None, source={}, reason=in_place_of_words(why))
    await session.execute(emptied.where(is_theirs))
    await let_go(session, set(hashes), now)
    return len(hashes)


def hidden_keys(vault: Vault, page_id: int, key: str) -> list[str]:
    """What may stand in place of a message's key once it is emptied, by the newest secret key first."""
    return [f"removed:{one}" for one in vault.fingerprints(f"message:{page_id}:{key}".encode())]


async def _empty_what_belongs_to(session: AsyncSession, ids: Sequence[int], why: Why) -> None:
    rows: dict[type[Any], Any] = {Answer: empty_answer, Part: empty_part, HistoryEntry: empty_entry}
    for table, empty in rows.items():
        for row in await session.scalars(select(table).where(table.appeal_id.in_(ids))):
            empty(row, why)
    for table in (Draft, DepartmentDelivery):
        await session.execute(delete(table).where(table.appeal_id.in_(ids)))  # type: ignore[attr-defined]
    silenced = {"remote_notes": None, "token": None, "next_poll_at": None}  # news would be words again
    await session.execute(update(ChannelAppeal).where(col(ChannelAppeal.appeal_id).in_(ids)).values(silenced))


async def forget_contacts(session: AsyncSession, is_one: ColumnElement[bool]) -> None:
    """Forget which of these people may be written to, where no appeal of theirs has words any more."""
    await session.execute(delete(Contact).where(is_one, _is_without_appeals()))


def _is_without_appeals() -> ColumnElement[bool]:
    return ~exists().where(
        col(Appeal.page_id) == col(Contact.page_id), col(Appeal.author_external_id) == col(Contact.external_id)
    )


async def _expire_what_is_in_no_appeal(session: AsyncSession, before: datetime) -> int:
    """Messages that became no appeal, contacts of people without one, words of posts; how many."""
    of_nobody = (
        select(col(Contact.page_id), col(Contact.external_id))
        .where(col(Contact.changed_at) < before, _is_without_appeals())
        .limit(ROWS_AT_ONCE)
    )
    loose = select(col(Message.id)).where(col(Message.appeal_id).is_(None), col(Message.received_at) < before)
    posts = select(col(PagePost.id)).where(col(PagePost.text) != "", col(PagePost.published_at) < before)
    results = [
        await session.execute(statement)
        for statement in (
            delete(Contact).where(tuple_(col(Contact.page_id), col(Contact.external_id)).in_(of_nobody)),
            delete(Message).where(col(Message.id).in_(loose.limit(ROWS_AT_ONCE))),
            update(PagePost).where(col(PagePost.id).in_(posts.limit(ROWS_AT_ONCE))).values(text=""),
        )
    ]
    return sum(result.rowcount for result in results)  # type: ignore[attr-defined]
