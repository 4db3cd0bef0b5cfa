"""Pages are connected, and a subscription that the platform drops comes back by itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.platforms import PLATFORMS
from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.vk import VK
from app.public_pages import connection, watch
from app.public_pages.connection import connect_page
from app.public_pages.models import PublicPage
from app.public_pages.rotation import rotate_keys
from app.public_pages.service import open_credentials, seal_credentials
from app.public_pages.watch import watch_connections
from app.resources import Resources
from app.vault import Vault
from tests.conftest import NOW
from tests.office import only, rows

DROPPED = "Подписка снята площадкой."


class Exchange(VK):
    """A platform that knows who is subscribed, and may drop or refuse a subscription."""

    def __init__(self) -> None:
        self.subscribed: set[str] = set()
        self.refusal: SendFailed | None = None
        self.silence: SendFailed | None = None
        self.confirmations: list[str] = []
        self.resources: Resources | None = None

    async def prepare_connection(self, client: Any, api_url: str, credentials: Credentials) -> Credentials:
        return replace(credentials, confirmation="of this server")

    async def connect(self, client: Any, api_url: str, credentials: Credentials, webhook_url: str) -> None:
        assert self.resources is not None
        stored = await only(self.resources, PublicPage)
        self.confirmations.append(open_credentials(self.resources.vault, stored).confirmation)
        pool: Any = self.resources.database.engine.pool
        assert pool.checkedout() == 0  # no transaction waits for the platform
        if self.refusal is not None:
            raise self.refusal
        self.subscribed.add(webhook_url)

    async def connection_problem(
        self, client: Any, api_url: str, credentials: Credentials, webhook_url: str
    ) -> str | None:
        if self.silence is not None:
            raise self.silence
        return None if webhook_url in self.subscribed else DROPPED


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The one moment that the watchdog and the connection go by; a test may set another."""
    moment = [NOW]
    for module in (watch, connection):
        monkeypatch.setattr(module, "utc_now", lambda: moment[0])
    return moment


@pytest.fixture
def exchange(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    exchange = Exchange()
    exchange.resources = resources
    monkeypatch.setitem(PLATFORMS, "vk", exchange)
    return exchange


async def test_what_the_platform_needs_is_stored_before_it_is_asked_to_deliver(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime]
) -> None:
    assert await connect_page(resources, page.id or 0) is None
    assert exchange.confirmations == ["of this server"]
    connected = await only(resources, PublicPage)
    assert (connected.connected_at, connected.connection_problem) == (NOW, None)


async def test_a_refusal_is_shown_in_the_platforms_words(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime]
) -> None:
    exchange.refusal = SendFailed(FailureKind.PERMANENT, "Нет прав на управление.")
    assert await connect_page(resources, page.id or 0) == "Нет прав на управление."
    assert (await only(resources, PublicPage)).connection_problem == "Нет прав на управление."


async def test_a_dropped_subscription_comes_back_by_itself(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime]
) -> None:
    await connect_page(resources, page.id or 0)
    exchange.subscribed.clear()
    clock[0] = NOW + timedelta(hours=9)
    assert await watch_connections(resources, clock[0]) == 1
    assert len(exchange.subscribed) == 1
    assert (await only(resources, PublicPage)).connection_problem is None


async def test_what_cannot_be_mended_is_shown_and_asked_again_less_and_less_often(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime]
) -> None:
    await connect_page(resources, page.id or 0)
    exchange.subscribed.clear()
    exchange.refusal = SendFailed(FailureKind.PERMANENT, "Бот удалён из канала.")
    pauses = []
    for _ in range(3):
        clock[0] += timedelta(hours=2)
        assert await watch_connections(resources, clock[0]) == 1
        seen = await only(resources, PublicPage)
        assert seen.connection_problem is not None
        assert seen.next_check_at is not None
        assert await watch_connections(resources, clock[0]) == 0
        pauses.append(seen.next_check_at - clock[0])
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[2]


@pytest.mark.parametrize(("asked_to_wait", "minutes"), [(0, [5, 10, 20, 40, 60, 60]), (7200, [120] * 6)])
async def test_a_check_that_fails_says_nothing_of_the_connection_and_backs_off(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime], asked_to_wait: float,
    minutes: list[int],
) -> None:  # fmt: skip
    await connect_page(resources, page.id or 0)
    exchange.silence = SendFailed(FailureKind.RETRY, "Не отвечает.", retry_after_seconds=asked_to_wait)
    pauses = []
    for _ in minutes:
        clock[0] += timedelta(hours=3)
        assert await watch_connections(resources, clock[0]) == 1
        seen = await only(resources, PublicPage)
        assert (seen.connection_problem, seen.check_failure) == (None, "Не отвечает.")
        assert seen.next_check_at is not None
        pauses.append((seen.next_check_at - clock[0]) / timedelta(minutes=1))
    assert pauses == minutes
    exchange.silence = None
    clock[0] += timedelta(hours=3)
    await watch_connections(resources, clock[0])
    seen = await only(resources, PublicPage)
    assert (seen.failed_checks, seen.check_failure) == (0, None)


async def test_a_refused_key_is_shown_as_a_problem(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime]
) -> None:
    await connect_page(resources, page.id or 0)
    exchange.silence = SendFailed(FailureKind.PAGE_STOPPED, "Ключ отозван.")
    clock[0] += timedelta(hours=1)
    await watch_connections(resources, clock[0])
    assert (await only(resources, PublicPage)).connection_problem == "Ключ отозван."


@pytest.mark.parametrize(
    "values", [{"is_active": False, "connected_at": NOW}, {}, {"polling_problem": "Опрос не удаётся."}]
)
async def test_pages_that_are_off_or_were_never_connected_are_left_alone(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime], values: dict[str, Any]
) -> None:
    async with resources.database.transaction() as session:
        stored = await session.get_one(PublicPage, page.id)
        for name, value in values.items():
            setattr(stored, name, value)
    assert await watch_connections(resources, NOW + timedelta(days=1)) == 0
    assert exchange.subscribed == set()


async def test_a_good_webhook_leaves_what_is_wrong_with_the_poll(
    resources: Resources, page: PublicPage, exchange: Exchange, clock: list[datetime]
) -> None:
    await connect_page(resources, page.id or 0)
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).polling_problem = "Опрос не удаётся."
    clock[0] += timedelta(hours=1)
    assert await watch_connections(resources, clock[0]) == 1
    seen = await only(resources, PublicPage)
    assert (seen.connection_problem, seen.polling_problem) == (None, "Опрос не удаётся.")


async def test_keys_of_pages_are_sealed_anew_and_what_no_key_opens_is_named(
    resources: Resources, page: PublicPage
) -> None:
    before = open_credentials(resources.vault, page)
    rotated = replace(resources, vault=Vault(b"n" * 32, b"k" * 32))
    lost = seal_credentials(Vault(b"x" * 32), Credentials("7"))
    async with resources.database.transaction() as session:
        session.add(
            PublicPage(key="lost", platform="vk", external_id="7", name="Потерянная", created_at=NOW, credentials=lost)
        )
    counts = await rotate_keys(rotated, lambda share: None)
    assert (counts.sealed, counts.unreadable) == (1, ("Потерянная",))
    ours, _ = await rows(resources, PublicPage)
    assert open_credentials(Vault(b"n" * 32), ours) == before
    assert (await rotate_keys(rotated, lambda share: None)).sealed == 0
