"""Further words of a citizen, whoever works on the appeal by now: do they ask for an answer, do they alarm?"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.models import Appeal
from app.resources import Resources
from app.triage import alarms
from app.triage.service import follow_labels, record_alarm
from classifier.emergency import alarm_of


def asks_for_an_answer(resources: Resources, text: str) -> bool:
    """Whether words after an answer are more than talk ("thanks"): an appeal, or danger."""
    judgement = resources.judge.judge([text])[0]
    is_appeal = judgement.appeal_probability >= resources.judge.manifest.thresholds["appeal"]
    return is_appeal or alarm_of(text, judgement).is_raised


async def watch_words(
    session: AsyncSession, appeal: Appeal, text: str, now: datetime, *, is_new_message: bool = False
) -> None:
    """Raise the alarm at once over an open appeal whose new or changed message speaks of danger."""
    if appeal.is_open and alarms.take_notice(appeal, alarm_of(text), text, now, is_new_message=is_new_message):
        record_alarm(session, appeal, now)
        await session.flush()  # a clock that was started a moment ago must hurry too
        await follow_labels(session, appeal, now)
