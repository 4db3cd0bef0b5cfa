"""The operator's workplace: the queue, the card beside it or alone, and what a person says to the judge."""

import json
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import Actor, OperatorDep, StaffDep
from app.appeals import choices, queries
from app.appeals.card import read_card
from app.appeals.models import Appeal
from app.appeals.pages import LARGEST_ID, IdInPath, SeenVersion, carry_out
from app.appeals.queue import KIND_NAMES, STATE_NAMES, Cursor, Queue
from app.db import SessionDep
from app.errors import NotFound
from app.platforms import PLATFORMS
from app.time import utc_now
from app.triage import screens, service, sorting
from app.triage.alarm_view import Alarms, read_alarms
from app.triage.panel import find_topics
from app.triage.screens import Desk
from app.web import is_htmx, render

MOST_CHANGES = 500

router = APIRouter(include_in_schema=False)

Ids = Annotated[str, Query(max_length=MOST_CHANGES * 20)]


def _desk(request: Request, session: AsyncSession, actor: Actor) -> Desk:
    return Desk(request.app.state.resources, session, actor, utc_now())


@router.get("/queue")
async def show_queue(
    request: Request,
    session: SessionDep,
    actor: StaffDep,
    after: str | None = None,
    selected: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Очередь, with the selected card beside it."""
    desk = _desk(request, session, actor)
    queue = Queue.from_query(request.query_params, actor.role)
    chosen = _id(selected)
    context = await screens.list_screen(desk, queue, Cursor.parse(after), chosen)
    if chosen is not None:
        try:
            context |= await screens.card_screen(desk, chosen, queue)
        except NotFound:  # the address outlived the right to see it: the list alone
            chosen = None
    return render(request, "appeals/queue.html", selected=chosen, **context)


@router.get("/queue/rows")
async def show_more_rows(request: Request, session: SessionDep, actor: StaffDep, after: str | None = None) -> Response:
    """The next rows of the list."""
    desk = _desk(request, session, actor)
    queue = Queue.from_query(request.query_params, actor.role)
    listing = await queries.list_queue(session, queue, actor, desk.now, after=Cursor.parse(after))
    return render(request, "appeals/_rows.html", **await screens.rows_part(desk, queue, listing, None))


@router.get("/queue/conditions")
async def show_conditions(request: Request, session: SessionDep, actor: StaffDep) -> Response:
    """What the list can be narrowed by."""
    return render(
        request,
        "appeals/_conditions.html",
        queue=Queue.from_query(request.query_params, actor.role),
        platforms=PLATFORMS,
        states=STATE_NAMES,
        kinds=KIND_NAMES,
        departments=await choices.active_departments(session),
        territories=await choices.territories(session),
        pages=await choices.pages_to_choose(session),
        topics=request.app.state.resources.judge.manifest.labels["topic"],
    )


@router.get("/queue/changes")
async def show_changes(
    request: Request,
    session: SessionDep,
    actor: StaffDep,
    ids: Ids = "",
    shown: Ids = "",
    selected: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """After a live event: fresh counts, the rows that a browser shows and that changed, how many are not shown yet."""
    desk = _desk(request, session, actor)
    queue = Queue.from_query(request.query_params, actor.role)
    changed, visible = _ids(ids), set(_ids(shown))
    tabs = await screens.tabs(desk, queue)
    rows = await queries.rows_by_id(session, sorted(visible), actor) if visible else []
    alarms = await read_alarms(session, actor, desk.now)
    belonging = await queries.ids_on_tab(session, queue, changed, actor, desk.now) if changed else []
    return render(
        request,
        "appeals/_changes.html",
        headers=_alarm_event(alarms),
        urgent=alarms.count,
        queue=queue,
        tabs=tabs,
        rows=await screens.row_views(desk, queue, rows, _id(selected)),
        fresh=sorted(set(belonging) - visible),
    )


@router.get("/queue/urgent")
async def show_urgent(request: Request, session: SessionDep, actor: StaffDep) -> Response:
    """What the frame of every page asks now and then: is anybody in danger whom nobody has taken?"""
    alarms = await read_alarms(session, actor, utc_now())
    return render(request, "appeals/_urgent.html", headers=_alarm_event(alarms), urgent=alarms.count)


def _alarm_event(alarms: Alarms) -> dict[str, str]:
    return {"HX-Trigger": json.dumps({"alarms": alarms.as_event})} if alarms.news else {}


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= LARGEST_ID else None


def _ids(text: str) -> list[int]:
    return [number for part in text.split(",")[:MOST_CHANGES] if (number := _id(part)) is not None]


@router.get("/appeals/{appeal_id}")
async def show_card(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: StaffDep, keep: bool = False
) -> Response:
    """Карточка: a page of its own, or beside the list. `keep` leaves what is being typed in its field."""
    desk = _desk(request, session, actor)
    if not is_htmx(request):
        queue = Queue.from_query(request.query_params, actor.role)
        tabs = await screens.tabs(desk, queue)
        tab = next(tab.name for tab in tabs if tab.is_current)
        context = await screens.card_screen(desk, appeal_id, queue)
        return render(request, "appeals/card.html", tab_name=tab, **context)
    list_query = _list_beside(request)
    queue = Queue.from_query(list_query or {}, actor.role)
    context = await screens.card_screen(desk, appeal_id, queue)
    rows = await queries.rows_by_id(session, [appeal_id], actor) if list_query is not None else []
    row_views = await screens.row_views(desk, queue, rows, appeal_id)
    version = {"X-Appeal-Version": str(context["appeal"].version)}  # lets a browser leave a card that has not changed
    context |= {"keep": keep, "row_views": row_views, "is_page": list_query is None}
    return render(request, "appeals/_card_and_row.html", headers=version, **context)


def _list_beside(request: Request) -> dict[str, str] | None:
    """The query of the list that the browser shows, or None when it shows the card alone."""
    address = urlsplit(request.headers.get("HX-Current-URL", ""))
    return dict(parse_qsl(address.query)) if address.path == "/queue" else None


@router.post("/appeals/{appeal_id}/labels")
async def choose_label(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    label: Annotated[str, Form(max_length=300)],
    version: SeenVersion = None,
) -> Response:
    """Подтвердить или исправить тему."""
    work = service.choose_label(
        request.app.state.resources, session, appeal_id, "topic", label, actor, now=utc_now(), expected_version=version
    )
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/alarm")
async def judge_alarm(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    is_danger: Annotated[bool, Form()],
    version: SeenVersion = None,
) -> Response:
    """Не опасно, или всё-таки опасно."""
    say = sorting.restore_alarm if is_danger else sorting.dismiss_alarm
    work = say(session, appeal_id, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/talk")
async def call_talk(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: OperatorDep, version: SeenVersion = None
) -> Response:
    """Отложить к разговорам."""
    work = sorting.call_talk(session, appeal_id, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.get("/appeals/{appeal_id}/topics")
async def show_topics(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    words: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Topics beyond the five, found by a word."""
    appeal: Appeal = (await read_card(session, appeal_id, actor)).appeal
    found: list[Any] = list(await find_topics(request.app.state.resources, session, appeal, words))
    return render(request, "triage/_found.html", found=found, words=words.strip(), appeal=appeal)
