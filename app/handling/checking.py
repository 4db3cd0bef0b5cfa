"""The center checks a department's answer before it goes out: approves it, corrects it, or sends it back."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import changed, load, record, release
from app.appeals.drafts import save_draft
from app.appeals.models import Answer, AnswerState, Appeal, Wait
from app.appeals.service import rewrite
from app.errors import Conflict, Invalid
from app.jobs import Job, enqueue


async def approve(
    session: AsyncSession,
    appeal_id: int,
    actor: Actor,
    *,
    text: str,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Let the answer go out, as `text` now reads. The department's promise runs on until the citizen has it."""
    appeal, parts = await _checked(session, appeal_id, actor, expected_version)
    is_changed = text.strip() != joined(parts)
    if is_changed:
        parts = await rewrite(session, appeal, parts, text)
    for part in parts:
        part.state, part.next_attempt_at = AnswerState.PENDING, now
    record(session, appeal_id, "answer_approved", actor, now, answer_id=parts[0].id, is_changed=is_changed)
    await release(session, appeal, now, "центр проверил ответ")
    enqueue(session, Job.DELIVER_ANSWERS)
    await changed(session, appeal)
    return appeal


async def send_back(
    session: AsyncSession,
    appeal_id: int,
    actor: Actor,
    *,
    reason: str,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Return the answer for rework. Its words become the author's draft again; the promise runs on without a reset."""
    if not reason.strip():
        raise Invalid("Напишите, что исправить")
    appeal, parts = await _checked(session, appeal_id, actor, expected_version)
    author = parts[0].author_user_id
    text = joined(parts)
    for part in reversed(parts):
        await session.delete(part)
        await session.flush()
    if author is not None:
        await save_draft(session, appeal_id, Actor(label="", role="", user_id=author), text, now=now)
    record(session, appeal_id, "answer_sent_back", actor, now, reason=reason.strip(), text=text)
    await release(session, appeal, now, "ответ вернули на доработку")
    await changed(session, appeal)
    return appeal


def joined(parts: list[Answer]) -> str:
    """The answer as it was written, whatever parts it goes out in."""
    return "\n\n".join(part.text for part in parts)


async def _checked(
    session: AsyncSession, appeal_id: int, actor: Actor, expected_version: int | None
) -> tuple[Appeal, list[Answer]]:
    appeal = await load(session, appeal_id, actor, expected_version=expected_version)
    waiting = select(Answer).where(col(Answer.appeal_id) == appeal_id, col(Answer.state) == AnswerState.CHECK)
    parts = list((await session.scalars(waiting.order_by(col(Answer.id)).with_for_update())).all())
    if appeal.waits_for != Wait.CHECK or not parts:
        raise Conflict("Ответа на проверке у этого обращения нет")
    return appeal, parts
