"""/pages: the registry of official pages, read-only. Sending is resumed through app/intake/pages.py."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.accounts.access import OperatorDep
from app.accounts.models import Role
from app.db import SessionDep
from app.public_pages import queries
from app.public_pages.queries import ROWS, PageRow
from app.time import utc_now
from app.web import render

router = APIRouter(include_in_schema=False)
LONGEST_SEARCH = 100


@router.get("/pages")
async def show_pages(
    request: Request,
    session: SessionDep,
    actor: OperatorDep,
    q: Annotated[str, Query(max_length=LONGEST_SEARCH)] = "",
    after: Annotated[str, Query(max_length=320)] = "",
) -> Response:
    """Официальные страницы. `after` is the number and the name of the last page shown: "7:Школа"."""
    words = q.replace("\x00", "")
    rows = await queries.list_pages(session, words, _cursor(after))
    shown = rows[:ROWS]
    return render(
        request,
        "public_pages/pages.html",
        rows=shown,
        words=words,
        summary=await queries.summarise(session, utc_now()),
        cut_off=await queries.list_cut_off(session),
        following=_following(shown[-1], words) if len(rows) > ROWS else "",
        shows_webhooks=actor.role == Role.ADMIN,
    )


def _cursor(text: str) -> tuple[str, int] | None:
    number, _, name = text.replace("\x00", "").partition(":")
    return (name, int(number)) if number.isascii() and number.isdigit() and int(number) < 2**31 else None


def _following(last: PageRow, words: str) -> str:
    return "/pages?" + urlencode({"q": words, "after": f"{last.id}:{last.name}"})
