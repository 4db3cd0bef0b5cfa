"""A challenger from the region's own labels: read, train (in whatever process calls), register, compare."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import col

from app.accounts.actor import Actor
from app.errors import Invalid
from app.learning import registry
from app.learning.comparison import Comparison, compare
from app.learning.examples import Split, known_to, read_examples, split_by_time
from app.learning.files import NEEDED_KIND, new_folder, open_model, read_model, read_shipped, write_model
from app.learning.models import ModelVersion
from app.resources import Resources
from app.triage.models import LabelChoice
from app.triage.service import LABEL_KINDS
from classifier import Judge
from classifier.artifact import FILE_NAME, Arrays, Manifest, read_artifact
from classifier.dataset import Corpus, Source

OWN_LABELS = "метки сотрудников"
Progress = Callable[[str], None]


async def teach_from_labels(
    resources: Resources, actor: Actor, now: datetime, step: Progress = lambda _: None
) -> ModelVersion:
    """Train a challenger on people's labels, register it and compare it with the champion.

    Personal data is masked, and no text is written to the disk. Raises Invalid where there are too few labels,
    DataIsWrong, ArtifactRejected.
    """
    async with resources.database.transaction() as session:
        root = await registry.root_of(session)
    manifest, arrays = await asyncio.to_thread(read_model, resources.settings, root)
    async with resources.database.transaction() as session:
        examples = await read_examples(session, manifest.topic_to_group, resources.settings.time_zone)
    split = split_by_time(examples)
    if split is None:
        raise Invalid("Меток сотрудников пока слишком мало, чтобы учиться и проверять")
    row = await asyncio.to_thread(_trained, resources, manifest, arrays, split, actor, now, step)
    async with resources.database.transaction() as session:
        await registry.register(session, row, actor, now)
    await compare_with_champion(resources, row.version)
    return row


def _trained(
    resources: Resources, manifest: Manifest, arrays: Arrays, split: Split, actor: Actor, now: datetime, step: Progress
) -> ModelVersion:
    from classifier.adaptation import adapt
    from classifier.card import card
    from classifier.survey import survey

    corpus = known_to(split.taught, manifest.labels)
    source = Source(OWN_LABELS, len(corpus.texts), _digest(corpus))
    created = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    model = adapt(manifest, arrays, corpus, [source], created, step)
    found = survey(corpus, Judge(manifest, arrays))
    with new_folder(resources.settings) as (folder, place):
        write_model(folder, model.manifest, model.arrays, card(model.manifest, found))
        place(model.manifest.version)
    return registry.described(
        model.manifest, found.sentences(), actor,
        rows=len(corpus.texts), taught_until=split.taught_until, labels_until=split.labels_until,
    )  # fmt: skip


def _digest(corpus: Corpus) -> str:
    """Tells this set of messages from others, and tells nothing of them."""
    return hashlib.sha256("\n".join(corpus.texts).encode(errors="surrogatepass")).hexdigest()


async def register_folder(
    resources: Resources, folder: Path, place: Callable[[str], None], report: list[str], actor: Actor, now: datetime
) -> ModelVersion:
    """Give a model that the library has just written its place in the registry, and compare it.

    Raises Conflict, Invalid for a model without topics.
    """
    manifest, _ = await asyncio.to_thread(read_artifact, folder / FILE_NAME)
    if NEEDED_KIND not in manifest.labels:
        raise Invalid(f"Судить обращения может модель, которая знает темы: среди меток нужна {NEEDED_KIND}")
    rows = sum(source["rows"] for source in manifest.provenance["sources"])
    row = registry.described(manifest, report, actor, rows=rows)
    async with resources.database.transaction() as session:
        await registry.register(session, row, actor, now)
        place(manifest.version)
    await compare_with_champion(resources, row.version)
    return row


async def compare_with_champion(resources: Resources, version: str, seed: int = 0) -> Comparison | None:
    """Champion against this model on the labels that came after both were taught; remembered with the model.

    None where nobody has labelled anything since. Raises NotFound, ArtifactRejected.
    """
    async with resources.database.transaction() as session:
        row, best = await registry.find(session, version), await registry.champion(session)
    manifest, arrays = await asyncio.to_thread(read_shipped, resources.settings)
    before = await asyncio.to_thread(open_model, resources.settings, best) if best else Judge(manifest, arrays)
    after = await asyncio.to_thread(open_model, resources.settings, row)
    async with resources.database.transaction() as session:
        examples = await read_examples(session, before.manifest.topic_to_group, resources.settings.time_zone)
    moment = _newer(row.taught_until, best.taught_until if best else None)
    corpus = await asyncio.to_thread(examples.unseen, (before, after), moment)
    if not corpus.texts:
        return None
    found = await asyncio.to_thread(
        compare, before, after, corpus, champion_version=best.version if best else None, seed=seed
    )
    async with resources.database.transaction() as session:
        row = await registry.find(session, version)
        row.comparison, row.is_better = asdict(found), found.is_better
    return found


def _newer(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


async def count_new_labels(resources: Resources) -> int:
    """Labels that came after the last model was trained."""
    async with resources.database.transaction() as session:
        known = await session.scalar(select(func.max(col(ModelVersion.labels_until))))
        statement = select(func.count()).where(col(LabelChoice.label_kind).in_(LABEL_KINDS))
        if known is not None:
            statement = statement.where(col(LabelChoice.at) > known)
        return await session.scalar(statement) or 0
