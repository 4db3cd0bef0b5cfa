"""What a simulated change means for departments: work that lies there now, and answers in time.

Both are plain sums. The expected share in time supposes that every department keeps the share it had in the last 90
days; departments without closed promises count with the share of all.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal, appeal_columns
from app.departments.models import Department
from app.sla.models import Clock
from app.sla.service import FIRST_ANSWER
from routing_rules.simulation import Outcome

DAYS = 90


async def expected_effect(session: AsyncSession, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Open appeals by department, its share in time, and the share of all, before and after."""
    open_now = await _open_by_department(session)
    kept, promised = await _promises(session, now)
    overall = _share(sum(kept.values()), sum(promised.values()))
    shares = {code: _share(kept[code], count) for code, count in promised.items()}
    return {
        "days": DAYS,
        "open": dict(open_now),
        "in_time": shares,
        "in_time_before": _expected(outcome.load_before, shares, overall),
        "in_time_after": _expected(outcome.load_after, shares, overall),
    }


def _expected(load: Counter[str], shares: dict[str, float | None], overall: float | None) -> float | None:
    """The mean share, weighed by what each department would have got; None: nothing was ever promised."""
    total = load.total()
    if overall is None or not total:
        return None
    known = {code: overall if (share := shares.get(code)) is None else share for code in load}
    return sum(count * known[code] for code, count in load.items()) / total


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


async def _open_by_department(session: AsyncSession) -> Counter[str]:
    rows = await session.execute(
        select(col(Department.code), func.count())
        .select_from(Appeal)
        .join(Department, col(Department.id) == col(Appeal.department_id))
        .where(appeal_columns.is_open, ~col(Appeal.is_talk))
        .group_by(col(Department.code))
    )
    return Counter(dict(rows.tuples().all()))


async def _promises(session: AsyncSession, now: datetime) -> tuple[Counter[str], Counter[str]]:
    """First answers promised and decided since: kept ones, and all of them. Open and past due counts as broken."""
    is_kept = (col(Clock.met_at).is_not(None)) & (col(Clock.breached_at).is_(None))
    is_decided = col(Clock.met_at).is_not(None) | col(Clock.breached_at).is_not(None)
    rows = await session.execute(
        select(col(Department.code), func.count().filter(is_kept), func.count())
        .select_from(Clock)
        .join(Department, col(Department.id) == col(Clock.department_id))
        .where(
            col(Clock.kind) == FIRST_ANSWER, col(Clock.is_counted), is_decided,
            col(Clock.started_at) > now - timedelta(days=DAYS),
        )
        .group_by(col(Department.code))
    )  # fmt: skip
    found = rows.tuples().all()
    return Counter({code: kept for code, kept, _ in found}), Counter({code: count for code, _, count in found})
