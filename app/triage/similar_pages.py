"""The list of appeals like one appeal."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.accounts.access import StaffDep
from app.appeals.card import read_card
from app.appeals.pages import IdInPath
from app.appeals.queue import STATE_NAMES
from app.db import SessionDep
from app.triage.similar import DAYS, MOST_ALIKE, alike
from app.web import render
from classifier.likeness import ALIKE_FROM

router = APIRouter(include_in_schema=False)


@router.get("/appeals/{appeal_id}/similar")
async def show_similar(request: Request, appeal_id: IdInPath, session: SessionDep, actor: StaffDep) -> Response:
    """Похожие обращения."""
    appeal = (await read_card(session, appeal_id, actor)).appeal
    return render(
        request, "triage/similar.html", appeal=appeal, alike=await alike(session, appeal, actor),
        state_names=STATE_NAMES, days=DAYS, most=MOST_ALIKE, alike_from=ALIKE_FROM,
    )  # fmt: skip
