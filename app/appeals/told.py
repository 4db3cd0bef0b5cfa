"""The words in which a department's system is told: shapes of /api/v1, and only what people of the department see."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals import api_queries
from app.appeals.api_schema import AnswerItem, AppealItem, MessageItem
from app.appeals.models import Answer, Appeal, HistoryEntry, Message, Part, appeal_columns
from app.departments.models import Territory
from app.outgoing.models import DepartmentDelivery, Event
from app.outgoing.outcome import GIVE_UP_AFTER
from app.public_pages.models import PublicPage

# What is said of an event beside the appeal; of history's other details some are for the center alone.
DETAILS = {
    Event.CLOSED: ("reason",),
    Event.DUE_CHANGED: ("kind", "from", "to", "due_at", "because"),
}
WITH_PLACE = {Event.ROUTED, Event.PART_ASKED}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event for one channel; `entry` is the line of history behind it, `part` what is asked, where there is one."""

    channel_id: int
    appeal_id: int
    event: Event
    at: datetime
    entry: HistoryEntry | None
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that the payloads speak of, read at once."""

    appeals: Mapping[int, dict[str, Any]]
    messages: Mapping[int, dict[str, Any]]
    answers: Mapping[int, Answer]
    places: Mapping[int, dict[str, Any]]


async def write_payloads(session: AsyncSession, happenings: Sequence[Happening]) -> list[DepartmentDelivery]:
    """The deliveries of these happenings; a part of an answer that is followed by another is not told."""
    known = await _read(session, happenings)
    return [
        _delivery(happening, payload) for happening in happenings if (payload := _payload(happening, known)) is not None
    ]


def _delivery(happening: Happening, payload: dict[str, Any]) -> DepartmentDelivery:
    number = str(uuid4())
    return DepartmentDelivery(
        number=number,
        channel_id=happening.channel_id,
        appeal_id=happening.appeal_id,
        event=happening.event,
        payload={"id": number, "event": happening.event, "occurred_at": _instant(happening.at), **payload},
        next_attempt_at=happening.at,
        give_up_at=happening.at + GIVE_UP_AFTER,
        created_at=happening.at,
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _payload(happening: Happening, known: _Known) -> dict[str, Any] | None:
    if happening.event is Event.WITHDRAWN:  # whose it is now is no longer this department's business
        return {"appeal": {"id": happening.appeal_id}}
    payload: dict[str, Any] = {"appeal": known.appeals[happening.appeal_id]}
    if happening.event in WITH_PLACE:
        payload["place"] = known.places[happening.appeal_id]
    if happening.part is not None:
        payload["part"] = {"question": happening.part.question, "asked_by": happening.part.asked_by}
    details = happening.entry.details if happening.entry else {}
    answer = known.answers.get(details.get("answer_id") or 0)
    if answer is not None:
        if answer.is_continued:
            return None
        payload["answer"] = AnswerItem.model_validate(answer).model_dump(mode="json")
    if message := known.messages.get(details.get("message_id") or 0):
        payload["message"] = message
    told = {name: details[name] for name in DETAILS.get(happening.event, ()) if details.get(name) is not None}
    return payload | ({"details": told} if told else {})


async def _read(session: AsyncSession, happenings: Sequence[Happening]) -> _Known:
    ids = {happening.appeal_id for happening in happenings}
    placed = {happening.appeal_id for happening in happenings if happening.event in WITH_PLACE}
    details = [happening.entry.details for happening in happenings if happening.entry]
    message_ids = [number for one in details if (number := one.get("message_id"))]
    answer_ids = [number for one in details if (number := one.get("answer_id"))]
    appeals = await api_queries.items(session, ids)
    messages = await api_queries.message_items(session, message_ids) if message_ids else []
    answers = (await session.scalars(select(Answer).where(col(Answer.id).in_(answer_ids)))).all() if answer_ids else []
    return _Known(
        appeals={row.id: AppealItem.model_validate(row).model_dump(mode="json") for row in appeals},
        messages={row.id: MessageItem.model_validate(row).model_dump(mode="json") for row in messages},
        answers={answer.id or 0: answer for answer in answers},
        places=await _places(session, placed) if placed else {},
    )


async def _places(session: AsyncSession, appeal_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The territory of each appeal, and the point that its citizen attached."""
    territory = col(Appeal.territory_code)
    named = await session.execute(
        select(appeal_columns.id, col(Territory.code), col(Territory.name))
        .join(PublicPage, col(PublicPage.id) == col(Appeal.page_id))
        .outerjoin(Territory, (col(Territory.code) == territory) | (
            territory.is_(None) & (col(Territory.code) == col(PublicPage.territory_code))
        ))
        .where(col(Appeal.id).in_(appeal_ids))
    )  # fmt: skip
    places: dict[int, dict[str, Any]] = {
        int(number): {"territory_code": code, "territory": name, "latitude": None, "longitude": None}
        for number, code, name in named
    }
    attached = await session.execute(
        select(col(Message.appeal_id), col(Message.attachments))
        .where(col(Message.appeal_id).in_(appeal_ids), col(Message.is_own).is_(False))
        .order_by(col(Message.id))
    )
    for number, attachments in attached:
        for one in attachments:
            if one.get("latitude") is not None and one.get("longitude") is not None:
                places[number] |= {"latitude": one["latitude"], "longitude": one["longitude"]}
    return places
