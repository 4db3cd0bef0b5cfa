"""/pages/{id}: one official page, what it is, how it is connected, its keys; and what a person does about them."""

from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import Actor, AdminDep, ManagerDep, OperatorDep
from app.accounts.actor import RIGHTS, Right
from app.audit.service import audit
from app.db import SessionDep
from app.errors import Conflict, Invalid, NotFound
from app.platforms import PLATFORMS, UnknownPlatform
from app.platforms.base import SendFailed
from app.public_pages import audience, choices, connection, details, editing, keys
from app.public_pages.editing import ChangedMeanwhile, Filled, NotAcceptable
from app.public_pages.keys import KeysNotAcceptable
from app.public_pages.models import PublicPage
from app.public_pages.owners import way_to_owner
from app.public_pages.queries import read_row
from app.public_pages.service import webhook_path
from app.public_pages.wording import LEVEL_NAMES, SPHERE_NAMES, sphere_name
from app.resources import Resources
from app.time import utc_now
from app.vault import CannotDecrypt
from app.web import flash, render

router = APIRouter(include_in_schema=False)
PageId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/pages/{page_id}")
async def show_page(request: Request, page_id: PageId, session: SessionDep, actor: OperatorDep) -> Response:
    """Официальная страница."""
    return await _view(request, session, actor, page_id)


@router.post("/pages/{page_id}")
async def save_page(request: Request, page_id: PageId, session: SessionDep, actor: ManagerDep) -> Response:
    """Сохранить, что это за страница."""
    form = await request.form()
    filled, edition = editing.read_filled(form), str(form.get("edition", ""))
    try:
        page = await editing.change_page(session, page_id, filled, edition, actor, utc_now())
    except (NotAcceptable, ChangedMeanwhile) as refusal:
        return await _view(request, session, actor, page_id, filled=filled, refusal=refusal)
    return _back(request, page_id, f"Страница «{page.name}» сохранена")


@router.post("/pages/{page_id}/keys")
async def save_keys(request: Request, page_id: PageId, session: SessionDep, actor: AdminDep) -> Response:
    """Сменить ключи доступа: что не вписано, остаётся."""
    page = await _page(session, page_id)
    try:
        given = keys.read_given(await request.form(), page.external_id)
        await keys.change_keys(session, request.app.state.resources.vault, page, given, actor, utc_now())
    except KeysNotAcceptable as refusal:
        return await _view(request, session, actor, page_id, key_refusal=refusal)
    return _back(request, page_id, "Ключи доступа сохранены. Проверьте связь.")


@router.post("/pages/{page_id}/connection")
async def connect(request: Request, page_id: PageId, actor: AdminDep) -> Response:
    """Подключить: the platform is asked outside of any transaction."""
    work = connection.connect_page(request.app.state.resources, page_id)
    return await _ask(request, page_id, actor, "page_connected", work, "Площадка доставляет события на наш адрес")


@router.post("/pages/{page_id}/checks")
async def check(request: Request, page_id: PageId, actor: ManagerDep) -> Response:
    """Проверить связь."""
    work = connection.check_page(request.app.state.resources, page_id)
    return await _ask(request, page_id, actor, "page_checked", work, "Площадка подтверждает: события доставляются")


async def _ask(
    request: Request, page_id: int, actor: Actor, action: str, work: Awaitable[str | None], all_is_well: str
) -> Response:
    """Carry out what asks the platform, write down that it was asked, say what came of it."""
    resources: Resources = request.app.state.resources
    try:
        problem = await work
    except (connection.CannotConnect, CannotDecrypt, UnknownPlatform) as error:
        problem = str(error)
    except SendFailed as failure:
        problem = f"Спросить площадку не удалось. {failure.reason}"
    async with resources.database.transaction() as session:
        audit(session, actor.label, action, utc_now(), page_id=page_id, problem=problem)
    return _back(request, page_id, problem or all_is_well, "bad" if problem else "good")


@router.get("/bodies")
async def suggest_bodies(
    request: Request,
    session: SessionDep,
    actor: ManagerDep,
    body: Annotated[str, Query(max_length=400)] = "",
    parent_body: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Органы, похожие на то, что вписывают."""
    words = (body or parent_body).replace("\x00", "").strip()
    return render(request, "public_pages/_bodies.html", bodies=await choices.bodies(session, words))


async def _page(session: AsyncSession, page_id: int) -> PublicPage:
    page = await session.get(PublicPage, page_id)
    if page is None:
        raise NotFound("Такой страницы нет")
    return page


async def _view(
    request: Request,
    session: AsyncSession,
    actor: Actor,
    page_id: int,
    *,
    filled: Filled | None = None,
    refusal: NotAcceptable | ChangedMeanwhile | None = None,
    key_refusal: KeysNotAcceptable | None = None,
) -> Response:
    page, now = await _page(session, page_id), utc_now()
    stored = await editing.filled_of(session, page)
    refused: Invalid | Conflict | None = refusal or key_refusal
    counts = await details.audience_of(session, page_id)
    context: dict[str, Any] = {
        "row": await read_row(session, page_id),
        "page": page,
        "platform": PLATFORMS[page.platform],
        "stored": stored,
        "filled": filled or stored,
        "edition": editing.edition_of(stored),
        "refusal": refusal,
        "problems": refusal.problems if refusal else {},
        "key_refusal": key_refusal,
        "field_names": editing.FIELD_NAMES,
        "way": await way_to_owner(session, page),
        "appeals": await details.count_appeals(session, page_id, now),
        "poll": await details.read_poll(session, page_id),
        "obstacle": details.connection_obstacle(page),
        "audience": counts,
        "trend": audience.draw(counts),
    }
    return render(
        request,
        "public_pages/page.html",
        status_code=refused.status if refused else 200,
        **context,
        **await _rights(request, session, actor, page, filled or stored),
    )


async def _rights(
    request: Request, session: AsyncSession, actor: Actor, page: PublicPage, filled: Filled
) -> dict[str, Any]:
    """What this person may do here, and what there is to choose from."""
    may_edit, may_key = actor.role in RIGHTS[Right.OVERSEE], actor.role in RIGHTS[Right.ADMINISTER]
    resources: Resources = request.app.state.resources
    known = await choices.spheres(session) if may_edit else []
    return {
        "may_edit": may_edit,
        "may_key": may_key,
        "keys": keys.keys_of(resources.vault, page) if may_key else [],
        "entrance": resources.settings.base_url + webhook_path(page) if may_key or page.platform == "web" else "",
        "territories": await choices.territories(session),
        "departments": await choices.departments(session) if may_edit else [],
        "levels": LEVEL_NAMES,
        "spheres": sorted({*SPHERE_NAMES.values(), *(code for code in known if code not in SPHERE_NAMES)}),
        "sphere": sphere_name(filled.sphere),
    }


def _back(request: Request, page_id: int, text: str, tone: str = "good") -> Response:
    response = RedirectResponse(f"/pages/{page_id}", 303)
    flash(request, response, text, tone)
    return response
