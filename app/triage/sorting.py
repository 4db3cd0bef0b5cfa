"""What people say to how a message was sorted: not dangerous after all, only talk. Each can be taken back."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals.models import Appeal
from app.errors import Conflict, Invalid
from app.platforms import PLATFORMS
from app.triage import alarms
from app.triage.models import LabelChoice
from app.triage.service import follow_labels

ALARM: Final = "alarm"
"""The kind of label of the examples that dismissals leave: what was judged is danger, by its themes."""
NO_DANGER: Final = "нет"


async def dismiss_alarm(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """There is no danger: the severity is the topic's again. Holds until the citizen writes new words of danger.

    The due time stays where the alarm has moved it unless the policy of the promise gives time back. Raises Conflict.
    """
    appeal = await cycle.load(session, appeal_id, actor, expected_version=expected_version)
    if not appeal.danger:
        raise Conflict("Тревоги по этому обращению нет")
    dismissed = {"by": actor.label, "at": now.isoformat()}
    await _say(session, appeal, actor, now, chosen=NO_DANGER, dismissed=dismissed)
    cycle.record(session, appeal_id, "alarm_dismissed", actor, now, themes=_themes(appeal))
    return appeal


async def restore_alarm(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """Take a dismissal back. Raises Conflict."""
    appeal = await cycle.load(session, appeal_id, actor, expected_version=expected_version)
    if appeal.danger or alarms.alarm_in(appeal) is None:
        raise Conflict("Тревогу никто не снимал")
    await _say(session, appeal, actor, now, chosen=_danger(appeal), dismissed=None)
    cycle.record(session, appeal_id, "alarm_restored", actor, now, themes=_themes(appeal))
    return appeal


async def _say(
    session: AsyncSession, appeal: Appeal, actor: Actor, now: datetime, *, chosen: str, dismissed: dict[str, Any] | None
) -> None:
    """The person's word on the alarm: on the appeal, its clocks, and as a labelled example."""
    judged = _danger(appeal)
    alarm = alarms.alarm_in(appeal) or {}
    appeal.judgement = appeal.judgement | {"alarm": alarm | {"dismissed": dismissed}}
    appeal.danger = None if dismissed else alarms.themes_text(_themes(appeal))
    alarms.weigh(appeal)
    session.add(
        LabelChoice(
            appeal_id=appeal.id or 0,
            label_kind=ALARM,
            judged=judged,
            probability=alarm["grave_probability"],
            chosen=chosen,
            is_accepted=chosen == judged,
            model_version=appeal.judgement["model_version"],
            user_id=actor.user_id,
            at=now,
        )
    )
    await follow_labels(session, appeal, now)
    await cycle.changed(session, appeal)


def _themes(appeal: Appeal) -> list[str]:
    alarm = alarms.alarm_in(appeal)
    return list(alarm["themes"]) if alarm else []


def _danger(appeal: Appeal) -> str:
    return ", ".join(_themes(appeal))


async def call_talk(
    session: AsyncSession, appeal_id: int, actor: Actor, *, now: datetime, expected_version: int | None = None
) -> Appeal:
    """It asks for nothing: sorted with the talk, out of the reports, and back by one key. Raises Invalid, Conflict."""
    appeal = await cycle.load(session, appeal_id, actor, expected_version=expected_version)
    if not PLATFORMS[appeal.platform].takes_talk:
        raise Invalid("Здесь пишут только обращения: разговором это быть не может")
    if appeal.danger:
        raise Conflict("Сначала снимите тревогу: разговоры о возможной опасности не прячутся")
    appeal.is_talk = True
    await follow_labels(session, appeal, now)
    cycle.record(session, appeal_id, "called_talk", actor, now)
    await cycle.changed(session, appeal)
    return appeal
