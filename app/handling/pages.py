"""Verbs of the departments' work in the browser. Every one ends at the card as it is now."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from app.accounts.access import OperatorDep, StaffDep
from app.appeals.pages import IdInPath, SeenVersion, Text, carry_out
from app.db import SessionDep
from app.handling import checking, executors, parts, returns
from app.time import utc_now

LARGEST_KEY = 2**31 - 1
ChosenId = Annotated[int, Form(ge=1, le=LARGEST_KEY)]

router = APIRouter(include_in_schema=False)


@router.post("/appeals/{appeal_id}/return")
async def give_back(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: StaffDep,
    reason: Text = "",
    department: Annotated[int | None, Form(ge=0, le=LARGEST_KEY)] = None,
    version: SeenVersion = None,
) -> Response:
    """Вернуть «не наше». The card is another department's then, so the way leads back to the list."""
    work = returns.give_back(
        session, appeal_id, actor, reason=reason, proposed_id=department or None, now=utc_now(),
        expected_version=version,
    )  # fmt: skip
    return await carry_out(request, session, appeal_id, work, leave=True)


@router.post("/appeals/{appeal_id}/check")
async def check_answer(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    verdict: Annotated[str, Form(pattern="^(approve|send_back)$")],
    text: Text = "",
    reason: Text = "",
    version: SeenVersion = None,
) -> Response:
    """Проверить ответ отдела: отправить, как он теперь написан, или вернуть на доработку."""
    now = utc_now()
    if verdict == "approve":
        work = checking.approve(session, appeal_id, actor, text=text, now=now, expected_version=version)
    else:
        work = checking.send_back(session, appeal_id, actor, reason=reason, now=now, expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/parts")
async def ask_part(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: StaffDep,
    department: ChosenId,
    question: Text = "",
    version: SeenVersion = None,
) -> Response:
    """Попросить часть ответа у соисполнителя."""
    work = parts.ask_part(
        session, appeal_id, department, actor, question=question, now=utc_now(), expected_version=version
    )
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/part")
async def give_part(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: StaffDep,
    text: Text = "",
    verdict: Annotated[str, Form(pattern="^(give|decline)$")] = "give",
) -> Response:
    """Дать свою часть ответа или отказаться с причиной."""
    work = parts.give_part(session, appeal_id, actor, text=text, now=utc_now(), is_declined=verdict == "decline")
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/draft/parts")
async def join_parts(request: Request, appeal_id: IdInPath, session: SessionDep, actor: StaffDep) -> Response:
    """Собрать готовые части в черновик ответа."""
    return await carry_out(request, session, appeal_id, parts.join_parts(session, appeal_id, actor, now=utc_now()))


@router.post("/appeals/{appeal_id}/executor")
async def assign_executor(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: StaffDep,
    user: ChosenId,
    version: SeenVersion = None,
) -> Response:
    """Назначить исполнителя из отдела."""
    now = utc_now()
    today = now.astimezone(ZoneInfo(request.app.state.resources.settings.time_zone)).date()
    work = executors.assign(session, appeal_id, user, actor, today=today, now=now, expected_version=version)
    return await carry_out(request, session, appeal_id, work)
