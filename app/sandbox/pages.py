"""/sandbox, mounted in demo mode only: be the citizen, watch the message travel, make the network misbehave."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.access import Actor, StaffDep
from app.db import SessionDep
from app.errors import Invalid, NotFound
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sandbox.city import read_city
from app.sandbox.client import StandInAway, StandInClient
from app.sandbox.journey import Journey, follow
from app.sandbox.networks import Comment, Network, network_of
from app.sandbox.steps import Teller, chip
from app.sandbox.visitors import visitor_of
from app.time import utc_now
from app.web import flash, render

router = APIRouter(prefix="/sandbox", include_in_schema=False)

LONGEST_ID = 200
View = Literal["wall", "messages"]
Id = Annotated[str, Form(min_length=1, max_length=LONGEST_ID)]
IdInPath = Annotated[str, Path(min_length=1, max_length=LONGEST_ID)]
Text = Annotated[str, Form(min_length=1, max_length=4000)]
Key = Annotated[str, Query(max_length=LONGEST_ID, pattern=r"^([a-z]+[:.][\w:.+/=-]+)?$")]
Since = Annotated[float, Query(ge=0, le=4_000_000_000)]
EXAMPLES = {
    "нет воды": "Нет холодной воды с шести утра на Вокзальной 5, диспетчер не отвечает",
    "яма на дороге": "На Степной яма на всю полосу, машины выезжают на встречную. Заделайте, пожалуйста",
    "просто разговор": "Ну вы даёте, ребята",
    "непонятно о чём": "И долго это будет продолжаться?",
}
QUICK = timedelta(seconds=30)


def _network(request: Request, page: PublicPage) -> Network:
    resources: Resources = request.app.state.resources
    return network_of(page.platform, StandInClient(resources.http, resources.settings.api_url(page.platform)))


@router.get("")
async def show_sandbox(
    request: Request,
    session: SessionDep,
    actor: StaffDep,
    page: Annotated[str, Query(max_length=LONGEST_ID)] = "",
    view: View = "wall",
    track: Key = "",
    since: Since = 0,
) -> Response:
    """Побудьте жителем."""
    pages = await _pages(session)
    chosen = next((one for one in pages if one.external_id == page), pages[0] if pages else None)
    context: dict[str, Any] = {"pages": pages, "page": chosen, "view": view, "examples": EXAMPLES, "problem": ""}
    if chosen is None:
        return render(request, "sandbox/nothing.html", **context)
    context |= await _seen_by_citizen(request, chosen, view, actor)
    context |= await _travel(request, session, chosen, actor, track, since)
    return render(request, "sandbox/sandbox.html", **context)


@router.get("/thread")
async def show_thread(
    request: Request, session: SessionDep, actor: StaffDep, page: str, view: View = "wall"
) -> Response:
    """The citizen's side again, after something has changed there."""
    chosen = await _page(session, page)
    context = await _seen_by_citizen(request, chosen, view, actor)
    return render(request, "sandbox/_thread.html", page=chosen, view=view, examples=EXAMPLES, **context)


@router.get("/travel")
async def show_travel(
    request: Request, session: SessionDep, actor: StaffDep, page: str, track: Key, since: Since = 0, mark: str = ""
) -> Response:
    """The way of the message so far; tells the citizen's side when it has something new to show."""
    chosen = await _page(session, page)
    context = await _travel(request, session, chosen, actor, track, since)
    headers = {"HX-Trigger": "citizen-side-changed"} if mark and context["mark"] != mark else {}
    view = "messages" if track.startswith("message:") else "wall"
    return render(request, "sandbox/_travel.html", headers=headers, page=chosen, view=view, **context)


@router.post("/comments")
async def write_comment(
    request: Request, session: SessionDep, actor: StaffDep, page: Id, post: Id, text: Text
) -> Response:
    """Написать комментарий."""
    chosen, since = await _page(session, page), utc_now()
    written = await _network(request, chosen).comment(page, visitor_of(actor), post, text.strip())
    return _follow(page, "wall", written.key, since, f"post-{post}")


@router.post("/comments/{comment_id}/text")
async def edit_comment(
    request: Request, comment_id: IdInPath, session: SessionDep, actor: StaffDep, page: Id, text: Text
) -> Response:
    """Изменить свой комментарий."""
    network, since = await _own(request, session, page, comment_id, actor), utc_now()
    written = await network.edit(page, visitor_of(actor), comment_id, text.strip())
    return _follow(page, "wall", written.key, since, f"comment-{comment_id}")


@router.post("/comments/{comment_id}/deletion")
async def delete_comment(
    request: Request, comment_id: IdInPath, session: SessionDep, actor: StaffDep, page: Id
) -> Response:
    """Удалить свой комментарий."""
    network, since = await _own(request, session, page, comment_id, actor), utc_now()
    written = await network.delete(page, visitor_of(actor), comment_id)
    return _follow(page, "wall", written.key, since, "travel")


@router.post("/messages")
async def write_message(request: Request, session: SessionDep, actor: StaffDep, page: Id, text: Text) -> Response:
    """Написать странице лично."""
    chosen, since = await _page(session, page), utc_now()
    written = await _network(request, chosen).message(page, visitor_of(actor), text.strip())
    return _follow(page, "messages", written.key, since, "dialog-end")


@router.post("/faults")
async def order_fault(
    request: Request,
    session: SessionDep,
    actor: StaffDep,
    kind: Annotated[str, Form(max_length=20)],
    page: Id,
    view: Annotated[View, Form()] = "wall",
) -> Response:
    """Пусть следующий ответ не уйдёт."""
    network = _network(request, await _page(session, page))
    fault = network.faults.get(kind)
    if fault is None:
        raise Invalid("Такой неполадки нет")
    await network.order(fault, is_private=view == "messages")
    place = "личный ответ" if view == "messages" else "ответ на комментарий"
    response = RedirectResponse("/sandbox?" + urlencode({"page": page, "view": view}), 303)
    sentence = f"Следующий {place} {network.name} не примет как надо: {fault.what}. Ответьте на обращение и посмотрите."
    flash(request, response, sentence, "info")
    return response


# Parts


async def _pages(session: AsyncSession) -> list[PublicPage]:
    """The pages of the demo city, in its order."""
    order: dict[tuple[str, str], int] = {
        (page.platform, page.id): number for number, page in enumerate(read_city().page)
    }
    query = select(PublicPage).where(
        col(PublicPage.external_id).in_([external_id for _, external_id in order]), col(PublicPage.is_active)
    )
    found = [page for page in await session.scalars(query) if (page.platform, page.external_id) in order]
    return sorted(found, key=lambda page: order[page.platform, page.external_id])


async def _page(session: AsyncSession, external_id: str) -> PublicPage:
    found = next((page for page in await _pages(session) if page.external_id == external_id), None)
    if found is None:
        raise NotFound("Такой страницы в песочнице нет")
    return found


async def _seen_by_citizen(request: Request, page: PublicPage, view: View, actor: Actor) -> dict[str, Any]:
    network, visitor = _network(request, page), visitor_of(actor)
    is_dialog = view == "messages" or not network.has_comments
    context: dict[str, Any] = {"network": network, "is_dialog": is_dialog, "posts": [], "messages": [], "problem": ""}
    try:
        if is_dialog:
            context["messages"] = await network.dialog(page.external_id, visitor)
        else:
            context["posts"] = await network.posts(page.external_id, visitor)
    except (StandInAway, Invalid) as error:
        context["problem"] = error.message
    return context


async def _own(request: Request, session: AsyncSession, page: str, comment_id: str, actor: Actor) -> Network:
    """The network, if the comment is this person's: only its author changes one. Raises NotFound."""
    network = _network(request, await _page(session, page))
    posts = await network.posts(page, visitor_of(actor))
    comments = [one for post in posts for one in _flat(post.comments)]
    if not any(one.id == comment_id and one.is_mine for one in comments):
        raise NotFound("Такого вашего комментария нет")
    return network


def _flat(comments: tuple[Comment, ...]) -> list[Comment]:
    return [one for comment in comments for one in (comment, *_flat(comment.replies))]


async def _travel(
    request: Request, session: AsyncSession, page: PublicPage, actor: Actor, track: str, since: float
) -> dict[str, Any]:
    """The steps, and when to ask again: twice a second while it travels, less often while a person has to act."""
    if not track:
        return {"steps": [], "track": "", "since": 0, "mark": "", "chip": None, "pause": ""}
    resources: Resources = request.app.state.resources
    moment = datetime.fromtimestamp(since, UTC)
    journey = await follow(resources, session, page, track, moment)
    teller = Teller(journey, resources, actor, moment, utc_now())
    return {
        "steps": teller.steps(),
        "track": track,
        "since": since,
        "mark": journey.mark,
        "chip": chip(journey),
        "pause": _pause(journey, utc_now() - moment),
    }


def _pause(journey: Journey, age: timedelta) -> str:
    """As htmx writes it; empty: do not ask again."""
    if age < QUICK and not journey.is_drained:
        return "500ms"
    return "" if journey.is_over and age > QUICK else "2s"


def _follow(page: str, view: View, key: str, since: datetime, anchor: str) -> Response:
    query = urlencode({"page": page, "view": view, "track": key, "since": f"{since.timestamp():.6f}"})
    return RedirectResponse(f"/sandbox?{query}#{anchor}", 303)
