"""Pages are added with what makes them work, and found by webhook key without a query."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.errors import Conflict, Invalid, NotFound
from app.platforms import PLATFORMS
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import (
    FRESH_SECONDS,
    MOST_UNKNOWN_KEYS,
    PageDirectory,
    add_page,
    change_credentials,
    open_credentials,
    seal_credentials,
    webhook_path,
)
from app.resources import Resources
from app.vault import CannotDecrypt, Vault
from tests.conftest import NOW
from tests.office import only

CREDENTIALS = Credentials("200000009", "secret", "confirm", "token", "administrator")


async def add(resources: Resources, **changes: Any) -> PublicPage:
    given: dict[str, Any] = {
        "platform": "vk", "credentials": CREDENTIALS, "name": "Школа № 1", "territory_code": "52701000", "now": NOW,
    }  # fmt: skip
    async with resources.database.transaction() as session:
        return await add_page(session, resources.vault, **given | changes)


async def test_a_page_keeps_its_credentials_sealed_and_has_an_unguessable_webhook(resources: Resources) -> None:
    page = await add(resources, sphere="education", audience=1200)
    stored = await only(resources, PublicPage)
    assert open_credentials(resources.vault, stored) == CREDENTIALS
    for secret in (b"secret", b"confirm", b"token", b"administrator"):
        assert secret not in stored.credentials
    assert (stored.sphere, stored.audience, stored.is_active, stored.created_at) == ("education", 1200, True, NOW)
    assert webhook_path(page) == f"/webhooks/vk/{page.key}"
    assert len(page.key) >= 32
    assert "secret" not in repr(CREDENTIALS)


async def test_the_webhook_may_keep_a_given_key(resources: Resources) -> None:
    assert webhook_path(await add(resources, key="known")) == "/webhooks/vk/known"


async def test_a_page_of_the_whole_region_has_no_territory(resources: Resources) -> None:
    assert (await add(resources, territory_code=None)).territory_code is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"platform": "myspace"}, "платформа"),
        ({"credentials": Credentials("5", "", access_token="token")}, "секретный ключ"),
        ({"platform": "viber", "credentials": Credentials("5", "secret")}, "ключ доступа"),
        ({"territory_code": "99999999"}, "99999999"),
    ],
)
async def test_senseless_pages_are_refused_in_words(resources: Resources, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        await add(resources, **changes)


async def test_a_platform_is_asked_for_what_proves_its_deliveries(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(resources, platform="viber", credentials=Credentials("5", access_token="token"))
    monkeypatch.setattr(PLATFORMS["vk"], "proof", "")  # where nothing but the address is secret, nothing is asked
    await add(resources, credentials=Credentials("6"))


async def test_a_known_page_is_not_added_twice(resources: Resources) -> None:
    await add(resources)
    with pytest.raises(Conflict, match="200000009"):
        await add(resources)


async def test_credentials_of_another_installation_cannot_be_opened(resources: Resources) -> None:
    page = await add(resources)
    page.credentials = seal_credentials(Vault(b"x" * 32), CREDENTIALS)
    with pytest.raises(CannotDecrypt):
        open_credentials(resources.vault, page)


class Counted:
    """The database, counting how often it is asked."""

    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self.count = 0

    def transaction(self) -> Any:
        self.count += 1
        return self._database.transaction()


@pytest.fixture
def counted(resources: Resources) -> Counted:
    return Counted(resources)


@pytest.fixture
def time() -> list[float]:
    return [100.0]


@pytest.fixture
def directory(resources: Resources, counted: Counted, time: list[float]) -> PageDirectory:
    clock: Callable[[], float] = lambda: time[0]  # noqa: E731
    return PageDirectory(counted, resources.vault, clock)  # type: ignore[arg-type]


async def test_a_webhook_costs_a_query_every_few_seconds_only(
    resources: Resources, directory: PageDirectory, counted: Counted, time: list[float]
) -> None:
    page = await add(resources)
    found = await directory.find("vk", page.key)
    assert found is not None
    assert (found.id, found.credentials) == (page.id, CREDENTIALS)
    assert await directory.find("vk", page.key) is found
    assert counted.count == 1
    time[0] += FRESH_SECONDS + 0.1
    assert await directory.find("vk", page.key) is not found
    assert counted.count == 2
    time[0] += 1.5
    assert (await directory.find("vk", page.key, fresh_seconds=1.0)) is not None
    assert counted.count == 3


async def test_the_key_of_one_platform_opens_no_other(resources: Resources, directory: PageDirectory) -> None:
    page = await add(resources)
    assert await directory.find("ok", page.key) is None
    assert await directory.find("vk", page.key) is not None


async def test_guessing_keys_costs_the_database_little(
    directory: PageDirectory, counted: Counted, time: list[float], resources: Resources
) -> None:
    for _ in range(3):
        assert await directory.find("vk", "guess") is None
    assert counted.count == 1
    time[0] += 1.1
    assert await directory.find("vk", "guess") is None
    assert counted.count == 2
    directory._unknown = {str(number): 0.0 for number in range(MOST_UNKNOWN_KEYS)}
    assert await directory.find("vk", "one more") is None
    assert list(directory._unknown) == ["one more"]


async def test_a_page_that_was_switched_off_is_forgotten(
    resources: Resources, directory: PageDirectory, time: list[float]
) -> None:
    page = await add(resources)
    assert await directory.find("vk", page.key) is not None
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).is_active = False
    time[0] += FRESH_SECONDS + 0.1
    found = await asyncio.gather(*(directory.find("vk", page.key) for _ in range(3)))
    assert found[0] is None  # the one that asked; the others of that moment took what was known
    assert await directory.find("vk", page.key) is None


async def test_when_a_page_grows_old_one_request_asks_and_the_others_go_on(
    resources: Resources, directory: PageDirectory, time: list[float], counted: Counted
) -> None:
    page = await add(resources)
    await directory.find("vk", page.key)
    before = counted.count
    time[0] += FRESH_SECONDS + 0.1
    found = await asyncio.gather(*(directory.find("vk", page.key) for _ in range(50)))
    assert all(one is not None and one.id == page.id for one in found)
    assert counted.count == before + 1


async def test_changed_credentials_leave_the_others_and_let_waiting_answers_go(resources: Resources) -> None:
    await add(resources)
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, 1)).sending_stopped_reason = "Ключ отозван"
    async with resources.database.transaction() as session:
        await change_credentials(session, resources.vault, "vk", Credentials("200000009", access_token="new"), NOW)
    stored = await only(resources, PublicPage)
    assert open_credentials(resources.vault, stored) == replace(CREDENTIALS, access_token="new")
    assert stored.sending_stopped_reason is None


@pytest.mark.parametrize(
    ("changed", "error"), [(Credentials("5", "new"), NotFound), (Credentials("200000009"), Invalid)]
)
async def test_credentials_of_no_page_and_no_change_are_refused(
    resources: Resources, changed: Credentials, error: type[Exception]
) -> None:
    await add(resources)
    async with resources.database.transaction() as session:
        with pytest.raises(error):
            await change_credentials(session, resources.vault, "vk", changed, NOW)
