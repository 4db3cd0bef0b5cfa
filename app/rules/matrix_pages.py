"""The matrix as a file, and what history says of it."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from app.accounts.access import ManagerDep
from app.db import SessionDep
from app.rules import service
from app.rules.asking import frame, open_book
from app.rules.learning import DAYS, read_evidence
from app.rules.service import RulesRefused
from app.rules.sheets import XLSX, matrix_from_file, matrix_workbook
from app.rules.versions import load_draft
from app.time import utc_now
from app.web import flash, render
from routing_rules.editing import next_cell_id, put_cell
from routing_rules.learning import propose
from routing_rules.parser import MATRIX

router = APIRouter(include_in_schema=False)
VersionInPath = Annotated[int, Path(ge=1, le=2**31 - 1)]
Edition = Annotated[int, Form(ge=1, le=2**31 - 1)]
HISTORY_PREFIX = "ИС"


@router.get("/rules/versions/{version_id}/matrix.xlsx")
async def download(request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep) -> Response:
    """Матрица как XLSX."""
    book = await open_book(request, session, version_id)
    headers = {"Content-Disposition": f'attachment; filename="matrix-{version_id}.xlsx"', "Cache-Control": "no-store"}
    return Response(await matrix_workbook(book.rules), media_type=XLSX, headers=headers)


@router.post("/rules/versions/{version_id}/matrix")
async def upload(
    request: Request, version_id: VersionInPath, session: SessionDep, actor: ManagerDep, edition: Edition,
    file: UploadFile,
) -> Response:  # fmt: skip
    """Заменить матрицу черновика таблицей; с ошибками показать их и ничего не менять."""
    book = await open_book(request, session, version_id)
    try:
        matrix = await matrix_from_file(book.rules, book.opened.files[MATRIX], file.filename or "", await file.read())
        await service.change_file(session, version_id, MATRIX, matrix, actor, now=utc_now(), edition=edition)
    except RulesRefused as error:
        context = await frame(session, book, "matrix")
        return render(
            request, "rules/upload.html", status_code=422, problems=error.problems, message=error.message, **context
        )
    response = RedirectResponse(f"/rules/versions/{version_id}", 303)
    flash(request, response, "Матрица загружена в черновик: проверьте отличия")
    return response


@router.get("/rules/hints")
async def show_hints(
    request: Request, session: SessionDep, actor: ManagerDep,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:  # fmt: skip
    """Ячейки, которые подсказывает история."""
    book = await open_book(request, session, version)
    hints = propose(book.rules, await read_evidence(session, utc_now()))
    return render(request, "rules/hints.html", hints=hints, days=DAYS, **await frame(session, book, "hints"))


@router.post("/rules/versions/{version_id}/hints")
async def accept_hint(
    request: Request,
    version_id: VersionInPath,
    session: SessionDep,
    actor: ManagerDep,
    edition: Edition,
    topic: Annotated[str, Form(max_length=300)],
    territory: Annotated[str, Form(max_length=11)],
    department: Annotated[str, Form(max_length=80)],
) -> Response:
    """Принять подсказку: её ячейка попадает в черновик."""
    draft = await load_draft(session, version_id, edition)
    cells = service.read_rules(draft.files).tables.cells
    known = [
        cell.id
        for cell in cells
        if (cell.topic, cell.territory, cell.group, cell.sphere, cell.page) == (topic, territory, "", "", "")
    ]
    cell_id = known[0] if known else next_cell_id((cell.id for cell in cells), HISTORY_PREFIX)
    row = {"id": cell_id, "topic": topic, "territory": territory, "department": department}
    matrix = put_cell(draft.files[MATRIX], row)
    await service.change_file(session, version_id, MATRIX, matrix, actor, now=utc_now(), edition=edition)
    response = RedirectResponse(f"/rules/hints?version={version_id}", 303)
    flash(request, response, f"Ячейка {cell_id} добавлена в черновик")
    return response
