"""What becomes of an answer that the platform did not take: another attempt, when, or a person. Pure."""

from app.appeals.models import Answer, AnswerState
from app.platforms.base import FailureKind, Repeat, SendFailed

MOST_ATTEMPTS = 30  # an hour of growing pauses, then once an hour: an outage of a night fails no answer
MOST_DOUBTS = 6  # sent so often without a word, and never found: a person must see what is wrong there
FIRST_RETRY_SECONDS = 2
LONGEST_RETRY_SECONDS = 3600


def next_state(kind: FailureKind, attempts: int, repeat: Repeat, *, was_sent: bool = True) -> AnswerState:
    """What becomes of an answer after a failure of this kind, of sending it or (not `was_sent`) of looking it up."""
    if kind is FailureKind.PAGE_STOPPED:
        return AnswerState.PENDING  # waits until a person mends the page's credentials
    if kind is FailureKind.RETRY and attempts < MOST_ATTEMPTS:
        return AnswerState.PENDING
    if kind is FailureKind.UNKNOWN:
        is_looked_up_next = repeat is Repeat.LOOKED_UP and was_sent and attempts < MOST_DOUBTS
        return AnswerState.PENDING if is_looked_up_next else AnswerState.UNKNOWN
    if not was_sent:
        return AnswerState.UNKNOWN  # it could not be looked up, which says nothing of the answer
    return AnswerState.HANDS_NEEDED if kind is FailureKind.HANDS_NEEDED else AnswerState.FAILED


def retry_pause_seconds(attempts: int) -> float:
    """2, 4, 8 … seconds, at most an hour."""
    return float(min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempts - 1)))


def pause_seconds(failure: SendFailed, attempts: int) -> float:
    """How long to wait before the next attempt; none when the platform only told a new address."""
    return 0.0 if failure.discussion_id else max(failure.retry_after_seconds, retry_pause_seconds(attempts))


def reason_of(failure: SendFailed, answer: Answer) -> str:
    """The sentence for the operator."""
    if failure.kind is FailureKind.RETRY and answer.state == AnswerState.FAILED:
        return f"{failure.reason} Попыток было {answer.attempts}, сами больше не повторим."
    return failure.reason
