"""One clock drawn as a bar: numbers from 0 to 1 for whoever draws it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.sla import wording
from app.sla.calendar import WorkCalendar
from app.sla.face import due_text, worked_slices
from app.sla.state import ClockState, allowance, hours_for, is_breached, spent_minutes

_MINUTE = timedelta(minutes=1)
_TICKS = (0.5, 0.8)
_GAP = 0.05
_ALL_GAPS = 0.3
_MOST_GAPS = 20
_MARGIN = 0.15
_LABEL = 0.15


@dataclass(frozen=True, slots=True)
class BarSegment:
    """A stretch of the bar: ``spent``, ``hole`` (nobody works, or a pause) or ``left``. Shares of the whole width."""

    start: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class BarMark:
    """A place on the bar with its label: ``start``, ``day``, ``tick``, ``now`` or ``due``."""

    at: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One clock from start to due. The time that counts is true to scale, the gaps in it are squeezed."""

    segments: tuple[BarSegment, ...]
    ticks: tuple[BarMark, ...]
    marks: tuple[BarMark, ...]
    now: float


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch without gaps: its minutes, and the moment it begins (``None``: known only after the pause)."""

    minutes: float
    begin: datetime | None


class _Scale:
    """Minutes of the span to places on the bar."""

    def __init__(self, pieces: list[_Piece]) -> None:
        gaps = len(pieces) - 1
        self.gap = min(_GAP, _ALL_GAPS / gaps) if 0 < gaps <= _MOST_GAPS else 0.0
        self.pieces = pieces
        self.unit = (1 - self.gap * gaps) / sum(piece.minutes for piece in pieces)

    def edges(self) -> Iterator[tuple[_Piece, float, float]]:
        """Every piece with the minutes spent before it and its place."""
        before = at = 0.0
        for piece in self.pieces:
            yield piece, before, at
            before += piece.minutes
            at += piece.minutes * self.unit + self.gap

    def at(self, minutes: float) -> float:
        """The place where so many minutes are spent: the end of a piece, not the start of the next."""
        place = 0.0
        for piece, before, start in self.edges():
            if before < minutes:
                place = start + min(minutes - before, piece.minutes) * self.unit
        return min(place, 1.0)

    def segments(self, spent: float) -> Iterator[BarSegment]:
        for piece, before, start in self.edges():
            done = max(0.0, min(spent - before, piece.minutes))
            if before and self.gap:
                yield BarSegment(start - self.gap * (1 - _MARGIN), self.gap * (1 - 2 * _MARGIN), "hole")
            if done:
                yield BarSegment(start, done * self.unit, "spent")
            if done < piece.minutes:
                yield BarSegment(start + done * self.unit, (piece.minutes - done) * self.unit, "left")


def timeline(state: ClockState, calendar: WorkCalendar, now: datetime) -> Bar:
    """The bar of a clock. Past due it is full; while paused, what is left follows the pause in one piece."""
    granted = allowance(state.span, calendar, state.started_at) / _MINUTE
    spent = min(spent_minutes(state, calendar, now), granted)
    scale = _Scale(_pieces(state, hours_for(state.span, calendar), granted))
    ticks = tuple(BarMark(scale.at(granted * share), f"{share * 100:.0f} %", "tick") for share in _TICKS)
    marks = tuple(_marks(state, calendar, now, scale, scale.at(spent)))
    return Bar(tuple(scale.segments(spent)), ticks, marks, scale.at(spent))


def _pieces(state: ClockState, hours: WorkCalendar, granted: float) -> list[_Piece]:
    """The slices of the span, those that touch joined; the last one reaches into the unknown while there is no due."""
    end = state.due_at or state.holes[-1][0]
    pieces: list[_Piece] = []
    last_end = None
    for begin, finish in worked_slices(state, hours, end):
        minutes = (finish - begin) / _MINUTE
        if begin == last_end:
            pieces[-1] = _Piece(pieces[-1].minutes + minutes, pieces[-1].begin)
        else:
            pieces.append(_Piece(minutes, begin))
        last_end = finish
    if state.due_at is None:
        pieces.append(_Piece(granted - sum(piece.minutes for piece in pieces), None))
    return pieces


def _marks(state: ClockState, calendar: WorkCalendar, now: datetime, scale: _Scale, place: float) -> Iterator[BarMark]:
    """Labels with room between them; the present comes first, then the start, then the days."""
    is_running = state.is_open and not is_breached(state, now)
    taken = [place] if is_running else []
    labels = [(0.0, state.started_at, "start")]
    days = {calendar.local_date(state.started_at)}
    for piece, _, at in scale.edges():
        if piece.begin and (day := calendar.local_date(piece.begin)) not in days:
            days.add(day)
            labels.append((at, piece.begin, "day"))
    for at, moment, kind in labels:
        if all(abs(at - other) >= _LABEL for other in taken):
            taken.append(at)
            local = moment.astimezone(calendar.zone_info)
            yield BarMark(at, f"{wording.WEEKDAYS[local.weekday()]} {local.hour}:{local.minute:02}", kind)
    if is_running:
        yield BarMark(place, f"сейчас {now.astimezone(calendar.zone_info):%H:%M}", "now")
    if state.due_at is not None:
        yield BarMark(1.0, due_text(state.due_at, now, calendar.zone).removeprefix("сег. "), "due")
