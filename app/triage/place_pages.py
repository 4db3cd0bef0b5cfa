"""A person says on the card where an appeal is about."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from app.accounts.access import OperatorDep
from app.appeals.pages import IdInPath, SeenVersion, carry_out
from app.db import SessionDep
from app.time import utc_now
from app.triage.place_choice import choose_place

router = APIRouter(include_in_schema=False)


@router.post("/appeals/{appeal_id}/place")
async def choose_the_place(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    code: Annotated[str, Form(max_length=11)] = "",
    version: SeenVersion = None,
) -> Response:
    """Выбрать место. The appeal is routed by it."""
    work = choose_place(
        request.app.state.resources, session, appeal_id, code, actor, now=utc_now(), expected_version=version
    )
    return await carry_out(request, session, appeal_id, work)
