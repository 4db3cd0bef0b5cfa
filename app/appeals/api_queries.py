"""Queries of /api/v1: lists by keyset, newest first; a card in a fixed number of queries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, Select, func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.api_schema import AppealCard, AppealItem, MessageItem
from app.appeals.models import Answer, Appeal, HistoryEntry, Message, State, appeal_columns
from app.departments.models import Department
from app.public_pages.models import PublicPage
from app.sla.models import Clock

MOST_HITS = 1000
# Columns of the tables, not attributes of the models: SQLModel types those as plain values.
_messages: Any = Message.__table__.c  # type: ignore[attr-defined]
_pages: Any = PublicPage.__table__.c  # type: ignore[attr-defined]
_departments: Any = Department.__table__.c  # type: ignore[attr-defined]


def _asked_for(schema: type[BaseModel], columns: Any) -> list[Any]:
    """The stored columns that a schema names; what it names besides is joined or computed."""
    return [columns[name] for name in schema.model_fields if name in columns]


_JOINED = (
    _pages.external_id.label("page_external_id"),
    _departments.code.label("department"),
    _departments.name.label("department_name"),
)


@dataclass(frozen=True, slots=True)
class AppealFilters:
    """What narrows the list of appeals; None means any. `page` is the platform's id of a page."""

    state: State | None = None
    is_open: bool | None = None
    platform: str | None = None
    page: str | None = None
    department: str | None = None
    topic: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """What narrows the list of messages; `external_id` is the platform's number or our key ("wall:731")."""

    platform: str | None = None
    page: str | None = None
    external_id: str | None = None
    appeal_id: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """Everything about one appeal."""

    appeal: Row[Any]
    clocks: Sequence[Clock]
    messages: Sequence[Row[Any]]
    answers: Sequence[Answer]
    history: Sequence[HistoryEntry]


async def appeals_before(
    session: AsyncSession, filters: AppealFilters, before_id: int | None, limit: int
) -> Sequence[Row[Any]]:
    """At most `limit` appeals with an id below `before_id`, newest first."""
    statement = _appeals(AppealItem)
    wanted = {
        appeal_columns.state: filters.state,
        appeal_columns.is_open: filters.is_open,
        appeal_columns.platform: filters.platform,
        appeal_columns.topic: filters.topic,
        appeal_columns.department_id: await _id_of(session, _departments.code, filters.department),
    }
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    if filters.page is not None or filters.platform is not None:
        page_ids = await _page_ids(session, filters.platform, filters.page)
        if not page_ids:
            return []  # a walk through all appeals would find out the same
        if filters.page is not None:
            statement = statement.where(appeal_columns.page_id.in_(page_ids))
    if filters.text is not None:
        statement = statement.where(await _matching(session, filters.text, before_id))
    return await _newest(session, statement, appeal_columns.id, before_id, limit)


def _appeals(schema: type[BaseModel]) -> Select[Any]:
    return (
        select(*_asked_for(schema, appeal_columns), *_JOINED)
        .select_from(Appeal)
        .join(PublicPage, _pages.id == appeal_columns.page_id)
        .join(Department, _departments.id == appeal_columns.department_id)
    )


async def _matching(session: AsyncSession, text: str, before_id: int | None) -> ColumnElement[bool]:
    """Full text in Russian: the ids of a rare word, found apart from the order, or PostgreSQL walks the whole list for
    it; the condition itself for a frequent one, which that walk meets soon.
    """
    matches: ColumnElement[bool] = appeal_columns.search.op("@@", is_comparison=True)(
        func.websearch_to_tsquery("russian", text)
    )
    found = select(appeal_columns.id).where(matches).limit(MOST_HITS + 1)
    if before_id is not None:
        found = found.where(appeal_columns.id < before_id)
    hits = found.cte("hits").prefix_with("MATERIALIZED")
    ids = (await session.scalars(select(hits.c.id))).all()
    return appeal_columns.id.in_(ids) if len(ids) <= MOST_HITS else matches


async def _id_of(session: AsyncSession, column: Any, code: str | None) -> int | None:
    """The id behind a code; 0, which nothing has, when the code is unknown."""
    if code is None:
        return None
    return await session.scalar(select(column.table.c.id).where(column == code)) or 0


async def _page_ids(session: AsyncSession, platform: str | None, external_id: str | None) -> Sequence[int]:
    """Pages of this network with this number; two networks may use the same one."""
    wanted = {_pages.platform: platform, _pages.external_id: external_id}
    statement = select(_pages.id).where(*(column == value for column, value in wanted.items() if value is not None))
    return (await session.scalars(statement)).all()


async def _newest(
    session: AsyncSession, statement: Select[Any], key: Any, before_id: int | None, limit: int
) -> Sequence[Row[Any]]:
    if before_id is not None:
        statement = statement.where(key < before_id)
    rows: Sequence[Row[Any]] = (await session.execute(statement.order_by(key.desc()).limit(limit))).all()
    return rows


async def messages_before(
    session: AsyncSession, filters: MessageFilters, before_id: int | None, limit: int
) -> Sequence[Row[Any]]:
    """At most `limit` messages with an id below `before_id`, newest first."""
    statement = _all_messages()
    if filters.platform is not None:
        statement = statement.where(_messages.platform == filters.platform)
    if filters.page is not None:
        page_ids = await _page_ids(session, filters.platform, filters.page)
        statement = statement.where(_messages.page_id.in_(page_ids))
    if filters.appeal_id is not None:
        statement = statement.where(_messages.appeal_id == filters.appeal_id)
    if filters.external_id is not None:
        statement = statement.where(_messages.id.in_(_named(filters.external_id)))
    return await _newest(session, statement, _messages.id, before_id, limit)


def _all_messages() -> Select[Any]:
    asked = _asked_for(MessageItem, _messages)
    page_number = _pages.external_id.label("page_external_id")
    return select(*asked, page_number).select_from(Message).join(PublicPage, _pages.id == _messages.page_id)


def _named(external_id: str) -> Select[Any]:
    """Messages with this number or key. The key is unique within a page, so each page is asked by its index."""
    by_number = select(_messages.id).where(_messages.external_id == external_id)
    by_key = select(_messages.id).join(PublicPage, (_pages.id == _messages.page_id) & (_messages.key == external_id))
    found = union(by_number, by_key).cte("named").prefix_with("MATERIALIZED", dialect="postgresql")
    return select(found.c.id)


async def item(session: AsyncSession, appeal_id: int) -> Row[Any] | None:
    """One appeal as it stands in a list."""
    return await _one(session, AppealItem, appeal_id)


async def items(session: AsyncSession, appeal_ids: Collection[int]) -> Sequence[Row[Any]]:
    """These appeals as they stand in a list."""
    found = await session.execute(_appeals(AppealItem).where(appeal_columns.id.in_(appeal_ids)))
    rows: Sequence[Row[Any]] = found.all()
    return rows


async def message_items(session: AsyncSession, message_ids: Collection[int]) -> Sequence[Row[Any]]:
    """These messages as they stand in a list."""
    found = await session.execute(_all_messages().where(_messages.id.in_(message_ids)))
    rows: Sequence[Row[Any]] = found.all()
    return rows


async def _one(session: AsyncSession, schema: type[BaseModel], appeal_id: int) -> Row[Any] | None:
    found: Row[Any] | None = (
        await session.execute(_appeals(schema).where(appeal_columns.id == appeal_id))
    ).one_or_none()
    return found


async def card(session: AsyncSession, appeal_id: int) -> Card | None:
    """One appeal with all that belongs to it: five queries."""
    appeal = await _one(session, AppealCard, appeal_id)
    if appeal is None:
        return None
    messages = _all_messages().where(_messages.appeal_id == appeal_id).order_by(_messages.id)
    return Card(
        appeal=appeal,
        clocks=await _rows_of(session, Clock, appeal_id),
        messages=(await session.execute(messages)).all(),
        answers=await _rows_of(session, Answer, appeal_id),
        history=await _rows_of(session, HistoryEntry, appeal_id),
    )


async def _rows_of(session: AsyncSession, model: type[Any], appeal_id: int) -> Sequence[Any]:
    columns = model.__table__.c
    return (await session.scalars(select(model).where(columns.appeal_id == appeal_id).order_by(columns.id))).all()


async def department_id(session: AsyncSession, code: str) -> int:
    """The id of a department; 0, which nothing has, when the code is unknown."""
    return await _id_of(session, _departments.code, code) or 0
