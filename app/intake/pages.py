"""/events: deliveries that could not be handled, answers that could not be sent, and what a person does about them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import OperatorDep
from app.appeals.delivery import resume_page
from app.audit.service import audit
from app.db import SessionDep
from app.errors import NotFound
from app.formats import number, plural
from app.intake import failures, queries, service
from app.intake.models import EventState
from app.intake.queries import MOST_COUNTED, ROWS, EventRow, Tab
from app.intake.source import SourceLine, masked_source
from app.jobs import Job, enqueue
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.time import utc_now
from app.vault import CannotDecrypt
from app.web import flash, render

router = APIRouter(include_in_schema=False)
LARGEST_ID = 2**63 - 1
IdInPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
IdInQuery = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
TAB_NAMES = {
    Tab.FAILED: "Ждут решения",
    Tab.RETRYING: "Повторяются сами",
    Tab.SENDING: "Отправка ответов",
    Tab.IGNORED: "Пропущенные",
}


@dataclass(frozen=True, slots=True)
class EventDetail:
    """One event beside the list."""

    row: EventRow
    title: str
    advice: str
    size: int | None
    source: list[SourceLine]
    kept_until: datetime
    may_retry: bool
    may_dismiss: bool


@router.get("/events")
async def show_events(
    request: Request,
    session: SessionDep,
    actor: OperatorDep,
    tab: Tab = Tab.FAILED,
    event: IdInQuery = None,
    after: IdInQuery = None,
) -> Response:
    """Сбои приёма и отправки."""
    now = utc_now()
    counts = await queries.count_tabs(session, now)
    context: dict[str, Any] = {
        "tab": tab,
        "tab_name": TAB_NAMES[tab],
        "tabs": _tabs(tab, counts),
        "count": counts[tab],
        "pulse": await queries.read_pulse(session, now),
        "failures": failures,
    }
    if tab is Tab.SENDING:
        return render(request, "intake/sending.html", **context, **await _sending(session, after))
    rows = await queries.list_events(session, tab, after, now)
    chosen = await queries.read_event(session, event) if event else (rows[0] if rows else None)
    context |= _page_of(tab, rows) | {
        "detail": await _detail(request.app.state.resources, session, chosen) if chosen else None,
        "types": await queries.count_ignored_by_type(session, now) if tab is Tab.IGNORED else [],
        "link": lambda row: _url(tab=tab, event=row.id, after=after),
    }
    return render(request, "intake/events.html", **context)


def _tabs(current: Tab, counts: dict[Tab, int]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "href": _url(tab=tab),
            "count": _count_text(counts[tab]),
            "is_current": tab is current,
            "is_bad": tab in (Tab.FAILED, Tab.SENDING) and counts[tab] > 0,
        }
        for tab, name in TAB_NAMES.items()
    ]


def _count_text(count: int) -> str:
    return f"{number(MOST_COUNTED)}+" if count > MOST_COUNTED else number(count)


def _page_of(tab: Tab, rows: list[Any]) -> dict[str, Any]:
    """The rows of this page and the address of the next one."""
    shown = rows[:ROWS]
    following = _url(tab=tab, after=shown[-1].id) if len(rows) > ROWS else ""
    return {"rows": shown, "following": following}


def _url(**parts: Any) -> str:
    return "/events?" + urlencode({name: value for name, value in parts.items() if value is not None})


async def _detail(resources: Resources, session: AsyncSession, row: EventRow) -> EventDetail:
    sealed = await queries.sealed_payload(session, row.id)
    source, size = _source(resources, sealed, row.error or "") if sealed is not None else ([], None)
    return EventDetail(
        row=row,
        title=failures.title(row.event_type, row.error),
        advice=failures.advice(row.error),
        size=size,
        source=source,
        kept_until=row.received_at + timedelta(days=resources.settings.payload_retention_days),
        may_retry=sealed is not None and row.state in (EventState.FAILED, EventState.DISMISSED),
        may_dismiss=row.state == EventState.FAILED,
    )


def _source(resources: Resources, sealed: bytes, error: str) -> tuple[list[SourceLine], int | None]:
    """The masked source and its size in bytes, None when it was sealed with another key."""
    try:
        payload = resources.vault.open(sealed)
    except CannotDecrypt as problem:
        return [SourceLine(f"({problem})", is_problem=True)], None
    return masked_source(payload, error), len(payload)


async def _sending(session: AsyncSession, after: int | None) -> dict[str, Any]:
    answers = await queries.list_stuck_answers(session, after)
    is_first_page = after is None
    return {
        **_page_of(Tab.SENDING, answers),
        "retried": await queries.list_retried_answers(session) if is_first_page else [],
        "pages": await queries.list_stopped_pages(session) if is_first_page else [],
    }


@router.post("/events/retry")
async def retry_all(request: Request, session: SessionDep, actor: OperatorDep) -> Response:
    """Повторить все."""
    count = await service.retry_all_events(session, actor, now=utc_now())
    text = f"Отправлено на разбор: {number(count)} {plural(count, 'событие', 'события', 'событий')}"
    return _back(request, Tab.FAILED, text)


@router.post("/events/{event_id}/retry")
async def retry(request: Request, event_id: IdInPath, session: SessionDep, actor: OperatorDep) -> Response:
    """Повторить разбор одного события."""
    await service.retry_event(session, event_id, actor, now=utc_now())
    return _back(request, Tab.FAILED, "Событие отправлено на разбор. Если не получится, оно вернётся сюда.")


@router.post("/events/{event_id}/dismissal")
async def dismiss(request: Request, event_id: IdInPath, session: SessionDep, actor: OperatorDep) -> Response:
    """Не принимать событие."""
    await service.dismiss_event(session, event_id, actor, now=utc_now())
    return _back(request, Tab.FAILED, "Событие не принято. Оно осталось на вкладке «Пропущенные», его можно повторить.")


@router.post("/pages/{page_id}/sending")
async def resume_sending(
    request: Request, page_id: Annotated[int, Path(ge=1, le=2**31 - 1)], session: SessionDep, actor: OperatorDep
) -> Response:
    """Возобновить отправку ответов страницы."""
    page = await session.get(PublicPage, page_id)
    if page is None:
        raise NotFound("Такой страницы нет")
    await resume_page(session, page_id)
    audit(session, actor.label, "sending_resumed", utc_now(), page_id=page_id)
    enqueue(session, Job.DELIVER_ANSWERS)
    return _back(request, Tab.SENDING, f"Отправка ответов страницы «{page.name}» возобновлена")


def _back(request: Request, tab: Tab, text: str) -> Response:
    response = RedirectResponse(_url(tab=tab), 303)
    flash(request, response, text)
    return response
