"""Where a topic would send an appeal today: what one key on the card would do."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.appeals.models import Appeal
from app.departments.models import Department
from app.resources import Resources
from app.time import utc_now
from app.triage.facts import dated, departments_by_code, earlier_appeals, facts_of, read_context
from app.triage.service import is_routed_by_hand
from classifier import severity_of
from classifier.severity import GRAVEST


async def destinations(
    resources: Resources, session: AsyncSession, appeal: Appeal, topics: Sequence[str]
) -> dict[str, Department]:
    """Where each of these topics would send the appeal today, for the card: one key never surprises."""
    context = (await read_context(session, [appeal.page_id]))[appeal.page_id]
    departments = await departments_by_code(session)
    groups = resources.judge.manifest.topic_to_group
    rules, now, found = await resources.rulebook.current(session), utc_now(), {}
    zone = resources.settings.time_zone
    earlier = (await earlier_appeals(session, rules, [appeal])).get(0, ())
    for topic in topics:
        facts = facts_of(appeal, context, departments, topic=topic, earlier=earlier)
        group = groups.get(topic, facts.topic_group)
        severity = GRAVEST if appeal.danger else severity_of(topic)
        facts = replace(facts, topic_group=group, severity=severity)
        found[topic] = departments[rules.decide(dated(facts, zone, now, appeal.received_at)).department]
    if is_routed_by_hand(appeal) and appeal.topic in found:
        found[appeal.topic] = departments[appeal.routing["department"]]
    return found
