"""What happens to versions of the rules, as verbs of the office. Each is written down in the audit."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.audit.service import audit
from app.errors import AppError, Conflict, Invalid, NotAllowed
from app.rules.checking import check_in_office, unsafe_in_office
from app.rules.models import RuleSetState, RuleSetVersion, RuleSimulation
from app.rules.versions import free_name, load_draft, load_version, published_version
from routing_rules import Problem, RuleSet, RuleSetInvalid, parse
from routing_rules.editing import name_version
from routing_rules.parser import FILES, RULES

SHIPPED = "Поставка"
ALL_VERSIONS = 0x52554C45  # the advisory lock of whoever publishes: one at a time
MOST_FILE_LENGTH = 20_000_000


class RulesRefused(AppError):
    """The rules have problems that keep them from being stored or published; `problems` names each with its line."""

    status = 422

    def __init__(self, message: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(message)
        self.problems = problems


def read_rules(files: Mapping[str, str]) -> RuleSet:
    """The rule set of these files. Raises RulesRefused with the line of every error."""
    try:
        return parse(files)
    except RuleSetInvalid as error:
        raise RulesRefused(f"Правила не читаются: {error.problems[0]}", error.problems) from error


async def import_first_version(session: AsyncSession, files: Mapping[str, str], now: datetime) -> bool:
    """Publish the shipped tables unless there is any version yet; whether it was done."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALL_VERSIONS})
    if await session.scalar(select(func.count()).select_from(RuleSetVersion)):
        return False
    row = RuleSetVersion(
        version=read_rules(files).version, state=RuleSetState.PUBLISHED, files=dict(files), author=SHIPPED,
        note="Таблицы из поставки", created_at=now, changed_at=now, published_at=now, published_by=SHIPPED,
    )  # fmt: skip
    session.add(row)
    audit(session, SHIPPED, "rules_published", now, version=row.version)
    return True


async def start_draft(session: AsyncSession, actor: Actor, note: str, *, now: datetime) -> RuleSetVersion:
    """A draft equal to the version in force. Raises Conflict when nothing is in force."""
    base = await published_version(session)
    if base is None:
        raise Conflict("Правила ещё не опубликованы: выполните `appeals migrate`")
    return await import_draft(session, base.files, actor, note, now=now)


async def import_draft(
    session: AsyncSession, files: Mapping[str, str], actor: Actor, note: str, *, now: datetime
) -> RuleSetVersion:
    """A draft of these files, under a name that no version has. Raises RulesRefused."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALL_VERSIONS})
    base = await published_version(session)
    rules = await asyncio.to_thread(read_rules, files)
    version = await free_name(session, rules.version)
    draft = RuleSetVersion(
        version=version,
        files=_named(files, version),
        parent_id=base.id if base else None,
        note=note.strip()[:200],
        author=actor.label,
        editor_ids=[] if actor.user_id is None else [actor.user_id],
        created_at=now,
        changed_at=now,
    )
    session.add(draft)
    await session.flush()
    audit(session, actor.label, "rules_drafted", now, version=version)
    return draft


def _named(files: Mapping[str, str], version: str) -> dict[str, str]:
    return {name: name_version(files[name], version) if name == RULES else files[name] for name in files}


async def change_file(
    session: AsyncSession, draft_id: int, file: str, content: str, actor: Actor, *, now: datetime, edition: int | None
) -> RuleSetVersion:
    """Put a new text into a draft; what it was checked for and approved for is over.

    Raises NotFound, Conflict, Invalid (no such file), RulesRefused (the text makes no rules; nothing is stored).
    """
    draft = await load_draft(session, draft_id, edition)
    if file not in FILES or len(content) > MOST_FILE_LENGTH or "\0" in content:
        raise Invalid(f"Файла {file} у набора правил не бывает или он слишком велик")
    files = _named({**draft.files, file: content.replace("\r\n", "\n")}, draft.version)
    await asyncio.to_thread(read_rules, files)
    if files == draft.files:
        return draft
    draft.files = files
    _touch(draft, actor, now)
    audit(session, actor.label, "rules_changed", now, version=draft.version, file=file)
    return draft


def _touch(draft: RuleSetVersion, actor: Actor, now: datetime) -> None:
    draft.edition += 1
    draft.changed_at = now
    draft.problems = draft.checked_at = draft.approved_by = draft.approved_at = None
    if actor.user_id is not None and actor.user_id not in draft.editor_ids:
        draft.editor_ids = [*draft.editor_ids, actor.user_id]


async def catch_up(session: AsyncSession, draft_id: int, actor: Actor, *, now: datetime) -> RuleSetVersion:
    """Take note that another version came into force since: what the draft would undo has been read."""
    draft = await load_draft(session, draft_id)
    base = await published_version(session)
    if base is not None and draft.parent_id != base.id:
        draft.parent_id = base.id
        _touch(draft, actor, now)
        audit(session, actor.label, "rules_caught_up", now, version=draft.version, base=base.version)
    return draft


async def check_draft(session: AsyncSession, draft_id: int, *, now: datetime) -> tuple[Problem, ...]:
    """Check a draft against the office as it is today, and remember what was found."""
    draft = await load_draft(session, draft_id)
    rules = await asyncio.to_thread(read_rules, draft.files)
    problems = await check_in_office(session, rules, now)
    draft.problems, draft.checked_at = [asdict(problem) for problem in problems], now
    return problems


async def approve(
    session: AsyncSession, draft_id: int, actor: Actor, *, now: datetime, edition: int | None = None
) -> RuleSetVersion:
    """The second person agrees to the draft as it stands. Raises NotAllowed for whoever wrote any of it."""
    draft = await load_draft(session, draft_id, edition)
    if actor.user_id is None:
        raise NotAllowed("Согласие даёт человек под своим именем")
    if actor.user_id in draft.editor_ids:
        raise NotAllowed("Согласие даёт второй человек: этот черновик правили и вы")
    draft.approved_by, draft.approved_at = actor.label, now
    audit(session, actor.label, "rules_approved", now, version=draft.version)
    return draft


async def publish(
    session: AsyncSession,
    draft_id: int,
    actor: Actor,
    *,
    now: datetime,
    needs_approval: bool,
    edition: int | None = None,
) -> RuleSetVersion:
    """Put a draft in force: the next transaction that routes uses it.

    Raises RulesRefused with everything that must be mended first, Conflict when another version came into force since
    the draft was made, NotAllowed while a second person has not agreed.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALL_VERSIONS})
    draft = await load_draft(session, draft_id, edition)
    base = await published_version(session)
    if base is not None and draft.parent_id != base.id:
        raise Conflict(f"Пока готовили черновик, опубликовали {base.version}. Сравните с ней и подтвердите отличия.")
    if needs_approval and draft.approved_by is None:
        raise NotAllowed("Сначала нужно согласие второго человека")
    problems = await check_draft(session, draft_id, now=now)
    errors = tuple(problem for problem in problems if not problem.is_warning)
    if errors:
        raise RulesRefused(f"Публиковать рано, ошибок: {len(errors)}. Первая: {errors[0]}", errors)
    await _put_in_force(session, draft, base, actor, now)
    audit(session, actor.label, "rules_published", now, version=draft.version, approved_by=draft.approved_by)
    return draft


async def roll_back(session: AsyncSession, version_id: int, actor: Actor, *, now: datetime) -> RuleSetVersion:
    """Put the rules of an earlier version in force again, as a new version.

    It was checked and approved when it was published, so only what would lose appeals today is refused. Raises
    NotFound, Conflict, RulesRefused.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALL_VERSIONS})
    earlier, base = await load_version(session, version_id), await published_version(session)
    if earlier.state != RuleSetState.RETIRED:
        raise Conflict("Вернуть можно версию, которая уже действовала")
    rules = await asyncio.to_thread(read_rules, earlier.files)
    errors = await unsafe_in_office(session, rules, now)
    if errors:
        raise RulesRefused(f"Вернуть {earlier.version} нельзя: {errors[0]}", errors)
    again = await import_draft(session, earlier.files, actor, f"Возврат к {earlier.version}", now=now)
    again.approved_by, again.approved_at = earlier.approved_by, earlier.approved_at
    await _put_in_force(session, again, base, actor, now)
    audit(session, actor.label, "rules_rolled_back", now, version=again.version, to=earlier.version)
    return again


async def _put_in_force(
    session: AsyncSession, row: RuleSetVersion, base: RuleSetVersion | None, actor: Actor, now: datetime
) -> None:
    if base is not None:
        base.state = RuleSetState.RETIRED
        await session.flush()  # before the next one: only one can be in force at any moment
    row.state, row.published_at, row.published_by = RuleSetState.PUBLISHED, now, actor.label
    await session.flush()


async def discard(session: AsyncSession, draft_id: int, actor: Actor, *, now: datetime) -> None:
    """Throw a draft away, with its simulations."""
    draft = await load_draft(session, draft_id)
    for simulation in await session.scalars(select(RuleSimulation).where(col(RuleSimulation.rule_set_id) == draft_id)):
        await session.delete(simulation)
    await session.flush()
    await session.delete(draft)
    audit(session, actor.label, "rules_discarded", now, version=draft.version)
