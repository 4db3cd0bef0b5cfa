"""What managers do to versions in the browser: draft, edit, check, simulate, approve, publish, roll back."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import Actor, ManagerDep
from app.api import NO_NUL
from app.db import SessionDep
from app.errors import Invalid
from app.formats import plural
from app.rules import service
from app.rules.asking import frame, open_book
from app.rules.service import RulesRefused
from app.rules.simulation import LAST, MOST_LAST, ask_for_simulation
from app.rules.versions import load_draft
from app.time import utc_now
from app.web import flash, render
from routing_rules.csv_tables import CO_DEPARTMENTS
from routing_rules.editing import NoSuchCell, next_cell_id, put_cell, remove_cell
from routing_rules.parser import MATRIX, RULES

router = APIRouter(include_in_schema=False)
VersionInPath = Annotated[int, Path(ge=1, le=2**31 - 1)]
Edition = Annotated[int, Form(ge=1, le=2**31 - 1)]
Field = Annotated[str, Form(max_length=400, pattern=NO_NUL)]


@router.post("/rules/drafts")
async def start_draft(request: Request, session: SessionDep, actor: ManagerDep, note: Field = "") -> Response:
    """Завести черновик от действующей версии."""
    draft = await service.start_draft(session, actor, note, now=utc_now())
    return _to(
        request, f"/rules/versions/{draft.id}", f"Черновик {draft.version} заведён: правьте матрицу и исключения"
    )


@router.post("/rules/versions/{version_id}/cells")
async def save_cell(
    request: Request,
    version_id: VersionInPath,
    session: SessionDep,
    actor: ManagerDep,
    edition: Edition,
    department: Field,
    cell: Field = "",
    topic_group: Field = "",
    topic: Field = "",
    territory: Field = "",
    sphere: Field = "",
    page: Field = "",
    co_departments: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Добавить или изменить ячейку матрицы."""
    draft = await load_draft(session, version_id, edition)
    ids = [one.id for one in service.read_rules(draft.files).tables.cells]
    row = {
        "id": cell or next_cell_id(ids), "topic_group": topic_group, "topic": topic, "territory": territory,
        "sphere": sphere, "page": page, "department": department, CO_DEPARTMENTS: " ".join(co_departments or ()),
    }  # fmt: skip
    await _store(session, version_id, MATRIX, put_cell(draft.files[MATRIX], row), actor, edition)
    return _to(request, f"/rules?version={version_id}&q={row['id']}", f"Ячейка {row['id']} сохранена в черновике")


@router.post("/rules/versions/{version_id}/cells/removal")
async def drop_cell(
    request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep, edition: Edition, cell: Field
) -> Response:
    """Удалить ячейку матрицы."""
    draft = await load_draft(session, version_id, edition)
    try:
        matrix = remove_cell(draft.files[MATRIX], cell)
    except NoSuchCell as error:
        raise Invalid(str(error)) from error
    await _store(session, version_id, MATRIX, matrix, actor, edition)
    return _to(request, f"/rules?version={version_id}", f"Ячейка {cell} удалена из черновика")


async def _store(
    session: AsyncSession, version_id: int, file: str, content: str, actor: Actor, edition: int
) -> None:  # fmt: skip
    await service.change_file(session, version_id, file, content, actor, now=utc_now(), edition=edition)


@router.get("/rules/versions/{version_id}/text")
async def show_text(request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep) -> Response:
    """Исключения и пороги текстом."""
    book = await open_book(request, session, version_id)
    return render(
        request, "rules/text.html", content=book.opened.files[RULES], edition=book.opened.edition, problems=(),
        **await frame(session, book, "text"),
    )  # fmt: skip


@router.post("/rules/versions/{version_id}/text")
async def save_text(
    request: Request,
    version_id: VersionInPath,
    session: SessionDep,
    actor: ManagerDep,
    edition: Edition,
    content: Annotated[str, Form(max_length=1_000_000)],
) -> Response:
    """Сохранить текст; с ошибками он возвращается, а в черновике остаётся прежний."""
    text = content.replace("\r\n", "\n")
    try:
        await _store(session, version_id, RULES, text, actor, edition)
    except RulesRefused as error:
        book = await open_book(request, session, version_id)
        return render(
            request, "rules/text.html", status_code=422, content=text, edition=edition, problems=error.problems,
            **await frame(session, book, "text"),
        )  # fmt: skip
    return _to(request, f"/rules/exceptions?version={version_id}", "Исключения сохранены в черновике")


@router.post("/rules/versions/{version_id}/check")
async def check(request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep) -> Response:
    """Проверить черновик."""
    problems = await service.check_draft(session, version_id, now=utc_now())
    errors = sum(not problem.is_warning for problem in problems)
    text = f"Нашлось: {errors} {plural(errors, 'ошибка', 'ошибки', 'ошибок')}" if errors else "Ошибок нет"
    return _to(request, f"/rules/versions/{version_id}", text, "bad" if errors else "good")


@router.post("/rules/versions/{version_id}/simulations")
async def start_simulation(
    request: Request,
    version_id: VersionInPath,
    session: SessionDep,
    actor: ManagerDep,
    last: Annotated[int, Form(ge=1, le=MOST_LAST)] = LAST,
) -> Response:
    """Прогнать черновик по прошлым обращениям."""
    await ask_for_simulation(session, version_id, actor, last, now=utc_now())
    return _to(request, f"/rules/versions/{version_id}", "Прогон начат: страница обновится сама")


@router.post("/rules/versions/{version_id}/base")
async def catch_up(request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep) -> Response:
    """Подтвердить отличия от новой действующей версии."""
    await service.catch_up(session, version_id, actor, now=utc_now())
    return _to(request, f"/rules/versions/{version_id}", "Отличия подтверждены. Проверьте и прогоните черновик заново.")


@router.post("/rules/versions/{version_id}/approval")
async def approve(
    request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep, edition: Edition
) -> Response:
    """Согласиться с черновиком: второй человек."""
    await service.approve(session, version_id, actor, now=utc_now(), edition=edition)
    return _to(request, f"/rules/versions/{version_id}", "Согласие записано")


@router.post("/rules/versions/{version_id}/publication")
async def publish(
    request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep, edition: Edition
) -> Response:
    """Опубликовать черновик; с ошибками страница покажет, что исправить."""
    settings = request.app.state.resources.settings
    try:
        row = await service.publish(
            session, version_id, actor, now=utc_now(), needs_approval=settings.rules_need_approval, edition=edition
        )
    except RulesRefused:  # the draft keeps what the check has found
        return _to(request, f"/rules/versions/{version_id}", "Публиковать рано: исправьте ошибки проверки", "bad")
    return _to(request, f"/rules/versions/{version_id}", f"Действует {row.version}: следующая пачка пойдёт по ней")


@router.post("/rules/versions/{version_id}/rollback")
async def roll_back(request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep) -> Response:
    """Вернуть прежнюю версию."""
    row = await service.roll_back(session, version_id, actor, now=utc_now())
    return _to(request, f"/rules/versions/{row.id}", f"Действует {row.version}. {row.note}")


@router.post("/rules/versions/{version_id}/removal")
async def discard(request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep) -> Response:
    """Удалить черновик."""
    await service.discard(session, version_id, actor, now=utc_now())
    return _to(request, "/rules/versions", "Черновик удалён")


def _to(request: Request, address: str, text: str, tone: str = "good") -> Response:
    response = RedirectResponse(address, 303)
    flash(request, response, text, tone)
    return response
