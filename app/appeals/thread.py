"""The conversation on a card: messages, our answers, notes and turning points in one order. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.appeals.attached import File, files_beside
from app.appeals.history import TellsTime, sentence_of
from app.appeals.models import Answer, AnswerState, HistoryEntry, Message
from app.files.queries import Known

TURNING_POINTS = {
    "rerouted", "returned", "reopened", "confirmed", "closed", "breached", "answered_in_platform", "answer_cancelled",
    "answer_sent_back", "answer_withdrawn", "citizen_replied", "part_asked", "part_given", "part_declined",
}  # fmt: skip

AnswerTone = Literal["wait", "good", "bad"]
ON_ITS_WAY = (AnswerState.CHECK, AnswerState.PENDING, AnswerState.SENDING)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the conversation; the template draws each kind in its own way."""

    kind: Literal["parent", "message", "answer", "note", "event"]
    at: datetime
    who: str
    text: str
    message: Message | None = None
    answer: Answer | None = None
    files: tuple[File, ...] = ()

    @property
    def tone(self) -> AnswerTone:
        """How the delivery of an answer stands."""
        state = self.answer.state if self.answer else ""
        if state == AnswerState.DELIVERED:
            return "good"
        return "wait" if state in ON_ITS_WAY else "bad"

    @property
    def is_edited(self) -> bool:
        """Whether the author changed the words after they came."""
        message = self.message
        return message is not None and message.original_text is not None and message.original_text != message.text


def conversation(
    messages: Sequence[Message],
    above: Sequence[Message],
    answers: Sequence[Answer],
    history: Iterable[HistoryEntry],
    author: str,
    tell_time: TellsTime,
    files: Known,
) -> list[Entry]:
    """All entries by time; what cannot be compared keeps the order given here."""
    echoes = {answer.echo_key for answer in answers} - {None}
    entries = [_message_entry("parent", message, "Комментарий выше", files) for message in above]
    entries += [_message_entry("message", one, author, files) for one in messages if one.key not in echoes]
    entries += [
        Entry("answer", answer.created_at, answer.author_label, answer.text, answer=answer) for answer in answers
    ]
    for entry in history:
        if entry.action == "noted":
            entries.append(Entry("note", entry.at, entry.actor, str(entry.details.get("text", ""))))
        elif entry.action in TURNING_POINTS:
            entries.append(Entry("event", entry.at, entry.actor, sentence_of(entry, tell_time)))
    return sorted(entries, key=lambda entry: entry.at)


def _message_entry(kind: Literal["parent", "message"], message: Message, author: str, files: Known) -> Entry:
    own = "Модератор страницы" if message.is_own else author
    who = message.author_name or own
    beside = files_beside(message, files)
    return Entry(kind, message.sent_at or message.received_at, who, message.text, message, files=beside)
