"""The page's own messages: echoes of our answers, and answers that a moderator wrote by hand in the network."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals import cycle
from app.appeals.models import Answer, AnswerState, Appeal, Message
from app.db import NO_KEY_UPDATE, flush_in_bulk
from app.intake.batch import Batch, Touched, thread_of
from app.platforms import PLATFORMS
from app.platforms.incoming import IncomingMessage, Kind

ON_THEIR_WAY = (AnswerState.PENDING, AnswerState.SENDING)


async def recognise_own(batch: Batch, own: Sequence[Touched]) -> None:
    """Our answers come back as events; an own message that we did not send is a moderator's answer by hand."""
    if not own:
        return
    await flush_in_bulk(batch.session)  # the message that is answered may have come in this very batch
    echoes = await _answers_behind(batch.session, own)
    for one in own:
        candidates = [answer for answer in echoes if _is_echo(answer, one)]
        if candidates:
            answer = min(candidates, key=lambda answer: _is_under_another(answer, one.message))
            one.message.appeal_id = answer.appeal_id
            answer.echo_key = answer.echo_key or one.message.key
            echoes.remove(answer)
        else:
            await _answered_by_hand(batch, one)


async def _answers_behind(session: AsyncSession, own: Sequence[Touched]) -> list[Answer]:
    pages = {one.message.page_id for one in own}
    # Two conditions, for each has an index of its own; as one list PostgreSQL would read every answer of the page.
    is_unheard = or_(col(Answer.state).in_(ON_THEIR_WAY), col(Answer.state) == AnswerState.UNKNOWN)
    rows = await session.scalars(
        select(Answer).where(
            col(Answer.page_id).in_(pages),
            or_(
                col(Answer.echo_key).in_([one.message.key for one in own]),
                # Tried, and the platform's own word is not heard yet: it may have taken the answer all the same.
                is_unheard
                & ((col(Answer.state) != AnswerState.PENDING) | (col(Answer.attempts) > 0))
                & col(Answer.text).in_([one.message.text for one in own]),
            ),
        )
    )
    return list(rows.all())


def _is_echo(answer: Answer, one: Touched) -> bool:
    """Known by the key the platform gave it; before that, by our idempotency key or, where none echoes, by the text."""
    message, idempotency_key = one.message, one.incoming.own_idempotency_key
    if answer.page_id != message.page_id:
        return False
    if answer.echo_key is not None:
        return answer.echo_key == message.key
    if idempotency_key is not None:
        return idempotency_key == PLATFORMS[message.platform].echoed_idempotency_key(answer.idempotency_key)
    return answer.text == message.text


def _is_under_another(answer: Answer, message: Message) -> bool:
    """The same words may be on their way to two citizens."""
    return answer.reply_to_external_id != message.reply_to_external_id


async def _answered_by_hand(batch: Batch, one: Touched) -> None:
    message = one.message
    appeal = await _appeal_answered_by(batch.session, message)
    if appeal is None:
        return
    message.appeal_id = appeal.id
    if not appeal.is_open or _is_automatic(one.incoming):
        return
    session, now = batch.session, batch.now
    at = message.sent_at or message.received_at
    cycle.record(session, appeal.id or 0, "answered_in_platform", cycle.SYSTEM, at, message_id=message.id)
    await cycle.mark_answered(session, appeal, at, now, is_interim=False)
    batch.changed[appeal.id or 0] = appeal


def _is_automatic(incoming: IncomingMessage) -> bool:
    """A private message that no moderator signed: the community's greeting or a bot. It keeps no promise."""
    return incoming.kind is Kind.MESSAGE and incoming.moderator_external_id is None


def _is_there(message: Message) -> ColumnElement[bool]:
    """On a discussion board numbers are unique within their topic only."""
    return col(Message.post_external_id) == message.post_external_id if message.place == "board" else true()


async def _appeal_answered_by(session: AsyncSession, message: Message) -> Appeal | None:
    """The appeal under the message that this one replies to, or of the same dialog."""
    if message.kind == "message":
        found = await cycle.open_by_thread(session, [thread_of(message)])
        return found.get(thread_of(message))
    if message.reply_to_external_id is None:
        return None
    return await session.scalar(
        select(Appeal)
        .join(Message, col(Message.appeal_id) == col(Appeal.id))
        .where(
            col(Message.page_id) == message.page_id,
            col(Message.place) == message.place,
            col(Message.external_id) == message.reply_to_external_id,
            _is_there(message),
            col(Message.is_own).is_(False),
        )
        .with_for_update(of=Appeal, **NO_KEY_UPDATE)
    )
