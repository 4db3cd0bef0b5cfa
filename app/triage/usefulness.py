"""How much the judge would learn from a person's word on an appeal: what the review queue can be ordered by.

A label teaches where the judge wavers, and more so where messages are many and labels few. Values only compare with
each other. They are stored when an appeal is judged and not moved by later labels: what was useful a week ago is at
worst a little less so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.db import KEPT
from app.triage.models import LabelChoice
from classifier import Guess

LAST_APPEALS = 5_000
LAST_LABELS = 20_000
FRESH_FOR = timedelta(minutes=10)
_NEEDS = "needs_of_topics"


@dataclass(frozen=True, slots=True)
class Needs:
    """How often topics come, and how many of their labels are known, both of late."""

    appeals: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)

    def of(self, topic: str) -> float:
        """What one more label of a topic is worth: its share of the stream over the labels it has."""
        total = sum(self.appeals.values()) + 1
        return (self.appeals.get(topic, 0) + 1) / total / (1 + self.labels.get(topic, 0))


def usefulness(guesses: Sequence[Guess], appeal_probability: float, needs: Needs) -> float:
    """Doubt between the two best guesses × what labels of the guessed topics are worth × likely to be an appeal. Pure.

    0 where nothing was guessed.
    """
    if not guesses:
        return 0.0
    second = guesses[1].probability if len(guesses) > 1 else 0.0
    doubt = 1.0 - (guesses[0].probability - second)
    worth = sum(guess.probability * needs.of(guess.label) for guess in guesses)
    return doubt * worth * appeal_probability


async def read_needs(session: AsyncSession, now: datetime) -> Needs:
    """Counted from the last appeals and labels, and kept for ten minutes: they move slowly."""
    kept = session.info.setdefault(KEPT, {})
    known = kept.get(_NEEDS)
    if known is not None and abs(now - known[0]) < FRESH_FOR:
        needs: Needs = known[1]
        return needs
    appeals = select(col(Appeal.topic)).order_by(col(Appeal.id).desc()).limit(LAST_APPEALS)
    labels = (
        select(col(LabelChoice.chosen))
        .where(col(LabelChoice.label_kind) == "topic")
        .order_by(col(LabelChoice.id).desc())
        .limit(LAST_LABELS)
    )
    counts = []
    for rows in (appeals.subquery(), labels.subquery()):
        topic = rows.c[0]
        found = await session.execute(select(topic, func.count()).where(topic.is_not(None)).group_by(topic))
        counts.append({row[0]: row[1] for row in found})
    needs = Needs(*counts)
    kept[_NEEDS] = (now, needs)
    return needs
