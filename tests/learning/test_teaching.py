"""From operators' labels to a champion: trained, compared, promoted, at work; in a process of its own at night."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.models import Appeal
from app.audit.models import AuditEntry
from app.badges import badges_of
from app.errors import Invalid
from app.learning import decisions, nightly, registry
from app.learning.files import folder_of, open_model
from app.learning.models import ModelState, ModelVersion
from app.learning.nightly import NIGHT, learn_at_night
from app.learning.seat import Seat
from app.learning.teaching import compare_with_champion, count_new_labels, teach_from_labels
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page
from app.resources import Resources
from app.triage.models import LabelChoice
from app.vault import create_key_file
from tests.conftest import NOW
from tests.learning.conftest import Label, Register, own_rows
from tests.office import do, only, rows

TOMORROW = NOW + timedelta(days=1)


async def audited(resources: Resources) -> list[str]:
    return [entry.action for entry in await rows(resources, AuditEntry)]


async def test_labels_make_a_challenger_that_beats_the_shipped_model_on_labels_it_has_not_seen(
    resources: Resources, label: Label, boss: Actor
) -> None:
    messages = own_rows(600, topics=24)
    await label(messages)
    assert await count_new_labels(resources) == len(messages) > 300
    steps: list[str] = []
    await teach_from_labels(resources, boss, TOMORROW, steps.append)
    row = await only(resources, ModelVersion)
    assert (row.state, row.is_adapted, row.parent) == (ModelState.CHALLENGER, True, resources.judge.version)
    assert row.report
    assert len(steps) > 5
    assert row.comparison["kinds"]["topic"]["rows"] == len(messages) // 5
    assert row.comparison["kinds"]["topic"]["challenger"] > row.comparison["kinds"]["topic"]["champion"]
    assert await count_new_labels(resources) == 0
    files = {file.name for file in folder_of(resources.settings, row.version).iterdir()}
    assert files == {"model.npz", "manifest.json", "card.md"}
    texts = [words for one in messages for words in [one["text"].split(".")[0]] if len(words) > 30]
    written = (folder_of(resources.settings, row.version) / "manifest.json").read_text(encoding="utf-8")
    assert not any(words in written for words in texts)

    await decisions.promote_model(resources, row.version, boss, TOMORROW, reason="" if row.is_better else "проба")
    seat = Seat(resources)
    assert await seat.renew(TOMORROW)
    assert seat.resources.judge.version == row.version
    assert await do(resources, registry.root_of) is None  # the next one corrects the shipped model again, not this one


async def test_labels_teach_what_the_sphere_of_a_page_says_of_topics(
    resources: Resources, label: Label, boss: Actor, page: PublicPage
) -> None:
    messages = own_rows(120, topics=4)
    await label(messages)
    first = messages[0]["topic"]
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, page.id)).sphere = "culture"
        school = await add_page(
            session, resources.vault, platform="vk", credentials=Credentials("9", "s", "c", "t"), name="Школа",
            territory_code=None, sphere="education", now=NOW,
        )  # fmt: skip
        of_school = select(col(LabelChoice.appeal_id)).where(col(LabelChoice.chosen) == first)
        await session.execute(update(Appeal).where(col(Appeal.id).in_(of_school)).values(page_id=school.id))
    row = await teach_from_labels(resources, boss, TOMORROW)
    judge = open_model(resources.settings, row)
    assert judge.manifest.circumstances["sphere"] == ["культура", "образование"]
    assert any("Обстоятельство sphere: разных значений 2" in line for line in row.report)
    at_school, elsewhere = judge.chances(["Когда?"] * 2, [{"sphere": "Образование"}, {"sphere": "Культура"}]).labels[
        "topic"
    ]
    place = judge.manifest.labels["topic"].index(first)
    assert at_school[place] > 2 * elsewhere[place]


async def test_too_few_labels_teach_nothing_and_leave_nothing(resources: Resources, label: Label, boss: Actor) -> None:
    await label(own_rows(1))
    with pytest.raises(Invalid, match="слишком мало"):
        await teach_from_labels(resources, boss, TOMORROW)
    assert await rows(resources, ModelVersion) == []


async def test_without_newer_labels_there_is_nothing_to_compare_on(
    resources: Resources, label: Label, register: Register
) -> None:
    row = await register(taught_until=TOMORROW)
    await label(own_rows(30))
    assert await compare_with_champion(resources, row.version) is None


@pytest.fixture
def at_night(resources: Resources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The settings of the night; the process apart reads them from its environment."""
    create_key_file(resources.settings)
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return resources.settings


async def test_a_night_with_enough_labels_trains_apart_compares_and_waits_for_a_person(
    resources: Resources, label: Label, boss: Actor, at_night: Any
) -> None:
    at_night.model_retrain_labels = 151
    await label(own_rows(150, topics=24))
    assert await learn_at_night(resources, TOMORROW) == 0
    at_night.model_retrain_labels = 150
    assert await learn_at_night(resources, TOMORROW) == 1
    row = await only(resources, ModelVersion)
    assert (row.state, row.created_by) == (ModelState.CHALLENGER, NIGHT.label)
    assert {"model_trained", "model_compared"} <= set(await audited(resources))
    assert "model_promoted" not in await audited(resources)
    assert (await badges_of(resources.database)(boss))["model_news"] == int(row.is_better)
    assert await learn_at_night(resources, TOMORROW) == 0  # nothing is new any more


@pytest.mark.parametrize(("is_better", "is_auto", "state"), [
    (True, True, ModelState.CHAMPION),
    (True, False, ModelState.CHALLENGER),
    (False, True, ModelState.CHALLENGER),
])  # fmt: skip
async def test_the_night_promotes_only_what_is_better_and_only_where_that_is_wanted(
    resources: Resources, label: Label, register: Register, boss: Actor, monkeypatch: pytest.MonkeyPatch,
    is_better: bool, is_auto: bool, state: str,
) -> None:  # fmt: skip
    """The process apart is played by a model whose topics the labels bear, or do not."""
    resources.settings.model_retrain_labels, resources.settings.model_auto_promote = 10, is_auto
    made = await register(created="2026-11-24T00:00:00Z")
    text = "На дороге яма"
    topic = open_model(resources.settings, made).judge([text])[0].topic[0].label if is_better else "Неизвестная"
    await label([{"text": f"{text} {number}", "topic": topic} for number in range(80)])
    await compare_with_champion(resources, made.version)

    async def trained(settings: object) -> tuple[str, str]:
        return made.version, ""

    monkeypatch.setattr(nightly, "_train_apart", trained)
    assert await learn_at_night(resources, TOMORROW) == 1
    assert (await only(resources, ModelVersion)).state == state
    news = (await badges_of(resources.database)(boss))["model_news"]
    assert news == int(is_better)


async def test_a_training_that_fails_is_told_and_changes_nothing(
    resources: Resources, label: Label, at_night: Any
) -> None:
    at_night.model_retrain_labels = 5
    await label([{"text": f"Сообщение {number}", "topic": "Чего нет у модели"} for number in range(30)])
    assert await learn_at_night(resources, TOMORROW) == 0
    assert await rows(resources, ModelVersion) == []
    failed = next(entry for entry in await rows(resources, AuditEntry) if entry.action == "model_training_failed")
    assert "Размеченных сообщений 0" in failed.details["reason"]


async def test_a_challenger_nobody_wanted_for_a_month_is_retired_without_its_files(
    resources: Resources, register: Register
) -> None:
    row = await register(created="2026-10-01T00:00:00Z")
    await learn_at_night(resources, NOW)
    assert (await only(resources, ModelVersion)).state == ModelState.RETIRED
    assert not folder_of(resources.settings, row.version).exists()
