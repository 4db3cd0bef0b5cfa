"""What the author of a submission may see of it: its state in plain words, the answers, no names of the staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.citizen import RECEIVED, delivered_answers, reason_text, state_text
from app.appeals.models import Answer, Appeal, HistoryEntry, Message, State
from app.departments.models import Department
from app.errors import NotFound
from app.forms.tokens import Receipt
from app.intake.models import InboxEvent
from app.platforms import PLATFORMS
from app.platforms.incoming import IncomingMessage, PageIdentity, PayloadNotUnderstood
from app.platforms.web_form import WebForm
from app.public_pages.models import PublicPage
from app.vault import CannotDecrypt, Vault

STEPS = {
    "received": "Обращение принято",
    "routed": "Выбран отдел, который ответит",
    "rerouted": "Передано другому отделу",
    "taken": "Взято в работу",
    "answer_delivered": "Опубликован ответ",
    "reopened": "Рассмотрение продолжено",
    "closed": "Рассмотрение закончено",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, as the author may know it."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """A submission as its author sees it. `appeal_number` is None until the appeal exists."""

    number: str
    page_name: str
    received_at: datetime
    text: str
    photo_count: int
    state: str
    is_done: bool
    appeal_number: int | None
    department: str
    due_at: datetime | None
    reason: str
    answers: Sequence[Answer]
    steps: Sequence[Step]


async def read_status(session: AsyncSession, vault: Vault, receipt: Receipt) -> Status:
    """The state behind a receipt, from the moment it was given. Raises NotFound."""
    event, page, message, appeal, department = await _find(session, receipt)
    text, photo_count = _content(message) if message else _stored_content(vault, event)
    is_counted = appeal is not None and appeal.is_open and not appeal.is_talk
    return Status(
        number=receipt.number,
        page_name=page.name,
        received_at=event.received_at,
        text=text,
        photo_count=photo_count,
        state=state_text(appeal.state) if appeal else RECEIVED,
        is_done=appeal is not None and not appeal.is_open,
        appeal_number=appeal.id if appeal else None,
        department=department.name if department and is_counted and appeal.state != State.REVIEW else "",
        due_at=appeal.next_due_at if is_counted else None,
        reason=reason_text(appeal.state, appeal.close_reason) if appeal else "",
        answers=await delivered_answers(session, [appeal.id] if appeal else []),
        steps=await _steps(session, appeal, event.received_at),
    )


async def _find(session: AsyncSession, receipt: Receipt) -> Any:
    key = message_key(receipt.number)
    found = await session.execute(
        select(InboxEvent, PublicPage, Message, Appeal, Department)
        .join(PublicPage, col(PublicPage.id) == col(InboxEvent.page_id))
        .outerjoin(Message, and_(col(Message.page_id) == col(InboxEvent.page_id), col(Message.key) == key))
        .outerjoin(Appeal, col(Appeal.id) == col(Message.appeal_id))
        .outerjoin(Department, col(Department.id) == col(Appeal.department_id))
        .where(col(InboxEvent.page_id) == receipt.page_id, col(InboxEvent.delivery_key) == key)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("Такого обращения нет")
    return row


def message_key(number: str) -> str:
    """The key of the message that a submission becomes, and of its delivery."""
    return f"{WebForm.place}:{number}"


def _content(message: Message) -> tuple[str, int]:
    return message.text, sum(attachment["kind"] == "photo" for attachment in message.attachments)


def _stored_content(vault: Vault, event: InboxEvent) -> tuple[str, int]:
    """The same before the drain has come to it."""
    try:
        (incoming,) = PLATFORMS[WebForm.code].parse(PageIdentity(""), vault.open(event.payload or b""))
    except (PayloadNotUnderstood, CannotDecrypt):  # an operator sees why; the author is told that it is here
        return "", 0
    if not isinstance(incoming, IncomingMessage):
        return "", 0
    return incoming.text, sum(attachment.kind == "photo" for attachment in incoming.attachments)


async def _steps(session: AsyncSession, appeal: Appeal | None, received_at: datetime) -> Sequence[Step]:
    if appeal is None:
        return [Step(received_at, STEPS["received"])]
    told = select(col(HistoryEntry.at), col(HistoryEntry.action)).where(
        col(HistoryEntry.appeal_id) == appeal.id, col(HistoryEntry.action).in_(STEPS)
    )
    rows = await session.execute(told.order_by(col(HistoryEntry.id)))
    return [Step(at, STEPS[action]) for at, action in rows.tuples()]
