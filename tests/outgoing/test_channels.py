"""Channels are opened with care, shown to managers, and kept secret where they must be."""

import pytest
from fastapi import FastAPI

from app.accounts.models import Role
from app.errors import Invalid
from app.outgoing.models import ChannelKind
from app.outgoing.outcome import GIVE_UP_AFTER
from tests.conftest import NOW
from tests.office import departments
from tests.outgoing.conftest import SECRET, Desk
from tests.signed_in import signed_in


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"url": "ftp://hook.example/"}, "https"), ({"url": "no address"}, "https"), ({"url": "https://"}, "https"),
        ({"url": "https://user:word@hook.example/"}, "пароля"), ({"url": "http://hook.example/"}, "http://"),
        ({"events": ["appeal.born"]}, "appeal.born"), ({"secret": "short"}, "короче"),
        ({"kind": ChannelKind.OPEN311, "services": {"Дороги": "roads"}}, "любой темой"),
        ({"department": "nobody"}, "nobody"), ({"url": "https://hook.example/" + "a" * 3000}, "https"),
    ],
)  # fmt: skip
async def test_a_channel_that_makes_no_sense_is_refused(desk: Desk, options: dict[str, object], sentence: str) -> None:
    number = (await departments(desk.resources)).popitem()[1].id or 0
    kind = options.pop("kind", ChannelKind.WEBHOOK)
    assert isinstance(kind, ChannelKind)
    with pytest.raises(Invalid, match=sentence):
        await desk.channel(number, kind, **options)


async def test_plain_http_is_for_hosts_of_our_own_network_only(desk: Desk) -> None:
    number = (await departments(desk.resources)).popitem()[1].id or 0
    assert await desk.channel(number, url="http://mfc.local:8080/hook", internal={"mfc.local:8080"})


async def test_the_secret_is_sealed_and_shown_nowhere(app: FastAPI, desk: Desk) -> None:
    await desk.channel(await desk.department_of_appeals())
    channel = await desk.the_channel()
    assert SECRET.encode() not in channel.secret
    async with await signed_in(app, desk.resources, Role.MANAGER) as browser:
        page = (await browser.get("/channels")).text
    assert "hook.example/hook" in page
    assert SECRET not in page
    assert "key=private" not in page


async def test_a_manager_sees_what_was_not_taken_and_has_it_sent_again(app: FastAPI, desk: Desk) -> None:
    number = await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    desk.wire.is_cut = True
    await desk.tell()
    await desk.tell(GIVE_UP_AFTER)
    async with await signed_in(app, desk.resources, Role.MANAGER) as browser:
        assert "не принято" in (await browser.get(f"/channels?channel={number}")).text
        delivery = await desk.delivery()
        again = await browser.post(f"/deliveries/{delivery.id}/replay", follow_redirects=True)
        assert "отправится снова" in again.text
        assert (await desk.delivery()).state == "pending"
        assert (await browser.post(f"/deliveries/{delivery.id}/replay")).status_code == 409
        assert (await browser.post("/deliveries/999/replay")).status_code == 404
        assert "Отправится снова: 0" in (await browser.post(f"/channels/{number}/replay", follow_redirects=True)).text


async def test_a_manager_stops_and_resumes_a_channel(app: FastAPI, desk: Desk) -> None:
    number = await desk.channel(await desk.department_of_appeals())
    async with await signed_in(app, desk.resources, Role.MANAGER) as browser:
        stopped = await browser.post(f"/channels/{number}/stopping", follow_redirects=True)
        assert "Остановил: Имя manager" in stopped.text
        assert not (await desk.the_channel()).is_active
        await browser.post(f"/channels/{number}/resumption")
        assert (await desk.the_channel()).is_active
        assert (await browser.post(f"/channels/{number}/resumption")).status_code == 409


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.DEPARTMENT])
async def test_channels_are_no_business_of_others(app: FastAPI, desk: Desk, role: Role) -> None:
    async with await signed_in(app, desk.resources, role) as browser:
        assert (await browser.get("/channels")).status_code == 403
        assert (await browser.post("/channels/1/stopping")).status_code == 403


async def test_a_page_without_channels_says_how_to_open_one(app: FastAPI, desk: Desk) -> None:
    async with await signed_in(app, desk.resources, Role.ADMIN) as browser:
        assert "appeals channels add" in (await browser.get("/channels")).text


async def test_what_is_over_is_forgotten_with_the_raw_deliveries(desk: Desk) -> None:
    from datetime import timedelta

    from app.outgoing.retention import forget_deliveries
    from tests.office import do

    await desk.channel(await desk.department_of_appeals())
    await desk.appeal()
    await do(desk.resources, forget_deliveries, NOW + timedelta(days=1))
    assert len(await desk.deliveries()) == 1  # it still waits
    await desk.tell()
    await do(desk.resources, forget_deliveries, NOW + timedelta(days=1))
    assert await desk.deliveries() == []
