"""What was answered to appeals like this one.

The newest answered appeals of the likely topics (short walks along an index) are ranked by their words, so the cost
does not grow with the number of appeals. Nothing is answered by itself: a person takes the text as a draft.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.appeals.disclosure import masked
from app.appeals.models import Answer, AnswerState, Appeal, State, appeal_columns
from app.appeals.visibility import visible_to
from app.public_pages.models import PublicPage
from app.triage.similar import LONGEST_COMPARED, compared, excerpt
from classifier.likeness import marks_of, rank

MOST_TOPICS = 3
MOST_COMPARED = 40
"""So many of the newest answered appeals of each likely topic are compared."""
MOST_RANKED = 15
MOST_SHOWN = 3
NEAR_FROM = 0.12
SAME_TERRITORY = 0.05
"""An answer from the same territory goes before one that is nearer by so little."""

_appeal = appeal_columns
_answer = Answer.__table__.c  # type: ignore[attr-defined]
_page = PublicPage.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Precedent:
    """An answered appeal and its answer, both without other people's personal data. `share` is how near it is, 0…1."""

    id: int
    excerpt: str
    answer: str
    department: str
    answered_at: datetime
    share: float


async def precedents(session: AsyncSession, appeal: Appeal, actor: Actor) -> list[Precedent]:
    """The nearest answered appeals that the actor may see, the nearest first."""
    topics = _likely_topics(appeal)
    if not topics:
        return []
    rows = (await session.execute(newest_answered(appeal, topics, actor))).all()
    marks, *others = marks_of([appeal.search_text[:LONGEST_COMPARED], *(row.words for row in rows)])
    scores = rank(marks, others)
    near = {
        row.id: (row, min(score + SAME_TERRITORY * bool(row.is_near), 1.0))
        for row, score in zip(rows, scores, strict=True)
        if score >= NEAR_FROM
    }
    best = sorted(near, key=lambda number: (-near[number][1], -number))[:MOST_RANKED]
    answers = await _answers_to(session, best)
    return [_precedent(*near[number], answers[number]) for number in best if number in answers][:MOST_SHOWN]


def _likely_topics(appeal: Appeal) -> list[str]:
    guesses = [] if appeal.is_confirmed else appeal.judgement.get("labels", {}).get("topic", [])
    names = [appeal.topic, *(guess["label"] for guess in guesses)]
    return [name for name in dict.fromkeys(names) if name][:MOST_TOPICS]


def newest_answered(appeal: Appeal, topics: Sequence[str], actor: Actor) -> Select[Any]:
    """The appeals to compare. Each topic is a walk of its own: one sort over all of them would read all of them."""
    walks = [
        select(_appeal.id)
        .where(_appeal.topic == topic, _appeal.state == State.ANSWERED, _appeal.id != appeal.id, visible_to(actor))
        .order_by(_appeal.id.desc())
        .limit(MOST_COMPARED)
        .subquery()
        for topic in topics
    ]
    hits = union_all(*(select(walk.c.id) for walk in walks)).cte("hits")
    here = select(func.coalesce(literal(appeal.territory_code), _page.territory_code)).where(_page.id == appeal.page_id)
    territory = func.coalesce(_appeal.territory_code, _page.territory_code)
    is_near = (territory == here.correlate(None).scalar_subquery()).label("is_near")
    return compared(actor).add_columns(is_near).where(_appeal.id.in_(select(hits.c.id)))


async def _answers_to(session: AsyncSession, appeal_ids: Sequence[int]) -> dict[int, list[Any]]:
    """Of each appeal the parts of the last final answer that its author has got."""
    parts_told = select(_answer.appeal_id, _answer.follows_id, _answer.text, _answer.delivered_at, _answer.created_at)
    delivered = parts_told.where(
        _answer.appeal_id.in_(appeal_ids),
        _answer.state == AnswerState.DELIVERED,
        ~_answer.is_interim,
        ~_answer.is_question,
    )
    parts: dict[int, list[Any]] = {}
    for answer in await session.execute(delivered.order_by(_answer.id)):
        before = parts.get(answer.appeal_id, []) if answer.follows_id is not None else []
        parts[answer.appeal_id] = [*before, answer]
    return parts


def _precedent(row: Any, share: float, parts: Sequence[Any]) -> Precedent:
    author = row.author_name or ""
    return Precedent(
        id=row.id,
        excerpt=excerpt(row.words, author),
        answer="\n\n".join(masked(part.text, author) for part in parts),
        department=row.department,
        answered_at=parts[-1].delivered_at or parts[-1].created_at,
        share=share,
    )
