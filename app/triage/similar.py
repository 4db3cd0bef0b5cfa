"""Appeals with the same words as one appeal, or nearly the same.

What may be alike is found by indexes (fingerprints, bands of a stretch of time), then compared word by word in
`classifier.likeness`: the cost does not grow with the number of appeals.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Integer, Select, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.appeals.disclosure import masked
from app.appeals.models import Appeal, State, appeal_columns
from app.appeals.visibility import visible_to
from app.departments.models import Department
from app.public_pages.models import PublicPage
from classifier.likeness import ALIKE_FROM, in_period, likeness_of, likenesses_of, marks_of, overlaps

DAYS = 30
"""Nearly equal appeals are looked for so many days before and after."""
PERIOD_DAYS = 32
MOST_ALIKE = 60
LONGEST_COMPARED = 2000
LONGEST_EXCERPT = 160

_appeal = appeal_columns
_page = PublicPage.__table__.c  # type: ignore[attr-defined]
_department = Department.__table__.c  # type: ignore[attr-defined]


class Alike(NamedTuple):
    """Another appeal with the same words, or nearly so. `share` is what they have in common, 1 for equal ones."""

    id: int
    words: str
    author: str
    is_same_author: bool
    state: str
    page: str
    department: str
    received_at: datetime
    share: float

    @property
    def excerpt(self) -> str:
        """The beginning of its words, without another author's personal data. Worked out only for what is shown."""
        return excerpt(self.words, "" if self.is_same_author else self.author)

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes its author an answer."""
        return self.state not in (State.ANSWERED, State.CLOSED)


def note_likeness(appeals: Sequence[Appeal]) -> None:
    """Write down what appeals are found by as alike: of all the citizen's words, as they stand now."""
    found = likenesses_of([appeal.search_text for appeal in appeals])
    for appeal, likeness in zip(appeals, found, strict=True):
        appeal.fingerprint = likeness.fingerprint if likeness else None
        appeal.likeness = list(in_period(likeness.bands, period_of(appeal.received_at))) if likeness else []


def period_of(at: datetime) -> int:
    """The stretch of time that a moment lies in, as a number."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)).days // PERIOD_DAYS


async def alike(session: AsyncSession, appeal: Appeal, actor: Actor) -> list[Alike]:
    """Appeals with the same or nearly the same words: of the same author first, then the most alike, the newest."""
    likeness = likeness_of(appeal.search_text)
    if likeness is None:
        return []
    window = timedelta(days=DAYS)
    periods = range(period_of(appeal.received_at - window), period_of(appeal.received_at + window) + 1)
    keys = [key for period in periods for key in in_period(likeness.bands, period)]
    equal = (
        select(_appeal.id)
        .where(_appeal.fingerprint == likeness.fingerprint)
        .order_by(_appeal.id.desc())
        .limit(MOST_ALIKE)
    )
    # As a sub-select, because the planner, shown the keys, takes each for frequent and reads the whole table.
    wanted = select(literal(keys, ARRAY(Integer))).scalar_subquery()
    near = select(_appeal.id).where(_appeal.likeness.bool_op("&&")(wanted)).limit(MOST_ALIKE)
    hits = union_all(select(equal.subquery().c.id), select(near.subquery().c.id)).cte("hits")
    rows = (
        await session.execute(compared(actor).where(_appeal.id.in_(select(hits.c.id)), _appeal.id != appeal.id))
    ).all()
    marks, *others = marks_of([appeal.search_text[:LONGEST_COMPARED], *(row.words for row in rows)])
    shares = overlaps(marks, others)
    author = (appeal.platform, appeal.author_external_id)
    found = [
        _alike(row, author, 1.0 if row.fingerprint == likeness.fingerprint else share)
        for row, share in zip(rows, shares, strict=True)
        if row.fingerprint == likeness.fingerprint or share >= ALIKE_FROM
    ]
    return sorted(found, key=_by_nearness)


def _by_nearness(one: Alike) -> tuple[bool, float, int]:
    return not one.is_same_author, -one.share, -one.id


def compared(actor: Actor) -> Select[Any]:
    """What is read of an appeal to compare it and to show it."""
    return (
        select(
            _appeal.id, _appeal.state, _appeal.received_at, _appeal.author_name, _appeal.author_external_id,
            _appeal.platform, _appeal.fingerprint, func.left(_appeal.search_text, LONGEST_COMPARED).label("words"),
            _page.name.label("page"), _department.short_name.label("department"),
        )
        .join(PublicPage, _page.id == _appeal.page_id)
        .join(Department, _department.id == _appeal.department_id)
        .where(visible_to(actor))
    )  # fmt: skip


def _alike(row: Any, author: tuple[str, str], share: float) -> Alike:
    return Alike(
        id=row.id,
        words=row.words,
        author=row.author_name or "",
        is_same_author=(row.platform, row.author_external_id) == author,
        state=row.state,
        page=row.page,
        department=row.department,
        received_at=row.received_at,
        share=share,
    )


def excerpt(words: str, author: str | None) -> str:
    """The beginning of somebody else's words in one line, without his personal data."""
    text = " ".join(masked(words[: 3 * LONGEST_EXCERPT], author or "").split())
    return text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT].rsplit(" ", 1)[0] + "…"
