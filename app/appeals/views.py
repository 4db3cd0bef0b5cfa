"""Stored rows turned into what the templates draw. Pure, but for the working calendars it is given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.appeals.gone import WORDS_GONE
from app.appeals.history import plain_label
from app.appeals.models import OPEN_STATES, Appeal, State
from app.appeals.queries import QueueRow
from app.appeals.queue import KIND_NAMES
from app.sla import bar, face, wording
from app.sla import service as sla
from app.sla import state as reckoning
from app.sla.calendar import WorkCalendar
from app.sla.models import Clock

NEW_FOR = timedelta(hours=1)
TITLE_LENGTH = 80
CLOCK_TITLES = {sla.FIRST_ANSWER: "Срок первого ответа", sla.FINAL: "Срок окончательного ответа"}
_MINUTE = timedelta(minutes=1)
_WIDE_DUE = 6  # letters after which the label of the due time reaches the tick before it
_LAST_TICK = 0.7
_EDGE = 0.14


@dataclass(frozen=True, slots=True)
class Countdown:
    """The badge of a promise: its band, what is left, when it is due."""

    band: str
    left: str
    due: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the list as it is drawn."""

    id: int
    href: str
    address: str
    countdown: Countdown
    platform: str
    author: str
    text: str
    topic: str
    department: str
    page: str
    confidence: float | None
    is_low: bool
    is_new: bool
    is_selected: bool
    danger: str
    kind: str
    is_private: bool
    has_photo: bool
    is_edited: bool
    is_stuck: bool
    who: str


def row_view(
    row: QueueRow, clock: Clock | None, query: str, now: datetime, *, threshold: float, selected: int | None
) -> RowView:
    """What the list with this query string shows. Below `threshold` the rules did not believe the topic."""
    untouched = row.state in (State.ROUTED, State.REVIEW) and row.assignee_id is None
    is_doubtful = row.confidence is not None and row.confidence < threshold
    return RowView(
        id=row.id,
        href=f"/appeals/{row.id}{query}",
        address=f"/queue{query}{'&' if query else '?'}selected={row.id}",
        countdown=_row_countdown(row, clock, now),
        platform=row.platform,
        author=row.author_name or "Житель",
        text=WORDS_GONE if row.depersonalised_at else " ".join(row.excerpt.split()) or "Без текста",
        topic="Разговор" if row.is_talk else plain_label(row.topic or "Тема не определена"),
        department=row.department_name,
        page=row.page_name,
        confidence=None if row.is_confirmed else row.confidence,
        is_low=is_doubtful and not row.is_confirmed,
        is_new=untouched and now - row.received_at <= NEW_FOR,
        is_selected=row.id == selected,
        danger=(row.danger or "") if row.state in OPEN_STATES else "",
        kind=KIND_NAMES.get(row.message_kind or "", ""),
        is_private=row.kind == "message",
        has_photo=row.has_attachments,
        is_edited=row.is_edited,
        is_stuck=row.is_stuck,
        who=row.assignee_name or "",
    )


def nearest(clocks: Iterable[Clock]) -> dict[int, Clock]:
    """Of each appeal the open clock that ends first; a paused one only when no other runs."""
    found: dict[int, Clock] = {}
    for clock in clocks:
        best = found.get(clock.appeal_id)
        if best is None or _ends_before(clock, best):
            found[clock.appeal_id] = clock
    return found


def _ends_before(clock: Clock, other: Clock) -> bool:
    return clock.due_at is not None and (other.due_at is None or clock.due_at < other.due_at)


def _row_countdown(row: QueueRow, clock: Clock | None, now: datetime) -> Countdown:
    if row.state not in OPEN_STATES:
        is_answered = row.state == State.ANSWERED
        day = face.due_text(row.closed_at, now, _zone()) if row.closed_at else ""
        return Countdown("done" if is_answered else "closed", "ответ дан" if is_answered else "закрыто", day)
    if row.is_talk or clock is None:  # nobody owes an answer to talk
        return Countdown("none", "без срока", face.due_text(row.received_at, now, _zone()))
    return countdown(clock, now)


def countdown(clock: Clock, now: datetime) -> Countdown:
    """The badge of one clock."""
    state, calendar = sla.state_of(clock), sla.calendar_of(clock)
    due = face.due_text(state.due_at, now, calendar.zone) if state.due_at else "до возобновления"
    return Countdown(reckoning.band_of(state, calendar, now), face.countdown_text(state, calendar, now), due)


def _zone() -> str:
    return sla.calendar(sla.OFFICE).zone


def title_of(appeal: Appeal, *, is_sure: bool) -> str:
    """The topic when it is certain enough, or all that is left; else the citizen's first words."""
    if appeal.topic and (is_sure or appeal.depersonalised_at):
        return plain_label(appeal.topic)
    words = " ".join(appeal.text.split())
    if len(words) <= TITLE_LENGTH:
        return words or "Сообщение без текста"
    return words[:TITLE_LENGTH].rsplit(" ", 1)[0] + "…"


@dataclass(frozen=True, slots=True)
class BarText:
    """A label of the bar; `anchor` keeps it inside the picture."""

    x: float
    text: str
    anchor: str
    is_strong: bool


@dataclass(frozen=True, slots=True)
class ClockView:
    """One promise on the card. `spoken` says what the picture shows; places are percent of its width."""

    title: str
    due: str
    band: str
    spoken: str
    formula: str
    policy: str
    segments: tuple[tuple[str, float, float], ...]
    now: float
    ticks: tuple[float, ...]
    upper: tuple[BarText, ...]
    lower: tuple[BarText, ...]


def clock_view(clock: Clock, now: datetime) -> ClockView:
    """A clock that has not been closed, with its bar and its formula."""
    state, calendar = sla.state_of(clock), sla.calendar_of(clock)
    drawn = bar.timeline(state, calendar, now)
    due = next((mark.text for mark in drawn.marks if mark.kind == "due"), "")
    ticks = [mark for mark in drawn.ticks if len(due) <= _WIDE_DUE or mark.at < _LAST_TICK]
    upper = [BarText(_percent(mark.at), mark.text, "middle", False) for mark in ticks]
    upper += [BarText(100, due, "end", True)] if due else []
    return ClockView(
        title=CLOCK_TITLES.get(clock.kind, "Срок"),
        due=face.due_text(state.due_at, now, calendar.zone) if state.due_at else "пауза",
        band=reckoning.band_of(state, calendar, now),
        spoken=_spoken(state, calendar, now),
        formula=face.formula(state, calendar),
        policy=f"Правило {clock.policy_code}, версия {clock.policy_version}",
        segments=tuple((part.kind, _percent(part.start), _percent(part.width)) for part in drawn.segments),
        now=_percent(drawn.now),
        ticks=tuple(_percent(mark.at) for mark in drawn.ticks),
        upper=tuple(upper),
        lower=tuple(_lower(mark) for mark in drawn.marks if mark.kind != "due"),
    )


def _percent(share: float) -> float:
    return round(100 * share, 2)


def _lower(mark: bar.BarMark) -> BarText:
    is_now = mark.kind == "now"
    anchor = "end" if mark.at > 1 - _EDGE else "middle" if is_now and mark.at >= _EDGE else "start"
    return BarText(_percent(mark.at), mark.text, anchor, is_now)


def _spoken(state: reckoning.ClockState, calendar: WorkCalendar, now: datetime) -> str:
    spent = reckoning.spent_minutes(state, calendar, now)
    granted = reckoning.allowance(state.span, calendar, state.started_at) / _MINUTE
    left = face.countdown_text(state, calendar, now)
    return f"Прошло {wording.duration_text(int(spent))} из {wording.duration_text(int(granted))}, осталось {left}"


RESULTS: Mapping[bool, str] = {True: "в срок", False: "с опозданием"}


@dataclass(frozen=True, slots=True)
class KeptPromise:
    """A closed clock in one line."""

    title: str
    result: str
    is_late: bool


def kept_promise(clock: Clock) -> KeptPromise:
    """How a promise ended."""
    is_late = clock.breached_at is not None
    if clock.met_at is None:
        return KeptPromise(CLOCK_TITLES.get(clock.kind, "Срок"), "снят", is_late=False)
    return KeptPromise(CLOCK_TITLES.get(clock.kind, "Срок"), RESULTS[not is_late], is_late)
