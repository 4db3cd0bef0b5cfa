"""/pages: the registry of official pages as a list. Sending is resumed through app/intake/pages.py."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import OperatorDep
from app.accounts.models import Role
from app.db import SessionDep
from app.platforms import PLATFORMS
from app.public_pages import choices, queries
from app.public_pages.queries import MOST_HITS
from app.public_pages.register import LINK_NAMES, Cursor, Register
from app.public_pages.wording import LEVEL_NAMES, SPHERE_NAMES
from app.time import utc_now
from app.web import render

router = APIRouter(include_in_schema=False)


@router.get("/pages")
async def show_pages(
    request: Request, session: SessionDep, actor: OperatorDep, after: Annotated[str, Query(max_length=320)] = ""
) -> Response:
    """Официальные страницы. `after` is the number and the name of the last page shown: "7:школа"."""
    now = utc_now()
    register = Register.from_query(request.query_params)
    listing = await queries.list_pages(session, register, Cursor.parse(after), now)
    return render(
        request,
        "public_pages/pages.html",
        register=register,
        listing=listing,
        most_hits=MOST_HITS,
        counts=await queries.count_links(session, now),
        cut_off=await queries.list_cut_off(session),
        following=register.url(str(listing.following)) if listing.following else "",
        shows_webhooks=actor.role == Role.ADMIN,
        **await filter_choices(session),
    )


async def filter_choices(session: AsyncSession) -> dict[str, Any]:
    """What the list can be narrowed by."""
    return {
        "platforms": PLATFORMS,
        "territories": await choices.territories(session),
        "spheres": {code: SPHERE_NAMES.get(code, code) for code in await choices.spheres(session)},
        "levels": LEVEL_NAMES,
        "links": LINK_NAMES,
    }
