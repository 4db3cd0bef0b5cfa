"""What is left of each row when a citizen's words and name are taken out of it. Pure.

Documents keep what is named here and lose everything else: whatever is added to them later is gone too, unless somebody
has looked at it and found no words.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.appeals.gone import Why, in_place_of_words
from app.appeals.models import Answer, Appeal, HistoryEntry, Message, Part
from app.platforms import PLATFORMS
from app.platforms.direct import DirectPlatform

Document = Mapping[str, Any]
_OF_JUDGEMENT = {"model_version", "appeal_probability", "labels", "thresholds", "is_sure"}
_OF_ALARM = {"themes", "grave_probability", "at", "dismissed", "held_by"}
_OF_ROUTING = {"department", "rule", "layer", "rule_set_version", "co_departments", "at"}
_OF_STEP = {"layer", "rule", "outcome", "department"}
_SAID_BY_TABLES = {"confidence", "matrix", "default"}
"""Layers of the trace that speak of labels and departments only; others may quote the text or a person."""
_OF_HISTORY = {
    "topic", "topic_group", "confidence", "group_confidence", "model_version", "department", "department_name", "rule",
    "layer", "rule_set_version", "co_departments", "kind", "due_at", "from", "to", "code", "label", "label_kind",
    "themes", "grave_probability", "parent", "duplicate", "answer_id", "message_id", "is_interim", "is_question",
    "is_changed", "cycle", "why", "change",
}  # fmt: skip
_OF_HISTORY_TOO = {"closed": {"reason"}, "due_changed": {"because"}, "assigned": {"because"}, "returned": {"proposed"}}
"""Under these names some actions keep a code or the service's own words, and others what a person has typed."""


def empty_appeal(appeal: Appeal, why: Why, now: datetime) -> None:
    """Leave what reports count. No two emptied appeals have one author or one thread, and no living one has theirs."""
    nobody = f"removed:{appeal.id}"
    appeal.author_external_id, appeal.author_name = nobody, ""  # None would be asked for
    if not is_of_our_own(appeal.platform):
        appeal.thread_key, appeal.external_id, appeal.post_external_id = nobody, "", None
    appeal.chat_external_id = appeal.source_url = None
    appeal.text, appeal.search_text = _gone(appeal.text, why), ""
    appeal.has_attachments = False
    appeal.judgement = kept_judgement(appeal.judgement)
    appeal.routing = kept_routing(appeal.routing, why)
    appeal.places, appeal.likeness, appeal.fingerprint = [], [], None
    appeal.depersonalised_at, appeal.depersonalised_why = now, why
    appeal.version += 1


def is_of_our_own(platform: str) -> bool:
    """Whether numbers of messages are ours, not a network's: random, those of receipts, and naming nobody."""
    return isinstance(PLATFORMS[platform], DirectPlatform)


def _gone(text: str, why: Why) -> str:
    return in_place_of_words(why) if text else ""


def kept_judgement(judgement: Document) -> dict[str, Any]:
    """What the judge said without the words by which it saw danger."""
    kept = _only(judgement, _OF_JUDGEMENT)
    alarm = judgement.get("alarm")
    return kept | {"alarm": _only(alarm, _OF_ALARM) | {"words": []}} if alarm else kept


def kept_routing(routing: Document, why: Why) -> dict[str, Any]:
    """What the rules decided; of the trace which rules were looked at."""
    kept = _only(routing, _OF_ROUTING)
    return kept | {"steps": [_step(step, why) for step in routing["steps"]]} if "steps" in routing else kept


def _step(step: Document, why: Why) -> dict[str, Any]:
    is_plain = step.get("layer") in _SAID_BY_TABLES
    return _only(step, _OF_STEP) | {"because": step.get("because", "") if is_plain else in_place_of_words(why)}


def empty_message(message: Message, hidden_key: str, why: Why) -> None:
    """Leave when it came and went. By the hidden key a late change of it is known, and by nothing else."""
    if not is_of_our_own(message.platform):
        message.key, message.external_id, message.post_external_id = hidden_key, "", None
        message.thread_key = None
    message.text, message.original_text = _gone(message.text, why), None
    message.attachments, message.is_cropped = [], False
    message.author_external_id = message.chat_external_id = message.reply_to_external_id = message.source_url = None
    message.author_name = ""


def empty_answer(answer: Answer, why: Why) -> None:
    """Leave who answered when, and how the delivery went."""
    answer.text = _gone(answer.text, why)
    answer.recipient_external_id = ""
    answer.chat_external_id = answer.post_external_id = answer.reply_to_external_id = None
    answer.external_id = answer.echo_key = answer.error_reason = None


def empty_part(part: Part, why: Why) -> None:
    """Leave who was asked, who gave it, and when."""
    part.question, part.text = _gone(part.question, why), _gone(part.text, why)


def empty_entry(entry: HistoryEntry, why: Why) -> None:
    """Leave who did what, when; of notes that there was one."""
    kept = _only(entry.details, _OF_HISTORY | _OF_HISTORY_TOO.get(entry.action, set()))
    entry.details = kept | ({"text": in_place_of_words(why)} if entry.details.get("text") else {})


def _only(document: Document, names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name in names}
