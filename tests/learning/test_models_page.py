"""/models: managers see versions, comparisons and alarms, decide, and go back; others see nothing."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.learning import registry
from app.learning.chart import draw_curve
from app.learning.files import folder_of
from app.learning.models import ModelState, ModelVersion
from app.learning.nightly import NIGHT
from app.learning.overview import Point
from app.learning.seat import Seat
from app.resources import Resources
from app.time import utc_now
from tests.conftest import NOW
from tests.learning.conftest import Label, Register
from tests.learning.test_registry import BETTER, compared
from tests.office import do, only, rows
from tests.signed_in import signed_in


@pytest.fixture
async def manager(app: FastAPI, resources: Resources) -> httpx.AsyncClient:
    return await signed_in(app, resources, Role.MANAGER)


async def test_an_empty_registry_says_what_judges_and_how_to_begin(
    manager: httpx.AsyncClient, resources: Resources
) -> None:
    page = (await manager.get("/models")).text
    assert f"Работает поставляемая модель {resources.judge.version}" in page
    assert "Своих моделей пока нет" in page
    assert "Вернуть" not in page


async def test_operators_and_departments_have_no_business_here(app: FastAPI, resources: Resources) -> None:
    for role in (Role.OPERATOR, Role.DEPARTMENT):
        browser = await signed_in(app, resources, role)
        assert (await browser.get("/models")).status_code == 403
        assert (await browser.post("/models/rollback")).status_code == 403


async def test_a_manager_sees_the_interval_takes_the_challenger_and_takes_it_back(
    manager: httpx.AsyncClient, resources: Resources, register: Register, label: Label
) -> None:
    row = await register()
    await label([{"text": f"Яма {number}", "topic": "Неизвестная"} for number in range(60)])
    refused = await manager.post(f"/models/{row.version}/promotion")
    assert refused.status_code == 422
    assert "Не лучше с уверенностью 95 %" in refused.text
    page = (await manager.get("/models")).text
    assert "разница 0,0 п. п. (0,0 … 0,0), сообщений 60" in page
    assert (await manager.post(f"/models/{row.version}/promotion", data={"reason": "проба"})).status_code == 303
    page = (await manager.get("/models")).text
    assert "Имя manager" in page
    assert "Вернуть поставляемую" in page
    assert (await manager.post("/models/rollback")).status_code == 303
    assert (await only(resources, ModelVersion)).state == ModelState.RETIRED
    assert (await manager.post("/models/rollback")).status_code == 409


async def test_a_manager_decides_against_a_challenger(
    manager: httpx.AsyncClient, resources: Resources, register: Register
) -> None:
    row = await register()
    assert (await manager.post(f"/models/{row.version}/refusal")).status_code == 303
    assert (await only(resources, ModelVersion)).state == ModelState.REFUSED
    assert (await manager.post("/models/2020-01-01.00000000/refusal")).status_code == 404
    assert (await manager.post("/models/%00/refusal")).status_code == 422


async def test_a_broken_champion_is_an_alarm_on_the_page_and_a_number_on_the_rail(
    manager: httpx.AsyncClient, resources: Resources, register: Register, boss: Actor
) -> None:
    row = await register()
    await do(resources, registry.promote, row.version, None, boss, now=NOW, reason="проба")
    (folder_of(resources.settings, row.version) / "model.npz").write_bytes(b"\x80\x04")
    await Seat(resources).renew(NOW)
    page = (await manager.get("/models")).text
    assert f"Модель {row.version} не открывается" in page
    assert 'role="alert"' in page
    assert "требует внимания" in (await manager.get("/queue")).text


async def test_a_model_that_the_night_promoted_is_news_for_three_days(
    manager: httpx.AsyncClient, resources: Resources, register: Register
) -> None:
    row = await register()
    await do(resources, registry.promote, row.version, compared(row), NIGHT, now=utc_now() - timedelta(days=2))
    assert "принята ночью сама" in (await manager.get("/models")).text
    assert "требует внимания" in (await manager.get("/queue")).text
    async with resources.database.transaction() as session:
        (await registry.find(session, row.version)).promoted_at = utc_now() - timedelta(days=4)
    assert "требует внимания" not in (await manager.get("/queue")).text


async def test_where_people_correct_is_shown_from_five_labels_on(manager: httpx.AsyncClient, label: Label) -> None:
    await label([{"text": f"Яма {number}", "topic": "Дороги"} for number in range(6)], is_accepted=False, judged="Ямы")
    await label(
        [{"text": f"Лёд {number}", "topic": "Дороги"} for number in range(4)], NOW + timedelta(days=1),
        is_accepted=False, judged="Лёд",
    )  # fmt: skip
    page = (await manager.get("/models")).text
    assert "Ямы" in page
    assert "Лёд" not in page


async def test_the_curve_appears_with_the_second_training(
    manager: httpx.AsyncClient, resources: Resources, register: Register
) -> None:
    for day, count in ((1, 100), (2, 300)):
        made = await register(created=f"2026-11-0{day}T00:00:00Z")
        async with resources.database.transaction() as session:
            row = await registry.find(session, made.version)
            row.rows, row.is_adapted = count, True
            row.comparison = {"champion": None, "challenger": row.version, "kinds": {"topic": vars_of(BETTER)}}
    page = (await manager.get("/models")).text
    assert "сообщений и верных тем: 100: 60" in page
    assert len(await rows(resources, ModelVersion)) == 2


def vars_of(difference: object) -> dict[str, float]:
    from dataclasses import asdict

    return asdict(difference)  # type: ignore[call-overload,no-any-return]


def test_a_curve_needs_two_points_and_stays_within_its_frame() -> None:
    assert draw_curve([Point(10, 0.5)]) is None
    curve = draw_curve([Point(10, 0.0), Point(1000, 1.0)])
    assert curve is not None
    assert all(44 <= dot.x <= 384 and 24 <= dot.y <= 206 for dot in curve.dots)
