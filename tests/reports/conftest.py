"""Promises with chosen fates, written straight into the tables."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from app.accounts.access import SESSION_COOKIE
from app.accounts.models import Role, User
from app.accounts.service import create_user, open_session
from app.appeals.models import Appeal
from app.departments.models import Department
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.sla.models import Clock
from app.time import utc_now
from tests.conftest import NOW, PASSWORD

HOUR = timedelta(hours=1)
DUE_AFTER = 9 * HOUR
Promise = Callable[..., Awaitable[int]]


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Reports are asked at NOW."""
    for module in ("api", "asking", "pages"):
        monkeypatch.setattr(f"app.reports.{module}.utc_now", lambda: NOW)
    return NOW


@pytest.fixture
async def departments(resources: Resources) -> list[Department]:
    """The first three departments of the demo region."""
    async with resources.database.transaction() as session:
        return list(await session.scalars(select(Department).order_by(col(Department.id)).limit(3)))


@pytest.fixture
def promise(resources: Resources, page: PublicPage, departments: list[Department]) -> Promise:
    """Write an appeal with one promise: started at `at`, met or closed so many hours later."""
    count = 0

    async def write(
        *,
        at: datetime = NOW - 24 * HOUR,
        department: int = 0,
        met_after: float | None = None,
        closed_after: float | None = None,
        is_counted: bool = True,
        is_paused: bool = False,
        kind: str = "first_answer",
        topic_group: str | None = "ЖКХ",
        text: str = "Нет отопления",
        department_id: int | None = None,
    ) -> int:
        nonlocal count
        count += 1
        met_at = None if met_after is None else at + met_after * HOUR
        closed_at = met_at if closed_after is None else at + closed_after * HOUR
        due_at = None if is_paused else at + DUE_AFTER
        owner = department_id or departments[department].id or 0
        async with resources.database.transaction() as session:
            appeal = _appeal(page, count, owner, at, None if closed_at else due_at, text, topic_group, is_counted)
            session.add(appeal)
            await session.flush()
            clock: dict[str, Any] = {
                "appeal_id": appeal.id, "department_id": owner, "kind": kind, "policy_code": "social-default",
                "policy_version": 1, "calendar_code": "office", "started_at": at, "due_at": due_at, "met_at": met_at,
                "span": {"amount": 540, "unit": "working_minutes", "roll": "none"}, "closed_at": closed_at,
                "spent_minutes": None if closed_at is None else (closed_at - at) / timedelta(minutes=1),
                "is_counted": is_counted,
            }  # fmt: skip
            session.add(Clock(**clock))
            return appeal.id or 0

    return write


def _appeal(
    page: PublicPage, number: int, department_id: int, at: datetime, due_at: datetime | None, text: str,
    topic_group: str | None, is_counted: bool,
) -> Appeal:  # fmt: skip
    return Appeal(
        page_id=page.id or 0, platform="vk", kind="comment", place="wall", thread_key=f"wall:{number}",
        author_external_id="100000001", author_name="Мария Иванова", external_id=str(number), text=text,
        search_text=text, state="routed" if due_at else "answered", topic_group=topic_group,
        topic=topic_group, department_id=department_id, next_due_at=due_at, received_at=at, is_talk=not is_counted,
    )  # fmt: skip


@pytest.fixture
async def browser(app: FastAPI, resources: Resources) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Signs somebody in; returns their browser."""
    clients: list[httpx.AsyncClient] = []

    async def sign_in(role: Role = Role.MANAGER, department_code: str = "") -> httpx.AsyncClient:
        async with resources.database.transaction() as session:
            name, now = f"{role} {len(clients)}", utc_now()
            user: User = await create_user(session, name, name, role, PASSWORD, department_code, now=now)
            opened = await open_session(session, user, now=now)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://test", cookies={SESSION_COOKIE: opened.token})
        clients.append(client)
        return client

    yield sign_in
    for client in clients:
        await client.aclose()
