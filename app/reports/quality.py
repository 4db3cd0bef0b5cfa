"""How good the judge is by what people say to it: plain SQL over choices of labels and over appeals.

Of each appeal the last word in the period counts. People mostly say something to appeals that they look at, and they
look where the judge is unsure: shares right are those of the appeals looked at, not of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Final

from sqlalchemy import Float, String, Subquery, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.appeals.models import Appeal, appeal_columns
from app.reports.question import Period
from app.reports.scores import CUTS, Bin, Pair
from app.triage.models import LabelChoice
from app.triage.sorting import ALARM, NO_DANGER

MOST_LISTED: Final = 200
LONGEST_EXCERPT: Final = 160
MOST_READ: Final = 20_000
"""Of so many appeals a share is known to within a percent; unpacking more judgements would take seconds."""
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
    pairs, checked, steps = await _words_of_people(session, _said(kind, period), period)
    return Quality(
        pairs=pairs,
        checked=checked,
        everything=await _everything(session, kind, period),
        steps=steps,
        alarms=await _alarms(session, period),
        now=await _mix(session, now - timedelta(days=NOW_DAYS), now),
        before=await _mix(session, now - timedelta(days=NOW_DAYS + BEFORE_DAYS), now - timedelta(days=NOW_DAYS)),
    )


def _last_word(label_kind: str, start: datetime, end: datetime | None = None) -> Subquery:
    """Of each appeal the last choice of these days, of all since then without an end."""
    choices = [_choice.label_kind == label_kind, _choice.at >= start]
    if end is not None:
        choices.append(_choice.at < end)
    return (
        select(_choice.appeal_id, _choice.judged, _choice.chosen, _choice.at, _choice.user_id)
        .distinct(_choice.appeal_id)
        .where(*choices)
        .order_by(_choice.appeal_id, _choice.at.desc(), _choice.id.desc())
        .subquery("last_word")
    )


def _said(kind: Kind, period: Period) -> Any:
    """What was judged, how surely, and what a person said to it. A chosen topic chooses its group as well."""
    is_group = kind is Kind.TOPIC_GROUP
    last = _last_word(Kind.TOPIC.value if is_group else kind.value, period.start, period.end).c
    guessed = (
        select(
            last.appeal_id, last.at, last.user_id, last.judged, last.chosen, appeal_columns.topic_group,
            *_guess(kind),
        )
        .join(Appeal, appeal_columns.id == last.appeal_id)
        .cte("guessed").prefix_with("MATERIALIZED").c
    )  # fmt: skip
    judged, chosen = (_label(guessed), guessed.topic_group) if is_group else (guessed.judged, guessed.chosen)
    return (
        select(
            guessed.appeal_id, guessed.at, guessed.user_id, judged.label("judged"), chosen.label("chosen"),
            _probability(kind, guessed).label("probability"),
        )
        .where(judged.is_not(None), chosen.is_not(None))
        .cte("said").prefix_with("MATERIALIZED")
    )  # fmt: skip


def _guess(kind: Kind) -> list[Any]:
    """What is taken of an appeal to know the model's first guess: a judgement is long, so it is unpacked once."""
    if kind is Kind.TOPIC:
        return [appeal_columns.confidence]
    return [appeal_columns.judgement[("labels", kind.value, "0")].label("guess")]


def _label(guessed: Any) -> Any:
    return guessed.guess["label"].as_string()


def _probability(kind: Kind, guessed: Any) -> Any:
    return guessed.confidence if kind is Kind.TOPIC else cast(guessed.guess["probability"].as_string(), Float)


def _hundredth(probability: Any) -> Any:
    return func.least(func.floor(probability * CUTS), CUTS)


async def _words_of_people(
    session: AsyncSession, said: Any, period: Period
) -> tuple[tuple[Pair, ...], tuple[Bin, ...], tuple[Step, ...]]:
    """Pairs of labels, hundredths of probability, days of the chart: three groupings of the same rows at once."""
    rows = said.c
    hundredth = _hundredth(rows.probability)
    day = func.date_trunc(period.step, func.timezone(period.zone, rows.at))
    parts = select(
        rows.judged, rows.chosen, rows.probability, hundredth.label("hundredth"), day.label("day")
    ).subquery("parts").c  # fmt: skip
    found = await session.execute(
        select(
            func.grouping(parts.judged, parts.hundredth, parts.day), parts.judged, parts.chosen, parts.hundredth,
            parts.day, func.count(), func.count().filter(parts.judged == parts.chosen), func.sum(parts.probability),
        )
        .group_by(func.grouping_sets(tuple_(parts.judged, parts.chosen), parts.hundredth, parts.day))
        .order_by(parts.day)
    )  # fmt: skip
    pairs, bins, steps = [], [], []
    for grouping, judged, chosen, at, start, count, right, promised in found:
        if grouping == _BY_LABELS:
            pairs.append(Pair(judged, chosen, count))
        elif grouping == _BY_DAY:
            steps.append(Step(start.date(), count, count - right))
        elif at is not None:
            bins.append(Bin(int(at), count, right, promised))
    return tuple(pairs), tuple(bins), tuple(steps)


_BY_LABELS: Final = 0b011  # GROUPING sets a bit for each of (judged, hundredth, day) that a row does not tell apart
_BY_DAY: Final = 0b110


async def _everything(session: AsyncSession, kind: Kind, period: Period) -> tuple[Bin, ...]:
    """Probabilities of the appeals of the period, looked at by people or not: of every n-th where they are many."""
    received = select(func.count()).select_from(Appeal).where(*_received(period))
    every = ceil((await session.scalar(received) or 0) / MOST_READ) or 1
    guessed = (
        select(*_guess(kind))
        .where(*_received(period), appeal_columns.id % every == 0)
        .cte("guessed")
        .prefix_with("MATERIALIZED")
        .c
    )
    hundredth = select(_hundredth(_probability(kind, guessed)).label("at")).subquery("hundredth").c
    rows = await session.execute(
        select(hundredth.at, func.count()).where(hundredth.at.is_not(None)).group_by(hundredth.at)
    )
    return tuple(Bin(int(at), count) for at, count in rows)


def _received(period: Period) -> list[Any]:
    received_at = appeal_columns.received_at
    return [received_at >= period.start, received_at < period.end, ~appeal_columns.is_talk]


async def _alarms(session: AsyncSession, period: Period) -> Alarms:
    """Of the appeals received in the period, whenever a person has said that there is no danger."""
    last = _last_word(ALARM, period.start).c
    dismissed = await session.scalar(
        select(func.count())
        .select_from(Appeal)
        .join(last.judged.table, last.appeal_id == appeal_columns.id)
        .where(*_received(period), appeal_columns.danger.is_(None), last.chosen == NO_DANGER)
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
