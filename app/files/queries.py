"""What is known of the files of messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.files.models import FileState, MessageFile, StoredFile


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One attachment: how far it has come, and what it is once it is stored."""

    state: FileState
    reason: str | None = None
    sha256: str = ""
    media_type: str = ""
    size_bytes: int = 0
    is_picture: bool = False

    @property
    def address(self) -> str:
        """Where people of the office find it; empty until it is stored."""
        return f"/files/{self.sha256}" if self.sha256 else ""

    @property
    def thumbnail(self) -> str:
        """Where its small picture is; empty for what is no picture."""
        return f"{self.address}/thumbnail" if self.is_picture else ""


Known = Mapping[tuple[int, int], KnownFile]
"""By message id and position among its attachments."""


async def files_of(session: AsyncSession, message_ids: Iterable[int]) -> Known:
    """The files of these messages; one query."""
    wanted = list(message_ids)
    if not wanted:
        return {}
    found = await session.execute(
        select(MessageFile, StoredFile)
        .outerjoin(StoredFile, col(StoredFile.sha256) == col(MessageFile.sha256))
        .where(col(MessageFile.message_id).in_(wanted))
    )
    return {(row.message_id, row.position): _known(row, stored) for row, stored in found.tuples()}


def _known(row: MessageFile, stored: StoredFile | None) -> KnownFile:
    state = FileState(row.state)
    if stored is None:
        return KnownFile(state, row.reason)
    is_picture = stored.width is not None
    return KnownFile(state, row.reason, stored.sha256, stored.media_type, stored.size_bytes, is_picture)
