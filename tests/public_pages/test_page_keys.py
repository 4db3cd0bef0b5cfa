"""The keys of an official page: replaced by administrators and shown to nobody."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.models import Role
from app.audit.models import AuditEntry
from app.platforms.base import Credentials
from app.public_pages import view_pages
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, open_credentials
from app.resources import Resources
from tests.conftest import NOW
from tests.office import only, rows
from tests.signed_in import signed_in


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_pages, "utc_now", lambda: NOW)
    monkeypatch.setattr("app.web.templating.utc_now", lambda: NOW)


@pytest.fixture
async def admin(app: FastAPI, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    async with await signed_in(app, resources, Role.ADMIN) as client:
        yield client


async def test_keys_are_replaced_one_by_one_and_never_shown(
    admin: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).sending_stopped_reason = "Ключ отозван."
    answer = await admin.post(f"/pages/{page.id}/keys", data={"access_token": " n3w-token ", "user_token": ""})
    assert answer.status_code == 303
    seen = await only(resources, PublicPage)
    stored = open_credentials(resources.vault, seen)
    assert (stored.secret, stored.access_token, stored.user_token) == ("vkSecretExample123", "n3w-token", "")
    assert (seen.credentials_changed_at, seen.sending_stopped_reason) == (NOW, None)
    (entry,) = await rows(resources, AuditEntry)
    assert (entry.action, entry.details) == ("page_keys_changed", {"page_id": page.id, "keys": ["access_token"]})
    html = (await admin.get(f"/pages/{page.id}")).text
    assert "сегодня, 12:00" in html
    assert re.search(r'id="key-access_token-state">есть<', html)
    assert re.search(r'id="key-user_token-state">нет<', html)
    for secret in ("n3w-token", "vkSecretExample123", "confirm-me"):
        assert secret not in html
        assert secret not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"access_token": "two words"}, "не бывает пробелов"),
        ({"secret": "s" * 1001}, "Длиннее 1000 знаков"),
        ({"discussion_id": "1" * 65}, "Длиннее 64 знаков"),
        ({"secret": "  "}, "Впишите хотя бы один ключ"),
    ],
)
async def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(
    admin: httpx.AsyncClient, resources: Resources, given: dict[str, str], problem: str
) -> None:
    credentials = Credentials("-1001234567890", "secret-of-channel", access_token="token-of-channel")
    async with resources.database.transaction() as session:
        page = await add_page(
            session, resources.vault, platform="telegram", credentials=credentials, name="Канал",
            territory_code=None, now=NOW,
        )  # fmt: skip
    answer = await admin.post(f"/pages/{page.id}/keys", data=given)
    assert answer.status_code == 422
    assert problem in answer.text
    for value in given.values():
        assert not value.strip() or value not in answer.text
    assert open_credentials(resources.vault, await only(resources, PublicPage)) == credentials
    assert await rows(resources, AuditEntry) == []


async def test_keys_that_nobody_can_read_are_neither_shown_nor_overwritten(
    admin: httpx.AsyncClient, resources: Resources, page: PublicPage
) -> None:
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).credentials = b"sealed by a lost key"
    assert "не читается" in (await admin.get(f"/pages/{page.id}")).text
    answer = await admin.post(f"/pages/{page.id}/keys", data={"secret": "new"})
    assert (answer.status_code, "APPEALS_OLD_SECRET_KEYS" in answer.text) == (422, True)
    assert (await only(resources, PublicPage)).credentials == b"sealed by a lost key"
