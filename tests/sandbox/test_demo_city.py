import json
import stat
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.accounts.models import Role, User
from app.accounts.service import verify_login
from app.appeals.models import Answer, AnswerState, Appeal, HistoryEntry, Message
from app.intake.models import EventState, InboxEvent
from app.public_pages.models import PublicPage
from app.public_pages.service import webhook_path
from app.resources import Resources
from app.sandbox import demo
from app.sandbox.city import read_city
from app.sandbox.demo import seed_demo
from app.sandbox.moments import moment_with_share_left
from app.sandbox.process import reload_stand_in, stand_in_app, stand_in_url, state_file
from app.sandbox.vk_stand_in import VkStandIn
from app.settings import Settings
from app.sla import service as sla
from app.sla.clock import start
from app.sla.models import Clock
from app.sla.state import band_of, share_left
from tests.conftest import NOW
from tests.office import rows


async def test_the_city_looks_alive_on_every_tab(resources: Resources) -> None:
    logins = await seed_demo(resources, NOW)
    appeals, answers = await rows(resources, Appeal), await rows(resources, Answer)
    states = Counter(appeal.state for appeal in appeals)
    city = read_city()
    assert len(appeals) == len(city.history) + len(city.fresh) + len(city.guest)
    assert {appeal.platform for appeal in appeals} == {page.platform for page in city.page}
    assert states["answered"] >= 40
    assert min(states["routed"], states["in_work"], states["interim"], states["closed"]) >= 1
    assert len({appeal.topic for appeal in appeals}) >= 25
    assert len({appeal.department_id for appeal in appeals}) >= 6
    is_open = [appeal for appeal in appeals if appeal.is_open and not appeal.is_talk]
    assert await bands(resources, is_open) >= {"ok", "watch", "risk", "over"}
    assert any(appeal.severity == 5 for appeal in is_open)
    assert any(appeal.kind == "message" for appeal in is_open)
    assert any(appeal.is_edited for appeal in is_open)
    assert any(appeal.has_attachments for appeal in is_open)
    assert any(appeal.is_talk for appeal in appeals)
    assert {answer.state for answer in answers} == {AnswerState.DELIVERED, AnswerState.FAILED}
    assert {login.removeprefix("demo-") for login in logins} == set(Role)
    await nothing_waits_and_one_failed(resources)
    await answers_came_in_and_out_of_time(resources)
    await everybody_has_a_name(resources)


async def bands(resources: Resources, appeals: list[Appeal]) -> set[str]:
    clocks = {clock.appeal_id: clock for clock in await rows(resources, Clock) if clock.closed_at is None}
    return {
        band_of(sla.state_of(clocks[appeal.id or 0]), sla.calendar_of(clocks[appeal.id or 0]), NOW)
        for appeal in appeals
    }


async def nothing_waits_and_one_failed(resources: Resources) -> None:
    states = Counter(event.state for event in await rows(resources, InboxEvent))
    assert states[EventState.RECEIVED] == 0
    assert states[EventState.FAILED] == 1
    assert states[EventState.IGNORED] >= 2


async def answers_came_in_and_out_of_time(resources: Resources) -> None:
    met = [clock for clock in await rows(resources, Clock) if clock.met_at]
    late = [clock for clock in met if clock.breached_at]
    assert 0 < len(late) < len(met) / 2
    first, last = min(clock.started_at for clock in met), max(clock.started_at for clock in met)
    assert last - first > timedelta(days=7)
    assert all(entry.at <= NOW for entry in await rows(resources, HistoryEntry))


async def everybody_has_a_name(resources: Resources) -> None:
    async with resources.database.transaction() as session:
        nameless = select(func.count()).where(Message.author_name.is_(None), Message.is_own.is_(False))  # type: ignore[union-attr, attr-defined]
        assert await session.scalar(nameless) == 0
        orphans = select(func.count()).where(Message.is_own, Message.appeal_id.is_(None))  # type: ignore[arg-type, union-attr]
        assert await session.scalar(orphans) == 0


FIRST_MOMENT = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.usefixtures("small_city")
class TestSmallCity:
    """What does not need the whole of it."""

    async def test_founding_it_twice_changes_nothing(self, resources: Resources) -> None:
        first = await seed_demo(resources, NOW)
        world = state_file(resources.settings).read_bytes()
        before = len(await rows(resources, Appeal))
        assert await seed_demo(resources, NOW + timedelta(days=1)) == first
        assert len(await rows(resources, Appeal)) == before
        assert state_file(resources.settings).read_bytes() == world

    async def test_the_passwords_open_the_door_and_are_kept_privately(self, resources: Resources) -> None:
        logins = await seed_demo(resources, NOW)
        file = resources.settings.data_dir / "demo-logins.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text()) == logins
        assert len(set(logins.values())) == len(logins)
        async with resources.database.transaction() as session:
            outcome = await verify_login(session, "demo-operator", logins["demo-operator"], now=NOW)
        assert outcome.user is not None

    async def test_a_lost_logins_file_gives_new_passwords(self, resources: Resources) -> None:
        first = await seed_demo(resources, NOW)
        (resources.settings.data_dir / "demo-logins.json").unlink()
        second = await seed_demo(resources, NOW)
        assert second.keys() == first.keys()
        assert second["demo-admin"] != first["demo-admin"]
        assert len(await rows(resources, User)) == len(first)

    async def test_the_department_login_belongs_to_a_department(self, resources: Resources) -> None:
        await seed_demo(resources, NOW)
        department = [user.department_id for user in await rows(resources, User) if user.role == Role.DEPARTMENT]
        assert department != [None]

    async def test_the_stand_in_delivers_to_the_pages_and_follows_them_to_another_address(
        self, resources: Resources, settings: Settings
    ) -> None:
        await seed_demo(resources, NOW)
        page = (await rows(resources, PublicPage))[0]
        assert callback(settings, page) == "http://test" + webhook_path(page)
        moved = settings.model_copy(update={"public_url": "http://moved"})
        object.__setattr__(resources, "settings", moved)
        await seed_demo(resources, NOW)
        assert callback(settings, page) == "http://moved" + webhook_path(page)
        assert VkStandIn(state_file(settings)).feed(int(page.external_id))["posts"][0]["comments"]

    async def test_a_worker_beside_may_take_the_deliveries(
        self, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever drains, the story goes on once it is drained."""
        from app.intake.service import drain_batch
        from app.sandbox import stage

        async def too_late(resources: Resources, now: datetime) -> int:
            await drain_batch(resources, now)
            return 0

        monkeypatch.setattr(stage, "drain_batch", too_late)
        await seed_demo(resources, NOW)
        assert len(await rows(resources, Appeal)) == 2

    async def test_a_reloaded_stand_in_knows_the_city(self, resources: Resources, settings: Settings) -> None:
        app = stand_in_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://stand-in.test") as client,
        ):
            assert (await client.get("/stand-in")).json()["communities"] == []
            await seed_demo(resources, NOW)
            assert (await client.post("/reload")).json() == {"reloaded": "vk"}
            assert len((await client.get("/stand-in")).json()["communities"]) == 2


def callback(settings: Settings, page: PublicPage) -> str:
    world = VkStandIn(state_file(settings)).world
    return world.communities[int(page.external_id)].servers[0].url


async def test_only_a_stand_in_of_this_installation_is_told_to_reload(settings: Settings) -> None:
    assert not await reload_stand_in(settings)
    here = settings.model_copy(update={"port": 9, "vk_api_url": ""})
    here = here.model_copy(update={"vk_api_url": stand_in_url(here)})
    assert not await reload_stand_in(here)  # nobody listens there


def test_no_number_of_the_demo_city_is_taken_by_examples() -> None:
    assert all(page.number > 219_000_000 for page in read_city().page if page.platform == "vk")
    assert demo.DEPARTMENT_OF_DEMO_USER == "omsk-city"


@given(
    share=st.floats(-0.5, 0.99),
    now=st.integers(0, 330 * 24 * 60).map(lambda minutes: FIRST_MOMENT + timedelta(minutes=minutes)),
)
def test_a_wanted_share_of_time_left_is_met(share: float, now: datetime) -> None:
    policy, calendar = sla.policy("social-default"), sla.calendar(sla.OFFICE, "Asia/Omsk")
    moment = moment_with_share_left(share, policy, calendar, now)
    state = start("first_answer", policy, calendar, moment, 2)
    assert share_left(state, calendar, now) == pytest.approx(share, abs=0.001)
