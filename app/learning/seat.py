"""Which model judges in this process: the champion, or else the last good one.

A judge travels with the `Resources` that a request or a batch was begun with. A new champion therefore means new
`Resources` for what begins later, and never another judge in the middle of a batch.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.learning import registry
from app.learning.files import open_model
from app.learning.models import ModelVersion
from app.resources import Resources
from app.time import utc_now
from classifier import ArtifactRejected, Judge

log = structlog.get_logger()
LOOK_EVERY_SECONDS = 30.0


class Seat:
    """The judge's seat of one process; begins with the shipped model in it."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self._version: str | None = None  # None: the shipped model
        self._told: dict[str, str] = {}

    async def renew(self, now: datetime) -> bool:
        """Seat the champion, or the last good model before it; whether that changed anything.

        A model that cannot be opened is marked in the registry, where people see it, and tried again next time.
        """
        async with self.resources.database.transaction() as session:
            line = await registry.line_of_champions(session)
        for row in line:
            if row.version == self._version:
                return False
            judge = await self._open(row, now)
            if judge is not None:
                return self._seat(row.version, judge)
        if self._version is None:
            return False
        return self._seat(None, await asyncio.to_thread(Judge.load, self.resources.settings.model_path))

    def _seat(self, version: str | None, judge: Judge) -> bool:
        self._version = version
        self.resources = replace(self.resources, judge=judge)
        log.info("judge_seated", version=judge.version)
        return True

    async def _open(self, row: ModelVersion, now: datetime) -> Judge | None:
        try:
            judge = await asyncio.to_thread(open_model, self.resources.settings, row)
        except ArtifactRejected as error:
            if self._told.get(row.version) != str(error):
                log.error("model_refused", version=row.version, reason=str(error))
                self._told[row.version] = str(error)
                await self._mark(row.version, str(error), now)
            return None
        if row.problem is not None:
            self._told.pop(row.version, None)
            await self._mark(row.version, None, now)
        return judge

    async def _mark(self, version: str, problem: str | None, now: datetime) -> None:
        async with self.resources.database.transaction() as session:
            row = await registry.find(session, version)
            row.problem, row.problem_at = problem, now if problem else None

    async def watch(self, put: Callable[[Resources], None]) -> None:
        """Look for a new champion from time to time, and hand out resources with it, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            try:
                if await self.renew(utc_now()):
                    put(self.resources)
            except (SQLAlchemyError, OSError, ArtifactRejected) as error:
                log.warning("champion_not_looked_up", error=type(error).__name__)
