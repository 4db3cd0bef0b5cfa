"""What people do with an answer that does not go out by itself: send it again, give it up, confirm that it arrived."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.cycle import changed, load, mark_delivered, record
from app.appeals.models import Answer, AnswerState, Appeal
from app.appeals.service import refuse_second_answer
from app.errors import Conflict, NotFound
from app.jobs import Job, enqueue
from app.platforms import PLATFORMS
from app.platforms.base import Repeat


async def load_answer(session: AsyncSession, answer_id: int, actor: Actor) -> tuple[Answer, Appeal]:
    """An answer with its appeal, both locked, the appeal first as everywhere. Raises NotFound."""
    known = await session.get(Answer, answer_id)
    appeal = await load(session, known.appeal_id, actor, is_open=False) if known is not None else None
    found = await session.get(Answer, answer_id, with_for_update=True)
    if appeal is None or found is None:
        raise NotFound("Такого ответа нет")
    return found, appeal


async def retry_answer(session: AsyncSession, answer_id: int, actor: Actor, *, now: datetime) -> Answer:
    """Try a stuck answer again with the same idempotency key."""
    found, appeal = await load_answer(session, answer_id, actor)
    if found.state not in (AnswerState.FAILED, AnswerState.HANDS_NEEDED, AnswerState.UNKNOWN):
        raise Conflict("Этот ответ не ждёт повтора")
    rest = [part.id or 0 for part in await _following(session, found)]
    await refuse_second_answer(session, found.appeal_id, besides=rest)
    if PLATFORMS[appeal.platform].repeat is Repeat.SHOWN_TWICE:
        found.is_in_doubt = False  # the person has looked, and wants it sent
    found.state, found.next_attempt_at, found.attempts = AnswerState.PENDING, now, 0
    found.error_code = found.error_reason = None
    enqueue(session, Job.DELIVER_ANSWERS)
    await changed(session, appeal)
    return found


async def cancel_answer(session: AsyncSession, answer_id: int, actor: Actor, *, now: datetime) -> str:
    """Give a stuck answer up, with the parts that would follow it, so that another can be written; its words."""
    found, appeal = await load_answer(session, answer_id, actor)
    if found.state in (AnswerState.DELIVERED, AnswerState.SENDING):
        raise Conflict("Ответ уже отправлен")
    if found.state == AnswerState.CHECK:
        raise Conflict("Ответ на проверке: центр отправит его или вернёт на доработку")
    parts = [found, *await _following(session, found)]
    for part in reversed(parts):
        await session.delete(part)
        await session.flush()
    text = "\n\n".join(part.text for part in parts)
    record(session, appeal.id or 0, "answer_cancelled", actor, now, answer_id=answer_id, text=text)
    await changed(session, appeal)
    return text


async def confirm_answer(session: AsyncSession, answer_id: int, actor: Actor, *, now: datetime) -> Answer:
    """A person has seen in the network that an answer of unknown fate has arrived. Raises NotFound, Conflict."""
    found, appeal = await load_answer(session, answer_id, actor)
    if found.state != AnswerState.UNKNOWN:
        raise Conflict("Судьба этого ответа известна")
    await mark_delivered(session, found, appeal, now, actor)
    await changed(session, appeal)
    return found


async def _following(session: AsyncSession, part: Answer) -> list[Answer]:
    """The parts that wait for this one, in their order."""
    found: list[Answer] = []
    last = part
    while last.is_continued:
        last = (await session.scalars(select(Answer).where(col(Answer.follows_id) == last.id))).one()
        found.append(last)
    return found
