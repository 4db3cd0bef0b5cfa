"""What people do to an appeal in the browser. Every verb ends at the card as it is now; reading is in triage.pages."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Annotated, Any, cast

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from pydantic import AfterValidator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.access import Actor, OperatorDep, StaffDep
from app.appeals import disclosure, drafts, outbox, service
from app.appeals.models import Answer, Appeal, appeal_columns
from app.appeals.visibility import visible_to
from app.db import SessionDep
from app.errors import AppError, Conflict, Invalid, NotFound
from app.live import Live
from app.time import utc_now
from app.web import flash, is_htmx, render

HEARTBEAT_SECONDS = 15.0
LARGEST_ID = 2**63 - 1
LONGEST_DRAFT = 20_000

router = APIRouter(include_in_schema=False)

IdInPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
SeenVersion = Annotated[int | None, Form(alias="version", ge=1, le=2**31 - 1)]
# PostgreSQL cannot keep a NUL; browsers send line breaks as CR LF.
Text = Annotated[
    str,
    Form(max_length=LONGEST_DRAFT),
    AfterValidator(lambda text: text.replace("\x00", "").replace("\r\n", "\n")),
]


@router.post("/appeals/{appeal_id}/assignment")
async def take_appeal(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: StaffDep, version: SeenVersion = None
) -> Response:
    """Взять себе."""
    work = service.take(session, appeal_id, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/routing")
async def hand_over(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    department: Annotated[int, Form(ge=1, le=2**31 - 1)],
    reason: Text = "",
    version: SeenVersion = None,
) -> Response:
    """Передать другому отделу."""
    work = service.reroute(
        session, appeal_id, department, actor, reason=reason, now=utc_now(), expected_version=version
    )
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/answers")
async def answer_appeal(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: StaffDep,
    text: Text = "",
    kind: Annotated[str, Form()] = "final",
    to: Annotated[str, Form()] = "public",
    version: SeenVersion = None,
) -> Response:
    """Ответить жителю. A refused text is kept as the draft."""
    now = utc_now()
    work = service.answer(
        session, appeal_id, text, actor, now=now, is_interim=kind == "interim", is_private=to == "private",
        is_question=kind == "question", expected_version=version,
    )  # fmt: skip
    return await carry_out(request, session, appeal_id, work, keep=(actor, text))


@router.post("/appeals/{appeal_id}/closure")
async def close_appeal(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: OperatorDep,
    reason: Annotated[str, Form()] = "",
    version: SeenVersion = None,
) -> Response:
    """Закрыть без ответа."""
    work = service.close(session, appeal_id, reason, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/confirmation")
async def confirm_appeal(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: OperatorDep, version: SeenVersion = None
) -> Response:
    """Признать обращением то, что показалось разговором."""
    work = service.confirm_appeal(session, appeal_id, actor, now=utc_now(), expected_version=version)
    return await carry_out(request, session, appeal_id, work)


@router.post("/appeals/{appeal_id}/notes")
async def leave_note(
    request: Request, appeal_id: IdInPath, session: SessionDep, actor: StaffDep, text: Text = ""
) -> Response:
    """Оставить заметку коллегам."""
    return await carry_out(request, session, appeal_id, service.note(session, appeal_id, text, actor, now=utc_now()))


@router.post("/appeals/{appeal_id}/draft")
async def save_draft(
    request: Request,
    appeal_id: IdInPath,
    session: SessionDep,
    actor: StaffDep,
    text: Text = "",
    to: Annotated[str, Form()] = "public",
) -> Response:
    """Сохранить набранное; called at every pause in typing."""
    if await session.scalar(select(appeal_columns.id).where(appeal_columns.id == appeal_id, visible_to(actor))) is None:
        raise NotFound(f"Обращения № {appeal_id} нет")
    now = utc_now()
    await drafts.save_draft(session, appeal_id, actor, text, now=now)
    return render(
        request, "appeals/_saved.html", appeal_id=appeal_id, saved_at=now, warnings=_warnings(text, to), is_swap=True
    )


def _warnings(text: str, to: str) -> list[str]:
    return disclosure.shown_to_all(text) if to == "public" else []


@router.post("/answers/{answer_id}/retry")
async def retry_answer(request: Request, answer_id: IdInPath, session: SessionDep, actor: StaffDep) -> Response:
    """Отправить недоставленный ответ ещё раз."""
    appeal_id = await _appeal_of(session, answer_id, actor)
    work = outbox.retry_answer(session, answer_id, actor, now=utc_now())
    return await carry_out(request, session, appeal_id, work)


@router.post("/answers/{answer_id}/confirmation")
async def confirm_answer(request: Request, answer_id: IdInPath, session: SessionDep, actor: StaffDep) -> Response:
    """Ответ виден в соцсети, хотя она его не подтвердила: срок останавливается."""
    appeal_id = await _appeal_of(session, answer_id, actor)
    work = outbox.confirm_answer(session, answer_id, actor, now=utc_now())
    return await carry_out(request, session, appeal_id, work)


@router.post("/answers/{answer_id}/cancellation")
async def cancel_answer(request: Request, answer_id: IdInPath, session: SessionDep, actor: StaffDep) -> Response:
    """Отменить недоставленный ответ. Its words come back as the draft, so that nothing typed is lost."""
    appeal_id, now = await _appeal_of(session, answer_id, actor), utc_now()

    async def give_up() -> None:
        words = await outbox.cancel_answer(session, answer_id, actor, now=now)
        await drafts.save_draft(session, appeal_id, actor, words, now=now)

    return await carry_out(request, session, appeal_id, give_up())


async def _appeal_of(session: AsyncSession, answer_id: int, actor: Actor) -> int:
    found = await session.scalar(
        select(col(Answer.appeal_id))
        .join(Appeal, appeal_columns.id == col(Answer.appeal_id))
        .where(col(Answer.id) == answer_id, visible_to(actor))
    )
    if found is None:
        raise NotFound("Такого ответа нет")
    return found


async def carry_out(
    request: Request,
    session: AsyncSession,
    appeal_id: int,
    work: Awaitable[Any],
    *,
    keep: tuple[Actor, str] | None = None,
    leave: bool = False,
) -> Response:
    """Do it and lead to the card as it is now, or to the list where that is not the reader's any more (`leave`).

    What was refused is said politely, and what was typed stays.
    """
    try:
        async with session.begin_nested():
            await work
    except (Conflict, Invalid) as refusal:
        if keep is not None and keep[0].user_id is not None:
            await drafts.save_draft(session, appeal_id, *keep, now=utc_now())
        return _refused(request, appeal_id, refusal)
    if leave:
        return Response(headers={"HX-Redirect": "/queue"}) if is_htmx(request) else RedirectResponse("/queue", 303)
    return RedirectResponse(f"/appeals/{appeal_id}", 303)


def _refused(request: Request, appeal_id: int, refusal: AppError) -> Response:
    """htmx keeps the page and its text, shows the sentence and loads the newer state around the text."""
    if is_htmx(request):
        again = {"HX-Trigger": json.dumps({"appeal-changed": appeal_id})} if isinstance(refusal, Conflict) else None
        return PlainTextResponse(refusal.message, refusal.status, again)
    response = RedirectResponse(f"/appeals/{appeal_id}", 303)
    flash(request, response, refusal.message, "bad")
    return response


@router.get("/live")
async def live_changes(request: Request, actor: StaffDep) -> StreamingResponse:
    """Changed appeals as server-sent events; a browser asks for what it may see of them."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(request.app.state.resources.live), media_type="text/event-stream", headers=headers)


async def events(live: Live, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> AsyncIterator[str]:
    """The stream: an event with ids for every change, a comment when nothing happens: so a dead line is noticed."""
    changes = cast("AsyncGenerator[list[int], None]", live.subscribe())
    coming = asyncio.ensure_future(_next(changes))
    try:
        yield ": hello\n\n"
        while True:
            done, _ = await asyncio.wait({coming}, timeout=heartbeat_seconds)
            if not done:
                yield ": still here\n\n"
                continue
            ids = coming.result()
            if ids is None:  # this process stops; the browser finds the next one
                return
            coming = asyncio.ensure_future(
                _next(changes)
            )  # always waiting, so that cancelling it ends the subscription
            yield f"event: appeals\ndata: {json.dumps({'ids': ids}, separators=(',', ':'))}\n\n"
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await changes.aclose()


async def _next(changes: AsyncIterator[list[int]]) -> list[int] | None:
    return await anext(changes, None)
