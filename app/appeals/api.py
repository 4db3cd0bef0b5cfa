"""/api/v1: appeals, messages and answers for other systems. Bearer tokens; lists by keyset, newest first."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import Actor, require_token
from app.accounts.models import Role
from app.api import LARGEST_ID, NO_NUL, CursorQuery, IdPath, LimitQuery, cursor_of, id_of, refusals
from app.appeals import api_queries as queries
from app.appeals import files, outbox, service
from app.appeals.api_schema import (
    AnswerItem,
    AppealCard,
    AppealItem,
    AppealPage,
    MessageItem,
    MessagePage,
    NewAnswer,
    NewClosure,
    NewRouting,
)
from app.appeals.file_pages import Sha256
from app.appeals.models import State
from app.db import SessionDep
from app.errors import NotFound
from app.time import utc_now

router = APIRouter(prefix="/api/v1", responses=refusals(401, 403, 422))

# A token belongs to a system, not to a department: role `department` would have nothing it may see, so it gets 403.
TokenDep = Annotated[Actor, Depends(require_token(Role.OPERATOR, Role.MANAGER, Role.ADMIN))]
Platform = Annotated[
    Literal["vk", "ok", "max", "telegram", "viber", "web", "open311"] | None, Query(description="Соцсеть")
]
PageNumber = Annotated[
    str | None, Query(max_length=64, pattern=NO_NUL, description="Номер страницы в соцсети", examples=["200000001"])
]


def _text_query(description: str, max_length: int, example: str) -> Any:
    return Query(max_length=max_length, pattern=NO_NUL, description=description, examples=[example])


@router.get("/appeals", tags=["Обращения"], summary="Список обращений")
async def list_appeals(
    session: SessionDep,
    actor: TokenDep,
    state: Annotated[State | None, Query(description="Состояние")] = None,
    is_open: Annotated[bool | None, Query(description="Ждёт ли житель ответа")] = None,
    platform: Platform = None,
    page: PageNumber = None,
    department: Annotated[str | None, _text_query("Код отдела", 80, "housing")] = None,
    topic: Annotated[str | None, _text_query("Тема, точно", 300, "Отопление")] = None,
    text: Annotated[str | None, _text_query("Слова из обращения, в любой форме", 500, "нет отопления")] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> AppealPage:
    """Обращения, новые первыми. Условия складываются: остаются обращения, для которых верны все."""
    filters = queries.AppealFilters(state, is_open, platform, page, department, topic, text)
    rows = await queries.appeals_before(session, filters, id_of(cursor), limit + 1)
    return AppealPage(items=[AppealItem.model_validate(row) for row in rows[:limit]], next=_next(rows, limit))


def _next(rows: Sequence[Row[Any]], limit: int) -> str | None:
    """One row more than asked for was read: if it came, the list goes on."""
    return cursor_of(rows[limit - 1].id) if len(rows) > limit else None


@router.get("/messages", tags=["Сообщения"], summary="Список сообщений")
async def list_messages(
    session: SessionDep,
    actor: TokenDep,
    platform: Platform = None,
    page: PageNumber = None,
    external_id: Annotated[
        str | None, _text_query("Номер сообщения в соцсети или его ключ у нас", 200, "wall:731")
    ] = None,
    appeal_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Номер обращения")] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> MessagePage:
    """Каждое сообщение соцсети, как оно понято, стало оно обращением или нет. Новые первыми."""
    filters = queries.MessageFilters(platform, page, external_id, appeal_id)
    rows = await queries.messages_before(session, filters, id_of(cursor), limit + 1)
    items = await files.with_files(session, rows[:limit])
    return MessagePage(items=[MessageItem.model_validate(item) for item in items], next=_next(rows, limit))


@router.get("/appeals/{appeal_id}", tags=["Обращения"], summary="Обращение целиком", responses=refusals(404))
async def read_appeal(session: SessionDep, actor: TokenDep, appeal_id: IdPath) -> AppealCard:
    """Обращение с мнением модели, решением правил, сроками, сообщениями, ответами и историей."""
    found = await queries.card(session, appeal_id)
    if found is None:
        raise _no_appeal(appeal_id)
    return AppealCard.model_validate(
        {
            **found.appeal._mapping,
            "judgement": found.appeal.judgement or None,
            "routing": found.appeal.routing or None,
            "clocks": found.clocks,
            "messages": await files.with_files(session, found.messages),
            "answers": found.answers,
            "history": found.history,
        }
    )


@router.get(
    "/files/{sha256}",
    tags=["Сообщения"],
    summary="Файл вложения",
    responses={200: {"content": {"application/octet-stream": {}}, "description": "Содержимое"}, **refusals(404, 503)},
    response_class=Response,
)
async def read_file(request: Request, session: SessionDep, actor: TokenDep, sha256: Sha256) -> Response:
    """Содержимое файла; его тип определён нами и стоит в Content-Type."""
    stored = await files.find_file(session, sha256, actor)
    return await files.file_response(request.app.state.resources.files, stored)


def _no_appeal(appeal_id: int) -> NotFound:
    return NotFound(f"Обращения № {appeal_id} нет")


@router.post(
    "/appeals/{appeal_id}/answers",
    status_code=201,
    tags=["Обращения"],
    summary="Ответить жителю",
    responses=refusals(400, 404, 409),
)
async def write_answer(
    session: SessionDep, actor: TokenDep, appeal_id: IdPath, body: NewAnswer, response: Response
) -> AnswerItem:
    """Ответ принят и уйдёт в соцсеть сразу. Доставку и причину отказа видно в `answers` обращения."""
    written = await service.answer(
        session, appeal_id, body.text, actor, now=utc_now(), is_interim=body.is_interim, is_private=body.is_private,
        expected_version=body.expected_version,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/appeals/{appeal_id}"
    return AnswerItem.model_validate(written)


@router.post(
    "/answers/{answer_id}/retry",
    tags=["Обращения"],
    summary="Отправить недоставленный ответ ещё раз",
    responses=refusals(404, 409),
)
async def retry_answer(session: SessionDep, actor: TokenDep, answer_id: IdPath) -> AnswerItem:
    """Для ответа в состоянии failed, hands_needed или unknown. Сначала убедитесь, что житель его не видит."""
    return AnswerItem.model_validate(await outbox.retry_answer(session, answer_id, actor, now=utc_now()))


@router.post(
    "/answers/{answer_id}/confirmation",
    tags=["Обращения"],
    summary="Подтвердить, что ответ дошёл",
    responses=refusals(404, 409),
)
async def confirm_answer(session: SessionDep, actor: TokenDep, answer_id: IdPath) -> AnswerItem:
    """Для ответа в состоянии unknown, который виден в соцсети: срок останавливается."""
    return AnswerItem.model_validate(await outbox.confirm_answer(session, answer_id, actor, now=utc_now()))


@router.post(
    "/appeals/{appeal_id}/routing",
    tags=["Обращения"],
    summary="Передать другому отделу",
    responses=refusals(400, 404, 409),
)
async def hand_over(session: SessionDep, actor: TokenDep, appeal_id: IdPath, body: NewRouting) -> AppealItem:
    """Отдел меняется, срок остаётся прежним."""
    department_id = await queries.department_id(session, body.department)
    await service.reroute(
        session, appeal_id, department_id, actor, reason=body.reason, now=utc_now(),
        expected_version=body.expected_version,
    )  # fmt: skip
    return await _as_it_stands(session, appeal_id)


@router.post(
    "/appeals/{appeal_id}/closure",
    tags=["Обращения"],
    summary="Закрыть без ответа",
    responses=refusals(400, 404, 409),
)
async def close_appeal(session: SessionDep, actor: TokenDep, appeal_id: IdPath, body: NewClosure) -> AppealItem:
    """Спам, повторы и сообщения, не ждущие ответа, выходят из показателей."""
    await service.close(session, appeal_id, body.reason, actor, now=utc_now(), expected_version=body.expected_version)
    return await _as_it_stands(session, appeal_id)


async def _as_it_stands(session: AsyncSession, appeal_id: int) -> AppealItem:
    """The appeal after what this request did to it."""
    await session.flush()
    found = await queries.item(session, appeal_id)
    if found is None:
        raise _no_appeal(appeal_id)
    return AppealItem.model_validate(found)
