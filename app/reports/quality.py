"""How good the judge is by what people say to it: plain SQL over choices of labels and over appeals.

Of each appeal the last word in the period counts. People mostly say something to appeals that they look at, and they
look where the judge is unsure: shares right are those of the appeals looked at, not of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Float, String, Subquery, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.appeals.models import Appeal, appeal_columns
from app.reports.question import Period
from app.reports.scores import CUTS, Bin, Pair
from app.triage.models import LabelChoice
from app.triage.sorting import ALARM, NO_DANGER

MOST_LISTED: Final = 200
LONGEST_EXCERPT: Final = 160
NOW_DAYS: Final = 7
BEFORE_DAYS: Final = 28

_choice: Any = LabelChoice.__table__.c  # type: ignore[attr-defined]
_user: Any = User.__table__.c  # type: ignore[attr-defined]


class Kind(StrEnum):
    """Which labels are looked at."""

    TOPIC = "topic"
    TOPIC_GROUP = "topic_group"
    AGENCY = "agency"


KIND_NAMES = {Kind.TOPIC: "Темы", Kind.TOPIC_GROUP: "Группы тем", Kind.AGENCY: "Ведомства"}


@dataclass(frozen=True, slots=True)
class Step:
    """A day, week or month of choices."""

    day: date
    said: int
    corrected: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """Appeals of the period over which the alarm was raised, and those where a person saw no danger."""

    raised: int
    dismissed: int


@dataclass(frozen=True, slots=True)
class WeekMix:
    """Topic groups of the appeals of some days, and their mean confidence."""

    counts: Mapping[str, int]
    confidence: float | None

    @property
    def total(self) -> int:
        """Appeals of those days."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Quality:
    """Everything the page counts."""

    pairs: tuple[Pair, ...]
    checked: tuple[Bin, ...]
    everything: tuple[Bin, ...]
    steps: tuple[Step, ...]
    alarms: Alarms
    now: WeekMix
    before: WeekMix


@dataclass(frozen=True, slots=True)
class Example:
    """One choice behind a number."""

    appeal_id: int
    excerpt: str
    judged: str
    chosen: str
    probability: float | None
    at: datetime
    who: str | None


async def read_quality(session: AsyncSession, kind: Kind, period: Period, now: datetime) -> Quality:
    """The figures of a period, in seven queries; drift is that of the last days whatever the period."""
    said = _said(kind, period)
    return Quality(
        pairs=await _pairs(session, said),
        checked=await _checked(session, said),
        everything=await _everything(session, kind, period),
        steps=await _steps(session, said, period),
        alarms=await _alarms(session, period),
        now=await _mix(session, now - timedelta(days=NOW_DAYS), now),
        before=await _mix(session, now - timedelta(days=NOW_DAYS + BEFORE_DAYS), now - timedelta(days=NOW_DAYS)),
    )


def _last_word(label_kind: str, period: Period) -> Subquery:
    """Of each appeal the last choice of the period."""
    return (
        select(_choice.appeal_id, _choice.judged, _choice.chosen, _choice.at, _choice.user_id)
        .distinct(_choice.appeal_id)
        .where(_choice.label_kind == label_kind, _choice.at >= period.start, _choice.at < period.end)
        .order_by(_choice.appeal_id, _choice.at.desc(), _choice.id.desc())
        .subquery("last_word")
    )


def _said(kind: Kind, period: Period) -> Any:
    """What was judged, how surely, and what a person said to it. A chosen topic chooses its group as well."""
    is_group = kind is Kind.TOPIC_GROUP
    last = _last_word(Kind.TOPIC.value if is_group else kind.value, period).c
    judged, chosen = (_guess(kind)["label"].as_string(), appeal_columns.topic_group) if is_group else (
        last.judged, last.chosen)  # fmt: skip
    statement = (
        select(
            last.appeal_id, last.at, last.user_id, judged.label("judged"), chosen.label("chosen"),
            _probability(kind).label("probability"),
        )
        .join(Appeal, appeal_columns.id == last.appeal_id)
        .where(judged.is_not(None), chosen.is_not(None))
    )  # fmt: skip
    return statement.subquery("said")


def _guess(kind: Kind) -> Any:
    return appeal_columns.judgement["labels"][kind.value][0]


def _probability(kind: Kind) -> Any:
    """Of the model's first guess; the topic's has a column of its own."""
    return appeal_columns.confidence if kind is Kind.TOPIC else cast(_guess(kind)["probability"].as_string(), Float)


def _hundredth(probability: Any) -> Any:
    return func.least(func.floor(probability * CUTS), CUTS)


async def _pairs(session: AsyncSession, said: Any) -> tuple[Pair, ...]:
    columns = said.c
    rows = await session.execute(
        select(columns.judged, columns.chosen, func.count()).group_by(columns.judged, columns.chosen)
    )
    return tuple(Pair(*row) for row in rows)


async def _checked(session: AsyncSession, said: Any) -> tuple[Bin, ...]:
    columns, hundredth = said.c, _hundredth(said.c.probability).label("hundredth")
    is_right = columns.judged == columns.chosen
    rows = await session.execute(
        select(hundredth, func.count(), func.count().filter(is_right), func.sum(columns.probability))
        .where(columns.probability.is_not(None))
        .group_by(hundredth)
    )
    return tuple(Bin(int(at), count, right, promised) for at, count, right, promised in rows)


async def _everything(session: AsyncSession, kind: Kind, period: Period) -> tuple[Bin, ...]:
    """Probabilities of all appeals of the period, looked at by people or not."""
    hundredth = _hundredth(_probability(kind)).label("hundredth")
    rows = await session.execute(
        select(hundredth, func.count()).where(*_received(period), hundredth.is_not(None)).group_by(hundredth)
    )
    return tuple(Bin(int(at), count) for at, count in rows)


def _received(period: Period) -> list[Any]:
    received_at = appeal_columns.received_at
    return [received_at >= period.start, received_at < period.end, ~appeal_columns.is_talk]


async def _steps(session: AsyncSession, said: Any, period: Period) -> tuple[Step, ...]:
    columns = said.c
    day = func.date_trunc(period.step, func.timezone(period.zone, columns.at)).label("day")
    is_corrected = columns.judged != columns.chosen
    rows = await session.execute(
        select(day, func.count(), func.count().filter(is_corrected)).group_by(day).order_by(day)
    )
    return tuple(Step(at.date(), said, corrected) for at, said, corrected in rows)


async def _alarms(session: AsyncSession, period: Period) -> Alarms:
    last = _last_word(ALARM, period).c
    dismissed = await session.scalar(
        select(func.count()).select_from(last.judged.table).where(last.chosen == NO_DANGER)
    )
    standing = await session.scalar(
        select(func.count()).select_from(Appeal).where(*_received(period), appeal_columns.danger.is_not(None))
    )
    return Alarms((standing or 0) + (dismissed or 0), dismissed or 0)


async def _mix(session: AsyncSession, start: datetime, end: datetime) -> WeekMix:
    """Topic groups as they stand: as judged, or as a person has corrected them."""
    rows = (
        await session.execute(
            select(appeal_columns.topic_group, func.count(), func.sum(appeal_columns.confidence))
            .where(*_received(Period(start, end, "UTC")), appeal_columns.topic_group.is_not(None))
            .group_by(appeal_columns.topic_group)
        )
    ).all()
    total = sum(count for _, count, _ in rows)
    confidence = sum(summed or 0.0 for _, _, summed in rows) / total if total else None
    return WeekMix({group: count for group, count, _ in rows}, confidence)


async def read_examples(
    session: AsyncSession, kind: Kind, period: Period, *, judged: str | None, chosen: str | None
) -> list[Example]:
    """The corrections behind a number, newest first: all, or of one label into another."""
    said = _said(kind, period).c
    statement = (
        select(
            said.appeal_id, func.left(appeal_columns.text, LONGEST_EXCERPT), said.judged, said.chosen,
            said.probability, said.at, cast(_user.name, String),
        )
        .join(Appeal, appeal_columns.id == said.appeal_id)
        .outerjoin(User, _user.id == said.user_id)
        .where(said.judged != said.chosen)
        .order_by(said.at.desc(), said.appeal_id.desc())
        .limit(MOST_LISTED)
    )  # fmt: skip
    if judged:
        statement = statement.where(said.judged == judged)
    if chosen:
        statement = statement.where(said.chosen == chosen)
    return [Example(*row) for row in await session.execute(statement)]
