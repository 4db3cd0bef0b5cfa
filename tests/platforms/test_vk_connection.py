"""VKontakte is told where to deliver, and asked whether it does."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.vk import VK
from app.platforms.vk_events import UNDERSTOOD_EVENTS
from app.sandbox.vk_stand_in import VkStandIn
from app.sandbox.vk_world import CallbackServer
from tests.platforms.conftest import CALLBACK_URL, GROUP, VK_URL, Receiver

vk = VK()


@pytest.fixture
def page(stand_in: VkStandIn, receiver: Receiver, credentials: Credentials) -> "Page":
    return Page(stand_in, receiver, credentials)


class Page:
    """The page behind the address: it confirms with the string that was stored last, as the service does."""

    def __init__(self, stand_in: VkStandIn, receiver: Receiver, credentials: Credentials) -> None:
        self.stored = credentials
        self.community = stand_in.world.community(GROUP)
        self._stand_in = stand_in
        self._receiver = receiver
        receiver.respond = self._respond

    def _respond(self, body: dict[str, Any]) -> httpx.Response:
        return httpx.Response(200, text=self.stored.confirmation if body["type"] == "confirmation" else "ok")

    @property
    def servers(self) -> list[CallbackServer]:
        return self.community.servers

    async def connect(self, client: httpx.AsyncClient) -> None:
        self.stored = await vk.prepare_connection(client, VK_URL, self.stored)
        await vk.connect(client, VK_URL, self.stored, CALLBACK_URL)
        await self._stand_in.settle()

    async def problem(self, client: httpx.AsyncClient) -> str | None:
        return await vk.connection_problem(client, VK_URL, self.stored, CALLBACK_URL)


async def test_a_page_is_connected_confirmed_and_told_everything_we_understand(
    page: Page, stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Receiver
) -> None:
    page.servers.clear()
    page.stored = replace(page.stored, confirmation="an old one")
    assert "не знает адреса" in (await page.problem(vk_client) or "")
    await page.connect(vk_client)
    (server,) = page.servers
    assert (server.url, server.status, server.secret) == (CALLBACK_URL, "ok", "vkSecretExample123")
    assert set(server.events or []) == set(UNDERSTOOD_EVENTS)
    assert len(server.title) <= 14
    (settings,) = stand_in.calls("groups.setCallbackSettings")
    assert settings["params"]["api_version"] == "5.199"
    assert await page.problem(vk_client) is None
    assert receiver.types == ["confirmation"]


async def test_connecting_again_leaves_a_working_server_as_it_is(
    page: Page, stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Receiver
) -> None:
    page.servers[0].events = ["message_new"]
    for _ in range(2):
        await page.connect(vk_client)
    assert len(page.servers) == 1
    assert receiver.types == []  # no check, so the confirmation string has not changed either
    assert stand_in.calls("groups.editCallbackServer") == stand_in.calls("groups.addCallbackServer") == []
    assert await page.problem(vk_client) is None


async def test_a_switched_off_server_comes_back_with_the_new_string(
    page: Page, stand_in: VkStandIn, vk_client: httpx.AsyncClient, receiver: Receiver
) -> None:
    for _ in range(2):
        stand_in.stop_callbacks(GROUP)
        assert "отключила" in (await page.problem(vk_client) or "")
        await page.connect(vk_client)
        assert await page.problem(vk_client) is None
    assert [server.status for server in page.servers] == ["ok"]
    stand_in.publish_post(GROUP, "Ремонт теплотрассы")
    await stand_in.settle()
    assert receiver.types == ["confirmation", "confirmation", "wall_post_new"]


async def test_a_changed_secret_reaches_vk(page: Page, vk_client: httpx.AsyncClient) -> None:
    page.stored = replace(page.stored, secret="newSecret")
    assert "другой секретный ключ" in (await page.problem(vk_client) or "")
    await page.connect(vk_client)
    assert page.servers[0].secret == "newSecret"
    assert await page.problem(vk_client) is None


async def test_events_that_vk_does_not_send_are_named(page: Page, vk_client: httpx.AsyncClient) -> None:
    page.servers[0].events = [name for name in UNDERSTOOD_EVENTS if name not in ("message_new", "photo_new")]
    assert await page.problem(vk_client) == "ВКонтакте не присылает часть событий: message_new, photo_new."


async def test_a_server_that_waits_is_no_connection_yet(page: Page, vk_client: httpx.AsyncClient) -> None:
    page.servers[0].status = "wait"
    assert "ещё не подтвердила" in (await page.problem(vk_client) or "")


async def test_another_server_of_the_community_is_left_alone(page: Page, vk_client: httpx.AsyncClient) -> None:
    page.servers[0].url = "https://bot.example/callback"
    await page.connect(vk_client)
    assert [server.url for server in page.servers] == ["https://bot.example/callback", CALLBACK_URL]


async def test_an_address_that_does_not_confirm_is_tried_again(
    page: Page, vk_client: httpx.AsyncClient, receiver: Receiver
) -> None:
    page.servers[0].status = "failed"
    receiver.respond = lambda body: httpx.Response(403)
    with pytest.raises(SendFailed) as refusal:
        await page.connect(vk_client)
    assert (refusal.value.kind, refusal.value.code) == (FailureKind.RETRY, "not-confirmed")
    assert refusal.value.retry_after_seconds > 5  # web processes remember a page that long
    assert "отключила" in (await page.problem(vk_client) or "")


async def test_an_eleventh_server_is_for_a_person(page: Page, vk_client: httpx.AsyncClient) -> None:
    page.servers[:] = [CallbackServer(number, f"https://{number}.example/", "x", "") for number in range(1, 11)]
    with pytest.raises(SendFailed) as refusal:
        await page.connect(vk_client)
    assert (refusal.value.kind, refusal.value.code) == (FailureKind.HANDS_NEEDED, "2000")
    assert "десять серверов" in refusal.value.reason


async def test_a_secret_that_vk_cannot_hold_is_refused_at_once(page: Page, vk_client: httpx.AsyncClient) -> None:
    with pytest.raises(SendFailed) as refusal:
        await vk.connect(vk_client, VK_URL, replace(page.stored, secret="x" * 51), CALLBACK_URL)
    assert refusal.value.kind is FailureKind.PERMANENT


async def test_without_a_token_nothing_can_be_connected(page: Page, vk_client: httpx.AsyncClient) -> None:
    with pytest.raises(SendFailed) as refusal:
        await vk.prepare_connection(vk_client, VK_URL, replace(page.stored, access_token=""))
    assert refusal.value.kind is FailureKind.PAGE_STOPPED


@pytest.mark.parametrize("response", [None, [], {}, {"items": "x"}, {"items": [], "code": ""}, {"items": [5, {}]}])
async def test_senseless_words_of_vk_are_tried_again(credentials: Credentials, response: Any) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"response": response}))
    async with httpx.AsyncClient(transport=transport) as client:
        for attempt in (
            vk.prepare_connection(client, VK_URL, credentials),
            vk.connect(client, VK_URL, credentials, CALLBACK_URL),
        ):
            with pytest.raises(SendFailed) as refusal:
                await attempt
            assert refusal.value.kind is FailureKind.RETRY


async def test_senseless_settings_are_tried_again(credentials: Credentials) -> None:
    server = {"id": 1, "url": CALLBACK_URL, "status": "ok", "secret_key": ""}

    def handle(request: httpx.Request) -> httpx.Response:
        is_settings = request.url.path.endswith("getCallbackSettings")
        return httpx.Response(200, json={"response": {} if is_settings else {"items": [server]}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        with pytest.raises(SendFailed) as refusal:
            await vk.connection_problem(client, VK_URL, credentials, CALLBACK_URL)
    assert refusal.value.kind is FailureKind.RETRY
