"""The web entry point: routers, error handlers, lifespan."""

import asyncio
import gc
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from app import db, health
from app.accounts import pages as accounts
from app.accounts.access import StaffDep
from app.appeals import api as appeals_api
from app.appeals import duplicate_pages, file_pages
from app.appeals import pages as appeals
from app.badges import badges_of
from app.forms import pages as forms
from app.forms.limits import SlidingWindow
from app.handling import pages as handling
from app.handling import registry_pages as departments
from app.intake import pages as intake
from app.intake import webhooks
from app.learning import pages as learning
from app.learning.seat import Seat
from app.live import Live
from app.logs import configure_logging
from app.open311 import api as open311
from app.outgoing import pages as outgoing
from app.public_pages import pages as public_pages
from app.public_pages import view_pages as public_page
from app.reference import require_reference_data
from app.reports import api as reports_api
from app.reports import pages as reports
from app.reports import quality_pages
from app.resources import Resources, open_resources
from app.rules import editing_pages as rules_editing
from app.rules import matrix_pages as rules_matrix
from app.rules import pages as rules
from app.sandbox import pages as sandbox
from app.settings import Settings, get_settings
from app.time import utc_now
from app.triage import pages as triage
from app.triage import place_pages, similar_pages
from app.web import BodyLimit, SecurityHeaders, install_error_handlers, mount_static

TITLE = "Маршрутизация обращений"
DESCRIPTION = "Комментарии и сообщения жителей в соцсетях: приём, тема, ответственный, срок, ответ."


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> FastAPI:
    """The whole web application. Tests hand in resources of their own; otherwise the lifespan opens them."""
    settings = settings or get_settings()
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings, is_given=resources is not None),
    )
    app.state.settings = settings
    for router in (
        health.router, accounts.router, appeals.router, file_pages.router, triage.router,
        duplicate_pages.router, place_pages.router, similar_pages.router, appeals_api.router,
        reports.router, reports_api.router, quality_pages.router, intake.router, public_pages.router,
        public_page.router, forms.router, open311.router, outgoing.router, handling.router, departments.router,
        learning.router, rules.router, rules_editing.router, rules_matrix.router,
    ):  # fmt: skip
        app.include_router(router)
    if settings.is_demo:
        app.include_router(sandbox.router)
    app.add_api_route("/", home, include_in_schema=False)
    mount_static(app)
    app.add_middleware(BodyLimit, larger={forms.START: forms.MOST_BODY_BYTES})
    app.add_middleware(SecurityHeaders, is_https=settings.is_cookie_secure)
    app.add_middleware(webhooks.WebhookGate)  # added last, so it is asked first
    install_error_handlers(app)
    if resources is not None:
        attach(app, resources)
    return app


async def home(actor: StaffDep) -> RedirectResponse:
    """The queue is where everybody begins."""
    return RedirectResponse("/queue", 303)


def _lifespan(settings: Settings, *, is_given: bool) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if is_given:
            yield
            await app.state.webhooks.close()
            return
        configure_logging()  # uvicorn starts several web processes anew, and structlog's own way shows local variables
        async with open_resources(settings) as resources:
            await db.require_current_schema(resources.database.engine)
            async with resources.database.transaction() as session:
                await require_reference_data(session, await resources.rulebook.current(session))
            seat = Seat(resources)
            await seat.renew(utc_now())
            attach(app, seat.resources)
            watching = asyncio.create_task(seat.watch(lambda renewed: setattr(app.state, "resources", renewed)))
            resources.live.start()
            _end_streams_with_signals(resources.live)
            gc.freeze()  # model and rules live as long as the process: no collection need look at them again
            yield
            watching.cancel()
            await app.state.webhooks.close()
            await resources.live.stop()

    return lifespan


def _end_streams_with_signals(live: Live) -> None:
    """On SIGINT and SIGTERM, before uvicorn's own handler, which waits for open responses."""
    loop = asyncio.get_running_loop()

    def install(number: signal.Signals) -> None:
        before = signal.getsignal(number)

        def end(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(live.end_streams)
            if callable(before):
                before(number, frame)

        if callable(before):
            signal.signal(number, end)

    if threading.current_thread() is threading.main_thread():  # others are told no signals
        install(signal.SIGINT)
        install(signal.SIGTERM)


def attach(app: FastAPI, resources: Resources) -> None:
    """Let the application serve with these resources from now on."""
    app.state.resources = resources
    app.state.webhooks = webhooks.Webhooks(resources)
    app.state.form_window = SlidingWindow()
    app.state.read_badges = badges_of(resources.database)
