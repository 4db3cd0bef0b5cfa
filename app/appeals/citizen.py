"""What the author of an appeal may know of it: its state in plain words and the answers. No names of the staff."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Answer, AnswerState, State
from app.appeals.service import CLOSE_REASONS, SYSTEM_CLOSE_REASONS

RECEIVED = "Принято"
STATES = {
    State.REVIEW: "Принято, выбираем, кто ответит",
    State.ROUTED: "Передано тому, кто ответит",
    State.IN_WORK: "В работе",
    State.INTERIM: "Дан промежуточный ответ, готовится окончательный",
    State.ANSWERED: "Дан ответ",
    State.CLOSED: "Рассмотрение закончено",
}


def state_text(state: str) -> str:
    """The state of an appeal in the author's words."""
    return STATES[State(state)]


def reason_text(state: str, close_reason: str | None) -> str:
    """Why an appeal was closed without an answer of ours; empty for any other."""
    reasons = CLOSE_REASONS | SYSTEM_CLOSE_REASONS
    return reasons.get(close_reason or "", "") if state == State.CLOSED else ""


async def delivered_answers(session: AsyncSession, appeal_ids: Sequence[int]) -> Sequence[Answer]:
    """The answers that the authors of these appeals have got, the oldest first."""
    if not appeal_ids:
        return []
    delivered = select(Answer).where(col(Answer.appeal_id).in_(appeal_ids), col(Answer.state) == AnswerState.DELIVERED)
    return (await session.scalars(delivered.order_by(col(Answer.id)))).all()
