"""What people see of the models: the registry, comparisons, corrections, how much is gained by more labels."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.audit.models import AuditEntry
from app.errors import NotFound
from app.learning import registry
from app.learning.comparison import MAIN_KIND, Comparison
from app.learning.models import ModelState, ModelVersion
from app.learning.teaching import count_new_labels
from app.resources import Resources
from app.triage.models import LabelChoice

STATE_NAMES = {
    ModelState.CHAMPION: "работает",
    ModelState.CHALLENGER: "претендент",
    ModelState.RETIRED: "в запасе",
    ModelState.REFUSED: "отклонена",
}
NIGHT_LABEL = "Ночное обучение"
NEWS_DAYS = 3
MOST_SHOWN = 50
MOST_CORRECTED = 15
LEAST_LABELS = 5


@dataclass(frozen=True, slots=True)
class Correction:
    """Of a label that the judge guessed: how often people changed it."""

    label: str
    labels: int
    corrected: int

    @property
    def share(self) -> float:
        """Share of corrected guesses."""
        return self.corrected / self.labels


@dataclass(frozen=True, slots=True)
class Point:
    """How well a model judged the labels held out from it, by the number of messages that taught it."""

    rows: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the page and `status` show. `champion` is None while the shipped model judges."""

    champion: ModelVersion | None
    rows: list[ModelVersion]
    new_labels: int
    corrections: list[Correction]
    failure: AuditEntry | None

    @property
    def curve(self) -> list[Point]:
        """From the shipped model, which no label of ours has taught, to the largest correction."""
        found = [
            (row, one.kinds[MAIN_KIND])
            for row in self.rows
            if row.is_adapted and (one := Comparison.from_stored(row.comparison)) and MAIN_KIND in one.kinds
        ]
        points = {row.rows: Point(row.rows, difference.challenger) for row, difference in reversed(found)}
        return sorted(points.values(), key=lambda point: point.rows)


async def read_overview(resources: Resources) -> Overview:
    """The newest models, what waits, where people correct."""
    async with resources.database.transaction() as session:
        rows = list(
            (
                await session.scalars(
                    select(ModelVersion).order_by(col(ModelVersion.created_at).desc()).limit(MOST_SHOWN)
                )
            ).all()
        )
        champion = await registry.champion(session)
        corrections = await read_corrections(session)
        failure = await _last_failure(session, rows[0].created_at if rows else None)
    if champion is not None and champion.version not in {row.version for row in rows}:
        rows.append(champion)
    return Overview(champion, rows, await count_new_labels(resources), corrections, failure)


async def read_corrections(session: AsyncSession) -> list[Correction]:
    """Guessed topics that people correct most often, of those with enough labels."""
    labels = func.count().label("labels")
    corrected = func.count().filter(~col(LabelChoice.is_accepted)).label("corrected")
    statement = (
        select(col(LabelChoice.judged), labels, corrected)
        .where(col(LabelChoice.label_kind) == MAIN_KIND, col(LabelChoice.judged).is_not(None))
        .group_by(col(LabelChoice.judged))
        .having(labels >= LEAST_LABELS, corrected > 0)
        .order_by((corrected * 1.0 / labels).desc(), labels.desc())
        .limit(MOST_CORRECTED)
    )
    found = await session.execute(statement)
    return [Correction(label or "", count, changed) for label, count, changed in found]


async def _last_failure(session: AsyncSession, after: datetime | None) -> AuditEntry | None:
    """The night training that failed after the newest model was made."""
    statement = select(AuditEntry).where(col(AuditEntry.action) == "model_training_failed")
    if after is not None:
        statement = statement.where(col(AuditEntry.at) > after)
    found: AuditEntry | None = await session.scalar(statement.order_by(col(AuditEntry.id).desc()).limit(1))
    return found


async def newest_challenger(resources: Resources) -> str:
    """Raises NotFound where nobody waits."""
    async with resources.database.transaction() as session:
        version: str | None = await session.scalar(
            select(col(ModelVersion.version))
            .where(col(ModelVersion.state) == ModelState.CHALLENGER)
            .order_by(col(ModelVersion.created_at).desc())
            .limit(1)
        )
    if version is None:
        raise NotFound("Претендентов нет: обучите модель командой appeals classifier train")
    return version


def needs_attention(now: datetime) -> ColumnElement[bool]:
    """Which models a manager should look at: a broken champion, a better challenger, one promoted without a person."""
    is_broken = col(ModelVersion.problem).is_not(None) & (col(ModelVersion.state) == ModelState.CHAMPION)
    waits = (col(ModelVersion.state) == ModelState.CHALLENGER) & col(ModelVersion.is_better)
    is_new = (col(ModelVersion.promoted_by) == NIGHT_LABEL) & (
        col(ModelVersion.promoted_at) > now - timedelta(days=NEWS_DAYS)
    )
    return or_(is_broken, waits, is_new & (col(ModelVersion.state) == ModelState.CHAMPION))
