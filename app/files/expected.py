"""Which attachments of a message are to be fetched: rows written in the transaction that brings the message."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from app.files.models import FileState, MessageFile, StoredFile
from app.jobs import Job, enqueue

# A video's address is that of its page on the site; what else platforms attach is no file.
WANTED_KINDS = frozenset({"photo", "doc", "sticker", "graffiti", "gift", "audio_message"})
MOST_FILES = 30  # of one message
SOURCE_FIELDS = ("kind", "url", "file_id", "sha256")

Source = dict[str, Any]


class CarriesFiles(Protocol):
    """A message, as far as files are concerned. Its id is given already."""

    id: int | None
    page_id: int
    attachments: list[Any]
    is_own: bool
    deleted_at: datetime | None


async def expect(session: AsyncSession, messages: Iterable[CarriesFiles], now: datetime) -> None:
    """Have the files of these citizens' messages fetched; what was fetched before an edit is not fetched again."""
    carrying = [one for one in messages if not one.is_own and one.deleted_at is None]
    new = [one for one in carrying if _is_new(one)]
    rows = [row for one in new for row in _rows(one, {}, now)]
    rows += await _rows_of_known(session, [one for one in carrying if not _is_new(one)], now)
    await _mark_lost(session, [row for row in rows if row.sha256 is not None])
    session.add_all(rows)
    if any(row.state == FileState.PENDING for row in rows):
        enqueue(session, Job.FETCH_FILES)


async def _mark_lost(session: AsyncSession, rows: Sequence[MessageFile]) -> None:
    """A file that is said to be kept and is not must not stop the message that names it."""
    if not rows:
        return
    named = {row.sha256 for row in rows}
    kept = set(await session.scalars(select(col(StoredFile.sha256)).where(col(StoredFile.sha256).in_(named))))
    for row in rows:
        if row.sha256 not in kept:
            row.state, row.sha256, row.reason = FileState.FAILED, None, "Файла больше нет в хранилище."


def _is_new(message: CarriesFiles) -> bool:
    return not (isinstance(message, SQLModel) and inspect(message).persistent)


async def _rows_of_known(session: AsyncSession, messages: Sequence[CarriesFiles], now: datetime) -> list[MessageFile]:
    """New rows in place of the former ones for those messages whose files have changed."""
    if not messages:
        return []
    former = await _former(session, [one.id or 0 for one in messages])
    changed = [one for one in messages if _wanted(one) != {at: row.source for at, row in former[one.id or 0].items()}]
    if not changed:
        return []
    await session.execute(delete(MessageFile).where(col(MessageFile.message_id).in_([one.id for one in changed])))
    return [
        row
        for one in changed
        for row in _rows(one, {_key(old.source): old for old in former[one.id or 0].values()}, now)
    ]


async def _former(session: AsyncSession, message_ids: Sequence[int]) -> dict[int, dict[int, Any]]:
    """Rows by message and position; as rows and not as objects, for others may take their place."""
    found = await session.execute(
        select(MessageFile.__table__)  # type: ignore[attr-defined]
        .where(col(MessageFile.message_id).in_(message_ids))
        .with_for_update()
    )
    former: dict[int, dict[int, Any]] = {number: {} for number in message_ids}
    for row in found:
        former[row.message_id][row.position] = row
    return former


def _rows(message: CarriesFiles, known: Mapping[tuple[Any, ...], Any], now: datetime) -> Iterable[MessageFile]:
    for position, source in _wanted(message).items():
        old, kept = known.get(_key(source)), source["sha256"]
        yield MessageFile(
            message_id=message.id or 0,
            position=position,
            page_id=message.page_id,
            source=source,
            state=FileState.STORED if kept else old.state if old else FileState.PENDING,
            sha256=kept or (old.sha256 if old else None),
            reason=old.reason if old else None,
            attempts=old.attempts if old else 0,
            next_attempt_at=old.next_attempt_at if old else now,
        )


def _wanted(message: CarriesFiles) -> dict[int, Source]:
    """What is to be fetched, by position."""
    wanted = {
        position: {name: attachment.get(name) for name in SOURCE_FIELDS}
        for position, attachment in enumerate(message.attachments)
        if is_wanted(attachment)
    }
    return dict(list(wanted.items())[:MOST_FILES])


def is_wanted(attachment: Mapping[str, Any]) -> bool:
    """Whether an attachment is a file that we keep."""
    return attachment.get("kind") in WANTED_KINDS and any(attachment.get(name) for name in ("url", "file_id", "sha256"))


def _key(source: Source) -> tuple[Any, ...]:
    return tuple(source.get(name) for name in SOURCE_FIELDS)
