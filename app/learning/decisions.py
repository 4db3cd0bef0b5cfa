"""Deciding which model judges: the file is opened and both are compared before anything changes."""

import asyncio
from datetime import datetime

from app.accounts.actor import Actor
from app.errors import Invalid
from app.learning import registry
from app.learning.comparison import Comparison
from app.learning.files import read_model
from app.learning.models import ModelVersion
from app.learning.teaching import compare_with_champion
from app.resources import Resources
from classifier import ArtifactRejected


async def promote_model(
    resources: Resources, version: str, actor: Actor, now: datetime, *, reason: str = ""
) -> ModelVersion:
    """Make a model the champion: when it is better with confidence, or with a reason.

    A file that is no model is refused, and that is remembered. Raises NotFound, Conflict, Invalid.
    """
    async with resources.database.transaction() as session:
        row = await registry.find(session, version)
    try:
        await asyncio.to_thread(read_model, resources.settings, row)
    except ArtifactRejected as error:
        async with resources.database.transaction() as session:
            await registry.refuse(session, version, actor, now=now, problem=str(error))
        raise Invalid(str(error)) from error
    comparison = await _compared(resources, version, is_needed=not reason)
    async with resources.database.transaction() as session:
        return await registry.promote(session, version, comparison, actor, now=now, reason=reason)


async def _compared(resources: Resources, version: str, *, is_needed: bool) -> Comparison | None:
    """A champion whose own file is broken compares with nothing; a reason is then needed."""
    try:
        return await compare_with_champion(resources, version)
    except ArtifactRejected as error:
        if is_needed:
            raise Invalid(f"Сравнить не с чем: {error}") from error
        return None
