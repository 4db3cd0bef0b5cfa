"""The judge and the rules applied to appeals, many at once; and what people answer to them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals.models import Appeal, State
from app.departments.models import Department
from app.errors import Invalid
from app.handling import parts
from app.platforms import PLATFORMS
from app.resources import Resources
from app.sla import service as sla
from app.triage import alarms
from app.triage.facts import dated, departments_by_code, earlier_appeals, facts_of, known_of, read_context
from app.triage.models import LabelChoice
from app.triage.places import gazetteer_of, note_places, place_step
from app.triage.usefulness import read_needs, usefulness
from classifier import Guess, Judgement
from classifier.circumstances import Known
from classifier.emergency import Alarm, alarm_of
from classifier.message_kinds import MessageKind, kind_of
from routing_rules import Decision, Facts, RuleSet

LabelKind = Literal["topic_group", "topic", "agency"]
LABEL_KINDS: tuple[LabelKind, ...] = ("topic_group", "topic", "agency")
FAILED_RULES = Counter("appeals_rules_failed_total", "Routing rules that failed and were skipped", ["rule"])
log = structlog.get_logger()
STEP_FIELDS = ("layer", "rule", "outcome", "department", "because")


async def judge_and_route(
    resources: Resources, session: AsyncSession, batch: Sequence[Appeal], now: datetime
) -> dict[int, Department]:
    """Label and route these appeals, in memory: one prediction call, a handful of queries, one rule set for all.

    Rows need not be stored yet. Returns the departments by number: who is to keep what is promised.
    """
    if not batch:
        return {}
    rules = await resources.rulebook.current(session)
    gazetteer = await gazetteer_of(session, rules)
    context = await read_context(session, {appeal.page_id for appeal in batch})
    zone = resources.settings.time_zone
    known = [known_of(context[appeal.page_id], appeal.received_at, zone) for appeal in batch]
    opinions = await asyncio.to_thread(_opinions, resources, [appeal.search_text for appeal in batch], known)
    departments = await departments_by_code(session)
    earlier = await earlier_appeals(session, rules, batch)
    needs = await read_needs(session, now)
    for place, (appeal, (judgement, alarm, kind)) in enumerate(zip(batch, opinions, strict=True)):
        page = context[appeal.page_id]
        _label(resources, appeal, judgement)
        appeal.message_kind = kind
        appeal.label_value = usefulness(judgement.topic, judgement.appeal_probability, needs)
        alarms.take_notice(appeal, alarm, appeal.search_text, now)
        alarms.weigh(appeal)
        found = note_places(appeal, page, gazetteer)
        facts = facts_of(appeal, page, departments, earlier=earlier.get(place, ()))
        decision = _decide(rules, _dated(resources, facts, appeal, now))
        _route(appeal, decision, place_step(appeal, page, gazetteer, found), departments, now)
    return {department.id or 0: department for department in departments.values()}


def _opinions(
    resources: Resources, texts: Sequence[str], known: Sequence[Known]
) -> list[tuple[Judgement, Alarm, MessageKind]]:
    """What the model says of each text and what is known of it, whether it speaks of danger, what it wants."""
    threshold = resources.judge.manifest.thresholds["appeal"]
    return [
        (judgement, alarm_of(text, judgement), kind_of(text, judgement, threshold))
        for text, judgement in zip(texts, resources.judge.judge(texts, known), strict=True)
    ]


def _decide(rules: RuleSet, facts: Facts) -> Decision:
    """Ask the rules. One that failed is skipped, marked in the trace, and alarms."""
    decision = rules.decide(facts)
    for rule in decision.failed:
        FAILED_RULES.labels(rule).inc()
        log.error("rule_failed", rule=rule, rule_set_version=decision.rule_set_version)
    return decision


def _dated(resources: Resources, facts: Facts, appeal: Appeal, now: datetime) -> Facts:
    return dated(facts, resources.settings.time_zone, now, appeal.received_at)


def _label(resources: Resources, appeal: Appeal, judgement: Judgement) -> None:
    labels: dict[str, list[dict[str, Any]]] = {
        kind: [{"label": guess.label, "probability": guess.probability} for guess in getattr(judgement, kind)]
        for kind in LABEL_KINDS
    }
    thresholds = resources.judge.manifest.thresholds
    known_alarm = {"alarm": alarm} if (alarm := alarms.alarm_in(appeal)) else {}
    appeal.judgement = known_alarm | {
        "model_version": resources.judge.version,
        "appeal_probability": judgement.appeal_probability,
        "labels": labels,
        "thresholds": dict(thresholds),
        "is_sure": _probability(judgement.topic_group) >= thresholds.get("topic_group", 1.0),
    }
    appeal.topic = _best(judgement.topic)
    appeal.topic_group = _best(judgement.topic_group)
    appeal.agency = _best(judgement.agency)
    appeal.confidence = _probability(judgement.topic)
    may_be_talk = PLATFORMS[appeal.platform].takes_talk
    appeal.is_talk = may_be_talk and judgement.appeal_probability < thresholds["appeal"]


def _best(guesses: Sequence[Guess]) -> str | None:
    return guesses[0].label if guesses else None


def _probability(guesses: Sequence[Guess]) -> float:
    return guesses[0].probability if guesses else 0.0


def _route(
    appeal: Appeal, decision: Decision, place: dict[str, Any], departments: Mapping[str, Department], now: datetime
) -> None:
    department = departments[decision.department]
    appeal.department_id = department.id or 0
    appeal.routing = _as_stored(decision, now, place)
    appeal.state = State.REVIEW if decision.layer == "default" else State.ROUTED


def _as_stored(decision: Decision, now: datetime, place: dict[str, Any]) -> dict[str, Any]:
    return {
        "department": decision.department,
        "rule": decision.rule,
        "layer": decision.layer,
        "rule_set_version": decision.rule_set_version,
        "co_departments": list(decision.co_departments),
        "steps": [place, *({name: getattr(step, name) for name in STEP_FIELDS} for step in decision.steps)],
        "at": now.isoformat(),
    }


async def judge_again(resources: Resources, session: AsyncSession, batch: Sequence[Appeal], now: datetime) -> None:
    """Think again about stored appeals whose words changed; only a different result is written down."""
    before = {appeal.id: (_standing(appeal), appeal.is_talk, alarms.alarm_in(appeal)) for appeal in batch}
    departments = await judge_and_route(resources, session, batch, now)
    for appeal in batch:
        standing, was_talk, alarm = before[appeal.id]
        appeal.is_talk = appeal.is_talk and was_talk  # who has asked once is owed an answer
        if _standing(appeal) != standing:
            await cycle.place(session, appeal, departments[appeal.department_id], now)
            record_judgement(session, appeal, now)
        if alarms.alarm_in(appeal) != alarm:
            record_alarm(session, appeal, now)
        if _standing(appeal) != standing or alarms.alarm_in(appeal) != alarm:
            await follow_labels(session, appeal, now)
    await parts.ask_by_rules(session, batch, now)


def _standing(appeal: Appeal) -> tuple[str | None, int, bool]:
    return appeal.topic, appeal.department_id, appeal.is_talk


def record_alarm(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """One line of history: which danger, in which words; nothing where no alarm was raised."""
    alarm = alarms.alarm_in(appeal)
    if alarm:
        details = {name: alarm[name] for name in ("themes", "words", "grave_probability")}
        cycle.record(session, appeal.id or 0, "alarm_raised", cycle.SYSTEM, now, **details)


def record_judgement(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """Two lines of history: what the judge said, where the rules sent it."""
    best = appeal.judgement["labels"]
    cycle.record(
        session, appeal.id or 0, "judged", cycle.SYSTEM, now,
        topic=appeal.topic, topic_group=appeal.topic_group, confidence=appeal.confidence,
        group_confidence=best["topic_group"][0]["probability"] if best["topic_group"] else None,
        model_version=appeal.judgement["model_version"],
    )  # fmt: skip
    record_routing(session, appeal, now)


def record_routing(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """One line of history with the whole decision trace."""
    details = {key: value for key, value in appeal.routing.items() if key != "at"}
    cycle.record(session, appeal.id or 0, "routed", cycle.SYSTEM, now, **details)


async def choose_label(
    resources: Resources,
    session: AsyncSession,
    appeal_id: int,
    label_kind: LabelKind,
    label: str,
    actor: Actor,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Accept or correct a label. A chosen topic fixes its group, is routed again, and gives no extra time.

    Accepting the topic of what a person has routed by hand leaves it there.
    """
    if label not in resources.judge.manifest.labels.get(label_kind, []):
        raise Invalid(f"Такой метки у модели нет: «{label}»")
    appeal = await cycle.load(session, appeal_id, actor, expected_version=expected_version)
    judged = getattr(appeal, label_kind)
    is_accepted = judged == label
    _remember(resources, session, appeal, label_kind, label, actor, now)
    setattr(appeal, label_kind, label)
    if label_kind == "topic":
        appeal.topic_group = resources.judge.manifest.topic_to_group.get(label, appeal.topic_group)
        alarms.weigh(appeal)
        appeal.is_confirmed, appeal.is_talk = True, False
        if not (is_accepted and is_routed_by_hand(appeal)):
            await route_again(resources, session, appeal, now)
        await follow_labels(session, appeal, now)
    action = "label_accepted" if is_accepted else "label_corrected"
    details = {"label": label} if is_accepted else {"from": judged, "to": label}
    cycle.record(session, appeal_id, action, actor, now, label_kind=label_kind, **details)
    await cycle.changed(session, appeal)
    return appeal


def _remember(
    resources: Resources,
    session: AsyncSession,
    appeal: Appeal,
    kind: LabelKind,
    label: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Keep the choice as a labelled example, against what the judge said first."""
    guesses = appeal.judgement.get("labels", {}).get(kind, [])
    judged = guesses[0]["label"] if guesses else None
    probability = next((guess["probability"] for guess in guesses if guess["label"] == label), None)
    session.add(
        LabelChoice(
            appeal_id=appeal.id or 0,
            label_kind=kind,
            judged=judged,
            probability=probability,
            chosen=label,
            is_accepted=judged == label,
            model_version=appeal.judgement.get("model_version", resources.judge.version),
            user_id=actor.user_id,
            at=now,
        )
    )


async def route_again(resources: Resources, session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """Ask the rules again after a person's word. Who stays with the department keeps his work."""
    context = await read_context(session, [appeal.page_id])
    departments = await departments_by_code(session)
    before, state = appeal.department_id, appeal.state
    rules = await resources.rulebook.current(session)
    page = context[appeal.page_id]
    earlier = (await earlier_appeals(session, rules, [appeal])).get(0, ())
    facts = facts_of(appeal, page, departments, earlier=earlier)
    decision = _decide(rules, _dated(resources, facts, appeal, now))
    step = place_step(appeal, page, await gazetteer_of(session, rules))
    _route(appeal, decision, step, departments, now)
    is_moved = appeal.department_id != before
    if is_moved:
        appeal.assignee_id = None
        await cycle.change_hands(session, appeal, now)
    if state == State.INTERIM or (state == State.IN_WORK and not is_moved):
        appeal.state = state
    await cycle.place(session, appeal, departments[decision.department], now)
    record_routing(session, appeal, now)
    await parts.ask_by_rules(session, [appeal], now)


def is_routed_by_hand(appeal: Appeal) -> bool:
    """Whether a person, not a rule, has sent the appeal where it is."""
    return appeal.routing.get("layer") == "hand"


async def follow_labels(session: AsyncSession, appeal: Appeal, now: datetime) -> None:
    """The open clocks after new labels: talk is not counted, urgency brings the due time forward."""
    for clock in await sla.open_clocks(session, [appeal.id or 0]):
        clock.is_counted = not appeal.is_talk
        moved = sla.reclassify(clock, appeal.severity, now)
        if moved is not None:
            cycle.record(session, appeal.id or 0, "due_changed", cycle.SYSTEM, now, kind=clock.kind, **moved)
    appeal.next_due_at = await sla.next_due_at(session, appeal.id or 0)
