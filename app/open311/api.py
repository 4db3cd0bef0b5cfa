"""/open311/v2/{page_key}: GeoReport v2 for the city application of one page. Source: wiki.open311.org/GeoReport_v2.

Whoever knows the address may read; to post, an application shows the page's secret as `api_key`.
"""

import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from app.accounts.access import public
from app.db import SessionDep
from app.errors import AppError, Unavailable
from app.intake.webhooks import REFRESH_SECONDS, Webhooks
from app.open311.asking import Query, asked_of, numbers_of
from app.open311.documents import Format, document, error
from app.open311.receiving import Refused, submission_of
from app.open311.requests import Asked, find_token, message_key, read_requests
from app.open311.services import Service, services_of
from app.platforms.open311 import Open311
from app.public_pages.service import KnownPage
from app.resources import Resources
from app.time import utc_now

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
CHANGESET = "2026-11-26T00:00:00Z"  # of this interface
LONGEST_KEY = 200
AWAY = "Часть сервиса не отвечает, повторите позже"
log = structlog.get_logger()


class GeoReportRoute(APIRoute):
    """Refuses in the form that GeoReport prescribes, in the notation of the address."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as problem:
                status, text = _refusal(problem)
                return error("json" if request.url.path.endswith(".json") else "xml", status, text)

        return answer


def _refusal(problem: Exception) -> tuple[int, str]:
    """Status and sentence. Raises what is nobody's refusal."""
    if isinstance(problem, Refused):
        return problem.status, problem.description
    if isinstance(problem, HTTPException):
        return problem.status_code, "Запрос не понят"
    if isinstance(problem, RequestValidationError):
        return 400, "Параметры не читаются"
    if isinstance(problem, OperationalError | Unavailable):
        log.error("open311_unavailable", error=type(problem).__name__)
        return 503, AWAY
    if isinstance(problem, AppError):
        return problem.status, problem.message
    raise problem


router = APIRouter(prefix="/open311/v2/{page_key}", include_in_schema=False, route_class=GeoReportRoute)


async def _page(request: Request, page_key: str) -> KnownPage:
    webhooks: Webhooks = request.app.state.webhooks
    page = await webhooks.pages.find(Open311.code, page_key)
    if page is None:
        raise Refused(404, "Такого адреса нет: проверьте ключ страницы в нём")
    return page


def _services(request: Request) -> dict[str, Service]:
    return services_of(_resources(request).judge.manifest)


def _resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


PageDep = Annotated[KnownPage, Depends(_page)]
ServicesDep = Annotated[dict[str, Service], Depends(_services)]


@router.get("/discovery.{notation}")
@public
async def discover(request: Request, page: PageDep, page_key: str, notation: Format) -> Response:
    """Where the interface is, and which notations it has."""
    settings = _resources(request).settings
    site = (settings.public_url or str(request.base_url)).rstrip("/")
    endpoint = {
        "specification": SPECIFICATION,
        "url": site + Open311.entrance.format(key=page_key),
        "changeset": CHANGESET,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    content = {
        "changeset": CHANGESET,
        "contact": settings.center_name,
        "key_service": "api_key выдаёт администратор: это секрет страницы",
        "endpoints": [endpoint],
    }
    return document(notation, "discovery", content)


@router.get("/services.{notation}")
@public
async def list_services(page: PageDep, services: ServicesDep, notation: Format) -> Response:
    """What can be asked for."""
    rows = [
        {
            "service_code": service.code, "service_name": service.name, "description": service.name, "metadata": False,
            "type": "batch", "keywords": service.group, "group": service.group,
        }
        for service in services.values()
    ]  # fmt: skip
    return document(notation, "services", rows)


@router.get("/services/{code}.{notation}")
@public
async def define_service(page: PageDep, services: ServicesDep, code: str, notation: Format) -> Response:
    """What else to ask the author: nothing, our operators ask."""
    if code not in services:
        raise Refused(404, "Такого service_code нет")
    return document(notation, "service_definition", {"service_code": code, "attributes": []})


@router.post("/requests.{notation}")
@public
async def post_request(
    request: Request, page: PageDep, services: ServicesDep, page_key: str, notation: Format
) -> Response:
    """Take a request; the answer goes out when it is on disk."""
    async with request.form() as form:
        await _check_key(request, page, page_key, form.get("api_key"))
        repeat_key = request.headers.get("Idempotency-Key", "")[:LONGEST_KEY]
        submission = submission_of(form, services, repeat_key, utc_now())
    webhooks: Webhooks = request.app.state.webhooks
    await webhooks.keep(page.id, message_key(submission.number), Open311.place, submission.stored())
    row = {"token": submission.number, "service_notice": None, "account_id": None}
    return document(notation, "service_requests", [row])


async def _check_key(request: Request, page: KnownPage, page_key: str, given: object) -> None:
    """Compare in constant time; a secret changed a moment ago is read again before a refusal. Raises Refused."""
    key = given.encode("utf-8", "replace") if isinstance(given, str) else b""
    if secrets.compare_digest(key, page.credentials.secret.encode()):
        return
    webhooks: Webhooks = request.app.state.webhooks
    newer = await webhooks.pages.find(Open311.code, page_key, fresh_seconds=REFRESH_SECONDS)
    if newer is None or not secrets.compare_digest(key, newer.credentials.secret.encode()):
        raise Refused(403, "api_key не указан или неверен")


@router.get("/tokens/{token}.{notation}")
@public
async def show_token(session: SessionDep, page: PageDep, token: str, notation: Format) -> Response:
    """The number of a request that was posted; empty until it has been read."""
    found = await find_token(session, page.id, token.replace("\x00", ""))
    if found is None:
        raise Refused(404, "Такого токена нет")
    return document(notation, "service_requests", [found])


@router.get("/requests.{notation}")
@public
async def list_requests(
    request: Request, session: SessionDep, page: PageDep, services: ServicesDep, query: Annotated[Query, Depends()],
    notation: Format,
) -> Response:  # fmt: skip
    """Requests by number, or by kind, time and state."""
    asked = asked_of(query, services, utc_now())
    zone = ZoneInfo(_resources(request).settings.time_zone)
    return document(notation, "service_requests", await read_requests(session, page.id, asked, services, zone))


@router.get("/requests/{number}.{notation}")
@public
async def show_request(
    request: Request, session: SessionDep, page: PageDep, services: ServicesDep, number: str, notation: Format
) -> Response:
    """One request."""
    zone = ZoneInfo(_resources(request).settings.time_zone)
    found = await read_requests(session, page.id, Asked(ids=numbers_of(number)), services, zone)
    if not found:
        raise Refused(404, "Такой заявки нет")
    return document(notation, "service_requests", found)


@router.get("/{rest:path}")
@public
async def nothing(page: PageDep, rest: str) -> Response:
    """Any other address."""
    raise Refused(404, "Такого метода нет")
