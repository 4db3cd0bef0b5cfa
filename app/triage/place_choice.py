"""A person says where an appeal is about: kept, written down, and the appeal is routed again by it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals.models import Appeal
from app.errors import Invalid
from app.resources import Resources
from app.triage.places import FROM_PERSON, full_name, gazetteer_of
from app.triage.service import is_routed_by_hand, route_again


async def choose_place(
    resources: Resources,
    session: AsyncSession,
    appeal_id: int,
    code: str,
    actor: Actor,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> Appeal:
    """Give the appeal this territory; an empty code is the page's own. Words that come later do not change it.

    What a person has routed by hand stays where it is. The due time stays as well.
    Raises Invalid (no such territory), NotFound, Conflict.
    """
    gazetteer = await gazetteer_of(session, await resources.rulebook.current(session))
    if code and code not in gazetteer.entries:
        raise Invalid("Такой территории нет")
    appeal = await cycle.load(session, appeal_id, actor, expected_version=expected_version)
    before = appeal.territory_code
    appeal.territory_code, appeal.territory_from = code or None, FROM_PERSON
    if not is_routed_by_hand(appeal):
        await route_again(resources, session, appeal, now)
    names = {side: full_name(gazetteer, one) if one in gazetteer.entries else "" for side, one in
             (("from", before or ""), ("to", code))}  # fmt: skip
    cycle.record(session, appeal_id, "place_chosen", actor, now, code=code or None, **names)
    await cycle.changed(session, appeal)
    return appeal
