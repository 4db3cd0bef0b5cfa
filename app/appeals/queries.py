"""What the workplace reads: counts of the tabs, rows of the list, everything on a card.

Every query takes the actor: a department sees its own appeals and nothing else. The list walks partial indexes by
keyset, counts stop at a cap, and full text is found first and sorted after (measured in tests/bench/queue_page.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.accounts.models import User
from app.appeals.models import Answer, AnswerState, Appeal, State, Wait, appeal_columns
from app.appeals.queue import NOT_COUNTED, Cursor, Queue, Tab, tabs_for
from app.appeals.visibility import is_owed_repeat, listed_for, visible_to
from app.departments.models import Department, Territory
from app.public_pages.models import PublicPage

PAGE_SIZE = 50
MOST_COUNTED = 1000
MOST_HITS = 1000
LONGEST_EXCERPT = 220
STUCK = (AnswerState.FAILED, AnswerState.HANDS_NEEDED, AnswerState.UNKNOWN)

_appeal = appeal_columns
_page = PublicPage.__table__.c  # type: ignore[attr-defined]
_department = Department.__table__.c  # type: ignore[attr-defined]
_territory = Territory.__table__.c  # type: ignore[attr-defined]
_user = User.__table__.c  # type: ignore[attr-defined]
_answer = Answer.__table__.c  # type: ignore[attr-defined]

# Exactly the predicate of the partial indexes: only then does PostgreSQL use them.
_IN_QUEUE = and_(_appeal.is_open, ~_appeal.is_talk)
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the list, as it is stored."""

    id: int
    queue_at: datetime
    platform: str
    kind: str
    state: str
    author_name: str | None
    excerpt: str
    has_attachments: bool
    is_edited: bool
    is_talk: bool
    is_confirmed: bool
    severity: int
    danger: str | None
    message_kind: str | None
    topic: str | None
    topic_group: str | None
    confidence: float | None
    received_at: datetime
    closed_at: datetime | None
    next_due_at: datetime | None
    department_name: str
    page_name: str
    assignee_id: int | None
    assignee_name: str | None
    is_stuck: bool
    depersonalised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list. `next` goes on from here; `found` counts what a search found, capped."""

    rows: list[QueueRow]
    next: Cursor | None
    found: int | None = None


def _tab_condition(tab: Tab, user_id: Any, now: Any) -> Condition:
    conditions: dict[Tab, Condition] = {
        Tab.OPEN: true(),
        Tab.NEW: _appeal.state == State.ROUTED,
        Tab.REVIEW: _appeal.state == State.REVIEW,
        Tab.URGENT: _appeal.danger.is_not(None),
        Tab.OVERDUE: _appeal.queue_at < now,
        Tab.MINE: _appeal.assignee_id == user_id,
        Tab.WORK: _appeal.state == State.IN_WORK,
        Tab.CHECK: _appeal.waits_for == Wait.CHECK,
        Tab.ASKED: _appeal.waits_for == Wait.CITIZEN,
        Tab.PARTS: true(),
        Tab.INTERIM: _appeal.state == State.INTERIM,
    }
    if tab is Tab.DONE:
        is_done: Condition = ~_appeal.is_open
        return is_done
    if tab is Tab.TALK:
        return and_(_appeal.is_open, _appeal.is_talk)
    if tab is Tab.REPEATS:
        return is_owed_repeat()
    return and_(_IN_QUEUE, conditions[tab])


async def count_tabs(session: AsyncSession, actor: Actor, now: datetime) -> dict[Tab, int]:
    """How many appeals are on each counted tab, up to MOST_COUNTED + 1, in one round trip."""
    tabs = tuple(tab for tab in tabs_for(actor.role) if tab not in NOT_COUNTED)
    values = {"now": now, "user_id": actor.user_id, "department_id": actor.only_department_id}
    statement = _count_statement(tabs, MOST_COUNTED + 1, is_for_department=actor.only_department_id is not None)
    counts = (await session.execute(statement, values)).one()
    return dict(zip(tabs, counts, strict=True))


@cache
def _count_statement(tabs: tuple[Tab, ...], most: int, *, is_for_department: bool) -> Select[Any]:
    """Built once: it is asked with every page, and building it takes longer than answering it."""
    counts = []
    for tab in tabs:
        only = listed_for(tab, bindparam("department_id")) if is_for_department else true()
        is_here = _tab_condition(tab, bindparam("user_id"), bindparam("now"))
        some = select(literal_column("1")).select_from(Appeal).where(is_here, only).limit(most).subquery()
        counts.append(select(func.count()).select_from(some).scalar_subquery().label(str(tab)))
    return select(*counts)


async def list_queue(
    session: AsyncSession, queue: Queue, actor: Actor, now: datetime, *, after: Cursor | None = None
) -> Listing:
    """A page of the list."""
    conditions = _conditions(queue, actor, now)
    if queue.number is not None:
        numbered = await _page_of(session, queue, [visible_to(actor), _appeal.id == queue.number], None)
        if numbered.rows:  # else it is a house or a telephone, and stands in a text
            return numbered
    if queue.q is None:
        return await _page_of(session, queue, conditions, after)
    hits = await _hits(session, queue.q, conditions)
    if len(hits) <= MOST_HITS:
        listing = await _page_of(session, queue, [_appeal.id.in_(hits)], after)
    else:  # a frequent word: a walk along the list meets it soon enough
        listing = await _page_of(session, queue, [*conditions, _matches(queue.q)], after)
    return Listing(listing.rows, listing.next, len(hits))


async def count_found(session: AsyncSession, queue: Queue, actor: Actor, now: datetime) -> dict[Tab, int]:
    """How much a search finds on the tabs that together hold everything, for "nothing here, but there"."""
    found: dict[Tab, int] = {}
    for tab in (Tab.OPEN, Tab.TALK, Tab.DONE):
        if tab in tabs_for(actor.role) and queue.q:
            found[tab] = len(
                await _hits(session, queue.q, [_tab_condition(tab, actor.user_id, now), visible_to(actor)])
            )
    return found


def _conditions(queue: Queue, actor: Actor, now: datetime) -> list[Condition]:
    simple = {
        "platform": _appeal.platform, "page": _appeal.page_id, "department": _appeal.department_id,
        "topic": _appeal.topic, "state": _appeal.state, "kind": _appeal.message_kind,
    }  # fmt: skip
    chosen = queue.conditions()
    only = actor.only_department_id
    listed = true() if only is None else listed_for(queue.tab, only)
    conditions = [_tab_condition(queue.tab, actor.user_id, now), listed]
    conditions += [column == chosen[name] for name, column in simple.items() if name in chosen]
    if queue.platform:  # a platform without pages: nothing is walked in vain
        conditions.append(exists().where(_page.platform == queue.platform))
    if queue.territory:
        conditions.append(_within(queue.territory))
    return conditions


def _within(code: str) -> Condition:
    """The place of the appeal, or else of its page, lies in this territory."""
    codes = select(_territory.code).where(literal(code) == any_(func.string_to_array(_territory.path, "/")))
    pages = select(_page.id).where(_page.territory_code.in_(codes))
    return or_(_appeal.territory_code.in_(codes), and_(_appeal.territory_code.is_(None), _appeal.page_id.in_(pages)))


def _matches(words: str) -> Condition:
    matches: Condition = _appeal.search.bool_op("@@")(func.websearch_to_tsquery("russian", words))
    return matches


async def _hits(session: AsyncSession, words: str, conditions: Sequence[Condition]) -> list[int]:
    """Numbers of matching appeals, at most MOST_HITS + 1. Found apart from the order: sorted together, PostgreSQL walks
    the whole list for a rare word."""
    found = select(_appeal.id).where(_matches(words), *conditions).limit(MOST_HITS + 1)
    hits = found.cte("hits").prefix_with("MATERIALIZED")
    return list(await session.scalars(select(hits.c.id)))


async def _page_of(
    session: AsyncSession, queue: Queue, conditions: Sequence[Condition], after: Cursor | None
) -> Listing:
    picked = _picked(queue, conditions, after)
    found = await session.execute(_row_statement(picked, queue))
    rows = [QueueRow(**row._mapping) for row in found]
    if len(rows) <= PAGE_SIZE:
        return Listing(rows, None)
    last = rows[PAGE_SIZE - 1]
    return Listing(rows[:PAGE_SIZE], Cursor(last.queue_at, last.id))


def _picked(queue: Queue, conditions: Sequence[Condition], after: Cursor | None) -> Select[Any]:
    return _in_order(select(*_PICKED), queue, _appeal).where(*conditions, *_beyond(queue, after)).limit(PAGE_SIZE + 1)


def picked_rows(queue: Queue, actor: Actor, now: datetime) -> Select[Any]:
    """The inner statement of a page: which rows, in which order. Its plan is what tests and the benchmark look at."""
    return _picked(queue, _conditions(queue, actor, now), None)


async def rows_by_id(session: AsyncSession, ids: Sequence[int], actor: Actor) -> list[QueueRow]:
    """Rows as they are now, wherever they belong; for refreshing what a browser shows."""
    queue = Queue()
    picked = select(*_PICKED).where(_appeal.id.in_(ids), visible_to(actor)).limit(len(ids))
    return [QueueRow(**row._mapping) for row in await session.execute(_row_statement(picked, queue))]


async def ids_on_tab(session: AsyncSession, queue: Queue, ids: Sequence[int], actor: Actor, now: datetime) -> list[int]:
    """Which of these appeals belong to this list now."""
    conditions = [*_conditions(queue, actor, now), _appeal.id.in_(ids)]
    if queue.q:
        conditions.append(_matches(queue.q))
    return list(await session.scalars(select(_appeal.id).where(*conditions)))


_PICKED = (
    _appeal.id, _appeal.queue_at, _appeal.platform, _appeal.kind, _appeal.state, _appeal.author_name, _appeal.text,
    _appeal.has_attachments, _appeal.is_edited, _appeal.is_talk, _appeal.is_confirmed, _appeal.severity,
    _appeal.danger, _appeal.message_kind, _appeal.topic, _appeal.topic_group, _appeal.confidence, _appeal.label_value,
    _appeal.received_at, _appeal.closed_at, _appeal.next_due_at, _appeal.department_id, _appeal.page_id,
    _appeal.assignee_id, _appeal.depersonalised_at,
)  # fmt: skip
_AS_STORED = tuple(
    column.name for column in _PICKED if column.name not in ("text", "department_id", "page_id", "label_value")
)


def _row_statement(picked: Select[Any], queue: Queue) -> Select[Any]:
    """Rows with the names beside them. The page is cut before the joins, so they cost no more than its rows."""
    cut = picked.subquery("cut")
    is_stuck = exists().where(_answer.appeal_id == cut.c.id, _answer.state.in_(STUCK))
    statement = (
        select(
            *(cut.c[name] for name in _AS_STORED),
            func.left(cut.c.text, LONGEST_EXCERPT).label("excerpt"),
            _department.short_name.label("department_name"),
            _page.name.label("page_name"),
            _user.name.label("assignee_name"),
            is_stuck.label("is_stuck"),
        )
        .join(Department, _department.id == cut.c.department_id)
        .join(PublicPage, _page.id == cut.c.page_id)
        .outerjoin(User, _user.id == cut.c.assignee_id)
    )
    return _in_order(statement, queue, cut.c)


def _in_order(statement: Select[Any], queue: Queue, columns: Any) -> Select[Any]:
    if queue.is_by_due:
        return statement.order_by(columns.queue_at, columns.id)
    if queue.is_by_value:
        return statement.order_by(columns.label_value.desc(), columns.id.desc())
    return statement.order_by(columns.id.desc())


def _beyond(queue: Queue, after: Cursor | None) -> list[Condition]:
    if after is None:
        return []
    if queue.is_by_due:
        return [tuple_(_appeal.queue_at, _appeal.id) > tuple_(literal(after.queue_at), literal(after.id))]
    if queue.is_by_value:
        last = select(_appeal.label_value).where(_appeal.id == after.id).scalar_subquery()
        return [tuple_(_appeal.label_value, _appeal.id) < tuple_(last, literal(after.id))]
    return [_appeal.id < after.id]
