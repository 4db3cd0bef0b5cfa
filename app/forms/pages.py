"""/forms/{page_key}: the form, its widget, and the state of what was sent. Open to everybody, in frames as well."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from prometheus_client import Counter
from sqlalchemy import select
from sqlmodel import col

from app.accounts.access import public
from app.db import SessionDep
from app.errors import NotFound, Unavailable
from app.forms import limits, tokens
from app.forms.filled import Filled, is_stale, problem_of_sending, problems_of, read_filled, submission_of
from app.forms.photos import PhotoRefused, keep_photos
from app.forms.status import message_key, read_status
from app.forms.tokens import FormToken, Receipt
from app.intake.senders import sender_address
from app.intake.webhooks import Webhooks
from app.platforms.web_form import WebForm
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.settings import networks
from app.time import utc_now
from app.web import embeddable, render
from app.web.static import STATIC

router = APIRouter(include_in_schema=False)
START = "/forms/"
MOST_BODY_BYTES = 20 * 1024 * 1024
MOST_PARTS = 50
LONGEST_TOKEN = 300
WIDGET = STATIC / "js" / "widget.js"
WIDGET_HEADERS = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
SENT = Counter("appeals_forms_total", "Forms sent", ["outcome"])
CHECK = "Проверьте, что заполнено."
TOO_OFTEN = "С вашего адреса слишком много обращений подряд. Подождите и отправьте ещё раз."
FULL = "Форма сейчас принимает слишком много обращений. Отправьте через час, страницу можно не закрывать."
AWAY = "Обращение не сохранилось: часть сервиса не отвечает. Отправьте ещё раз через минуту."


@dataclass
class Refused(Exception):
    """Why a filled form is shown again. `problems` are sentences by field."""

    status: int
    outcome: str
    text: str
    problems: dict[str, str] = field(default_factory=dict)
    retry_after_seconds: int = 0


async def _page_of_form(request: Request, page_key: str) -> PublicPage:
    resources: Resources = request.app.state.resources
    is_this_form = (
        col(PublicPage.key) == page_key.replace("\x00", ""),
        col(PublicPage.platform) == WebForm.code,
        col(PublicPage.is_active),
    )
    async with resources.database.transaction() as session:
        page = await session.scalar(select(PublicPage).where(*is_this_form))
    if page is None:
        raise NotFound("Такой формы нет, или её закрыли. Проверьте адрес.")
    return page


PageDep = Annotated[PublicPage, Depends(_page_of_form)]


@router.get("/forms/{page_key}")
@public
async def show_form(request: Request, page: PageDep) -> Response:
    """Сообщить о проблеме."""
    return _form(request, page, Filled(), None)


@router.get("/forms/{page_key}/widget.js")
@public
async def widget(page: PageDep) -> Response:
    """A script for other sites: a button that opens the form in a dialog."""
    return FileResponse(WIDGET, media_type="text/javascript", headers=WIDGET_HEADERS)


@router.post("/forms/{page_key}")
@public
async def send_form(request: Request, page: PageDep) -> Response:
    """Отправить обращение."""
    now = utc_now()
    resources: Resources = request.app.state.resources
    async with request.form(max_files=MOST_PARTS, max_fields=MOST_PARTS) as form:
        filled = read_filled(form)
        token = tokens.opened(resources.vault, str(form.get("token", ""))[:LONGEST_TOKEN], FormToken)
        try:
            receipt = await _take(request, page, filled, token, now)
        except Refused as refusal:
            SENT.labels(refusal.outcome).inc()
            return _form(request, page, filled, token, refusal)
    SENT.labels("taken").inc()
    return RedirectResponse(f"{START}receipts/{tokens.sealed(resources.vault, receipt)}", 303)


async def _take(request: Request, page: PublicPage, filled: Filled, token: FormToken | None, now: datetime) -> Receipt:
    """Check and store what was filled in, durable when this returns. Raises Refused."""
    page_id = page.id or 0
    if problems := problems_of(filled):
        raise Refused(422, "incomplete", CHECK, problems)
    problem = problem_of_sending(filled, token, page_id, now)
    if problem or token is None:
        raise Refused(422, "suspicious", problem)
    await _keep_limits(request, page_id, now)
    try:
        photos = await keep_photos(_resources(request), [await one.read() for one in filled.photos], now)
        submission = submission_of(filled, token, photos, now)
        webhooks: Webhooks = request.app.state.webhooks
        await webhooks.keep(page_id, message_key(submission.number), WebForm.place, submission.stored())
    except PhotoRefused as refusal:
        raise Refused(422, "photo", CHECK, {"photos": str(refusal)}) from refusal
    except (Unavailable, OSError) as error:
        raise Refused(503, "unavailable", AWAY, retry_after_seconds=Unavailable.retry_after_seconds) from error
    return Receipt(page_id, submission.number)


async def _keep_limits(request: Request, page_id: int, now: datetime) -> None:
    resources, window = _resources(request), request.app.state.form_window
    peer = request.client.host if request.client else None
    proxies = networks(resources.settings.trusted_proxies)
    sender = limits.network_of(sender_address(peer, request.headers.getlist("x-forwarded-for"), proxies))
    if wait := window.wait_seconds(f"{page_id} {sender}", time.monotonic()):
        raise Refused(429, "too_often", TOO_OFTEN, retry_after_seconds=wait)
    async with resources.database.transaction() as session:
        if await limits.is_full(session, page_id, resources.settings.form_hourly_limit, now):
            raise Refused(429, "full", FULL, retry_after_seconds=limits.CAP_HOURS * 3600)


def _resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


def _form(
    request: Request, page: PublicPage, filled: Filled, token: FormToken | None, refusal: Refused | None = None
) -> Response:
    """The form with what was typed. A token that still holds is kept, so that a repeat is recognised as one."""
    now, vault = utc_now(), _resources(request).vault
    if token is None or is_stale(token, page.id or 0, now):
        token = tokens.new_form(page.id or 0, now)
    headers = embeddable(_resources(request).settings.form_frame_ancestors)
    if refusal is not None and refusal.retry_after_seconds:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    return render(
        request,
        "forms/form.html",
        status_code=refusal.status if refusal else 200,
        headers=headers,
        page=page,
        filled=filled,
        token=tokens.sealed(vault, token),
        refusal=refusal,
        problems=refusal.problems if refusal else {},
    )


@router.get("/forms/receipts/{receipt}")
@public
async def show_receipt(request: Request, session: SessionDep, receipt: str) -> Response:
    """Что с моим обращением."""
    resources = _resources(request)
    found = tokens.opened(resources.vault, receipt[:LONGEST_TOKEN], Receipt)
    if found is None:
        raise NotFound("Такой квитанции нет. Проверьте, целиком ли скопирована ссылка.")
    site = resources.settings.public_url or str(request.base_url)
    return render(
        request,
        "forms/receipt.html",
        headers=embeddable(resources.settings.form_frame_ancestors) | {"X-Robots-Tag": "noindex"},
        status=await read_status(session, resources.vault, found),
        address=f"{site.rstrip('/')}{START}receipts/{receipt}",
    )
