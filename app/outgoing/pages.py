"""/channels: departments' own systems, what they were told and what they would not take."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.access import ManagerDep
from app.db import SessionDep
from app.formats import number, plural
from app.outgoing import channels, queries, replaying
from app.outgoing.queries import ROWS
from app.time import utc_now
from app.web import flash, render

router = APIRouter(include_in_schema=False)
ChannelId = Annotated[int, Path(ge=1, le=2**31 - 1)]
LARGEST_ID = 2**63 - 1
EVENT_NAMES = {
    "appeal.routed": "передано отделу", "appeal.withdrawn": "передано другому отделу",
    "appeal.appended": "житель дописал", "appeal.edited": "житель исправил", "appeal.deleted": "житель удалил",
    "appeal.answered": "ответ доставлен", "appeal.closed": "закрыто", "appeal.due_changed": "изменился срок",
    "appeal.part_asked": "попросили часть ответа", "appeal.part_dropped": "часть ответа не нужна",
}  # fmt: skip
STATES = {
    "pending": ("warn", "ждёт отправки"), "sending": ("warn", "отправляется"), "delivered": ("good", "принято"),
    "failed": ("bad", "не принято"),
}  # fmt: skip


@router.get("/channels")
async def show_channels(
    request: Request,
    session: SessionDep,
    actor: ManagerDep,
    channel: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> Response:
    """Системы отделов и последние доставки одной из них."""
    rows = await queries.list_channels(session)
    chosen = next((row for row in rows if row.id == channel), rows[0] if rows else None)
    found = await queries.deliveries_of(session, chosen.id, before) if chosen else []
    shown = found[:ROWS]
    return render(
        request,
        "outgoing/channels.html",
        channels=rows,
        chosen=chosen,
        rows=shown,
        events=EVENT_NAMES,
        states=STATES,
        following=f"/channels?channel={chosen.id}&before={shown[-1].id}" if chosen and len(found) > ROWS else "",
    )


@router.post("/channels/{channel_id}/stopping")
async def stop(request: Request, channel_id: ChannelId, session: SessionDep, actor: ManagerDep) -> Response:
    """Остановить канал."""
    await channels.stop_channel(session, channel_id, "", actor, now=utc_now())
    return _back(request, channel_id, "Канал остановлен. Что ждало отправки, подождёт возобновления.")


@router.post("/channels/{channel_id}/resumption")
async def resume(request: Request, channel_id: ChannelId, session: SessionDep, actor: ManagerDep) -> Response:
    """Возобновить канал."""
    await channels.resume_channel(session, channel_id, actor, now=utc_now())
    return _back(request, channel_id, "Канал работает")


@router.post("/channels/{channel_id}/replay")
async def replay_failed(request: Request, channel_id: ChannelId, session: SessionDep, actor: ManagerDep) -> Response:
    """Повторить всё, что не принято."""
    count = await replaying.replay_failed(session, channel_id, actor, now=utc_now())
    text = f"Отправится снова: {number(count)} {plural(count, 'событие', 'события', 'событий')}"
    return _back(request, channel_id, text)


@router.post("/deliveries/{delivery_id}/replay")
async def replay(
    request: Request, delivery_id: Annotated[int, Path(ge=1, le=LARGEST_ID)], session: SessionDep, actor: ManagerDep
) -> Response:
    """Повторить одну доставку."""
    again = await replaying.replay(session, delivery_id, actor, now=utc_now())
    return _back(request, again.channel_id, "Событие отправится снова под прежним номером")


def _back(request: Request, channel_id: int, text: str) -> Response:
    response = RedirectResponse(f"/channels?channel={channel_id}", 303)
    flash(request, response, text)
    return response
