"""A center where operators have labelled: invented messages, the starter model, a registry."""

import csv
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals.models import Appeal
from app.departments.models import Department
from app.learning import registry
from app.learning.files import new_folder, write_model
from app.learning.models import ModelVersion
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.triage.models import LabelChoice
from classifier.artifact import Arrays, Manifest, read_artifact
from classifier.dataset import read_corpus
from classifier.judge import STARTER
from classifier.training import Model, resigned, train
from tests.conftest import NOW
from tests.office import clerk

OWN_MESSAGES = Path(__file__).parent.parent / "classifier" / "own_messages.csv"
Label = Callable[..., Awaitable[None]]
Register = Callable[..., Awaitable[ModelVersion]]


def own_rows(count: int, topics: int = 6) -> list[dict[str, str]]:
    """Messages of a few topics, topics taking turns, so that early and late messages are alike."""
    with OWN_MESSAGES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_topic: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_topic.setdefault(row["topic"], []).append(row)
    chosen = sorted(by_topic.values(), key=len, reverse=True)[:topics]
    longest = max(map(len, chosen))
    turns = [of_topic[turn] for turn in range(longest) for of_topic in chosen if turn < len(of_topic)]
    return turns[:count]


@pytest.fixture(scope="session")
def starter() -> tuple[Manifest, Arrays]:
    return read_artifact(STARTER)


@pytest.fixture(scope="session")
def small() -> Model:
    """A model of a few invented topics: its file is written and read in no time."""
    return train(read_corpus(OWN_MESSAGES.with_name("own_corpus.csv")), None, [], "2026-11-20T00:00:00Z")


@pytest.fixture
async def boss(resources: Resources) -> Actor:
    return await clerk(resources, "boss", Role.MANAGER)


@pytest.fixture
async def label(resources: Resources, page: PublicPage) -> Label:
    """Operators label messages, one a minute."""

    async def work(rows: list[dict[str, str]], since: datetime = NOW, **changes: Any) -> None:
        async with resources.database.transaction() as session:
            department = (await session.scalars(select(Department).limit(1))).one()
            for number, row in enumerate(rows):
                at = since + timedelta(minutes=number)
                appeal = Appeal(
                    page_id=page.id or 0, platform="vk", kind="comment", place="wall",
                    thread_key=f"{since.timestamp()}-{number}", author_external_id="1", external_id=str(number),
                    text=row["text"], search_text=row["text"], state="routed", department_id=department.id or 0,
                    received_at=at, author_name=row.get("author"),
                )  # fmt: skip
                session.add(appeal)
                await session.flush()
                judged = {"judged": row["topic"], "is_accepted": True, "model_version": "x"} | changes
                session.add(
                    LabelChoice(appeal_id=appeal.id or 0, label_kind="topic", chosen=row["topic"], at=at, **judged)
                )

    return work


@pytest.fixture
def register(resources: Resources, small: Model, boss: Actor) -> Register:
    """Put a small model into the registry."""

    async def work(created: str = "2026-11-20T00:00:00Z", **changes: Any) -> ModelVersion:
        model = resigned(replace(small, manifest=replace(small.manifest, created=created)))
        row = registry.described(model.manifest, [], boss, rows=1, **changes)
        with new_folder(resources.settings) as (folder, place):
            write_model(folder, model.manifest, model.arrays, "карточка")
            place(row.version)
        async with resources.database.transaction() as session:
            await registry.register(session, row, boss, NOW)
        return row

    return work


def like_starter(starter: tuple[Manifest, Arrays], created: str, *, is_worse: bool = False) -> Model:
    """The starter's weights under another date."""
    manifest, arrays = starter
    weights = ("word_weights", "letter_weights")
    changed = {**arrays, **{name: arrays[name] * 0 for name in weights}} if is_worse else arrays
    return resigned(Model(replace(manifest, created=created), changed))
