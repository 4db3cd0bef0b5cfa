"""One stored delivery as the platform's parser reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.intake.batch import Arrival
from app.intake.models import EventState, InboxEvent
from app.platforms import PLATFORMS
from app.platforms.incoming import (
    ContactChange,
    DiscussionMoved,
    Ignored,
    IncomingMessage,
    PageNotice,
    PagePost,
    PayloadNotUnderstood,
)
from app.public_pages.models import PublicPage
from app.vault import CannotDecrypt, Vault

LONGEST_ERROR = 500
Happening = ContactChange | PagePost | PageNotice | DiscussionMoved


@dataclass(frozen=True, slots=True)
class Reading:
    """What a delivery says: messages, and what else happened around the page."""

    event: InboxEvent
    arrivals: Sequence[Arrival] = ()
    happenings: Sequence[Happening] = ()


def read_event(vault: Vault, event: InboxEvent, page: PublicPage, now: datetime) -> Reading:
    """Read one delivery and mark it; what cannot be read keeps its error and waits for a person."""
    event.attempts += 1
    event.handled_at = now
    event.waits_for = None
    try:
        items = PLATFORMS[page.platform].parse(page.identity, vault.open(event.payload or b""))
    except (PayloadNotUnderstood, CannotDecrypt) as error:
        event.state, event.error = EventState.FAILED, str(error)[:LONGEST_ERROR]
        return Reading(event)
    messages = [item for item in items if isinstance(item, IncomingMessage)]
    happenings = [item for item in items if isinstance(item, Happening)]
    reasons = [item.reason for item in items if isinstance(item, Ignored)]
    is_of_interest = bool(messages or happenings)
    event.state = EventState.HANDLED if is_of_interest else EventState.IGNORED
    event.error = reasons[0][:LONGEST_ERROR] if reasons and not is_of_interest else None
    arrivals = [Arrival(event.page_id, page.platform, event.received_at, message) for message in messages]
    return Reading(event, arrivals, happenings)
