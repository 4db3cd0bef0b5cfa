"""Whose request it is behind proxies, and which networks may deliver."""

import json
from dataclasses import replace

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from app.intake.models import InboxEvent
from app.intake.senders import is_within, parse_address, sender_address
from app.main import create_app
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, webhook_path
from app.resources import Resources
from app.settings import Settings, networks
from tests.conftest import NOW

OK_NETWORKS = "217.20.145.192/28,217.20.151.160/28,217.20.153.48/28"
PROXIES = networks("10.0.0.0/8, 2001:db8:1::/48")
MESSAGE = {
    "sender": {"user_id": "user:580000000001"},
    "recipient": {"chat_id": "chat:C1"},
    "message": {"mid": "mid:C1.1", "text": "Яма во дворе"},
    "timestamp": 1795312800000,
}


def seen(peer: str | None, *forwarded: str) -> str:
    return str(sender_address(peer, forwarded, PROXIES))


def test_a_stranger_is_who_opened_the_connection_whatever_he_says() -> None:
    assert seen("203.0.113.7") == "203.0.113.7"
    assert seen("203.0.113.7", "217.20.145.193") == "203.0.113.7"


def test_a_trusted_proxy_tells_whom_it_heard_from() -> None:
    assert seen("10.0.0.1", "217.20.145.193") == "217.20.145.193"
    assert seen("10.0.0.1", "217.20.145.193, 10.2.3.4") == "217.20.145.193"
    assert seen("10.0.0.1", "217.20.145.193", "10.2.3.4") == "217.20.145.193"


def test_what_a_stranger_wrote_before_the_proxy_is_not_believed() -> None:
    assert seen("10.0.0.1", "217.20.145.193, 203.0.113.7") == "203.0.113.7"
    assert seen("10.0.0.1", "217.20.145.193", "203.0.113.7, 10.9.9.9") == "203.0.113.7"


def test_a_proxy_that_tells_nothing_is_the_sender_itself() -> None:
    assert seen("10.0.0.1") == "10.0.0.1"
    assert seen("10.0.0.1", "10.0.0.2, 10.0.0.3") == "10.0.0.2"


def test_ipv6_peers_proxies_and_senders_are_understood() -> None:
    assert seen("2001:db8:1::5", "2001:db8:9::1") == "2001:db8:9::1"
    assert seen("2001:db8:1::5", "[2001:db8:9::1]:443") == "2001:db8:9::1"
    assert seen("2001:db8:2::5", "217.20.145.193") == "2001:db8:2::5"
    assert seen("::ffff:10.0.0.1", "::ffff:217.20.145.193") == "217.20.145.193"


@pytest.mark.parametrize("nonsense", ["", "unknown", "_hidden", "1.2.3", "<script>", "::g"])
def test_a_sender_that_cannot_be_told_is_nobody(nonsense: str) -> None:
    assert sender_address("10.0.0.1", [nonsense], PROXIES) is None
    assert sender_address(nonsense, ["217.20.145.193"], PROXIES) is None
    assert sender_address(None, ["217.20.145.193"], PROXIES) is None


def test_ports_brackets_and_quotes_do_not_hide_an_address() -> None:
    assert str(parse_address(" 217.20.145.193:5678 ")) == "217.20.145.193"
    assert str(parse_address('"[2001:db8::1]:80"')) == "2001:db8::1"


def test_networks_of_both_families_are_searched() -> None:
    allowed = networks("217.20.145.192/28,2001:db8:9::/48")
    known = ("217.20.145.207", "2001:db8:9::1")
    strange = ("217.20.145.208", "2001:db8:8::1")
    assert all(is_within(address, allowed) for text in known if (address := parse_address(text)))
    assert not any(is_within(address, allowed) for text in strange if (address := parse_address(text)))


@pytest.mark.parametrize("setting", ["ok_source_networks", "trusted_proxies"])
def test_a_network_that_is_none_is_refused_at_the_start(setting: str) -> None:
    with pytest.raises(ValidationError, match="сети через запятую"):
        Settings(_env_file=None, **{setting: "10.0.0.0/8, office"})  # type: ignore[call-arg]


@pytest.fixture
async def ok_page(resources: Resources) -> PublicPage:
    async with resources.database.transaction() as session:
        return await add_page(
            session, resources.vault, platform="ok", credentials=Credentials("70000000000001", "unused"),
            name="Администрация Примерска", territory_code="52701000", now=NOW,
        )  # fmt: skip


async def deliver(resources: Resources, page: PublicPage, peer: str, **headers: str) -> httpx.Response:
    """One message from this peer, to a service that knows networks and proxies."""
    told = {"ok_source_networks": OK_NETWORKS, "trusted_proxies": "10.0.0.0/8"}
    settings = resources.settings.model_copy(update=told)
    app = create_app(settings, replace(resources, settings=settings))
    transport = httpx.ASGITransport(app, client=(peer, 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(webhook_path(page), content=json.dumps(MESSAGE).encode(), headers=headers)
    await app.state.webhooks.close()
    return answer


async def stored(resources: Resources) -> int:
    async with resources.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(InboxEvent)) or 0


async def test_only_the_networks_of_the_platform_are_let_in(resources: Resources, ok_page: PublicPage) -> None:
    assert (await deliver(resources, ok_page, "217.20.151.161")).status_code == 200
    assert await stored(resources) == 1


async def test_a_sender_behind_our_proxy_is_let_in(resources: Resources, ok_page: PublicPage) -> None:
    headers = {"X-Forwarded-For": "217.20.153.49"}
    assert (await deliver(resources, ok_page, "10.0.0.1", **headers)).status_code == 200
    assert await stored(resources) == 1


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [
        ("203.0.113.7", ""),
        ("203.0.113.7", "217.20.153.49"),
        ("10.0.0.1", "217.20.153.49, 203.0.113.7"),
        ("10.0.0.1", "nobody"),
        ("10.0.0.1", ""),
    ],
    ids=["stranger", "stranger-who-lies", "liar-behind-the-proxy", "unreadable", "silent-proxy"],
)
async def test_others_are_refused_with_a_reason_and_nothing_is_stored(
    resources: Resources, ok_page: PublicPage, peer: str, forwarded: str
) -> None:
    answer = await deliver(resources, ok_page, peer, **({"X-Forwarded-For": forwarded} if forwarded else {}))
    assert answer.status_code == 403
    assert "networks" in answer.text
    assert await stored(resources) == 0


async def test_without_networks_in_the_settings_the_secret_address_is_enough(
    client: httpx.AsyncClient, resources: Resources, ok_page: PublicPage
) -> None:
    answer = await client.post(webhook_path(ok_page), content=json.dumps(MESSAGE).encode())
    assert (answer.status_code, answer.content) == (200, b"")
    assert await stored(resources) == 1
