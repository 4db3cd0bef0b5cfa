"""Clocks of appeals in the database. All arithmetic is done by the pure `clock`; here rows become states and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.settings import get_settings
from app.sla import clock as arithmetic
from app.sla.calendar import WorkCalendar, calendar_from_document
from app.sla.clock import ClockState
from app.sla.defaults import calendar_documents, policy_documents
from app.sla.hours import Hole, spliced
from app.sla.models import Clock
from app.sla.policy import Policy, Span, policy_from_document
from app.sla.stored import begun, holes_as_stored, holes_of, instant, span_as_stored

FIRST_ANSWER = "first_answer"
FINAL = "final"
MODERATION = "moderation"
OFFICE = "office"
log = structlog.get_logger()


class UnknownCode(LookupError):
    """No calendar or policy has this code."""


@cache
def calendar(code: str, zone: str | None = None) -> WorkCalendar:
    """The working calendar, in the center's time zone unless another is given. Raises UnknownCode."""
    for document in calendar_documents():
        if document["code"] == code:
            return calendar_from_document({**document, "zone": zone or get_settings().time_zone})
    raise UnknownCode(f"Нет рабочего календаря «{code}»")


@cache
def calendar_or_office(code: str) -> WorkCalendar:
    """The calendar that a stored code names. One whose file has gone is the office's, and an error in the log, once."""
    try:
        return calendar(code)
    except UnknownCode:
        log.error("calendar_unknown", calendar=code, instead=OFFICE)
        return calendar(OFFICE)


@cache
def policy(code: str) -> Policy:
    """The newest version of a policy. Raises UnknownCode."""
    found = [policy_from_document(document) for document in policy_documents() if document["code"] == code]
    if not found:
        raise UnknownCode(f"Нет политики сроков «{code}»")
    return max(found, key=lambda one: one.version)


def start_clock(
    *,
    appeal_id: int,
    department_id: int,
    kind: str,
    severity: int,
    cycle: int,
    policy_code: str,
    calendar_code: str,
    at: datetime,
    is_counted: bool = True,
) -> Clock:
    """A new clock, not yet stored. Raises NothingPromised when the policy has no such target."""
    state = arithmetic.start(kind, policy(policy_code), calendar_or_office(calendar_code), at, severity)
    row = Clock(
        appeal_id=appeal_id, department_id=department_id, kind=kind, cycle=cycle, policy_code=state.policy_code,
        policy_version=state.policy_version, calendar_code=state.calendar_code, started_at=at, span={}, holes=[],
        is_counted=is_counted,
    )  # fmt: skip
    _write(row, state)
    return row


def state_of(row: Clock) -> ClockState:
    """The clock as a value."""
    return ClockState(
        kind=row.kind,
        policy_code=row.policy_code,
        policy_version=row.policy_version,
        calendar_code=row.calendar_code,
        started_at=row.started_at,
        span=Span(row.span["amount"], row.span["unit"], row.span["roll"]),
        due_at=row.due_at,
        holes=holes_of(row.holes),
        met_at=row.met_at,
        stopped_at=row.closed_at if row.met_at is None else None,
        stop_reason=row.close_reason or "",
        extensions=row.span.get("extensions", 0),
    )


def calendar_of(row: Clock) -> WorkCalendar:
    """The calendar a clock runs by."""
    return calendar_or_office(row.calendar_code)


def _write(row: Clock, state: ClockState) -> None:
    """The value back into its row, with what reports read."""
    row.span = span_as_stored(state)
    row.holes = holes_as_stored(state.holes)
    row.due_at, row.met_at, row.closed_at = state.due_at, state.met_at, state.closed_at
    row.close_reason = state.stop_reason or None
    if state.closed_at is not None:
        row.spent_minutes = arithmetic.spent_minutes(state, calendar_of(row), state.closed_at)
    if state.met_at is not None:  # news of an answer in time may come after the sweep has marked the clock
        row.breached_at = state.due_at if arithmetic.is_breached(state, state.met_at) else None


async def open_clocks(session: AsyncSession, appeal_ids: Iterable[int]) -> Sequence[Clock]:
    """The open clocks of these appeals."""
    rows = await session.scalars(
        select(Clock)
        .where(col(Clock.appeal_id).in_(list(appeal_ids)), col(Clock.closed_at).is_(None))
        .order_by(col(Clock.id))
    )
    return rows.all()


async def next_due_at(session: AsyncSession, appeal_id: int) -> datetime | None:
    """The earliest due time of the open clocks: the appeal's one sortable column."""
    await session.flush()  # what was met or stopped a moment ago must not count
    return arithmetic.next_due_at(state_of(row) for row in await open_clocks(session, [appeal_id]))


def meet(row: Clock, at: datetime) -> None:
    """Keep the promise, in time or late."""
    _write(row, arithmetic.meet(state_of(row), at))


def stop(row: Clock, at: datetime, reason: str, *, is_counted: bool) -> None:
    """End a clock without an answer of ours; uncounted ones leave the KPIs."""
    _write(row, arithmetic.stop(state_of(row), at, reason))
    row.is_counted = row.is_counted and is_counted


def pause(row: Clock, at: datetime, because: str) -> dict[str, Any] | None:
    """Let the promise stand still; what moved, for the history, or None."""
    before = row.due_at
    _write(row, arithmetic.pause(state_of(row), at))
    return _moved(before, row.due_at, because)


def resume(row: Clock, at: datetime, because: str) -> dict[str, Any] | None:
    """Let it run on: the pause is a hole in the calendar. What moved, for the history, or None."""
    before = row.due_at
    _write(row, arithmetic.resume(state_of(row), calendar_of(row), at))
    return _moved(before, row.due_at, because)


def silence_ends_at(policy_code: str, at: datetime) -> datetime | None:
    """Until when a question asked now waits for its reply; None where the policy knows no limit."""
    cap = policy(policy_code).clarification_cap
    return arithmetic.due_after(cap, calendar(OFFICE), at) if cap else None


def restart(row: Clock, severity: int, at: datetime) -> dict[str, Any] | None:
    """Begin the promise anew; what moved, for the history, or None.

    While a repeat's earlier promise is what the clock runs by, only that begins anew which it will fall back to.
    """
    before, own = row.due_at, calendar_or_office((row.own or {}).get("calendar_code", row.calendar_code))
    state = arithmetic.start(row.kind, policy(row.policy_code), own, at, severity)
    if row.own and before and (state.due_at is None or before <= state.due_at):
        row.own = {**begun(state), "holes": [], "since": at.isoformat()}
        return None
    row.own, row.calendar_code = None, own.code
    row.started_at, row.policy_version, row.breached_at = at, state.policy_version, None
    _write(row, state)
    return _moved(before, row.due_at, "обращением стало с этих слов")


def reclassify(row: Clock, severity: int, at: datetime) -> dict[str, Any] | None:
    """Adopt another severity; what moved, for the history, or None. Never gives more time unless the policy says so."""
    before = row.due_at
    _write(row, arithmetic.reclassify(state_of(row), policy(row.policy_code), calendar_of(row), at, severity))
    return _moved(before, row.due_at, "изменилась тема, а с ней важность")


def adopt_calendar(row: Clock, code: str, at: datetime, because: str) -> dict[str, Any] | None:
    """Run by the calendar of who is in charge now, if the promise then ends earlier; what moved, for the history."""
    other, before = calendar_or_office(code), row.due_at
    state = arithmetic.adopt(state_of(row), calendar_of(row), other, at)
    row.calendar_code = state.calendar_code
    _write(row, state)
    return _moved(before, row.due_at, because)


def _moved(before: datetime | None, after: datetime | None, because: str) -> dict[str, Any] | None:
    if after == before:
        return None
    return {
        "from": before.isoformat() if before else None, "to": after.isoformat() if after else None, "because": because,
    }  # fmt: skip


def take_over(row: Clock, other: Clock, at: datetime, because: str) -> dict[str, Any] | None:
    """Run by the clock of a repeat of its appeal if that one ends earlier; what moved, for the history, or None.

    Since the repeat was merged its promise stands still with the row's appeal: it is that one's citizen who is asked.
    """
    before, state, theirs, pauses = row.due_at, state_of(row), state_of(other), _own_holes(row)
    holes = spliced(theirs.holes, pauses, other.closed_at or at)
    if holes != theirs.holes:
        theirs = replace(theirs, holes=holes, due_at=None)
    taken = arithmetic.take_over(state, calendar_of(row), theirs, calendar_of(other), at)
    if taken is state:
        return None
    row.own = {**(row.own or begun(state)), "holes": holes_as_stored(pauses), "since": at.isoformat()}
    row.started_at, row.calendar_code = taken.started_at, taken.calendar_code
    _write(row, taken)
    return _moved(before, row.due_at, because)


def _own_holes(row: Clock) -> tuple[Hole, ...]:
    """The pauses of the row's own appeal: those before its clock took over another promise, and those since."""
    holes = state_of(row).holes
    if row.own is None:
        return holes
    before, since = holes_of(row.own["holes"]), instant(row.own.get("since"))
    return spliced(before, holes, since) if since is not None else before  # "since" was not kept at first


def give_back(row: Clock, severity: int, at: datetime) -> None:
    """Run by what the clock was started with again, at the severity of now."""
    if row.own is None:
        return
    own, holes, row.own = row.own, _own_holes(row), None
    row.started_at, row.due_at = datetime.fromisoformat(own["started_at"]), instant(own["due_at"])
    row.span, row.holes = own["span"], holes_as_stored(holes)
    row.calendar_code = own.get("calendar_code", row.calendar_code)  # not kept while all clocks ran by one
    reclassify(row, severity, at)
    if row.due_at is None or row.due_at > at:
        row.breached_at = None  # it was the other promise that was not kept


async def stopped_clocks(session: AsyncSession, cycles: Mapping[int, int], reason: str) -> Sequence[Clock]:
    """The clocks of these appeals that were stopped for a reason in the given cycle of each."""
    stopped = select(Clock).where(
        tuple_(col(Clock.appeal_id), col(Clock.cycle)).in_(list(cycles.items())), col(Clock.close_reason) == reason
    )
    return (await session.scalars(stopped.order_by(col(Clock.id)))).all()


async def run_on(
    session: AsyncSession, appeal_id: int, cycle: int, *, is_counted: bool, reason: str = "deleted"
) -> Sequence[Clock]:
    """Open again what was stopped for a reason that has gone: from the old start, as if never stopped."""
    stopped = select(Clock).where(
        col(Clock.appeal_id) == appeal_id, col(Clock.cycle) == cycle, col(Clock.close_reason) == reason
    )
    rows = (await session.scalars(stopped)).all()
    for row in rows:
        row.closed_at = row.close_reason = row.spent_minutes = None
        if row.due_at is None:  # it was paused when it was stopped: the pause has ended with it
            state = state_of(row)
            row.due_at = arithmetic.due_after(state.span, calendar_of(row), state.started_at, state.holes)
        row.is_counted = is_counted
    return rows


async def claim_due(session: AsyncSession, now: datetime, limit: int) -> Sequence[Clock]:
    """Open clocks past their due time that nobody has marked; one indexed query, shared by any number of workers."""
    rows = await session.scalars(
        select(Clock)
        .where(col(Clock.due_at) < now, col(Clock.closed_at).is_(None), col(Clock.breached_at).is_(None))
        .order_by(col(Clock.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return rows.all()
