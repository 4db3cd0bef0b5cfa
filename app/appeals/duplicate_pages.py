"""Repeats in the browser: merging, parting, one answer to all."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.access import OperatorDep
from app.appeals import duplicates
from app.appeals.pages import LARGEST_ID, IdInPath, SeenVersion, Text, carry_out
from app.db import SessionDep
from app.time import utc_now
from app.web import flash

router = APIRouter(include_in_schema=False)


@router.post("/appeals/{appeal_id}/duplicate")
async def mark_duplicate(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    parent: Annotated[int, Form(ge=1, le=LARGEST_ID)],
    version: SeenVersion = None,
) -> Response:
    """Признать повтором другого обращения."""
    work = duplicates.mark_duplicate(session, appeal_id, parent, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/separation")
async def separate(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: OperatorDep, version: SeenVersion = None
) -> Response:
    """Отсоединить повтор."""
    work = duplicates.separate(session, appeal_id, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/repeated-answers")
async def answer_repeats(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: OperatorDep, text: Text = ""
) -> Response:
    """Ответить авторам всех повторов. Says of each that refuses why."""
    outcomes: list[duplicates.Outcome] = []

    async def answer_all() -> None:
        outcomes.extend(await duplicates.answer_repeats(session, appeal_id, text, actor, now=utc_now()))

    response = await carry_out(request, session, appeal_id, answer_all())
    refused = [one for one in outcomes if one.refusal]
    if outcomes and isinstance(response, RedirectResponse):
        told = f"Ответов отправляется: {len(outcomes) - len(refused)} из {len(outcomes)}"
        why = "".join(f". № {one.appeal_id}: {one.refusal}" for one in refused)
        flash(request, response, told + why, "bad" if refused else "good")
    return response
