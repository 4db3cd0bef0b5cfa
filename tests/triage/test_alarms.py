"""Danger in a citizen's words: raised at once, kept from the fold of talk, lowered by a person only."""

from datetime import timedelta
from typing import Any

import pytest

from app.accounts.actor import Actor
from app.appeals import service as appeals
from app.appeals.models import Appeal
from app.errors import Conflict, Invalid
from app.resources import Resources
from app.sla.models import Clock
from app.triage import service as triage
from app.triage import sorting
from app.triage.alarms import alarm_in, places_of_danger, take_notice, themes_text
from app.triage.models import LabelChoice
from classifier import severity_of
from classifier.emergency import Alarm, alarm_of
from classifier.severity import GRAVEST
from tests.conftest import NOW, VK, comment
from tests.office import ROAD, THANKS, actions, clerk, details, do, only, opened, rows

FIRE = "Горит сарай на Полевой, огонь идёт на соседний дом!"
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
async def anna(resources: Resources) -> Actor:
    return await clerk(resources)


def blank(**values: Any) -> Appeal:
    return Appeal(**{"judgement": {}, "is_talk": True, "topic": None, **values})


def notice(appeal: Appeal, text: str, *, is_new_message: bool = False) -> bool:
    return take_notice(appeal, alarm_of(text), text, NOW, is_new_message=is_new_message)


def dismiss(appeal: Appeal) -> None:
    alarm = alarm_in(appeal) or {}
    appeal.judgement = {"alarm": alarm | {"dismissed": {"by": "Анна", "at": NOW.isoformat()}}}
    appeal.danger = None


def test_calm_words_raise_nothing() -> None:
    appeal = blank()
    assert not notice(appeal, ROAD)
    assert (appeal.danger, alarm_in(appeal), appeal.is_talk) == (None, None, True)


def test_an_alarm_names_the_danger_quotes_the_words_and_is_no_talk() -> None:
    appeal = blank()
    assert notice(appeal, FIRE)
    assert appeal.danger == "пожар"
    assert (appeal.severity, appeal.is_talk) == (GRAVEST, False)
    alarm = alarm_in(appeal)
    assert alarm is not None
    assert {"theme": "пожар", "text": "Горит сарай"} in alarm["words"]


def test_words_apart_are_quoted_with_what_is_left_out() -> None:
    appeal = blank()
    notice(appeal, "Горит у нас сарай")
    assert (alarm_in(appeal) or {})["words"][0]["text"] == "Горит … сарай"


def test_the_model_alone_raises_the_alarm_once() -> None:
    appeal = blank()
    assert take_notice(appeal, Alarm((), 0.7), "текст", NOW)
    assert not take_notice(appeal, Alarm((), 0.8), "текст", LATER)
    assert (appeal.danger, themes_text(["жизнь"])) == ("опасность для жизни",) * 2


def test_what_a_person_has_dismissed_holds_until_new_words_of_danger_appear() -> None:
    appeal = blank()
    notice(appeal, FIRE)
    dismiss(appeal)
    assert not notice(appeal, FIRE + " Исправил опечатку.")
    assert appeal.danger is None
    assert notice(appeal, FIRE + " Задымление в подъезде!")
    assert appeal.danger == "пожар"


def test_the_same_words_in_a_new_message_alarm_again_after_a_dismissal() -> None:
    appeal = blank()
    notice(appeal, FIRE)
    assert not notice(appeal, FIRE, is_new_message=True)
    dismiss(appeal)
    assert notice(appeal, FIRE, is_new_message=True)


def test_the_places_of_danger_are_those_of_its_words() -> None:
    assert [FIRE[start:end] for start, end in places_of_danger(FIRE)][:2] == ["Горит", "сарай"]
    assert places_of_danger(ROAD) == []


async def test_danger_is_judged_stored_told_and_hurries_the_promise(resources: Resources, vk: VK) -> None:
    calm = await opened(vk, ROAD, 1)
    fire = await opened(vk, FIRE, 2, 100000003)
    assert (calm.danger, fire.danger) == (None, "пожар")
    assert fire.severity == GRAVEST
    assert fire.next_due_at == NOW + timedelta(hours=4)
    assert fire.message_kind
    told = await details(resources, "alarm_raised")
    assert told["themes"] == ["пожар"]
    assert (await actions(resources)).count("alarm_raised") == 1


async def test_talk_that_speaks_of_danger_is_no_talk(resources: Resources, vk: VK) -> None:
    words = "Спасибо, пожар"
    thanks = (await resources_judgement(resources, words)).appeal_probability
    assert thanks < resources.judge.manifest.thresholds["appeal"], "choose words that are talk without the danger"
    assert not (await opened(vk, words)).is_talk


async def edit(vk: VK, text: str) -> None:
    """The citizen changes the words of comment 1."""
    await vk.deliver(vk.event("wall_reply_edit", comment(text, 1)))


async def resources_judgement(resources: Resources, text: str) -> Any:
    return resources.judge.judge([text])[0]


async def test_a_chosen_topic_does_not_lower_the_alarm(resources: Resources, vk: VK, anna: Actor) -> None:
    fire = await opened(vk, FIRE)
    calm = next(one for one in resources.judge.manifest.labels["topic"] if severity_of(one) < GRAVEST)
    async with resources.database.transaction() as session:
        chosen = await triage.choose_label(resources, session, fire.id or 0, "topic", calm, anna, now=LATER)
    assert (chosen.severity, chosen.danger) == (GRAVEST, "пожар")


async def test_not_dangerous_is_remembered_lowers_the_severity_and_can_be_undone(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    fire = await opened(vk, FIRE)
    calm = await do(resources, sorting.dismiss_alarm, fire.id, anna, now=LATER)
    assert (calm.danger, calm.severity) == (None, severity_of(fire.topic or ""))
    assert (alarm_in(calm) or {})["dismissed"] == {"by": anna.label, "at": LATER.isoformat()}
    assert calm.next_due_at == fire.next_due_at, "what was promised once is not taken back"
    with pytest.raises(Conflict):
        await do(resources, sorting.dismiss_alarm, fire.id, anna, now=LATER)
    back = await do(resources, sorting.restore_alarm, fire.id, anna, now=LATER)
    assert (back.danger, back.severity) == ("пожар", GRAVEST)
    with pytest.raises(Conflict):
        await do(resources, sorting.restore_alarm, fire.id, anna, now=LATER)
    examples = await rows(resources, LabelChoice)
    assert [(one.label_kind, one.judged, one.chosen, one.is_accepted) for one in examples] == [
        ("alarm", "пожар", "нет", False), ("alarm", "пожар", "пожар", True),
    ]  # fmt: skip
    assert (await actions(resources))[-2:] == ["alarm_dismissed", "alarm_restored"]


async def test_an_edit_that_speaks_of_danger_raises_the_alarm_and_is_told(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await opened(vk, ROAD, 1)
    await edit(vk, FIRE)
    await vk.drain(LATER)
    appeal, clock = await only(resources, Appeal), await only(resources, Clock)
    assert (appeal.danger, appeal.severity) == ("пожар", GRAVEST)
    assert clock.due_at == NOW + timedelta(hours=4)
    assert (await actions(resources)).count("alarm_raised") == 1
    await do(resources, sorting.dismiss_alarm, appeal.id, anna, now=LATER)
    await edit(vk, FIRE + " Так вот.")
    await vk.drain(LATER)
    assert (await only(resources, Appeal)).danger is None
    assert (await actions(resources)).count("alarm_raised") == 1


async def test_danger_in_later_words_alarms_whoever_works_on_it(resources: Resources, vk: VK, anna: Actor) -> None:
    await vk.message(ROAD, 1)
    await vk.drain()
    await do(resources, appeals.take, 1, anna, now=NOW)
    await vk.message("А теперь ещё и запах газа в подъезде!", 2)
    await vk.drain(LATER)
    appeal = await only(resources, Appeal)
    assert (appeal.danger, appeal.severity, appeal.state) == ("газ", GRAVEST, "in_work")
    assert (await details(resources, "due_changed"))["to"] == (NOW + timedelta(hours=4)).isoformat()


async def test_later_danger_makes_an_appeal_of_talk_whose_promise_runs_from_those_words(
    resources: Resources, vk: VK
) -> None:
    await vk.message(THANKS, 1)
    await vk.drain()
    assert (await only(resources, Appeal)).is_talk
    await vk.message("Пожар!", 2)
    await vk.drain(LATER)
    appeal, clock = await only(resources, Appeal), await only(resources, Clock)
    assert (appeal.danger, appeal.is_talk, clock.is_counted) == ("пожар", False, True)
    assert clock.due_at == clock.started_at + timedelta(hours=4)


async def test_an_appeal_can_be_called_talk_and_back_but_danger_cannot(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    road = await opened(vk, ROAD, 1)
    talk = await do(resources, sorting.call_talk, road.id, anna, now=LATER)
    assert (talk.is_talk, (await only(resources, Clock)).is_counted) == (True, False)
    back = await do(resources, appeals.confirm_appeal, road.id, anna, now=LATER)
    assert (back.is_talk, (await only(resources, Clock)).is_counted) == (False, True)
    fire = await opened(vk, FIRE, 2, 100000003)
    with pytest.raises(Conflict, match="тревогу"):
        await do(resources, sorting.call_talk, fire.id, anna, now=LATER)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, road.id)
        stored.platform = "web"
    with pytest.raises(Invalid):
        await do(resources, sorting.call_talk, road.id, anna, now=LATER)
