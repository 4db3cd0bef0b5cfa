"""Each refusal has its status, keeps its sentence, and Unavailable asks to come back."""

import httpx
import pytest
from fastapi import FastAPI

from app.errors import AppError, Conflict, Invalid, NotAllowed, NotFound, Unavailable
from app.web import install_error_handlers


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (AppError, 400, "bad_request"),
        (NotFound, 404, "not_found"),
        (NotAllowed, 403, "not_allowed"),
        (Conflict, 409, "conflict"),
        (Invalid, 422, "invalid"),
        (Unavailable, 503, "unavailable"),
    ],
)
async def test_a_refusal_is_an_answer_with_its_status_and_sentence(
    kind: type[AppError], status: int, code: str
) -> None:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/api/refuse")
    async def refuse() -> None:
        raise kind("Так нельзя")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/api/refuse")
    assert answer.status_code == status == kind.status
    assert answer.json() == {"error": {"code": code, "message": "Так нельзя"}}
    assert answer.headers.get("Retry-After") == ("15" if kind is Unavailable else None)
    assert str(kind("Так нельзя")) == "Так нельзя"
