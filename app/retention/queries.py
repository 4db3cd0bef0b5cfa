"""Which appeals are over, which of them for so long that their words must go, and what a citizen has written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.appeals.models import OPEN_STATES, Answer, AnswerState, Appeal, Message, State, appeal_columns
from app.appeals.visibility import is_owed_repeat, was_told_since_closed
from app.files.models import MessageFile
from app.outgoing.models import DeliveryState, DepartmentDelivery
from app.public_pages.models import PublicPage
from app.sla.models import Clock

Condition = ColumnElement[bool]
_appeal = appeal_columns
_message: Any = Message.__table__.c  # type: ignore[attr-defined]
_GONE_OUT = (AnswerState.DELIVERED, AnswerState.FAILED)
_ON_ITS_WAY = (DeliveryState.PENDING, DeliveryState.SENDING)


def is_over(now: datetime) -> Condition:
    """Ended, with words, and nothing of it is on its way; nor is the appeal that it repeats open. A part that was not
    given in time is owed by nobody.
    """
    clock, main = aliased(Clock), aliased(Appeal)
    is_timed = exists().where(col(clock.appeal_id) == _appeal.id, col(clock.closed_at).is_(None))
    is_followed = exists().where(col(main.id) == _appeal.duplicate_of_id, col(main.state).in_(OPEN_STATES))
    return and_(
        _appeal.closed_at.is_not(None), _appeal.depersonalised_at.is_(None), ~_appeal.is_open, ~is_timed, ~is_followed,
        *_nothing_on_its_way(now),
    )  # fmt: skip


def is_only_talk(now: datetime) -> Condition:
    """Held for talk: nobody owes an answer, and nobody will close it."""
    return and_(_appeal.is_open, _appeal.is_talk, *_nothing_on_its_way(now))


def _nothing_on_its_way(now: datetime) -> tuple[Condition, Condition]:
    """No answer, and no event for a department's system that may still be repeated."""
    answer, delivery = aliased(Answer), aliased(DepartmentDelivery)
    is_unsent = exists().where(col(answer.appeal_id) == _appeal.id, col(answer.state).not_in(_GONE_OUT))
    is_untold = exists().where(
        col(delivery.appeal_id) == _appeal.id, col(delivery.state).in_(_ON_ITS_WAY), col(delivery.give_up_at) > now
    )
    return ~is_unsent, ~is_untold


def is_owed_nothing() -> Condition:
    """Neither is it a repeat whose author waits for the answer that was given, nor do authors of its repeats wait."""
    repeat = aliased(Appeal)
    do_others_wait = exists().where(
        col(repeat.duplicate_of_id) == _appeal.id,
        col(repeat.depersonalised_at).is_(None),
        ~was_told_since_closed(repeat),
    )
    return and_(~is_owed_repeat(), or_(_appeal.state != State.ANSWERED, ~do_others_wait))


def due_appeals(before: datetime, now: datetime, limit: int) -> Select[Any]:
    """Appeals that are over since before this time, the oldest first."""
    return select(_appeal.id).where(_appeal.closed_at < before, is_over(now)).order_by(_appeal.closed_at).limit(limit)


def due_talk(before: datetime, now: datetime, limit: int) -> Select[Any]:
    """Talk of before this time to which nothing was added since, the oldest first."""
    newer = aliased(Message)
    is_alive = exists().where(col(newer.appeal_id) == _appeal.id, col(newer.received_at) >= before)
    old = select(_appeal.id).where(_appeal.received_at < before, ~is_alive, is_only_talk(now))
    return old.order_by(_appeal.received_at).limit(limit)


@dataclass(frozen=True, slots=True)
class Citizen:
    """What one author has written on the pages of one platform.

    `left` are the appeals that are not over: an answer is owed there. `elsewhere` are appeals of other authors that
    hold words of this one. `messages` are those of the ended appeals, ours too; `loose` are in no appeal.
    """

    ended: Sequence[int]
    left: Sequence[int]
    elsewhere: Sequence[int]
    messages: int
    loose: Sequence[int]
    files: int


async def read_citizen(session: AsyncSession, platform: str, author: str, now: datetime) -> Citizen:
    """What is there of an author; nothing of what was forgotten before."""
    pages = select(col(PublicPage.id)).where(col(PublicPage.platform) == platform)
    is_his = and_(_appeal.page_id.in_(pages), _appeal.author_external_id == author)
    can_be_forgotten = or_(and_(is_over(now), is_owed_nothing()), is_only_talk(now)).label("is_ended")
    found = (await session.execute(select(_appeal.id, can_be_forgotten).where(is_his).order_by(_appeal.id))).all()
    ended = [number for number, is_ended in found if is_ended]
    wrote = and_(col(Message.platform) == platform, col(Message.author_external_id) == author)
    held = (await session.execute(select(_message.id, _message.appeal_id).where(wrote))).all()
    loose = [number for number, appeal_id in held if appeal_id is None]
    own = {number for number, _ in found}
    is_concerned = or_(col(Message.appeal_id).in_(ended), col(Message.id).in_(loose))
    files = select(func.count()).select_from(MessageFile).join(Message).where(is_concerned)
    messages = select(func.count()).select_from(Message).where(col(Message.appeal_id).in_(ended))
    return Citizen(
        ended=ended,
        left=[number for number, is_ended in found if not is_ended],
        elsewhere=sorted({appeal_id for _, appeal_id in held if appeal_id is not None} - own),
        messages=await session.scalar(messages) or 0,
        loose=loose,
        files=await session.scalar(files.where(col(MessageFile.sha256).is_not(None))) or 0,
    )
