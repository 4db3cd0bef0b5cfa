"""Which appeals a person may see, and which a list shows."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.models import TOLD_STATES, Answer, Appeal, Part, State, appeal_columns
from app.appeals.queue import Tab

_appeal = appeal_columns
_part = Part.__table__.c  # type: ignore[attr-defined]
Condition = ColumnElement[bool]


def visible_to(actor: Actor) -> Condition:
    """Which appeals this person may see at all: a department its own, and those that it has a part in."""
    only = actor.only_department_id
    return true() if only is None else or_(_appeal.department_id == only, _has_part(only))


def _has_part(department_id: int) -> Condition:
    return exists().where(_part.appeal_id == _appeal.id, _part.department_id == department_id)


def listed_for(tab: Tab, department_id: Any) -> Condition:
    """Whose appeals a list shows: lists walk the department's own index, so parts have a list of their own."""
    if tab is not Tab.PARTS:
        own: Condition = _appeal.department_id == department_id
        return own
    owed = select(_part.appeal_id).where(_part.department_id == department_id, _part.given_at.is_(None))
    is_owed: Condition = _appeal.id.in_(owed)
    return is_owed


def is_owed_repeat() -> Condition:
    """A repeat whose author was told nothing since it was merged, though the appeal it repeats is answered."""
    main = aliased(Appeal)
    is_answered = exists().where(col(main.id) == _appeal.duplicate_of_id, col(main.state) == State.ANSWERED)
    return and_(_appeal.duplicate_of_id.is_not(None), is_answered, ~was_told_since_closed())


def was_told_since_closed(appeal: Any = _appeal) -> Condition:
    """The author of the closed appeal (columns or an alias) has a final answer that was sent or is on its way since."""
    told = aliased(Answer)
    return exists().where(
        col(told.appeal_id) == appeal.id, col(told.created_at) >= appeal.closed_at,
        col(told.state).in_(TOLD_STATES), ~col(told.is_interim), ~col(told.is_question),
    )  # fmt: skip
