"""Every refusal and failure as an answer: a page for people, a sentence for htmx, JSON for /api."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import AppError, Unavailable
from app.web.security import SECURITY_HEADERS
from app.web.templating import is_htmx, render

log = structlog.get_logger()
API_PREFIX = "/api/"

TITLES = {
    400: "Запрос не понят",
    401: "Нужен вход",
    403: "Нет доступа",
    404: "Ничего не найдено",
    405: "Так сюда обращаться нельзя",
    409: "Уже изменено",
    413: "Слишком большой запрос",
    422: "Проверьте введённое",
    429: "Слишком часто",
    500: "Что-то сломалось",
    503: "Временно недоступно",
}
TEXTS = {
    400: "Сервер не смог прочитать запрос.",
    401: "Войдите, чтобы продолжить.",
    403: "У вашей роли нет доступа к этой странице.",
    404: "Такой страницы нет, или она не для вашей роли.",
    405: "Этот адрес не принимает такие запросы.",
    413: "Запрос больше, чем принимает сервер.",
    429: "Подождите немного и повторите.",
    500: "Ошибка записана в журнал. Попробуйте ещё раз; если повторится, сообщите администратору.",
    503: "Одна из частей сервиса не отвечает. Повторите через несколько секунд.",
}
CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}


class LoginRequired(Exception):
    """A browser without a session: it is sent to the login page and comes back to `next_path`."""

    def __init__(self, login_url: str) -> None:
        super().__init__(login_url)
        self.login_url = login_url


class TokenRequired(AppError):
    """A request to /api without a valid token."""

    status = 401


def install_error_handlers(app: FastAPI) -> None:
    """Register all handlers of this module."""
    handlers: dict[type[Exception], Any] = {
        AppError: _refused,
        HTTPException: _http_error,
        RequestValidationError: _not_valid,
        LoginRequired: _login_required,
        OperationalError: _database_away,
        NoFreeConnection: _database_away,
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def answer_with_error(
    request: Request, status: int, text: str, headers: dict[str, str] | None = None, details: Any = None
) -> Response:
    """One error in the form that the asker reads."""
    if request.url.path.startswith(API_PREFIX):
        error = {"code": CODES.get(status, "error"), "message": text} | ({"details": details} if details else {})
        return JSONResponse({"error": error}, status, headers)
    if is_htmx(request):
        return PlainTextResponse(text, status, headers)
    title = TITLES.get(status, "Ошибка")
    return render(request, "error.html", status_code=status, headers=headers, title=title, text=text, status=status)


async def _refused(request: Request, error: AppError) -> Response:
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, TokenRequired):
        headers["WWW-Authenticate"] = "Bearer"
    return answer_with_error(request, error.status, error.message, headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    text = TEXTS.get(error.status_code, "Запрос не выполнен.")
    return answer_with_error(request, error.status_code, text, dict(error.headers or {}))


async def _not_valid(request: Request, error: RequestValidationError) -> Response:
    details = [{"field": ".".join(map(str, problem["loc"])), "problem": problem["msg"]} for problem in error.errors()]
    fields = ", ".join(str(problem["loc"][-1]) for problem in error.errors())
    return answer_with_error(request, 422, f"Не заполнено или заполнено неверно: {fields}.", details=details)


async def _login_required(request: Request, error: LoginRequired) -> Response:
    if is_htmx(request):
        return Response(status_code=401, headers={"HX-Redirect": error.login_url})
    return RedirectResponse(error.login_url, 303)


async def _database_away(request: Request, error: Exception) -> Response:
    log.error("database_away", method=request.method, path=_route(request), error=type(error).__name__)
    return await _refused(request, Unavailable(TEXTS[503]))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=_route(request), exc_info=error)
    # This handler runs outside of all middleware, so the headers are set here.
    return answer_with_error(request, 500, TEXTS[500], dict(SECURITY_HEADERS))


def _route(request: Request) -> str:
    """The path as the route was declared: what stands in its place in an address may be a secret."""
    path: str = getattr(request.scope.get("route"), "path", request.url.path)
    return path
