"""/sandbox, mounted in demo mode only: be the citizen, watch the message travel, make the platform misbehave."""

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
from app.platforms.vk_events import comment_key, message_key
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sandbox.city import read_city
from app.sandbox.client import StandInAway, StandInClient
from app.sandbox.journey import Journey, follow
from app.sandbox.steps import Teller, chip
from app.sandbox.visitors import Visitor, visitor_of
from app.time import utc_now
from app.web import flash, render

router = APIRouter(prefix="/sandbox", include_in_schema=False)

View = Literal["wall", "messages"]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
FormNumber = Annotated[int, Form(ge=1, le=2**31 - 1)]
Text = Annotated[str, Form(min_length=1, max_length=4000)]
Key = Annotated[str, Query(max_length=80, pattern=r"^(wall:\d+|message:\d+:\d+)?$")]
Since = Annotated[float, Query(ge=0, le=4_000_000_000)]
EXAMPLES = {
    "нет воды": "Нет холодной воды с шести утра на Вокзальной 5, диспетчер не отвечает",
    "яма на дороге": "На Степной яма на всю полосу, машины выезжают на встречную. Заделайте, пожалуйста",
    "просто разговор": "Ну вы даёте, ребята",
    "непонятно о чём": "И долго это будет продолжаться?",
}
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "captcha": ("попросит ввести код с картинки", {"error_code": 14, "error_msg": "Captcha needed"}),
    "busy": ("скажет «слишком много запросов»", {"error_code": 6, "error_msg": "Too many requests per second"}),
    "broken": ("оборвётся с ошибкой 500", {"http_status": 500}),
}
QUICK = timedelta(seconds=30)
METHODS = {"wall": "wall.createComment", "messages": "messages.send"}


def _client(request: Request) -> StandInClient:
    resources: Resources = request.app.state.resources
    return StandInClient(resources.http, resources.settings.api_url("vk"))


@router.get("")
async def show_sandbox(
    request: Request,
    session: SessionDep,
    actor: StaffDep,
    page: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    view: View = "wall",
    track: Key = "",
    since: Since = 0,
) -> Response:
    """Побудьте жителем."""
    pages = await _pages(session)
    chosen = next((one for one in pages if one.external_id == str(page)), pages[0] if pages else None)
    context: dict[str, Any] = {"pages": pages, "page": chosen, "view": view, "examples": EXAMPLES, "problem": ""}
    if chosen is None:
        return render(request, "sandbox/nothing.html", **context)
    context |= await _seen_by_citizen(request, chosen, view, visitor_of(actor))
    context |= await _travel(request, session, chosen, actor, track, since)
    return render(request, "sandbox/sandbox.html", **context)


@router.get("/thread")
async def show_thread(
    request: Request, session: SessionDep, actor: StaffDep, page: int, view: View = "wall"
) -> Response:
    """The citizen's side again, after something has changed there."""
    chosen = await _page(session, page)
    context = await _seen_by_citizen(request, chosen, view, visitor_of(actor))
    return render(request, "sandbox/_thread.html", page=chosen, view=view, examples=EXAMPLES, **context)


@router.get("/travel")
async def show_travel(
    request: Request, session: SessionDep, actor: StaffDep, page: int, track: Key, since: Since = 0, mark: str = ""
) -> Response:
    """The way of the message so far; tells the citizen's side when it has something new to show."""
    chosen = await _page(session, page)
    context = await _travel(request, session, chosen, actor, track, since)
    headers = {"HX-Trigger": "citizen-side-changed"} if mark and context["mark"] != mark else {}
    view = "messages" if track.startswith("message:") else "wall"
    return render(request, "sandbox/_travel.html", headers=headers, page=chosen, view=view, **context)


@router.post("/comments")
async def write_comment(
    request: Request, session: SessionDep, actor: StaffDep, page: FormNumber, post: FormNumber, text: Text
) -> Response:
    """Написать комментарий."""
    visitor, since = await _come_in(request, session, page, actor), utc_now()
    written = await _client(request).comment(group_id=page, user_id=visitor.id, post_id=post, text=text.strip())
    return _follow(page, "wall", comment_key("wall", None, written["id"]), since, f"post-{post}")


@router.post("/comments/{comment_id}/text")
async def edit_comment(
    request: Request, comment_id: Number, session: SessionDep, actor: StaffDep, page: FormNumber, text: Text
) -> Response:
    """Изменить свой комментарий."""
    await _refuse_strangers(request, session, page, comment_id, actor)
    since = utc_now()
    await _client(request).comment(group_id=page, action="edit", comment_id=comment_id, text=text.strip())
    return _follow(page, "wall", comment_key("wall", None, comment_id), since, f"comment-{comment_id}")


@router.post("/comments/{comment_id}/deletion")
async def delete_comment(
    request: Request, comment_id: Number, session: SessionDep, actor: StaffDep, page: FormNumber
) -> Response:
    """Удалить свой комментарий."""
    await _refuse_strangers(request, session, page, comment_id, actor)
    since, user_id = utc_now(), visitor_of(actor).id
    await _client(request).comment(group_id=page, action="delete", comment_id=comment_id, user_id=user_id)
    return _follow(page, "wall", comment_key("wall", None, comment_id), since, "travel")


@router.post("/messages")
async def write_message(
    request: Request, session: SessionDep, actor: StaffDep, page: FormNumber, text: Text
) -> Response:
    """Написать странице лично."""
    visitor, since = await _come_in(request, session, page, actor), utc_now()
    written = await _client(request).message(group_id=page, user_id=visitor.id, text=text.strip())
    key = message_key(visitor.id, written["conversation_message_id"])
    return _follow(page, "messages", key, since, "dialog-end")


@router.post("/faults")
async def order_fault(
    request: Request,
    actor: StaffDep,
    kind: Annotated[str, Form(max_length=20)],
    page: FormNumber,
    view: Annotated[View, Form()] = "wall",
) -> Response:
    """Пусть следующий ответ не уйдёт."""
    if kind not in FAULTS:
        raise Invalid("Такой неполадки нет")
    what, fault = FAULTS[kind]
    await _client(request).misbehave(method=METHODS[view], **fault)
    place = "личный ответ" if view == "messages" else "ответ на комментарий"
    response = RedirectResponse("/sandbox?" + urlencode({"page": page, "view": view}), 303)
    flash(
        request, response, f"Следующий {place} ВКонтакте не примет: {what}. Ответьте на обращение и посмотрите.", "info"
    )
    return response


# Parts


async def _pages(session: AsyncSession) -> list[PublicPage]:
    """The pages of the demo city, in its order."""
    order = {str(page.id): number for number, page in enumerate(read_city().page)}
    query = select(PublicPage).where(
        col(PublicPage.platform) == "vk", col(PublicPage.external_id).in_(order), col(PublicPage.is_active)
    )
    return sorted(await session.scalars(query), key=lambda page: order[page.external_id])


async def _page(session: AsyncSession, external_id: int) -> PublicPage:
    found = next((page for page in await _pages(session) if page.external_id == str(external_id)), None)
    if found is None:
        raise NotFound("Такой страницы в песочнице нет")
    return found


async def _come_in(request: Request, session: AsyncSession, page: int, actor: Actor) -> Visitor:
    """The signed-in person as a citizen whom the stand-in knows. Raises NotFound for a page of no demo city."""
    await _page(session, page)
    visitor = visitor_of(actor)
    await _client(request).add_user(visitor.id, visitor.first_name, visitor.last_name)
    return visitor


async def _seen_by_citizen(request: Request, page: PublicPage, view: View, visitor: Visitor) -> dict[str, Any]:
    group_id, client = int(page.external_id), _client(request)
    context: dict[str, Any] = {"visitor": visitor, "posts": [], "messages": [], "problem": ""}
    try:
        if view == "messages":
            context["messages"] = _timed((await client.dialog(group_id, visitor.id))["messages"])
        else:
            context["posts"] = _timed((await client.feed(group_id))["posts"])
    except (StandInAway, Invalid) as error:
        context["problem"] = error.message
    return context


def _timed(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With `at`, an aware time, beside VK's whole seconds; all the way down the threads."""
    for thing in things:
        thing["at"] = datetime.fromtimestamp(thing["date"], UTC)
        _timed(thing.get("comments", []) + thing.get("replies", []))
    return things


async def _refuse_strangers(request: Request, session: AsyncSession, page: int, comment_id: int, actor: Actor) -> None:
    """Only its author changes a comment. Raises NotFound."""
    await _page(session, page)
    feed = await _client(request).feed(page)
    comments = _flat([comment for post in feed["posts"] for comment in post["comments"]])
    if (comment_id, visitor_of(actor).id) not in {(comment["id"], comment["from_id"]) for comment in comments}:
        raise NotFound("Такого вашего комментария нет")


def _flat(comments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for comment in comments for one in (comment, *_flat(comment["replies"]))]


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


def _follow(page: int, view: View, key: str, since: datetime, anchor: str) -> Response:
    query = urlencode({"page": page, "view": view, "track": key, "since": f"{since.timestamp():.6f}"})
    return RedirectResponse(f"/sandbox?{query}#{anchor}", 303)
