"""Rules in the database: the shipped tables published, and people who change them."""

import pytest

import routing_rules
from app.accounts.actor import Actor
from app.accounts.models import Role
from app.resources import Resources
from app.rules.models import RuleSetVersion
from app.rules.service import change_file, import_first_version, start_draft
from tests.conftest import NOW
from tests.office import clerk, do

SHIPPED = routing_rules.read_texts(routing_rules.DEFAULT_DIRECTORY)


@pytest.fixture
async def published(resources: Resources) -> Resources:
    """The shipped tables are in force as a version."""
    assert await do(resources, import_first_version, SHIPPED, NOW)
    return resources


@pytest.fixture
async def vera(resources: Resources) -> Actor:
    """A manager who writes rules."""
    return await clerk(resources, "vera", Role.MANAGER)


@pytest.fixture
async def oleg(resources: Resources) -> Actor:
    """Another manager: the second person."""
    return await clerk(resources, "oleg", Role.MANAGER)


@pytest.fixture
async def draft(published: Resources, vera: Actor) -> RuleSetVersion:
    """A draft equal to what is in force."""
    return await do(published, start_draft, vera, "Зима", now=NOW)


async def change(resources: Resources, draft: RuleSetVersion, file: str, old: str, new: str, actor: Actor) -> None:
    """Replace something in a file of a draft."""
    text = (await do(resources, _files, draft.id))[file]
    assert old in text
    await do(
        resources, change_file, draft.id, file, text.replace(old, new), actor, now=NOW, edition=None
    )  # fmt: skip


async def _files(session, version_id):  # type: ignore[no-untyped-def]
    return (await session.get_one(RuleSetVersion, version_id)).files
