"""/files: what citizens attached, for people of the office. A department sees files of its own appeals."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from app.accounts.access import StaffDep
from app.appeals.files import file_response, find_file, thumbnail_response
from app.db import SessionDep

router = APIRouter(include_in_schema=False)
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 содержимого")]


@router.get("/files/{sha256}")
async def show_file(request: Request, session: SessionDep, actor: StaffDep, sha256: Sha256) -> Response:
    """Файл, который прислал житель."""
    return await file_response(request.app.state.resources.files, await find_file(session, sha256, actor))


@router.get("/files/{sha256}/thumbnail")
async def show_thumbnail(request: Request, session: SessionDep, actor: StaffDep, sha256: Sha256) -> Response:
    """Уменьшенная картинка."""
    return await thumbnail_response(request.app.state.resources.files, await find_file(session, sha256, actor))
