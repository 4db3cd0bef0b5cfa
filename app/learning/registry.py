"""Which model judges: registering, promoting, taking back, refusing. Every change is in the audit."""

from datetime import UTC, datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.audit.service import audit
from app.errors import Conflict, Invalid, NotFound
from app.learning.comparison import Comparison
from app.learning.models import ModelState, ModelVersion
from classifier.artifact import Manifest

SHIPPED = "поставляемая"


def described(
    manifest: Manifest,
    report: list[str],
    actor: Actor,
    *,
    rows: int,
    taught_until: datetime | None = None,
    labels_until: datetime | None = None,
) -> ModelVersion:
    """The registry's row of a new challenger."""
    return ModelVersion(
        version=manifest.version,
        sha256=manifest.sha256,
        created_at=datetime.fromisoformat(manifest.created).astimezone(UTC),
        created_by=actor.label,
        parent=manifest.provenance.get("base"),
        is_adapted=bool(manifest.provenance.get("adapted")),
        rows=rows,
        taught_until=taught_until,
        labels_until=labels_until,
        metrics=manifest.metrics,
        report=report,
    )


async def register(session: AsyncSession, row: ModelVersion, actor: Actor, now: datetime) -> None:
    """Add a challenger whose files are in place. Raises Conflict for a version that is there already."""
    if await session.get(ModelVersion, row.version) is not None:
        raise Conflict(f"Модель {row.version} уже есть в реестре")
    session.add(row)
    audit(session, actor.label, "model_trained", now, version=row.version, parent=row.parent, rows=row.rows)


async def champion(session: AsyncSession) -> ModelVersion | None:
    """The champion; None: the shipped model judges."""
    found: ModelVersion | None = await session.scalar(
        select(ModelVersion).where(col(ModelVersion.state) == ModelState.CHAMPION)
    )
    return found


async def line_of_champions(session: AsyncSession) -> list[ModelVersion]:
    """The champion, the one it replaced, and so on back to the shipped model, which is not among them."""
    line: list[ModelVersion] = []
    row = await champion(session)
    while row is not None and row not in line:
        line.append(row)
        row = await session.get(ModelVersion, row.replaced) if row.replaced else None
    return line


async def root_of(session: AsyncSession) -> ModelVersion | None:
    """The model that people's labels correct: the champion, or what it is a correction of. None: the shipped one."""
    row = await champion(session)
    while row is not None and row.is_adapted:
        row = await session.get(ModelVersion, row.parent) if row.parent else None
    return row


async def find(session: AsyncSession, version: str) -> ModelVersion:
    """A registered model. Raises NotFound."""
    row = await session.get(ModelVersion, version)
    if row is None:
        raise NotFound(f"Модели {version} в реестре нет: список показывает appeals classifier status")
    return row


async def promote(
    session: AsyncSession,
    version: str,
    comparison: Comparison | None,
    actor: Actor,
    *,
    now: datetime,
    reason: str = "",
) -> ModelVersion:
    """Make a model the champion. Without a reason it must be better than the champion with confidence.

    Raises NotFound, Conflict (it judges already, or was compared with another champion), Invalid (not better).
    """
    await lock_models(session)
    row, before = await find(session, version), await champion(session)
    if row.state == ModelState.CHAMPION:
        raise Conflict(f"Модель {version} уже работает")
    if not reason:
        _require_better(row, comparison, before)
    if before is not None:
        before.state = ModelState.RETIRED
        await session.flush()  # two champions at once are refused by the index
    await _forget_verdicts(session)
    await _leave_line(session, row, before)
    row.state, row.promoted_at, row.promoted_by = ModelState.CHAMPION, now, actor.label
    row.replaced, row.note = before.version if before else None, reason or None
    row.problem = row.problem_at = None
    audit(session, actor.label, "model_promoted", now, version=version, replaced=row.replaced, reason=reason or None)
    return row


async def _leave_line(session: AsyncSession, row: ModelVersion, before: ModelVersion | None) -> None:
    """Who reigns again stands in the line once: taken back, the model before him follows, and not he himself."""
    above = before
    while above is not None and above.replaced is not None:
        if above.replaced == row.version:
            above.replaced = row.replaced
            return
        above = await session.get(ModelVersion, above.replaced)


def _require_better(row: ModelVersion, comparison: Comparison | None, before: ModelVersion | None) -> None:
    if comparison is None:
        raise Invalid(f"Модель {row.version} не с чем сравнить: свежих меток нет. Можно принять с причиной (--force).")
    if comparison.champion != (before.version if before else None):
        raise Conflict("Пока сравнивали, сменилась работающая модель: сравните ещё раз")
    if not comparison.is_better:
        raise Invalid(f"{comparison.verdict}. Принять всё равно можно только с причиной (--force --reason).")


async def rollback(session: AsyncSession, actor: Actor, *, now: datetime, reason: str = "") -> str:
    """Take the champion back; the name of the model that judges again. Raises Conflict where there is no champion."""
    await lock_models(session)
    row = await champion(session)
    if row is None:
        raise Conflict("Работает поставляемая модель: возвращать нечего")
    before = await session.get(ModelVersion, row.replaced) if row.replaced else None
    while before is not None and before.state == ModelState.REFUSED:
        before = await session.get(ModelVersion, before.replaced) if before.replaced else None
    row.state, row.note = ModelState.RETIRED, reason or row.note
    row.problem = row.problem_at = None
    await session.flush()
    await _forget_verdicts(session)
    if before is not None:
        before.state = ModelState.CHAMPION
    audit(
        session, actor.label, "model_rolled_back", now,
        version=row.version, restored=before.version if before else None, reason=reason or None,
    )  # fmt: skip
    return before.version if before else SHIPPED


async def refuse(session: AsyncSession, version: str, actor: Actor, *, now: datetime, problem: str = "") -> None:
    """Decide against a challenger, or learn that its file is no model. Raises NotFound, Conflict."""
    await lock_models(session)
    row = await find(session, version)
    if row.state == ModelState.CHAMPION:
        raise Conflict(f"Модель {version} работает: её можно только заменить или вернуть прежнюю")
    row.state = ModelState.REFUSED
    row.problem, row.problem_at = problem or None, now if problem else None
    audit(session, actor.label, "model_refused", now, version=version, problem=problem or None)


async def _forget_verdicts(session: AsyncSession) -> None:
    """They were about another champion."""
    await session.execute(update(ModelVersion).values(is_better=False))


async def lock_models(session: AsyncSession) -> None:
    """One promotion at a time, until the end of the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('model_version'))"))
