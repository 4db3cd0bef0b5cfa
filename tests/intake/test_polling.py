"""Asking pages for comments: stored together with the anchor, so that a crash neither skips nor doubles any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, text

from app.intake import polling
from app.intake.models import EventState, InboxEvent, PagePoll
from app.intake.polling import LEASE_SECONDS, poll_pages
from app.jobs import Job
from app.platforms import PLATFORMS
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, seal_credentials
from app.resources import Resources
from tests.conftest import NOW
from tests.office import only, rows
from tests.ok_city import CITIZEN, CREDENTIALS, GROUP, OK_URL, City, ok_city

AFTER = timedelta(seconds=30)


@dataclass
class Desk:
    """The service with one page of Odnoklassniki."""

    resources: Resources
    city: City
    page: PublicPage
    now: datetime = NOW

    async def poll(self, after: timedelta = AFTER) -> int:
        """One round of asking, some time after the last one."""
        self.now += after
        return await poll_pages(self.resources, self.now)

    async def words(self) -> list[str]:
        """The comments in the inbox, in the order they came."""
        events = [event for event in await rows(self.resources, InboxEvent) if event.event_type == "COMMENT"]
        parsed = [
            PLATFORMS["ok"].parse(self.page.identity, self.resources.vault.open(event.payload or b""))
            for event in events
        ]
        return [item.text for (item,) in parsed]  # type: ignore[union-attr]

    async def state(self) -> PagePoll:
        """How the asking stands."""
        async with self.resources.database.transaction() as session:
            return (await session.scalars(select(PagePoll))).one()

    async def problem(self) -> str | None:
        """What an operator sees of the page."""
        return (await only(self.resources, PublicPage)).polling_problem


async def register(resources: Resources, external_id: str = GROUP, platform: str = "ok") -> PublicPage:
    async with resources.database.transaction() as session:
        return await add_page(
            session, resources.vault, platform=platform, credentials=replace(CREDENTIALS, external_id=external_id),
            name="Администрация Примерска", territory_code="52701000", now=NOW,
        )  # fmt: skip


@pytest.fixture
async def desk(resources: Resources) -> AsyncIterator[Desk]:
    async with ok_city() as city:
        settings = resources.settings.model_copy(update={"ok_api_url": OK_URL})
        connected = replace(resources, http=city.client, settings=settings)
        yield Desk(connected, city, await register(connected))


async def test_comments_are_stored_like_webhooks_sealed_and_the_inbox_is_told(desk: Desk) -> None:
    desk.city.comment("Яма во дворе")
    assert await desk.poll() == 1
    events = {event.event_type: event for event in await rows(desk.resources, InboxEvent)}
    assert set(events) == {"TOPIC", "COMMENT"}
    comment = events["COMMENT"]
    assert (comment.page_id, comment.state, comment.received_at) == (desk.page.id, EventState.RECEIVED, desk.now)
    assert "Яма".encode() not in (comment.payload or b"")
    assert await desk.words() == ["Яма во дворе"]
    assert desk.resources.database.queue.nudges == [Job.DRAIN_INBOX]  # type: ignore[attr-defined]


async def test_a_page_is_asked_when_its_time_has_come_and_not_before(desk: Desk) -> None:
    assert await desk.poll() == 1
    assert await desk.poll(timedelta(seconds=29)) == 0
    desk.city.comment("Яма")
    assert await desk.poll(timedelta(seconds=1)) == 1
    assert await desk.words() == ["Яма"]


async def test_nothing_new_wakes_nobody(desk: Desk) -> None:
    await desk.poll()
    nudges = len(desk.resources.database.queue.nudges)  # type: ignore[attr-defined]
    await desk.poll()
    assert len(desk.resources.database.queue.nudges) == nudges  # type: ignore[attr-defined]


async def test_only_active_pages_of_platforms_that_do_not_push_are_asked(desk: Desk) -> None:
    await register(desk.resources, "200000001", "vk")
    off = await register(desk.resources, "70000000000009")
    async with desk.resources.database.transaction() as session:
        (await session.get_one(PublicPage, off.id)).is_active = False
    assert await desk.poll() == 1
    assert (await desk.state()).page_id == desk.page.id


async def test_a_page_that_is_switched_off_later_is_asked_no_more(desk: Desk) -> None:
    await desk.poll()
    async with desk.resources.database.transaction() as session:
        (await session.get_one(PublicPage, desk.page.id)).is_active = False
    assert await desk.poll() == 0


async def killed(desk: Desk, after: int) -> None:
    """A round whose process dies when so many calls have been answered."""
    calls = 0
    reached = asyncio.Event()

    async def stop(request: httpx.Request) -> None:
        nonlocal calls
        calls += 1
        if calls >= after:
            reached.set()
            await asyncio.Event().wait()

    desk.city.wire.after = stop
    work = asyncio.create_task(desk.poll())
    await reached.wait()
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    desk.city.wire.after = None


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_process_killed_between_asking_and_storing_skips_and_doubles_nothing(desk: Desk, after: int) -> None:
    for number in range(150):
        desk.city.comment(f"Комментарий {number}")
    await killed(desk, after)
    assert await rows(desk.resources, InboxEvent) == []
    assert (await desk.state()).cursor == ""
    assert await desk.poll() == 0  # the dead process still holds its lease
    desk.city.comment("Последний")
    assert await desk.poll(timedelta(seconds=LEASE_SECONDS)) == 1
    assert await desk.words() == [*(f"Комментарий {number}" for number in range(150)), "Последний"]
    desk.city.comment("Ещё один")
    await desk.poll()
    assert (await desk.words())[-2:] == ["Последний", "Ещё один"]


async def test_a_process_killed_while_it_stores_leaves_neither_comments_nor_anchor(desk: Desk) -> None:
    await desk.poll()
    before = await desk.state()
    desk.city.comment("Яма")
    async with desk.resources.database.transaction() as session:
        await session.execute(text("LOCK TABLE inbox_event IN EXCLUSIVE MODE"))
        work = asyncio.create_task(desk.poll())
        assert await _somebody_waits(desk.resources)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    after = await desk.state()
    assert (after.cursor, after.lease) == (before.cursor, before.lease + 1)
    assert await desk.words() == []
    await desk.poll(timedelta(seconds=LEASE_SECONDS))
    assert await desk.words() == ["Яма"]


async def _somebody_waits(resources: Resources) -> bool:
    """Whether within some seconds a store has come as far as its INSERT."""
    waiting = "wait_event_type = 'Lock' AND query LIKE 'INSERT INTO inbox_event%'"
    for _ in range(500):
        async with resources.database.transaction() as session:
            found = await session.execute(text(f"SELECT 1 FROM pg_stat_activity WHERE {waiting}"))
            if found.first() is not None:
                return True
        await asyncio.sleep(0.01)
    return False


async def test_who_was_slower_than_his_lease_stores_nothing(desk: Desk) -> None:
    """The slow one has asked before the other did; its old anchor must not come back."""
    desk.city.comment("Первый")
    other_is_done = False

    async def overtake(request: httpx.Request) -> None:
        nonlocal other_is_done
        if not other_is_done:
            other_is_done = True
            desk.city.comment("Второй")
            assert await poll_pages(desk.resources, desk.now + timedelta(seconds=LEASE_SECONDS)) == 1

    desk.city.wire.before = overtake
    await desk.poll()
    state = await desk.state()
    assert (state.lease, state.polled_at) == (2, desk.now + timedelta(seconds=LEASE_SECONDS))
    assert await desk.words() == ["Первый", "Второй"]


async def test_two_workers_ask_a_page_once(desk: Desk) -> None:
    desk.city.comment("Яма")
    asked = await asyncio.gather(*(poll_pages(desk.resources, NOW) for _ in range(4)))
    assert sum(asked) == 1
    assert await desk.words() == ["Яма"]


async def test_many_pages_are_asked_a_few_at_a_time_until_none_is_due(desk: Desk) -> None:
    for number in range(20):
        desk.city.stand_in.add_page(
            f"7{number:04}", "Школа", access_token=f"t{number}", user_token="administrator-token", app_key="APPKEY",
            app_secret="app-secret",
        )  # fmt: skip
        await register(desk.resources, f"7{number:04}")
    counts = []
    while count := await poll_pages(desk.resources, NOW):
        counts.append(count)
    assert counts == [8, 8, 5]


async def test_anchors_survive_so_that_old_comments_are_not_read_again(desk: Desk) -> None:
    for number in range(150):
        desk.city.comment(f"Комментарий {number}")
    await desk.poll()
    asked = len(desk.city.stand_in.calls("discussions.getComments"))
    await desk.poll()
    assert len(desk.city.stand_in.calls("discussions.getComments")) == asked + 1
    assert len(await desk.words()) == 150


async def test_pages_in_any_order_and_comments_told_twice_are_each_stored_once(desk: Desk) -> None:
    desk.city.stand_in.api.is_mixed_up = True
    for number in range(120):
        desk.city.comment(f"Комментарий {number}")
    await desk.poll()
    async with desk.resources.database.transaction() as session:
        (await session.get_one(PagePoll, desk.page.id)).cursor = ""  # everything is told once more
    await desk.poll()
    words = await desk.words()
    assert len(words) == len(set(words)) == 120


async def test_a_failure_backs_off_is_kept_and_when_it_lasts_shown(desk: Desk) -> None:
    desk.city.comment("Яма")
    desk.city.stand_in.misbehave(http_status=502, times=100)
    pauses, problems = [], []
    for _ in range(6):
        assert await desk.poll(timedelta(0)) == 1
        state = await desk.state()
        pauses.append((state.next_at - desk.now).total_seconds())
        problems.append(await desk.problem())
        desk.now = state.next_at
    assert pauses == [60, 120, 240, 480, 600, 600]
    assert problems[:2] == [None, None]
    assert problems[2] is not None
    assert "недоступны" in problems[2]
    assert (state.failures, state.cursor) == (6, "")
    assert state.error is not None
    desk.city.stand_in.api.faults.clear()
    await desk.poll(timedelta(0))
    state = await desk.state()
    assert (state.failures, state.error, await desk.problem()) == (0, None, None)
    assert await desk.words() == ["Яма"]


async def test_what_only_a_person_can_mend_is_shown_at_once(desk: Desk) -> None:
    desk.city.stand_in.expire_tokens(GROUP)
    await desk.poll()
    problem = await desk.problem()
    assert problem is not None
    assert "ключ администратора" in problem


async def test_a_page_without_keys_for_comments_says_so(desk: Desk) -> None:
    async with desk.resources.database.transaction() as session:
        page = await session.get_one(PublicPage, desk.page.id)
        page.credentials = seal_credentials(desk.resources.vault, replace(CREDENTIALS, user_token=""))
    await desk.poll()
    assert "ключами приложения" in (await desk.problem() or "")


async def test_a_problem_of_another_kind_is_not_ours_to_call_off(desk: Desk) -> None:
    desk.city.stand_in.misbehave(error_code=102)
    await desk.poll()
    async with desk.resources.database.transaction() as session:
        (await session.get_one(PublicPage, desk.page.id)).connection_problem = "Вебхук отписан"
    await desk.poll(timedelta(minutes=20))
    assert (await only(desk.resources, PublicPage)).connection_problem == "Вебхук отписан"
    assert await desk.problem() is None
    assert (await desk.state()).error is None


async def test_the_platform_says_how_long_to_wait(desk: Desk) -> None:
    desk.city.stand_in.misbehave(error_code=11)
    await desk.poll()
    assert (await desk.state()).next_at == desk.now + timedelta(hours=1)


async def test_keys_that_cannot_be_opened_stop_this_page_only(desk: Desk) -> None:
    await register(desk.resources, "70000000000002")
    async with desk.resources.database.transaction() as session:
        (await session.get_one(PublicPage, desk.page.id)).credentials = b"sealed by another key"
    assert await desk.poll() == 2
    pages = {page.external_id: page for page in await rows(desk.resources, PublicPage)}
    assert "не читаются" in (pages[GROUP].polling_problem or "")
    assert pages["70000000000002"].polling_problem is None


async def test_a_fault_of_our_own_is_kept_and_tried_again_later(desk: Desk) -> None:
    async def break_down(request: httpx.Request) -> None:
        raise RuntimeError("unforeseen")

    desk.city.wire.before = break_down
    await desk.poll()
    state = await desk.state()
    assert "Внутренняя ошибка" in (state.error or "")
    assert state.next_at > desk.now
    assert "unforeseen" not in (state.error or "")


async def test_a_platform_that_never_answers_is_given_up_within_the_lease(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "ANSWER_SECONDS", 0.05)
    desk.city.stand_in.misbehave(delay_seconds=5.0)
    await desk.poll()
    assert "слишком медленно" in ((await desk.state()).error or "")


async def test_what_is_left_over_is_asked_for_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.platforms.ok_comments.CALLS_PER_ROUND", 2)
    post = desk.city.stand_in.add_post(GROUP, "Вторая запись").id
    desk.city.comment("Первый")
    desk.city.stand_in.comment(GROUP, post, CITIZEN, "Второй")
    while await poll_pages(desk.resources, NOW):
        pass
    assert sorted(await desk.words()) == ["Второй", "Первый"]
