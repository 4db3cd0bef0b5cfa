"""The rules in force. The database names their version; a process parses each version once.

A transaction asks once and keeps the answer to its end: a batch uses one rule set, and a version published meanwhile is
taken by the next one, in every process and without a restart.
"""

import asyncio

import structlog
from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from routing_rules import RuleSet, RuleSetInvalid, parse

log = structlog.get_logger()
REFUSED = Counter("appeals_rule_sets_refused_total", "Published rule sets that this process cannot read")
KEPT = 3
RULES = "rules_of_this_transaction"
_IN_FORCE = text("SELECT id FROM rule_set WHERE state = 'published'")
_FILES = text("SELECT files FROM rule_set WHERE id = :id")


class Rulebook:
    """The rule set in force, asked for as often as one likes. Before anything is published the shipped one decides."""

    def __init__(self, shipped: RuleSet) -> None:
        self.shipped = shipped
        self._versions: dict[int, RuleSet] = {}
        self._last = shipped

    async def current(self, session: AsyncSession) -> RuleSet:
        """The rule set in force when this transaction first asked: one query of one row.

        A version that this process cannot read (a newer program wrote it) raises an alarm, once, and the last good one
        goes on deciding: no appeal waits for it.
        """
        known: RuleSet | None = session.info.get(RULES)
        if known is None:
            known = session.info[RULES] = await self._in_force(session)
        return known

    async def _in_force(self, session: AsyncSession) -> RuleSet:
        version_id: int | None = await session.scalar(_IN_FORCE)
        if version_id is None:
            return self.shipped
        return self._versions.get(version_id) or await self._take(session, version_id)

    async def _take(self, session: AsyncSession, version_id: int) -> RuleSet:
        files = await session.scalar(_FILES, {"id": version_id})
        try:
            self._last = await asyncio.to_thread(parse, files or {})
        except RuleSetInvalid as error:
            REFUSED.inc()
            log.error("rule_set_refused", rule_set_id=version_id, problem=str(error.problems[0]))
        if len(self._versions) >= KEPT:
            self._versions.clear()
        taken = self._versions[version_id] = self._last
        return taken
