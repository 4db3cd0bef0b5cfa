"""The registry of official pages as a list.

Numbers of the rows are picked first and the names beside them joined after. What is asked for is looked for apart from
the order: together, PostgreSQL walks the whole list for a rare word (measured in docs/pages.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, any_, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.departments.models import Department, Territory
from app.errors import NotFound
from app.platforms import PLATFORMS
from app.public_pages.models import OfficialBody, PublicPage, page_columns
from app.public_pages.register import Cursor, Link, Register

ROWS = 50
SILENT_DAYS = 3
MOST_ALERTS = 5
MOST_HITS = 1000
LEAST_LETTERS = 3
IS_CUT_OFF = or_(col(PublicPage.connection_problem).is_not(None), col(PublicPage.polling_problem).is_not(None))
LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class PageRow:
    """One official page. `key` is the secret part of its webhook address; `has_keys`: without, nothing comes in."""

    id: int
    platform: str
    external_id: str
    key: str
    name: str
    search_text: str
    owner: str | None
    body: str | None
    territory: str | None
    audience: int | None
    is_active: bool
    has_keys: bool
    connection_problem: str | None
    stopped_reason: str | None
    last_event_at: datetime | None
    created_at: datetime

    @property
    def entrance(self) -> str:
        """The path under which the page takes what is sent to it."""
        return PLATFORMS[self.platform].entrance.format(platform=self.platform, key=self.key)

    @property
    def is_form(self) -> bool:
        """Whether the entrance is for people, and no secret."""
        return self.platform == "web"

    def silent_days(self, now: datetime) -> int:
        """Whole days without an event."""
        return (now - (self.last_event_at or self.created_at)).days

    def link(self, now: datetime) -> Link:
        """The state of its connection, as `link_condition` tells states apart."""
        states = {
            Link.OFF: not self.is_active,
            Link.CUT_OFF: self.connection_problem is not None,
            Link.STOPPED: self.stopped_reason is not None,
            Link.KEYLESS: not self.has_keys,
            Link.SILENT: (self.last_event_at or self.created_at).astimezone(UTC).date() < silent_since(now),
        }
        return next((link for link, applies in states.items() if applies), Link.WELL)


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of the list. `following` goes on from here; `found` counts what was asked for, up to MOST_HITS + 1."""

    rows: list[PageRow]
    following: Cursor | None
    found: int | None


async def list_pages(session: AsyncSession, register: Register, after: Cursor | None, now: datetime) -> Listing:
    """The pages asked for by name, after the one that the cursor names; first those that begin with the words."""
    conditions, found, source = await conditions_of(session, register, now), None, page_columns
    if register.is_narrowed:
        asked = [*conditions, is_meant_by(register.q)] if register.q else conditions
        numbers = list(await session.scalars(hits(asked)))
        found = len(numbers)
        if found <= MOST_HITS:
            conditions, source = [], these(numbers)
        elif register.q:  # a word of a thousand names is nobody's number
            conditions.append(is_named(register.q))
    rows: list[PageRow] = []
    for part in parts_of(register.q, conditions, after, source):
        if len(rows) <= ROWS:
            rows += [PageRow(*row) for row in await session.execute(_rows(part.limit(ROWS + 1 - len(rows))))]
    last = rows[ROWS - 1] if len(rows) > ROWS else None
    return Listing(rows[:ROWS], Cursor(last.search_text, last.id) if last else None, found)


def parts_of(words: str, conditions: Sequence[Condition], after: Cursor | None, source: Any) -> list[Select[Any]]:
    """What is left of the list after the cursor: by name, with words in two parts, of which the first needs no walk."""
    if not words:
        return [_pick(conditions, after, source)]
    start = source.search_text.like(f"{words.lower().translate(LIKE_SPECIAL)}%")
    others = [*conditions, ~start]
    if after is not None and not after.name.startswith(words.lower()):
        return [_pick(others, after, source)]
    return [_pick([*conditions, start], after, source), _pick(others, None, source)]


def these(numbers: Sequence[int]) -> Any:
    """Columns of these pages alone, so that nothing else is walked for them."""
    some = select(col(PublicPage.id), page_columns.search_text).where(col(PublicPage.id).in_(numbers))
    return some.cte("these").prefix_with("MATERIALIZED").c


def hits(conditions: Sequence[Condition]) -> Select[Any]:
    """Numbers of pages that meet the conditions, in no order, at most MOST_HITS + 1."""
    found = select(col(PublicPage.id)).where(*conditions).limit(MOST_HITS + 1)
    cte = found.cte("hits").prefix_with("MATERIALIZED")
    return select(cte.c.id)


def _pick(conditions: Sequence[Condition], after: Cursor | None, source: Any) -> Select[Any]:
    """Numbers of pages by name."""
    name, number = source.search_text, source.id
    query: Select[Any] = select(number).where(*conditions).order_by(name, number)
    return query if after is None else query.where(tuple_(name, number) > tuple_(after.name, literal(after.id)))


def _rows(picked: Select[Any]) -> Select[*tuple[Any, ...]]:
    cut = picked.subquery("cut")
    return (
        select(
            col(PublicPage.id), col(PublicPage.platform), col(PublicPage.external_id), col(PublicPage.key),
            col(PublicPage.name), page_columns.search_text, col(Department.short_name), col(OfficialBody.name),
            col(Territory.name), col(PublicPage.audience), col(PublicPage.is_active),
            col(PublicPage.credentials).is_not(None),
            func.coalesce(col(PublicPage.connection_problem), col(PublicPage.polling_problem)),
            col(PublicPage.sending_stopped_reason), col(PublicPage.last_event_at), col(PublicPage.created_at),
        )
        .join(cut, cut.c.id == col(PublicPage.id))
        .outerjoin(Department, col(Department.id) == col(PublicPage.department_id))
        .outerjoin(OfficialBody, col(OfficialBody.id) == col(PublicPage.body_id))
        .outerjoin(Territory, col(Territory.code) == col(PublicPage.territory_code))
        .order_by(page_columns.search_text, col(PublicPage.id))
    )  # fmt: skip


async def conditions_of(session: AsyncSession, register: Register, now: datetime) -> list[Condition]:
    """What the list is narrowed by, without the words."""
    told = {name: getattr(register, name) for name in ("platform", "sphere", "level")}
    conditions: list[Condition] = [page_columns[name] == value for name, value in told.items() if value]
    if register.territory:
        conditions.append(col(PublicPage.territory_code).in_(await _codes_under(session, register.territory)))
    if register.link:
        conditions.append(link_condition(Link(register.link), now))
    return conditions


async def _codes_under(session: AsyncSession, code: str) -> list[str]:
    """This territory and all below it. Asked first: PostgreSQL then knows how many pages they have."""
    is_under = literal(code) == any_(func.string_to_array(col(Territory.path), "/"))
    return list(await session.scalars(select(col(Territory.code)).where(is_under)))


def is_named(words: str) -> Condition:
    """A part of the name; one or two letters are its beginning, for they have no trigram that the index could know."""
    start = "%" if len(words) >= LEAST_LETTERS else ""
    condition: Condition = page_columns.search_text.like(f"{start}{words.lower().translate(LIKE_SPECIAL)}%")
    return condition


def is_meant_by(words: str) -> Condition:
    """A part of the name, or the number. The platforms are named for the index, which begins with them."""
    is_number = and_(col(PublicPage.platform).in_(list(PLATFORMS)), col(PublicPage.external_id) == words)
    return or_(is_named(words), is_number)


def silent_since(now: datetime) -> date:
    """Pages heard last before this day, in UTC, are silent: for SILENT_DAYS whole days at least."""
    return now.astimezone(UTC).date() - timedelta(days=SILENT_DAYS)


def link_condition(link: Link, now: datetime) -> Condition:
    """Whether a page's connection is in this state."""
    states: dict[Link, Condition] = {
        Link.OFF: ~col(PublicPage.is_active),
        Link.CUT_OFF: IS_CUT_OFF,
        Link.STOPPED: col(PublicPage.sending_stopped_reason).is_not(None),
        Link.KEYLESS: col(PublicPage.credentials).is_(None),
        Link.SILENT: page_columns.heard_on < silent_since(now),
    }
    if link is Link.WELL:
        return and_(*(~state for state in states.values()))
    before = list(states)[: list(states).index(link)]
    return and_(states[link], *(~states[one] for one in before))


async def list_cut_off(session: AsyncSession) -> list[PageRow]:
    """Some of the active pages from which nothing comes, by number."""
    some = select(col(PublicPage.id)).where(col(PublicPage.is_active), IS_CUT_OFF).order_by(col(PublicPage.id))
    return [PageRow(*row) for row in await session.execute(_rows(some.limit(MOST_ALERTS)))]


async def read_row(session: AsyncSession, page_id: int) -> PageRow:
    """One page as the list shows it. Raises NotFound."""
    query = _rows(select(col(PublicPage.id)).where(col(PublicPage.id) == page_id))
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFound("Такой страницы нет")
    return PageRow(*found)


async def count_links(session: AsyncSession, now: datetime) -> dict[Link, int]:
    """How many of all pages are in each state. Each count but that of all pages reads an index of these pages alone."""
    rare = [link for link in Link if link is not Link.WELL]
    counts = [_count(link_condition(link, now)) for link in rare]
    total, *others = (await session.execute(select(_count(), *counts))).one()
    return {**dict(zip(rare, others, strict=True)), Link.WELL: total - sum(others)}


def _count(*conditions: Condition) -> Any:
    return select(func.count()).select_from(PublicPage).where(*conditions).scalar_subquery()
