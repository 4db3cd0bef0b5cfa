"""Files under the hash of their content: taken in, found again, removed when no message carries them."""

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.files.content import Examined, FileRefused, examine
from app.files.download import FileNotGiven
from app.files.models import MessageFile, StoredFile
from app.files.thumbnails import thumbnail
from app.resources import Resources

UNUSED_FOR = timedelta(days=30)  # a file is stored before the message that carries it is read from the inbox
JUST_COME = timedelta(days=1)  # so young, it may have come once more, with a message that is not read yet
REMOVED_AT_ONCE = 200
_one_picture_at_a_time = asyncio.Semaphore(1)  # decoded, one takes up to 150 MB


def place_of(sha256: str) -> str:
    """The name in the file store. Folders of 256 keep a file system quick."""
    return f"{sha256[:2]}/{sha256}"


def place_of_thumbnail(sha256: str) -> str:
    """The small picture beside it."""
    return f"{place_of(sha256)}.thumbnail"


async def keep(resources: Resources, content: bytes, now: datetime) -> StoredFile:
    """Check and store a file, once however often it comes.

    Its row is written first, and says that somebody wants it; a removal goes past it for a day. Raises FileRefused,
    FileNotGiven (it is being removed this moment), FileStoreFailed.
    """
    examined, small = await _examine(content)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    stored = await _announce(resources, sha256, len(content), examined, now)
    await resources.files.put(place_of(sha256), content)
    if small is not None:
        await resources.files.put(place_of_thumbnail(sha256), small)
    return stored


async def _examine(content: bytes) -> tuple[Examined, bytes | None]:
    examined = await asyncio.to_thread(examine, content)
    if not examined.is_picture:
        return examined, None
    async with _one_picture_at_a_time:
        return examined, await asyncio.to_thread(thumbnail, content)


async def _announce(
    resources: Resources, sha256: str, size_bytes: int, examined: Examined, now: datetime
) -> StoredFile:
    values = {
        "sha256": sha256, "media_type": examined.media_type, "size_bytes": size_bytes, "width": examined.width,
        "height": examined.height, "created_at": now, "fetched_at": now,
    }  # fmt: skip
    wanted = insert(StoredFile).values(values)
    wanted = wanted.on_conflict_do_update(
        index_elements=["sha256"],
        set_={"fetched_at": func.greatest(col(StoredFile.fetched_at), wanted.excluded.fetched_at)},
        where=col(StoredFile.removed_at).is_(None),
    )
    async with resources.database.transaction() as session:
        stored = (await session.scalars(wanted.returning(StoredFile))).one_or_none()
    if stored is None:
        raise FileNotGiven("Такой же файл как раз удаляется")
    return stored


async def let_go(session: AsyncSession, hashes: Collection[str], now: datetime) -> None:
    """Messages carry these contents no longer: unless others do, the next round removes those older than a day."""
    is_carried = exists().where(col(MessageFile.sha256) == col(StoredFile.sha256))
    unused = (col(StoredFile.sha256).in_(hashes), ~is_carried, col(StoredFile.fetched_at) < now - JUST_COME)
    as_old = func.least(col(StoredFile.fetched_at), now - UNUSED_FOR)
    await session.execute(update(StoredFile).where(*unused).values(fetched_at=as_old))


async def remove_unused(resources: Resources, now: datetime) -> int:
    """Remove files that no message has carried for a day; how many. Safe to be killed anywhere and run again."""
    doomed = await _doom(resources, now)
    await resources.files.remove([name for one in doomed for name in (place_of(one), place_of_thumbnail(one))])
    async with resources.database.transaction() as session:
        await session.execute(delete(StoredFile).where(col(StoredFile.sha256).in_(doomed)))
    return len(doomed)


async def _doom(resources: Resources, now: datetime) -> Sequence[str]:
    """Mark unused files, so that none of them is taken into use from now on; those marked before come first."""
    is_carried = exists().where(col(MessageFile.sha256) == col(StoredFile.sha256))
    unused = (
        select(col(StoredFile.sha256))
        .where(~is_carried, col(StoredFile.fetched_at) < now - UNUSED_FOR)
        .order_by(col(StoredFile.removed_at).asc().nulls_last())
        .limit(REMOVED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    async with resources.database.transaction() as session:
        marked = update(StoredFile).where(col(StoredFile.sha256).in_(unused)).values(removed_at=now)
        return (await session.scalars(marked.returning(col(StoredFile.sha256)))).all()


__all__ = ["FileRefused", "keep", "let_go", "place_of", "place_of_thumbnail", "remove_unused"]
