"""Versions of the rules read: the one in force, one by number, names of the next ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import NO_KEY_UPDATE
from app.errors import Conflict, NotFound
from app.rules.models import RuleSetState, RuleSetVersion


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version without its files, for lists."""

    id: int
    version: str
    state: str
    note: str
    author: str
    created_at: datetime
    changed_at: datetime
    published_at: datetime | None
    published_by: str | None
    approved_by: str | None


async def list_versions(session: AsyncSession) -> list[VersionRow]:
    """All versions, the newest first, without their files."""
    columns: list[Any] = [getattr(RuleSetVersion, name) for name in VersionRow.__slots__]
    rows = await session.execute(select(*columns).order_by(col(RuleSetVersion.id).desc()))
    return [VersionRow(*row) for row in rows]


async def published_version(session: AsyncSession) -> RuleSetVersion | None:
    """The version in force."""
    found: RuleSetVersion | None = await session.scalar(
        select(RuleSetVersion).where(col(RuleSetVersion.state) == RuleSetState.PUBLISHED)
    )
    return found


async def load_version(session: AsyncSession, version_id: int) -> RuleSetVersion:
    """A version of any state. Raises NotFound."""
    found = await session.get(RuleSetVersion, version_id)
    if found is None:
        raise NotFound("Такой версии правил нет")
    return found


async def version_named(session: AsyncSession, version: str) -> RuleSetVersion:
    """A version by its name, or by its number. Raises NotFound."""
    found = await session.scalar(select(RuleSetVersion).where(col(RuleSetVersion.version) == version))
    if found is None and version.isdecimal() and len(version) < 10:
        found = await session.get(RuleSetVersion, int(version))
    if found is None:
        raise NotFound(f"Версии правил «{version}» нет")
    return found


async def load_draft(session: AsyncSession, version_id: int, edition: int | None = None) -> RuleSetVersion:
    """A draft, locked for this transaction. Raises NotFound, Conflict (published already, or changed meanwhile)."""
    found = await session.get(RuleSetVersion, version_id, with_for_update=NO_KEY_UPDATE, populate_existing=True)
    if found is None:
        raise NotFound("Такой версии правил нет")
    if found.state != RuleSetState.DRAFT:
        raise Conflict(f"Версия {found.version} уже не черновик: заведите новый")
    if edition is not None and found.edition != edition:
        raise Conflict("Черновик изменился, пока вы его правили. Обновите страницу и повторите.")
    return found


async def free_name(session: AsyncSession, wanted: str) -> str:
    """The name itself if no version has it, else with the next number: «omsk-1» → «omsk-2»."""
    names: Sequence[str] = (await session.scalars(select(col(RuleSetVersion.version)))).all()
    if wanted not in names:
        return wanted
    stem = re.sub(r"-?\d+$", "", wanted)
    numbers = [int(found[1]) for name in names if (found := re.fullmatch(rf"{re.escape(stem)}-?(\d{{1,9}})", name))]
    return f"{stem}-{max(numbers, default=1) + 1}"
