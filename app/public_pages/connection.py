"""Connecting a page: its webhook is registered with the platform, and what came of it is kept on the page.

No network call happens inside a transaction: read, prepare, store, connect, record are five steps.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import NO_KEY_UPDATE
from app.errors import Conflict, NotFound
from app.platforms import platform_by_code
from app.platforms.base import Credentials, FailureKind, Limit, Platform, SendFailed
from app.public_pages.models import NUMBERLESS, PublicPage
from app.public_pages.service import FRESH_SECONDS, open_credentials, seal_credentials, webhook_path
from app.resources import Resources
from app.time import utc_now

log = structlog.get_logger()
CHECK_EVERY = timedelta(minutes=5)
CALLS_PER_SECOND = 20.0  # of one platform, over all pages: what is left of its limits belongs to answers
T = TypeVar("T")


class CannotConnect(Conflict):
    """The page cannot be connected as it is. A Russian sentence says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the network calls need of a page, with no database in it."""

    page_id: int
    platform: Platform
    api_url: str
    credentials: Credentials
    webhook_url: str
    is_in_use: bool


def line_of(resources: Resources, page: PublicPage) -> Line:
    """The line to a page. Raises CannotConnect, CannotDecrypt, UnknownPlatform."""
    platform = platform_by_code(page.platform)
    if not page.is_active:
        raise CannotConnect(f"Страница «{page.name}» выключена: сначала включите её")
    if page.credentials is None:
        raise CannotConnect(f"У страницы «{page.name}» нет ключей доступа: впишите их, потом подключайте")
    if not page.has_number:
        raise CannotConnect(f"Номер страницы «{page.name}» на площадке неизвестен: впишите его, потом подключайте")
    return Line(
        page_id=page.id or 0,
        platform=platform,
        api_url=resources.settings.api_url(page.platform),
        credentials=open_credentials(resources.vault, page),
        webhook_url=resources.settings.base_url + webhook_path(page),
        is_in_use=page.last_event_at is not None,
    )


async def connect_page(resources: Resources, page_id: int) -> str | None:
    """Connect one page; the problem that is left, None if it is connected.

    Raises NotFound, CannotConnect, CannotDecrypt, UnknownPlatform.
    """
    async with resources.database.transaction() as session:
        page = await session.get(PublicPage, page_id)
        if page is None:
            raise NotFound("Такой страницы нет")
        line = line_of(resources, page)
    try:
        problem = await register_webhook(resources, line)
    except SendFailed as failure:
        await record(resources, page_id, connection_problem=failure.reason)
        return failure.reason
    await record(resources, page_id, connection_problem=problem, connected_at=utc_now())
    return problem


async def check_page(resources: Resources, page_id: int) -> str | None:
    """Ask the platform whether it delivers to us, and mend nothing; the problem, None if it delivers.

    What is wrong with a page that was never connected is told and not kept: its webhook may still belong to another
    system, and the watchdog takes over what has a problem. Raises NotFound, CannotConnect, CannotDecrypt,
    UnknownPlatform, SendFailed: it could not be asked.
    """
    async with resources.database.transaction() as session:
        page = await session.get(PublicPage, page_id)
        if page is None:
            raise NotFound("Такой страницы нет")
        line = line_of(resources, page)
        is_ours = page.connected_at is not None or line.is_in_use or page.connection_problem is not None
    try:
        problem = await ask(resources, line, line.platform.connection_problem, line.webhook_url)
    except SendFailed as failure:
        await record(resources, page_id, check_failure=failure.reason)
        raise
    if problem is None:
        await record(resources, page_id, connection_problem=None, connected_at=page.connected_at or utc_now())
    elif is_ours:
        await record(resources, page_id, connection_problem=problem)
    return problem


async def register_webhook(resources: Resources, line: Line) -> str | None:
    """Ask the platform to deliver to us, with what it needs for that stored before; what it still finds wrong.

    Raises SendFailed.
    """
    prepared = await ask(resources, line, line.platform.prepare_connection)
    if prepared != line.credentials:
        await _store(resources, line, prepared)
        if line.is_in_use:  # web processes remember the page as it was for a moment, and the platform asks at once
            await asyncio.sleep(FRESH_SECONDS)
    prepared_line = replace(line, credentials=prepared)
    await ask(resources, prepared_line, line.platform.connect, line.webhook_url)
    try:
        return await ask(resources, prepared_line, line.platform.connection_problem, line.webhook_url)
    except SendFailed as failure:  # it has just said yes; the watchdog asks again
        log.info("connection_not_verified", page_id=line.page_id, code=failure.code)
        return None


async def ask(resources: Resources, line: Line, call: Callable[..., Awaitable[T]], *arguments: str) -> T:
    """One call of the platform, within its limits. Raises SendFailed, for a fault of our own too."""
    of_page = Limit(f"{line.platform.code}:{line.page_id}:", line.platform.rate_limit_per_second)
    await resources.limiter.wait(Limit(f"connections:{line.platform.code}", CALLS_PER_SECOND), of_page)
    try:
        return await call(resources.http, line.api_url, line.credentials, *arguments)
    except SendFailed:
        raise
    except Exception as error:
        log.exception("connection_call_failed", page_id=line.page_id)
        reason = "Внутренняя ошибка подключения, подробности в журнале службы."
        raise SendFailed(FailureKind.RETRY, reason, code=type(error).__name__) from error


async def _store(resources: Resources, line: Line, prepared: Credentials) -> None:
    async with resources.database.transaction() as session:
        page = await session.get_one(PublicPage, line.page_id, with_for_update=NO_KEY_UPDATE)
        page.credentials, page.credentials_changed_at = seal_credentials(resources.vault, prepared), utc_now()
        page.discussion_id = prepared.discussion_id or page.discussion_id


async def record(resources: Resources, page_id: int, **state: Any) -> None:
    """Keep what a check or a connection has found; a page that was switched off meanwhile keeps its silence."""
    now = utc_now()
    async with resources.database.transaction() as session:
        page = await session.get_one(PublicPage, page_id, with_for_update=NO_KEY_UPDATE)
        if not page.is_active:
            return
        fresh: dict[str, Any] = {
            "checked_at": now, "next_check_at": now + CHECK_EVERY, "failed_checks": 0, "check_failure": None,
        }  # fmt: skip
        for name, value in (fresh | state).items():
            setattr(page, name, value)


async def pages_to_connect(session: AsyncSession, platform: str, external_id: str) -> Sequence[tuple[int, str]]:
    """Number and name of every active page with keys, of one platform or of one page if they are named."""
    query = select(col(PublicPage.id), col(PublicPage.name)).where(
        col(PublicPage.is_active),
        col(PublicPage.credentials).is_not(None),
        ~col(PublicPage.external_id).startswith(NUMBERLESS),
    )
    if external_id:
        query = select(col(PublicPage.id), col(PublicPage.name)).where(col(PublicPage.external_id) == external_id)
    if platform:
        query = query.where(col(PublicPage.platform) == platform)
    return [(number or 0, name) for number, name in await session.execute(query.order_by(col(PublicPage.id)))]
