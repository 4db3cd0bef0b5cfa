"""What the two screens of the workplace show: the list, and the card with its judgement, promise and journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app import formats
from app.accounts.actor import RIGHTS, Actor, Right, may_see
from app.appeals import choices, queries, views
from app.appeals import service as appeals
from app.appeals.card import Card, read_card, texts_around
from app.appeals.disclosure import masked, shown_to_all
from app.appeals.duplicates import answered_repeats, repeats_of
from app.appeals.gone import reason_of
from app.appeals.history import lines_of
from app.appeals.models import Answer, AnswerState, Appeal, State, Wait
from app.appeals.queries import MOST_COUNTED, Listing, QueueRow
from app.appeals.queue import KIND_NAMES, STATE_NAMES, WAIT_NAMES, Cursor, Queue, Tab, tabs_for
from app.appeals.thread import ON_ITS_WAY, conversation
from app.handling.offering import OfferedGroup, offered
from app.handling.panel import work_panel
from app.platforms import PLATFORMS
from app.resources import Resources
from app.sla import service as sla
from app.triage.alarm_view import alarm_view
from app.triage.panel import marked_danger, marked_text, topic_panel, words_for_topic
from app.triage.places import gazetteer_of, place_panel
from app.triage.precedents import precedents
from app.triage.similar import alike
from routing_rules import territory_path

# Where a public comment can be answered by a private message to its author.
PRIVATE_ANSWERS = {"vk"}
CONDITION_NAMES = {
    "platform": "площадка", "page": "страница", "department": "отдел", "topic": "тема", "state": "состояние",
    "territory": "территория", "kind": "вид",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """Who looks, when, and with what."""

    resources: Resources
    session: AsyncSession
    actor: Actor
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The center's time zone."""
        return ZoneInfo(self.resources.settings.time_zone)


@dataclass(frozen=True, slots=True)
class TabView:
    """A counted tab. `count` is empty where nothing is counted."""

    name: str
    href: str
    count: str
    is_current: bool
    is_bad: bool


@dataclass(frozen=True, slots=True)
class Token:
    """A condition in words, and the list without it."""

    name: str
    value: str
    removed: str


async def tabs(desk: Desk, queue: Queue) -> list[TabView]:
    """The tabs with their counts."""
    counts = await queries.count_tabs(desk.session, desk.actor, desk.now)
    return [
        TabView(
            name=name,
            href=queue.url(tab=tab, state=None),
            count=count_text(counts[tab]) if tab in counts else "",
            is_current=tab is queue.tab,
            is_bad=tab in (Tab.OVERDUE, Tab.URGENT) and counts[tab] > 0,
        )
        for tab, name in tabs_for(desk.actor.role).items()
    ]


def count_text(count: int) -> str:
    """«41», and «1 000+» where counting stopped."""
    return f"{formats.number(MOST_COUNTED)}+" if count > MOST_COUNTED else formats.number(count)


async def list_screen(desk: Desk, queue: Queue, after: Cursor | None, selected: int | None) -> dict[str, Any]:
    """Everything of the list but the card beside it."""
    listing = await queries.list_queue(desk.session, queue, desk.actor, desk.now, after=after)
    elsewhere = {}
    if queue.q and not listing.rows and queue.number is None:
        elsewhere = await queries.count_found(desk.session, queue, desk.actor, desk.now)
    return {
        "queue": queue,
        "tabs": await tabs(desk, queue),
        "tokens": await tokens(desk, queue),
        "orders": queue.orders,
        "elsewhere": [
            (tabs_for(desk.actor.role)[tab], queue.url(tab=tab), count_text(found))
            for tab, found in elsewhere.items() if found
        ],
        **await rows_part(desk, queue, listing, selected),
    }  # fmt: skip


async def rows_part(desk: Desk, queue: Queue, listing: Listing, selected: int | None) -> dict[str, Any]:
    """The rows with what follows them."""
    return {
        "queue": queue,
        "rows": await row_views(desk, queue, listing.rows, selected),
        "next": str(listing.next) if listing.next else "",
        "found": count_text(listing.found) if listing.found is not None else "",
    }


async def row_views(desk: Desk, queue: Queue, rows: Sequence[QueueRow], selected: int | None) -> list[views.RowView]:
    """The rows as they are drawn; the clocks of all of them in one query."""
    clocks = views.nearest(await sla.open_clocks(desk.session, [row.id for row in rows])) if rows else {}
    threshold = (await desk.resources.rulebook.current(desk.session)).tables.thresholds.topic
    query = queue.url().removeprefix("/queue")
    return [
        views.row_view(row, clocks.get(row.id), query, desk.now, threshold=threshold, selected=selected) for row in rows
    ]


async def tokens(desk: Desk, queue: Queue) -> list[Token]:
    """The conditions that are set, as removable words."""
    names = await choices.name_conditions(desk.session, queue)
    return [
        Token(CONDITION_NAMES[name], _condition_text(name, value, names), queue.without(name))
        for name, value in queue.conditions().items()
    ]


def _condition_text(name: str, value: Any, names: choices.ConditionNames) -> str:
    if name == "platform":
        return PLATFORMS[value].name if value in PLATFORMS else str(value)
    if name == "state":
        return STATE_NAMES[State(value)].lower()
    if name == "kind":
        return KIND_NAMES[value]
    return str(getattr(names, name, None) or value)


async def card_screen(desk: Desk, appeal_id: int, queue: Queue) -> dict[str, Any]:
    """Everything on the card. Raises NotFound."""
    card = await read_card(desk.session, appeal_id, desk.actor)
    tell_time = partial(formats.day_text, zone=desk.zone, now=desk.now)
    appeal = card.appeal
    reason_gone = reason_of(appeal)
    evidence = () if reason_gone else await words_for_topic(desk.resources, appeal)
    gazetteer = await gazetteer_of(desk.session, await desk.resources.rulebook.current(desk.session))
    panel = await topic_panel(desk.resources, desk.session, appeal, evidence, texts_around(card))
    today = desk.now.astimezone(desk.zone).date()
    author = appeal.author_name or "Житель"
    return {
        "card": card,
        "appeal": appeal,
        "author": author,
        "queue": queue,
        "title": views.title_of(appeal, is_sure=panel.is_sure),
        "state_names": STATE_NAMES,
        "state_name": _state_name(appeal),
        "work": await work_panel(desk.session, appeal, card.department, card.answers, desk.actor, today),
        "panel": panel,
        "pieces": marked_text(appeal, evidence, gazetteer),
        "danger_in": marked_danger(appeal, card.messages),
        "alarm": None if reason_gone else alarm_view(appeal),
        "reason_gone": reason_gone,
        "kind_name": KIND_NAMES.get(appeal.message_kind or "", ""),
        "can_be_talk": PLATFORMS[appeal.platform].takes_talk and not appeal.danger and not appeal.is_talk,
        "thread": conversation(card.messages, card.above, card.answers, card.history, author, tell_time, card.files),
        "journal": lines_of(card.history, tell_time),
        "departments": await _offered_departments(desk, card) if appeal.is_open else [],
        "close_reasons": appeals.CLOSE_REASONS,
        "others": [(other, STATE_NAMES[State(other.state)], name) for other, name in card.others],
        "place": place_panel(appeal, card.page.territory_code, gazetteer),
        "alike": await alike(desk.session, appeal, desk.actor),
        "precedents": await precedents(desk.session, appeal, desk.actor) if appeal.is_open else [],
        **await _repeats(desk, card),
        "may_merge": desk.actor.role in RIGHTS[Right.ROUTE],
        "may_choose": desk.actor.role in RIGHTS[Right.ROUTE] and appeal.is_open,
        **_promise(card, desk.now),
        **_answering(card, appeal),
    }


async def _offered_departments(desk: Desk, card: Card) -> list[OfferedGroup]:
    """Who else could have the appeal, those first that usually answer where it is about."""
    code = card.appeal.territory_code or card.page.territory_code
    others = [one for one in await choices.active_departments(desk.session) if one.id != card.department.id]
    return offered(others, territory_path(code) if code else (), card.page.sphere)


async def _repeats(desk: Desk, card: Card) -> dict[str, Any]:
    """The repeats of the appeal, which of them are answered, and the answer that all of them could be given."""
    appeal = card.appeal
    repeats = [one for one in await repeats_of(desk.session, appeal.id or 0) if may_see(desk.actor, one)]
    final = [
        one for one in card.answers if one.state == AnswerState.DELIVERED and not (one.is_interim or one.is_question)
    ]
    return {
        "repeats": repeats,
        "answered": await answered_repeats(desk.session, [one.id or 0 for one in repeats]) if repeats else set(),
        "same_answer": masked(_last_answer(final), appeal.author_name or "") if repeats else "",
    }


def _last_answer(final: Sequence[Answer]) -> str:
    """The whole of the last final answer, in however many parts it went."""
    begins = max((place for place, one in enumerate(final) if one.follows_id is None), default=0)
    return "\n\n".join(one.text for one in final[begins:])


def _state_name(appeal: Appeal) -> str:
    if appeal.is_open and appeal.is_talk:
        return "Разговор"
    return WAIT_NAMES[Wait(appeal.waits_for)] if appeal.waits_for else STATE_NAMES[State(appeal.state)]


def _promise(card: Card, now: datetime) -> dict[str, Any]:
    """The nearest open clock as badge and picture, the closed ones in a line each."""
    running = views.nearest(clock for clock in card.clocks if clock.closed_at is None).get(card.appeal.id or 0)
    return {
        "countdown": views.countdown(running, now) if running and not card.appeal.is_talk else None,
        "clock": views.clock_view(running, now) if running else None,
        "kept": [views.kept_promise(clock) for clock in card.clocks if clock.closed_at is not None],
    }


def _answering(card: Card, appeal: Appeal) -> dict[str, Any]:
    """What the answer form may offer. A private message is always answered in private."""
    is_comment = appeal.kind == "comment"
    platform = PLATFORMS.get(appeal.platform)
    return {
        "is_comment": is_comment,
        "can_be_private": is_comment and appeal.platform in PRIVATE_ANSWERS,
        "is_blocked": card.is_blocked and (not is_comment or appeal.platform in PRIVATE_ANSWERS),
        "limit": platform.text_limit if platform else 0,
        "platform_name": platform.name if platform else appeal.platform,
        "warnings": shown_to_all(card.draft) if is_comment else [],
        "is_sending": any(one.state in ON_ITS_WAY for one in card.answers),
    }
