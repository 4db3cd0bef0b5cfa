"""Who judges in a process: the champion at once, and when its file is bad, the last good model, for all to see."""

import asyncio
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from arq.worker import Worker

from app import worker
from app.accounts.actor import Actor
from app.badges import badges_of
from app.learning import registry
from app.learning import seat as seats
from app.learning.files import folder_of, write_model
from app.learning.models import ModelVersion
from app.learning.seat import Seat
from app.main import create_app
from app.resources import Resources
from app.triage.service import judge_and_route
from app.vault import create_key_file
from classifier.training import Model, resigned
from tests.conftest import NOW, VK
from tests.learning.conftest import Register
from tests.office import ROAD, do, only, opened, rows


@pytest.fixture
def seat(resources: Resources) -> Seat:
    return Seat(resources)


async def crown(resources: Resources, row: ModelVersion, boss: Actor) -> None:
    await do(resources, registry.promote, row.version, None, boss, now=NOW, reason="проверка")


async def test_without_a_champion_the_shipped_model_judges(seat: Seat, resources: Resources) -> None:
    assert not await seat.renew(NOW)
    assert seat.resources is resources


async def test_a_promoted_model_takes_its_seat_once_and_stamps_what_it_judges(
    seat: Seat, resources: Resources, register: Register, boss: Actor, vk: VK
) -> None:
    row = await register()
    await crown(resources, row, boss)
    assert await seat.renew(NOW)
    assert seat.resources.judge.version == row.version
    assert not await seat.renew(NOW)
    appeal = await opened(vk)
    assert appeal.judgement["model_version"] != row.version
    async with resources.database.transaction() as session:
        await judge_and_route(seat.resources, session, [appeal], NOW)
    assert appeal.judgement["model_version"] == row.version


async def test_a_batch_that_has_begun_keeps_its_judge(
    seat: Seat, resources: Resources, register: Register, boss: Actor
) -> None:
    begun_with = seat.resources
    await crown(resources, await register(), boss)
    await seat.renew(NOW)
    assert begun_with.judge.version != seat.resources.judge.version
    assert begun_with.judge.judge([ROAD])[0].topic


class Bomb:
    """A pickle that leaves a trace when somebody opens it."""

    def __init__(self, trace: Path) -> None:
        self.trace = str(trace)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (self.trace,)


def poison(file: Path, trace: Path) -> None:
    file.write_bytes(pickle.dumps(Bomb(trace)))


def truncate(file: Path, trace: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def remove(file: Path, trace: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("spoil", [poison, truncate, remove])
async def test_a_spoilt_champion_is_refused_the_last_good_one_stays_and_managers_see_it(
    resources: Resources, register: Register, boss: Actor, spoil: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    good, bad = await register("2026-11-19T00:00:00Z"), await register("2026-11-20T00:00:00Z")
    await crown(resources, good, boss)
    await crown(resources, bad, boss)
    spoil(folder_of(resources.settings, bad.version) / "model.npz", tmp_path / "trace")
    seat = Seat(resources)
    await seat.renew(NOW)
    assert seat.resources.judge.version == good.version
    assert not (tmp_path / "trace").exists()
    marked = next(row for row in await rows(resources, ModelVersion) if row.version == bad.version)
    assert "model.npz" in (marked.problem or "")
    assert (await badges_of(resources.database)(boss))["model_news"] == 1


async def test_a_running_process_keeps_its_judge_when_the_new_champion_is_spoilt(
    seat: Seat, resources: Resources, register: Register, boss: Actor, tmp_path: Path
) -> None:
    good = await register("2026-11-19T00:00:00Z")
    await crown(resources, good, boss)
    await seat.renew(NOW)
    judge = seat.resources.judge
    bad = await register("2026-11-20T00:00:00Z")
    await crown(resources, bad, boss)
    truncate(folder_of(resources.settings, bad.version) / "model.npz", tmp_path)
    assert not await seat.renew(NOW)
    assert seat.resources.judge is judge


async def test_another_model_in_the_champions_folder_is_refused_and_the_shipped_one_judges(
    seat: Seat, resources: Resources, register: Register, boss: Actor, small: Model
) -> None:
    row = await register()
    await crown(resources, row, boss)
    other = resigned(replace(small, manifest=replace(small.manifest, created="2026-11-21T00:00:00Z")))
    write_model(folder_of(resources.settings, row.version), other.manifest, other.arrays, "")
    assert not await seat.renew(NOW)
    assert seat.resources.judge is resources.judge
    assert "лежит другая модель" in ((await only(resources, ModelVersion)).problem or "")


async def test_a_champion_whose_file_is_back_takes_its_seat_and_the_alarm_ends(
    seat: Seat, resources: Resources, register: Register, boss: Actor
) -> None:
    row = await register()
    await crown(resources, row, boss)
    file = folder_of(resources.settings, row.version) / "model.npz"
    file.rename(file.with_suffix(".away"))
    await seat.renew(NOW)
    file.with_suffix(".away").rename(file)
    assert await seat.renew(NOW)
    assert seat.resources.judge.version == row.version
    assert (await only(resources, ModelVersion)).problem is None
    assert (await badges_of(resources.database)(boss))["model_news"] == 0


async def test_taking_the_only_champion_back_seats_the_shipped_model_again(
    seat: Seat, resources: Resources, register: Register, boss: Actor
) -> None:
    await crown(resources, await register(), boss)
    await seat.renew(NOW)
    await do(resources, registry.rollback, boss, now=NOW)
    assert await seat.renew(NOW)
    assert seat.resources.judge.version == resources.judge.version


async def test_a_running_worker_gives_the_new_champion_to_the_jobs_that_begin_later(
    seat: Seat, resources: Resources, register: Register, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "LOOK_EVERY_SECONDS", 0.05)
    at_work: list[Worker] = []

    async def work(built: Worker) -> None:
        at_work.append(built)
        await asyncio.sleep(60)

    monkeypatch.setattr(worker, "_work", work)
    running = asyncio.create_task(worker._work_on(seat))
    row = await register()
    await crown(resources, row, boss)
    async with asyncio.timeout(20):
        while not at_work or at_work[0].ctx["resources"].judge.version != row.version:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(at_work) == 1


async def test_a_web_process_opens_the_champion_at_its_start_and_takes_a_new_one_while_it_runs(
    resources: Resources, register: Register, boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "LOOK_EVERY_SECONDS", 0.05)
    create_key_file(resources.settings)
    first = await register("2026-11-19T00:00:00Z")
    await crown(resources, first, boss)
    app = create_app(resources.settings)
    async with app.router.lifespan_context(app):
        assert app.state.resources.judge.version == first.version
        second = await register("2026-11-20T00:00:00Z")
        await crown(resources, second, boss)
        async with asyncio.timeout(20):
            while app.state.resources.judge.version != second.version:  # noqa: ASYNC110  as a browser would see it
                await asyncio.sleep(0.05)
