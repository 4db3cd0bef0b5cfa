"""What the judge says on the card: up to five topics, how sure it is, and what each would do to the department."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app import formats
from app.appeals.history import plain_label
from app.appeals.models import Appeal, Message
from app.departments.models import Department
from app.resources import Resources
from app.triage.alarms import places_of_danger
from app.triage.destinations import destinations
from app.triage.facts import known_of, read_context
from app.triage.marks import Piece, marked, with_places
from classifier.circumstances import Known
from classifier.doubt import doubt
from classifier.judge import Evidence, Guess
from classifier.places import Gazetteer

MOST_FOUND = 8
HEARD = {
    "territory": "учтена территория страницы",
    "municipality": "учтён муниципалитет страницы",
    "page": "учтён адрес страницы",
    "body": "учтён владелец страницы",
    "sphere": "учтена сфера страницы",
    "month": "учтён месяц",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A topic that can be chosen, and what that does to the department. `hint` tells what else is about this topic."""

    label: str
    name: str
    probability: float
    leads_to: str
    is_current: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TopicPanel:
    """The panel. `chip` compares confidence and threshold, `doubt` says honestly what the judge does not know, `heard`
    what besides the words spoke for the topic.
    """

    choices: tuple[Choice, ...]
    chip: str
    is_sure: bool
    is_confirmed: bool
    topic: str
    doubt: str
    heard: str


async def topic_panel(
    resources: Resources,
    session: AsyncSession,
    appeal: Appeal,
    evidence: Sequence[Evidence],
    around: Mapping[str, str],
) -> TopicPanel:
    """What the judge said of this appeal, as it was stored; only the destinations are worked out now.

    `evidence` are the words that spoke for its topic. `around` is what the citizen wrote under, by its name: where the
    judge is unsure of the appeal, topics of these texts are offered too, for a person to choose, never to route by.
    """
    labels = appeal.judgement.get("labels", {})
    guesses = labels.get("topic", [])
    rules = await resources.rulebook.current(session)
    least = rules.tables.thresholds  # what the rules believe, so that the panel and the trace agree
    is_sure = appeal.is_confirmed or (appeal.confidence is not None and appeal.confidence >= least.topic)
    known = await _known(resources, session, appeal)
    hints = {} if is_sure else await asyncio.to_thread(_hints, resources, around, known, least.topic)
    chances = dict.fromkeys(hints, 0.0) | {guess["label"]: guess["probability"] for guess in guesses}
    offered = sorted(chances, key=chances.__getitem__, reverse=True)
    found = await destinations(resources, session, appeal, offered)
    return TopicPanel(
        choices=tuple(_choice(label, chances[label], appeal, found, hints.get(label, "")) for label in offered),
        chip=_chip(appeal, least.topic),
        is_sure=is_sure,
        is_confirmed=appeal.is_confirmed,
        topic=plain_label(appeal.topic or ""),
        doubt="" if is_sure else _doubt(labels, evidence, least.topic, least.group),
        heard=_heard(resources, appeal, known),
    )


async def _known(resources: Resources, session: AsyncSession, appeal: Appeal) -> Known:
    """What the judge is told besides the text; it is not looked up for one that heeds texts alone."""
    if not resources.judge.manifest.circumstances:
        return {}
    page = (await read_context(session, [appeal.page_id]))[appeal.page_id]
    return known_of(page, appeal.received_at, resources.settings.time_zone)


def _heard(resources: Resources, appeal: Appeal, known: Known) -> str:
    """What besides the text made the topic likelier noticeably, as one sentence; of another model's work, nothing."""
    judge = resources.judge
    is_of_another = appeal.judgement.get("model_version") != judge.version
    if not known or is_of_another or appeal.topic not in judge.manifest.labels["topic"]:
        return ""
    spoke = judge.witnesses(known, "topic", appeal.topic)
    told = "; ".join(f"{HEARD[one.circumstance]}: {one.value}" for one in spoke)
    return f"{told[0].upper()}{told[1:]}." if told else ""


def _hints(resources: Resources, around: Mapping[str, str], known: Known, least: float) -> dict[str, str]:
    """Topics that the judge believes of the texts around, with the names of these texts."""
    told = zip(around, resources.judge.judge(list(around.values()), [known] * len(around)), strict=True)
    return {
        judgement.topic[0].label: f"тема {name}"
        for name, judgement in told
        if judgement.topic and judgement.topic[0].probability >= least
    }


def _choice(label: str, probability: float, appeal: Appeal, found: Mapping[str, Department], hint: str = "") -> Choice:
    is_current = label == appeal.topic
    return Choice(label, plain_label(label), probability, _leads_to(appeal, found[label]), is_current, hint)


def _leads_to(appeal: Appeal, department: Department) -> str:
    return "отдел тот же" if department.id == appeal.department_id else f"→ {department.short_name}"


def _chip(appeal: Appeal, threshold: float) -> str:
    if appeal.is_confirmed:
        return "подтверждена"
    if appeal.confidence is None:
        return "модель не смотрела"
    if appeal.confidence >= threshold:
        return f"{formats.number(appeal.confidence, 2)} ≥ порог {formats.number(threshold, 2)}"
    return f"{formats.number(appeal.confidence, 2)} < порог {formats.number(threshold, 2)}"


def _doubt(labels: Mapping[str, Any], evidence: Sequence[Evidence], least: float, least_group: float) -> str:
    """Why the topic is not believed, and whether at least its group is."""
    guesses = [Guess(plain_label(one["label"]), one["probability"]) for one in labels.get("topic", [])]
    groups = labels.get("topic_group", [])
    if not guesses or not groups:
        return "Модель ещё не читала это сообщение. Выберите тему сами."
    why = doubt(guesses, least, evidence, "тема")
    name, probability = groups[0]["label"], groups[0]["probability"]
    if probability >= least_group:
        return f"{why} Уверена она только в группе «{name}»: {formats.percent(probability)}."
    return f"{why} Группы она тоже не знает."


async def find_topics(resources: Resources, session: AsyncSession, appeal: Appeal, words: str) -> list[Choice]:
    """Topics of the whole list whose name or group has all these words, with their departments."""
    wanted = words.casefold().replace("ё", "е").split()
    groups = resources.judge.manifest.topic_to_group
    names = [
        topic
        for topic in resources.judge.manifest.labels["topic"]
        if wanted and all(word in f"{topic} {groups.get(topic, '')}".casefold().replace("ё", "е") for word in wanted)
    ][:MOST_FOUND]
    found = await destinations(resources, session, appeal, names)
    chances = {guess["label"]: guess["probability"] for guess in appeal.judgement.get("labels", {}).get("topic", [])}
    return [_choice(name, chances.get(name, 0.0), appeal, found) for name in names]


async def words_for_topic(resources: Resources, appeal: Appeal) -> Sequence[Evidence]:
    """What in the opening message spoke for its topic; nothing when the model does not know the topic."""
    if appeal.topic not in resources.judge.manifest.labels["topic"]:
        return ()
    return await asyncio.to_thread(resources.judge.explain, appeal.text, "topic", appeal.topic)


def marked_text(appeal: Appeal, evidence: Sequence[Evidence], gazetteer: Gazetteer) -> list[Piece]:
    """The opening message with its places, the words that drove its topic and, while there is danger, those of it."""
    places = [(one.start, one.end) for one in gazetteer.find(appeal.text)]
    danger = places_of_danger(appeal.text) if appeal.danger else ()
    return with_places(marked(appeal.text, evidence, danger), places)


def marked_danger(appeal: Appeal, messages: Sequence[Message]) -> dict[int, list[Piece]]:
    """The citizen's messages that speak of danger, by their ids, with those words marked."""
    if not appeal.danger:
        return {}
    found = {one.id or 0: (one.text, places_of_danger(one.text)) for one in messages if not one.is_own}
    return {number: marked(text, (), places) for number, (text, places) in found.items() if places}
