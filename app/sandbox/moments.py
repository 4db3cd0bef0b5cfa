"""When the stories of the demo city happen, counted back from the day they are told. Pure."""

from datetime import datetime, time, timedelta

from app.sandbox.city import Story
from app.sla.calendar import WorkCalendar
from app.sla.clock import start
from app.sla.policy import Policy
from app.sla.state import share_left

FIRST_ANSWER = "first_answer"
ORDINARY_SEVERITY = 2
LONGEST_SEARCH = timedelta(days=30)
SEARCH_STEPS = 40


def begins_at(story: Story, policy: Policy, calendar: WorkCalendar, now: datetime) -> datetime:
    """The moment the citizen wrote."""
    if story.left is not None:
        return moment_with_share_left(story.left, policy, calendar, now)
    if story.ago:
        return now - timedelta(minutes=story.ago)
    day = calendar.local_date(now)
    for _ in range(story.day):
        day = calendar.next_working_day(day, -1)
    return datetime.combine(day, time.fromisoformat(story.at), calendar.zone_info)


def moment_with_share_left(share: float, policy: Policy, calendar: WorkCalendar, now: datetime) -> datetime:
    """When an ordinary appeal must have come so that this share of its first-answer time is left now."""
    early, late = now - LONGEST_SEARCH, now
    for _ in range(SEARCH_STEPS):
        middle = early + (late - early) / 2
        state = start(FIRST_ANSWER, policy, calendar, middle, ORDINARY_SEVERITY)
        if share_left(state, calendar, now) < share:
            early = middle
        else:
            late = middle
    return early
