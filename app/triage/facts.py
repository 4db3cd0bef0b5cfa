"""What the routing rules may look at: the page that received a message, the appeal as judged, the departments."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.appeals.models import Appeal
from app.departments.models import Department, Territory
from app.public_pages.models import PublicPage
from app.public_pages.wording import sphere_name
from app.sla import service as sla
from classifier.circumstances import MONTH, MONTHS
from routing_rules import Facts, RuleSet, territory_path
from routing_rules.conditions import MOST_EARLIER_DAYS

CERTAIN = 1.0
OF_PAGE = ("territory", "municipality", "page", "body", "sphere")
CIRCUMSTANCES = (*OF_PAGE, MONTH)
"""What the judge is told besides the text. Whoever trains a model on an export names its columns by these words
(docs/classifier.md)."""
_municipality = aliased(Territory)
_MUNICIPAL = func.left(PublicPage.territory_code, 5)  # of an ОКТМО code; what follows are settlements


class AuthorsAppeal(Protocol):
    """Anything that says who wrote an appeal where and when: an appeal, or a row of some columns of it."""

    @property
    def page_id(self) -> int: ...

    @property
    def author_external_id(self) -> str: ...

    @property
    def received_at(self) -> datetime: ...


class PageContext:
    """What the rules and the judge need of the page that received a message.

    `known` is what the judge may know of the page: the names of its territory and of the municipality that it is or
    lies in, its address, its owner's name, its sphere. What is not known is left out.
    """

    __slots__ = ("department", "external_id", "known", "sphere", "territory")

    def __init__(self, page: PublicPage, path: str | None, department: str | None, known: Mapping[str, str]) -> None:
        self.known = known
        self.external_id = page.external_id
        self.sphere = page.sphere
        self.territory = tuple((path or "").split("/")) if path else ()
        self.department = department


async def read_context(session: AsyncSession, page_ids: Iterable[int]) -> dict[int, PageContext]:
    """Pages with their territory, its municipality and their owner, in one query."""
    names = (col(Territory.name), col(_municipality.name), col(PublicPage.address), col(Department.name))
    rows = await session.execute(
        select(PublicPage, col(Territory.path), col(Department.code), *names)
        .outerjoin(Territory, col(Territory.code) == col(PublicPage.territory_code))
        .outerjoin(_municipality, col(_municipality.code) == func.concat(_MUNICIPAL, "000"))
        .outerjoin(Department, col(Department.id) == col(PublicPage.department_id))
        .where(col(PublicPage.id).in_(list(page_ids)))
    )
    return {page.id or 0: PageContext(page, path, code, _known(page, told)) for page, path, code, *told in rows}


def _known(page: PublicPage, told: Sequence[str | None]) -> dict[str, str]:
    values = [*told, sphere_name(page.sphere)]
    return {name: value for name, value in zip(OF_PAGE, values, strict=True) if value}


def known_of(page: PageContext, received_at: datetime, zone: str) -> dict[str, str]:
    """What the judge may know besides the text: all of the page, and the month in the center's own time."""
    return {**page.known, MONTH: MONTHS[received_at.astimezone(ZoneInfo(zone)).month - 1]}


async def departments_by_code(session: AsyncSession) -> dict[str, Department]:
    """All departments; some dozens."""
    return {department.code: department for department in (await session.scalars(select(Department))).all()}


def facts_of(
    appeal: Appeal,
    page: PageContext,
    departments: Mapping[str, Department],
    *,
    topic: str | None = None,
    earlier: tuple[int, ...] = (),
) -> Facts:
    """What the rules may look at. A topic that a person chose is certain, and so is its group.

    The territory is the page's, unless the text or a person has made it more exact.
    """
    labels = appeal.judgement["labels"]
    is_certain = topic is not None or appeal.is_confirmed
    return Facts(
        platform=appeal.platform,
        kind=appeal.kind,
        page=page.external_id,
        sphere=page.sphere,
        territory=territory_path(appeal.territory_code) if appeal.territory_code else page.territory,
        topic=topic or appeal.topic,
        topic_confidence=CERTAIN if is_certain else _stored_probability(labels["topic"]),
        topic_group=appeal.topic_group,
        group_confidence=CERTAIN if is_certain else _stored_probability(labels["topic_group"]),
        agency=appeal.agency,
        agency_confidence=_stored_probability(labels["agency"]),
        severity=appeal.severity,
        text=appeal.search_text,
        page_department=page.department if page.department in departments else None,
        earlier=earlier,
    )


def dated(facts: Facts, zone: str, now: datetime, received_at: datetime) -> Facts:
    """The facts with the center's own day, by which rules begin and expire, and with when the citizen wrote."""
    at = received_at.astimezone(ZoneInfo(zone))
    return replace(facts, on=now.astimezone(ZoneInfo(zone)).date(), at=at, is_working_day=is_working_day(at))


def is_working_day(at: datetime) -> bool:
    """Whether the office works on the day that this clock shows."""
    return bool(sla.calendar(sla.OFFICE).intervals_on(at.date()))


async def earlier_appeals(
    session: AsyncSession, rules: RuleSet, appeals: Sequence[AuthorsAppeal]
) -> dict[int, tuple[int, ...]]:
    """For each appeal, in its place: how many whole days before it its author wrote on the same page. One query, and
    none while no rule asks.
    """
    if not rules.asks_for("earlier_appeals_at_least") or not appeals:
        return {}
    authors = {(appeal.page_id, appeal.author_external_id) for appeal in appeals}
    since = min(appeal.received_at for appeal in appeals) - timedelta(days=MOST_EARLIER_DAYS)
    with session.no_autoflush:  # rows of this batch need not be stored yet
        rows = await session.execute(
            select(col(Appeal.page_id), col(Appeal.author_external_id), col(Appeal.received_at)).where(
                tuple_(col(Appeal.page_id), col(Appeal.author_external_id)).in_(authors),
                col(Appeal.received_at) > since,
                ~col(Appeal.is_talk),
            )
        )
    written: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for page_id, author, at in rows:
        written[page_id, author].append(at)
    return {
        place: tuple((appeal.received_at - at).days for at in written[appeal.page_id, appeal.author_external_id]
                     if at < appeal.received_at)
        for place, appeal in enumerate(appeals)
    }  # fmt: skip


def _stored_probability(guesses: Sequence[Mapping[str, Any]]) -> float:
    return float(guesses[0]["probability"]) if guesses else 0.0
