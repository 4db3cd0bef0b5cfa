"""Requests as an application may see them: their state and place, nothing of who sent them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, and_, cast, func, literal, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.citizen import delivered_answers, reason_text, state_text
from app.appeals.models import HistoryEntry, Message, appeal_columns
from app.departments.models import Department
from app.intake.models import InboxEvent
from app.open311.services import Service
from app.platforms.direct import own_words
from app.platforms.open311 import Open311

MOST_ROWS = 1000
_appeal = appeal_columns
# Exactly the predicate of the partial index, and no parameter: only then does PostgreSQL use it.
_IS_REQUEST = _appeal.platform == literal_column(f"'{Open311.code}'")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which requests. `ids`, when given, are all that counts; None elsewhere means any."""

    ids: Sequence[int] | None = None
    codes: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_open: bool | None = None


async def read_requests(
    session: AsyncSession, page_id: int, asked: Asked, services: dict[str, Service], zone: ZoneInfo
) -> list[dict[str, Any]]:
    """The newest requests of this page, at most MOST_ROWS; three queries however many there are."""
    rows = (await session.execute(_statement(page_id, asked))).all()
    ids = [row.id for row in rows]
    notes = {answer.appeal_id: answer.text for answer in await delivered_answers(session, ids)}
    changed = await _last_changes(session, ids)
    return [_request(row, notes.get(row.id), changed.get(row.id, row.received_at), services, zone) for row in rows]


def _statement(page_id: int, asked: Asked) -> Any:
    key = literal(f"{Open311.place}:", String) + _appeal.external_id
    is_opening = and_(col(Message.page_id) == _appeal.page_id, col(Message.key) == key)
    return (
        select(
            _appeal.id, _appeal.text, _appeal.state, _appeal.close_reason, _appeal.received_at, _appeal.next_due_at,
            _appeal.post_external_id.label("code"), col(Department.name).label("department"),
            col(Message.attachments).label("attachments"),
        )
        .join(Department, col(Department.id) == _appeal.department_id)
        .join(Message, is_opening)
        .where(_appeal.page_id == page_id, _IS_REQUEST, *_conditions(asked))
        .order_by(_appeal.received_at.desc(), _appeal.id.desc())
        .limit(MOST_ROWS)
    )  # fmt: skip


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    if asked.ids is not None:
        return [_appeal.id.in_(asked.ids)]
    conditions: list[ColumnElement[bool]] = []
    if asked.codes is not None:
        conditions.append(_appeal.post_external_id.in_(asked.codes))
    if asked.since is not None:
        conditions.append(_appeal.received_at >= asked.since)
    if asked.until is not None:
        conditions.append(_appeal.received_at <= asked.until)
    if asked.is_open is not None:
        conditions.append(_appeal.is_open if asked.is_open else ~_appeal.is_open)
    return conditions


async def _last_changes(session: AsyncSession, ids: Sequence[int]) -> dict[int, datetime]:
    if not ids:
        return {}
    last = select(col(HistoryEntry.appeal_id), func.max(col(HistoryEntry.at))).where(
        col(HistoryEntry.appeal_id).in_(ids)
    )
    return dict((await session.execute(last.group_by(col(HistoryEntry.appeal_id)))).tuples().all())


def _request(
    row: Any, answer: str | None, changed_at: datetime, services: dict[str, Service], zone: ZoneInfo
) -> dict[str, Any]:
    place = _first(row.attachments, "geo")
    service = services.get(row.code)
    chosen = _first(row.attachments, "service").get("title")
    is_open = row.state not in ("answered", "closed")
    return {
        "service_request_id": str(row.id),
        "status": "open" if is_open else "closed",
        "status_notes": answer or reason_text(row.state, row.close_reason) or state_text(row.state),
        "service_name": service.name if service else chosen,
        "service_code": row.code,
        "description": own_words(row.text),
        "agency_responsible": row.department,
        "service_notice": None,
        "requested_datetime": _local(row.received_at, zone),
        "updated_datetime": _local(changed_at, zone),
        "expected_datetime": _local(row.next_due_at, zone) if is_open else None,
        "address": place.get("title"),
        "address_id": None,
        "zipcode": None,
        "lat": place.get("latitude"),
        "long": place.get("longitude"),
        "media_url": _first(row.attachments, "photo").get("url"),
    }


def _first(attachments: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((one for one in attachments if one["kind"] == kind), {})


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None


def message_key(token: str) -> str:
    """The key of the message that a request becomes, and of its delivery."""
    return f"{Open311.place}:{token}"


async def find_token(session: AsyncSession, page_id: int, token: str) -> dict[str, str | None] | None:
    """The request behind a token, its id None until the appeal exists; None for a token that we have not given."""
    key = message_key(token)
    found = await session.execute(
        select(col(InboxEvent.id), cast(col(Message.appeal_id), String))
        .outerjoin(Message, and_(col(Message.page_id) == col(InboxEvent.page_id), col(Message.key) == key))
        .where(col(InboxEvent.page_id) == page_id, col(InboxEvent.delivery_key) == key)
    )
    row = found.one_or_none()
    return {"service_request_id": row[1], "token": token} if row is not None else None
