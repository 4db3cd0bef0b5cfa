"""What the pages of rules read again and again: a version with its rules, parsed once a process for published ones."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.departments.models import Department
from app.errors import NotFound
from app.resources import Resources
from app.rules.models import RuleSetState, RuleSetVersion
from app.rules.service import read_rules
from app.rules.versions import VersionRow, list_versions, load_version
from app.triage.facts import departments_by_code
from routing_rules import RuleSet


@dataclass(frozen=True, slots=True)
class Book:
    """All versions, one of them open, and the one in force."""

    versions: list[VersionRow]
    opened: RuleSetVersion
    rules: RuleSet
    in_force: VersionRow

    @property
    def is_draft(self) -> bool:
        """Whether the open version can still change."""
        return self.opened.state == RuleSetState.DRAFT

    @property
    def drafts(self) -> list[VersionRow]:
        """Versions being prepared."""
        return [row for row in self.versions if row.state == RuleSetState.DRAFT]

    @property
    def is_behind(self) -> bool:
        """Whether another version came into force since the draft was made."""
        return self.is_draft and self.opened.parent_id != self.in_force.id


async def open_book(request: Request, session: AsyncSession, version_id: int | None) -> Book:
    """A version, by default the one in force. Raises NotFound while nothing is published."""
    versions = await list_versions(session)
    in_force = next((row for row in versions if row.state == RuleSetState.PUBLISHED), None)
    if in_force is None:
        raise NotFound("Правила ещё не опубликованы: администратор выполняет `appeals migrate`")
    opened = await load_version(session, version_id or in_force.id)
    resources: Resources = request.app.state.resources
    if opened.id == in_force.id:
        return Book(versions, opened, await resources.rulebook.current(session), in_force)
    return Book(versions, opened, await asyncio.to_thread(read_rules, opened.files), in_force)


async def frame(session: AsyncSession, book: Book, place: str) -> dict[str, Any]:
    """What every page of rules needs."""
    departments: dict[str, Department] = await departments_by_code(session)
    return {"book": book, "version": book.opened, "rules": book.rules, "place": place, "departments": departments}
