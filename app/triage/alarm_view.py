"""What people are told of danger: the banner on the card, and the news that go to everybody's screen at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import formats
from app.accounts.actor import Actor
from app.appeals.models import Appeal, appeal_columns
from app.appeals.visibility import visible_to
from app.triage.alarms import alarm_in, themes_text

NEWS_FOR = timedelta(minutes=2)
MOST_NEWS = 3
MOST_COUNTED = 99
LONGEST_NEWS = 90


@dataclass(frozen=True, slots=True)
class AlarmView:
    """The banner: which danger, why it is thought so, who has said otherwise."""

    themes: str
    because: str
    is_dismissed: bool
    dismissed_by: str
    dismissed_at: datetime | None


def alarm_view(appeal: Appeal) -> AlarmView | None:
    """The alarm over an appeal as the card tells it; None where there is none."""
    alarm = alarm_in(appeal)
    if alarm is None:
        return None
    dismissed = alarm["dismissed"]
    return AlarmView(
        themes=themes_text(alarm["themes"]),
        because=_because(alarm["words"], alarm["grave_probability"]),
        is_dismissed=dismissed is not None,
        dismissed_by=dismissed["by"] if dismissed else "",
        dismissed_at=datetime.fromisoformat(dismissed["at"]) if dismissed else None,
    )


def _because(words: Sequence[dict[str, str]], probability: float) -> str:
    if not words:
        return f"так считает модель: {formats.percent(probability)}"
    return ", ".join(dict.fromkeys(f"«{word['text']}»" for word in words))


@dataclass(frozen=True, slots=True)
class News:
    """An alarm of the last minutes of which nobody knew when taking the appeal. `key` changes when it rises again."""

    id: int
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Alarms:
    """How many appeals in danger wait for a person (counting stops at MOST_COUNTED + 1), and the newest of them."""

    count: int
    news: tuple[News, ...]

    @property
    def as_event(self) -> list[dict[str, Any]]:
        """The news for a browser."""
        return [{"key": one.key, "href": f"/appeals/{one.id}", "text": one.text} for one in self.news]


_IS_UNTAKEN = appeal_columns.assignee_id.is_(None)
_HELD_BY = appeal_columns.judgement["alarm"]["held_by"].as_string()  # who had taken the appeal when the alarm rose


def waits(actor: Actor) -> list[Any]:
    """Appeals in danger for which a person is awaited: nobody has taken them, or this one did before it was known."""
    mine = and_(appeal_columns.assignee_id == actor.user_id, str(actor.user_id) == _HELD_BY)
    return [*_in_danger(actor), or_(_IS_UNTAKEN, mine)]


def _in_danger(actor: Actor) -> list[Any]:
    return [appeal_columns.is_open, appeal_columns.danger.is_not(None), visible_to(actor)]


async def read_alarms(session: AsyncSession, actor: Actor, now: datetime) -> Alarms:
    """What every screen says at once of danger: two small queries over the index of open alarms."""
    some = select(literal_column("1")).select_from(Appeal).where(*waits(actor)).limit(MOST_COUNTED + 1).subquery()
    raised_at = appeal_columns.judgement["alarm"]["at"].as_string()
    newest = (
        select(appeal_columns.id, raised_at, appeal_columns.danger, func.left(appeal_columns.text, LONGEST_NEWS))
        .where(*_in_danger(actor), or_(_IS_UNTAKEN, _HELD_BY.is_not(None)), raised_at >= (now - NEWS_FOR).isoformat())
        .order_by(appeal_columns.id.desc())
        .limit(MOST_NEWS)
    )
    news = [News(number, f"{number}-{at}", _news(danger, words)) for number, at, danger, words in
            await session.execute(newest)]  # fmt: skip
    return Alarms(await session.scalar(select(func.count()).select_from(some)) or 0, tuple(news))


def _news(danger: str, words: str) -> str:
    return f"Возможна угроза жизни: {danger}. «{' '.join(words.split())}»"
