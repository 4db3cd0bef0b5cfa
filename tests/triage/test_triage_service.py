"""The judge and the rules on appeals, and what a person's word changes: on the real model and the shipped tables."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals import cycle
from app.appeals import service as appeals
from app.appeals.models import Appeal, State
from app.errors import Conflict, Invalid, NotFound
from app.resources import Resources
from app.rulebook import Rulebook
from app.sla.models import Clock
from app.triage import service as triage
from app.triage.destinations import destinations as where_topics_lead
from app.triage.models import LabelChoice
from app.triage.service import FAILED_RULES, LABEL_KINDS
from classifier import Judgement, severity_of
from routing_rules import DEFAULT_DIRECTORY, Facts, parse, read_texts
from tests.conftest import NOW, VK
from tests.office import ROAD, THANKS, actions, clerk, details, do, only, opened, other_department, rows

LATER = NOW + timedelta(minutes=10)


@pytest.fixture
async def anna(resources: Resources) -> Actor:
    return await clerk(resources)


@pytest.fixture
async def appeal(vk: VK) -> Appeal:
    return await opened(vk)


async def choose(
    resources: Resources, appeal: Appeal, kind: str, label: str, actor: Actor, now: datetime = LATER, **options: Any
) -> Appeal:
    async with resources.database.transaction() as session:
        return await triage.choose_label(
            resources, session, appeal.id or 0, kind, label, actor, now=now, **options  # type: ignore[arg-type]
        )  # fmt: skip


async def destinations(resources: Resources, appeal: Appeal, topics: list[str] | None = None) -> dict[str, int]:
    """The department's id for each topic; for all topics of the model if none are given."""
    names = resources.judge.manifest.labels["topic"] if topics is None else topics
    async with resources.database.transaction() as session:
        found = await where_topics_lead(resources, session, await session.get_one(Appeal, appeal.id), names)
    return {topic: department.id or 0 for topic, department in found.items()}


async def topic_leading(resources: Resources, appeal: Appeal, *, elsewhere: bool, is_urgent: bool = False) -> str:
    """A topic other than the judged one that leads to the same department or to another."""
    found = await destinations(resources, appeal)
    return next(
        topic
        for topic, department_id in found.items()
        if topic != appeal.topic
        and (department_id != appeal.department_id) == elsewhere
        and (severity_of(topic) >= 4) == is_urgent
    )


async def test_what_the_judge_and_the_rules_said_is_stored_with_alternatives_and_trace(
    resources: Resources, appeal: Appeal
) -> None:
    judgement, manifest = appeal.judgement, resources.judge.manifest
    assert judgement["model_version"] == resources.judge.version
    assert judgement["thresholds"] == manifest.thresholds
    for kind in LABEL_KINDS:
        guesses = judgement["labels"][kind]
        assert guesses[0]["label"] == getattr(appeal, kind)
        assert [guess["probability"] for guess in guesses] == sorted(
            (guess["probability"] for guess in guesses), reverse=True
        )
    group = judgement["labels"]["topic_group"][0]["probability"]
    assert judgement["is_sure"] == (group >= manifest.thresholds["topic_group"])
    assert appeal.confidence == judgement["labels"]["topic"][0]["probability"]
    assert appeal.severity == severity_of(appeal.topic or "")
    assert "won" in [step["outcome"] for step in appeal.routing["steps"]]
    assert appeal.routing["rule_set_version"] == resources.rulebook.shipped.version
    told = await details(resources, "routed")
    assert told["steps"] == appeal.routing["steps"]
    assert (await details(resources, "judged"))["topic"] == appeal.topic


async def test_who_is_not_understood_waits_for_a_person_at_the_triage_desk(resources: Resources, vk: VK) -> None:
    unclear = await opened(vk, "Ну и что теперь с этим делать, когда ответите")
    assert (unclear.state, unclear.routing["layer"]) == (State.REVIEW, "default")
    assert not unclear.is_talk
    assert not unclear.judgement["is_sure"]


async def test_talk_is_marked_and_kept(resources: Resources, vk: VK) -> None:
    talk = await opened(vk, THANKS)
    assert talk.is_talk
    assert talk.is_open
    assert talk.judgement["appeal_probability"] < resources.judge.manifest.thresholds["appeal"]


async def test_accepting_the_topic_is_remembered_as_an_example_and_makes_the_route_certain(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    guess = appeal.judgement["labels"]["topic"][0]
    accepted = await choose(resources, appeal, "topic", guess["label"], anna)
    choice = await only(resources, LabelChoice)
    assert (choice.label_kind, choice.judged, choice.chosen, choice.is_accepted) == (
        "topic", guess["label"], guess["label"], True,
    )  # fmt: skip
    assert (choice.probability, choice.model_version) == (guess["probability"], resources.judge.version)
    assert (choice.user_id, choice.at, choice.appeal_id) == (anna.user_id, LATER, appeal.id)
    assert accepted.is_confirmed
    assert accepted.version == appeal.version + 1
    assert accepted.next_due_at == appeal.next_due_at
    assert (await actions(resources))[-2:] == ["routed", "label_accepted"]
    assert await details(resources, "label_accepted") == {"label_kind": "topic", "label": guess["label"]}


async def test_correcting_the_topic_sends_the_appeal_elsewhere_without_extra_time(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    await do(resources, appeals.take, appeal.id, anna, now=NOW)
    topic = await topic_leading(resources, appeal, elsewhere=True)
    expected = (await destinations(resources, appeal, [topic]))[topic]
    corrected = await choose(resources, appeal, "topic", topic, anna)
    clock = await only(resources, Clock)
    assert (corrected.topic, corrected.department_id, clock.department_id) == (topic, expected, expected)
    assert corrected.topic_group == resources.judge.manifest.topic_to_group[topic]
    assert (corrected.state, corrected.assignee_id) == (State.ROUTED, None)
    assert (corrected.next_due_at, clock.started_at) == (appeal.next_due_at, NOW)
    assert await details(resources, "label_corrected") == {
        "label_kind": "topic", "from": appeal.topic, "to": topic,
    }  # fmt: skip
    choice = await only(resources, LabelChoice)
    assert (choice.judged, choice.chosen, choice.is_accepted) == (appeal.topic, topic, False)


async def test_a_label_that_the_judge_did_not_think_of_is_remembered_without_probability(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    guessed = {guess["label"] for guess in appeal.judgement["labels"]["topic"]}
    topic = next(label for label in resources.judge.manifest.labels["topic"] if label not in guessed)
    await choose(resources, appeal, "topic", topic, anna)
    assert (await only(resources, LabelChoice)).probability is None


async def test_accepting_a_corrected_topic_is_accepted_in_the_history_and_still_a_correction_of_the_judge(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    topic = await topic_leading(resources, appeal, elsewhere=True)
    await choose(resources, appeal, "topic", topic, anna)
    await choose(resources, appeal, "topic", topic, anna)
    assert (await actions(resources))[-1] == "label_accepted"
    assert [choice.is_accepted for choice in await rows(resources, LabelChoice)] == [False, False]


async def test_an_urgent_topic_brings_the_due_time_forward_and_a_calm_one_does_not_push_it_back(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    urgent_topic = await topic_leading(resources, appeal, elsewhere=True, is_urgent=True)
    urgent = await choose(resources, appeal, "topic", urgent_topic, anna)
    assert urgent.severity >= 4
    assert urgent.next_due_at == NOW + timedelta(hours=4)
    assert appeal.next_due_at is not None
    told = await details(resources, "due_changed")
    assert datetime.fromisoformat(told["from"]) == appeal.next_due_at
    assert datetime.fromisoformat(told["to"]) == urgent.next_due_at
    assert (told["kind"], bool(told["because"])) == ("first_answer", True)
    calm = await choose(resources, appeal, "topic", appeal.topic or "", anna)
    assert (calm.severity, calm.next_due_at) == (appeal.severity, urgent.next_due_at)
    assert (await actions(resources)).count("due_changed") == 1


@pytest.mark.parametrize("kind", ["topic_group", "agency"])
async def test_other_labels_change_neither_topic_nor_route(
    resources: Resources, appeal: Appeal, anna: Actor, kind: str
) -> None:
    label = next(one for one in resources.judge.manifest.labels[kind] if one != getattr(appeal, kind))
    chosen = await choose(resources, appeal, kind, label, anna)
    assert getattr(chosen, kind) == label
    assert (chosen.topic, chosen.department_id, chosen.is_confirmed) == (appeal.topic, appeal.department_id, False)
    assert (await actions(resources))[-1] == "label_corrected"
    assert (await only(resources, LabelChoice)).label_kind == kind


async def test_what_is_refused(resources: Resources, appeal: Appeal, anna: Actor) -> None:
    with pytest.raises(Invalid, match="нет"):
        await choose(resources, appeal, "topic", "Погода на Марсе", anna)
    with pytest.raises(Invalid):
        await choose(resources, appeal, "colour", appeal.topic or "", anna)
    with pytest.raises(Conflict):
        await choose(resources, appeal, "topic", appeal.topic or "", anna, expected_version=appeal.version + 1)
    stranger = await clerk(resources, "x", Role.DEPARTMENT, (await other_department(resources, appeal)).id)
    with pytest.raises(NotFound):
        await choose(resources, appeal, "topic", appeal.topic or "", stranger)
    await do(resources, appeals.close, appeal.id, "spam", anna, now=NOW)
    with pytest.raises(Conflict):
        await choose(resources, appeal, "topic", appeal.topic or "", anna)
    assert await rows(resources, LabelChoice) == []


async def test_work_goes_on_where_the_department_stays(resources: Resources, appeal: Appeal, anna: Actor) -> None:
    await do(resources, appeals.take, appeal.id, anna, now=NOW)
    chosen = await choose(resources, appeal, "topic", await topic_leading(resources, appeal, elsewhere=False), anna)
    assert (chosen.state, chosen.assignee_id) == (State.IN_WORK, anna.user_id)


async def test_an_interim_answer_stays_given_wherever_the_appeal_goes(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        await cycle.mark_answered(session, await session.get_one(Appeal, appeal.id), NOW, NOW, is_interim=True)
    moved = await choose(resources, appeal, "topic", await topic_leading(resources, appeal, elsewhere=True), anna)
    assert moved.state == State.INTERIM
    assert moved.department_id != appeal.department_id


async def test_a_chosen_topic_makes_an_appeal_of_talk(resources: Resources, vk: VK, anna: Actor) -> None:
    talk = await opened(vk, THANKS)
    chosen = await choose(resources, talk, "topic", talk.topic or "", anna)
    assert not chosen.is_talk
    assert (await only(resources, Clock)).is_counted


async def test_the_card_tells_beforehand_where_each_guess_would_lead(resources: Resources, vk: VK, anna: Actor) -> None:
    first = await opened(vk)
    guesses = [guess["label"] for guess in first.judgement["labels"]["topic"]]
    told = await destinations(resources, first, guesses)
    assert list(told) == guesses
    for number, topic in enumerate(guesses, start=1):
        appeal = await opened(vk, ROAD, 800 + number)
        assert (await choose(resources, appeal, "topic", topic, anna)).department_id == told[topic]


async def test_accepting_the_topic_leaves_the_appeal_where_a_person_has_sent_it(
    resources: Resources, appeal: Appeal, anna: Actor
) -> None:
    other = await other_department(resources, appeal)
    moved = await do(resources, appeals.reroute, appeal.id, other.id, anna, reason="их дорога", now=NOW)
    assert (await destinations(resources, moved, [moved.topic or ""])) == {moved.topic: other.id}
    accepted = await choose(resources, moved, "topic", moved.topic or "", anna)
    assert (accepted.department_id, accepted.is_confirmed) == (other.id, True)
    elsewhere = await topic_leading(resources, accepted, elsewhere=True)
    assert (await choose(resources, accepted, "topic", elsewhere, anna)).department_id != other.id


async def test_later_words_make_an_appeal_of_talk_and_its_clock_counts(resources: Resources, vk: VK) -> None:
    await vk.message(THANKS, 1)
    await vk.drain()
    assert not (await only(resources, Clock)).is_counted
    await vk.message("Третий день нет отопления в доме, батареи холодные", 2)
    await vk.drain(LATER)
    appeal, clock = await only(resources, Appeal), await only(resources, Clock)
    assert not appeal.is_talk
    assert (clock.is_counted, clock.started_at) == (True, NOW)


async def test_later_talk_does_not_undo_that_a_person_called_it_an_appeal(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await vk.message(THANKS, 1)
    await vk.drain()
    await do(resources, appeals.confirm_appeal, 1, anna, now=NOW)
    await vk.message("Спасибо!", 2)
    await vk.drain(LATER)
    assert not (await only(resources, Appeal)).is_talk
    assert (await only(resources, Clock)).is_counted


async def test_a_rule_that_fails_alarms_and_the_rules_are_asked_for_the_centers_own_day(
    resources: Resources, appeal: Appeal
) -> None:
    asked: list[Facts] = []

    class Breaking:
        tables = resources.rulebook.shipped.tables

        def asks_for(self, condition: str) -> bool:
            return False

        def decide(self, facts: Facts) -> Any:
            asked.append(facts)
            return resources.rulebook.shipped.decide(facts)._replace(failed=("сломанное",))

    broken = replace(resources, rulebook=Rulebook(Breaking()))  # type: ignore[arg-type]
    before = FAILED_RULES.labels("сломанное")._value.get()
    evening = datetime(2026, 11, 23, 20, 0, tzinfo=NOW.tzinfo)  # two in the morning of the 24th in Omsk
    async with resources.database.transaction() as session:
        await triage.judge_and_route(broken, session, [await session.get_one(Appeal, appeal.id)], evening)
    assert FAILED_RULES.labels("сломанное")._value.get() == before + 1
    assert [str(facts.on) for facts in asked] == ["2026-11-24"]


async def test_a_judge_without_a_guess_leaves_the_appeal_to_the_desk(resources: Resources, appeal: Appeal) -> None:
    class Silent:
        version, manifest = "silent", resources.judge.manifest

        def judge(self, texts: list[str], known: list[dict[str, str]]) -> list[Judgement]:
            return [Judgement(0.9) for _ in texts]

    silent = replace(resources, judge=Silent())  # type: ignore[arg-type]
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, appeal.id)
        await triage.judge_and_route(silent, session, [stored], NOW)
        triage.record_judgement(session, stored, NOW)
    assert (stored.topic, stored.confidence, stored.state) == (None, 0.0, State.REVIEW)
    assert stored.routing["layer"] == "default"
    assert (await details(resources, "judged"))["group_confidence"] is None


async def test_nothing_to_judge_asks_nobody(resources: Resources, appeal: Appeal) -> None:
    async with resources.database.transaction() as session:
        await triage.judge_and_route(replace(resources, judge=None), session, [], NOW)  # type: ignore[arg-type]


async def test_rules_may_ask_how_often_the_author_wrote_before_and_when(resources: Resources, vk: VK) -> None:
    again = """
[[exception]]
id = "Э-77"
name = "Пишет снова"
mode = "active"
owner = "Смена"
reason = "Третье обращение за месяц"
department = "minobr"
[exception.when]
earlier_appeals_at_least = {count = 2, days = 30}
weekday = "пн"
hours = "12:00-12:01"
is_working_day = true
"""
    texts = read_texts(DEFAULT_DIRECTORY)
    rules = parse({**texts, "rules.toml": texts["rules.toml"] + again})
    asking = replace(resources, rulebook=Rulebook(rules))
    vk = replace(vk, resources=asking)
    first = await opened(vk, ROAD, 901, author=77)
    await vk.message(ROAD, 1, author=77)
    await vk.drain(NOW + timedelta(days=3))
    stranger = await opened(vk, ROAD, 902, author=78)
    assert "Э-77" not in {first.routing["rule"], stranger.routing["rule"]}
    async with resources.database.transaction() as session:
        await session.execute(
            update(Appeal).where(Appeal.author_external_id == "77").values(received_at=NOW - timedelta(days=3))
        )
    third = await opened(vk, ROAD, 903, author=77)
    assert third.routing["rule"] == "Э-77"
