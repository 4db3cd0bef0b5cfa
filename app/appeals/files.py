"""Files of appeals: fetched for their messages, shown to those who may see the appeal, told to other systems."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from starlette.responses import Response, StreamingResponse

from app.accounts.actor import Actor
from app.appeals.models import Appeal, Message, appeal_columns
from app.appeals.visibility import visible_to
from app.errors import NotFound, Unavailable
from app.file_store import FileStore, FileStoreFailed
from app.files import thumbnails
from app.files.fetching import fetch_batch
from app.files.keeping import place_of, place_of_thumbnail
from app.files.models import MessageFile, StoredFile
from app.files.queries import files_of
from app.live import announce
from app.resources import Resources

YEAR_SECONDS = 365 * 24 * 3600
# Whatever a file holds, a browser runs none of it. Its address is its content, so it may be kept for long.
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": f"private, max-age={YEAR_SECONDS}, immutable",
}
ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "application/pdf": "pdf",
    "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a", "video/mp4": "mp4",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip


async def fetch_files(resources: Resources, now: datetime) -> int:
    """Fetch one batch of attachments and tell the browsers that show them; how many were tried."""
    message_ids = await fetch_batch(resources, now)
    if message_ids:
        async with resources.database.transaction() as session:
            held = select(col(Message.appeal_id)).where(col(Message.id).in_(message_ids))
            await announce(session, [number for number in await session.scalars(held) if number is not None])
    return len(message_ids)


async def find_file(session: AsyncSession, sha256: str, actor: Actor) -> StoredFile:
    """A file of a message that this person may see. Raises NotFound."""
    carried = (
        select(StoredFile)
        .join(MessageFile, col(MessageFile.sha256) == col(StoredFile.sha256))
        .join(Message, col(Message.id) == col(MessageFile.message_id))
        .where(col(StoredFile.sha256) == sha256)
        .limit(1)
    )
    if actor.only_department_id is not None:
        carried = carried.join(Appeal, appeal_columns.id == col(Message.appeal_id)).where(visible_to(actor))
    found = await session.scalar(carried)
    if found is None:
        raise NotFound("Такого файла нет")
    return found


async def file_response(files: FileStore, stored: StoredFile) -> Response:
    """The file: a picture to be looked at, anything else to be saved. Raises NotFound, Unavailable."""
    way = "inline" if stored.width is not None else "attachment"
    name = f"{stored.sha256[:12]}.{ENDINGS.get(stored.media_type, 'bin')}"
    headers = {
        **HEADERS, "Content-Disposition": f'{way}; filename="{name}"', "Content-Length": str(stored.size_bytes),
    }  # fmt: skip
    pieces = await _read(files, place_of(stored.sha256))
    return StreamingResponse(pieces, media_type=stored.media_type, headers=headers)


async def thumbnail_response(files: FileStore, stored: StoredFile) -> Response:
    """The small picture. Raises NotFound (also for what is no picture), Unavailable."""
    pieces = await _read(files, place_of_thumbnail(stored.sha256))
    return StreamingResponse(pieces, media_type=thumbnails.MEDIA_TYPE, headers=HEADERS)


async def _read(files: FileStore, name: str) -> AsyncIterator[bytes]:
    try:
        return await files.read(name)
    except FileNotFoundError as error:
        raise NotFound("Такого файла нет") from error
    except FileStoreFailed as error:
        raise Unavailable(str(error)) from error


async def with_files(session: AsyncSession, messages: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Rows of messages for the API, each attachment with its `file` where we have it."""
    known = await files_of(session, [message.id for message in messages])
    described = []
    for message in messages:
        attachments = [
            {**attachment, "file": file if (file := known.get((message.id, position))) and file.sha256 else None}
            for position, attachment in enumerate(message.attachments)
        ]
        described.append({**message._mapping, "attachments": attachments})
    return described
