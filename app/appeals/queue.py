"""What the list of appeals shows: a tab, conditions, an order. Read from an address and written back to it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from app.accounts.models import Role
from app.appeals.models import State, Wait
from classifier.message_kinds import MessageKind


class Tab(StrEnum):
    """Counted views of the queue, in the order of the tabs."""

    OPEN = "open"
    URGENT = "urgent"
    NEW = "new"
    REVIEW = "review"
    OVERDUE = "overdue"
    MINE = "mine"
    WORK = "work"
    CHECK = "check"
    ASKED = "asked"
    PARTS = "parts"
    INTERIM = "interim"
    REPEATS = "repeats"
    TALK = "talk"
    DONE = "done"


TAB_NAMES = {
    Tab.OPEN: "Открытые",
    Tab.URGENT: "Срочные",
    Tab.NEW: "Новые",
    Tab.REVIEW: "Проверить",
    Tab.OVERDUE: "Просрочено",
    Tab.MINE: "Мои",
    Tab.WORK: "В работе",
    Tab.CHECK: "Проверить ответ",
    Tab.ASKED: "Ждут жителя",
    Tab.PARTS: "Соисполнение",
    Tab.INTERIM: "Промежуточные",
    Tab.REPEATS: "Повторы без ответа",
    Tab.TALK: "Разговоры",
    Tab.DONE: "Закрытые",
}
STATE_NAMES = {
    State.REVIEW: "Проверить тему",
    State.ROUTED: "В отделе",
    State.IN_WORK: "В работе",
    State.INTERIM: "Ждёт окончательного ответа",
    State.ANSWERED: "Ответ дан",
    State.CLOSED: "Закрыто",
}
KIND_NAMES: dict[str, str] = {
    MessageKind.COMPLAINT: "жалоба",
    MessageKind.REQUEST: "просьба",
    MessageKind.QUESTION: "вопрос",
    MessageKind.PROPOSAL: "предложение",
    MessageKind.THANKS: "спасибо",
    MessageKind.TALK: "разговор",
    MessageKind.ABUSE: "брань",
    MessageKind.SPAM: "спам",
}
WAIT_NAMES = {Wait.CITIZEN: "Ждём ответа жителя", Wait.CHECK: "Ответ на проверке"}
_NOT_FOR_DEPARTMENTS = (Tab.REVIEW, Tab.REPEATS, Tab.TALK)  # they wait for the center's own desk
_FOR_DEPARTMENTS = (Tab.PARTS,)
_BY_NUMBER_ONLY = (Tab.REPEATS, Tab.TALK, Tab.DONE)  # they have no due time of their own to be ordered by
NOT_COUNTED = (Tab.REPEATS, Tab.DONE)


class Order(StrEnum):
    """How the list is sorted."""

    DUE = "due"
    NEWEST = "newest"
    USEFUL = "useful"


ORDER_NAMES = {Order.DUE: "по сроку", Order.NEWEST: "сначала новые"}
_ON_REVIEW = {Order.USEFUL: "полезные для обучения"}  # an index serves it on this tab alone


def tabs_for(role: str) -> dict[Tab, str]:
    """The tabs that a role sees, with their names."""
    if role != Role.DEPARTMENT:
        return {tab: name for tab, name in TAB_NAMES.items() if tab not in _FOR_DEPARTMENTS}
    named = TAB_NAMES | {Tab.OPEN: "Мой отдел", Tab.CHECK: "На проверке"}
    return {tab: name for tab, name in named.items() if tab not in _NOT_FOR_DEPARTMENTS}


@dataclass(frozen=True, slots=True)
class Queue:
    """The list as its address names it. Unknown or broken values in an address are as if they were not there."""

    tab: Tab = Tab.OPEN
    order: Order = Order.DUE
    platform: str | None = None
    page: int | None = None
    department: int | None = None
    topic: str | None = None
    state: State | None = None
    territory: str | None = None
    kind: MessageKind | None = None
    q: str | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str], role: str) -> "Queue":
        """Read an address's query string."""
        values = {field.name: _READERS[field.name](query.get(field.name, "").strip()) for field in fields(cls)}
        queue = cls(**{name: value for name, value in values.items() if value is not None})
        if queue.tab not in tabs_for(role):
            queue = replace(queue, tab=Tab.OPEN)
        return queue if queue.order in queue.orders else replace(queue, order=Order.DUE)

    @property
    def is_by_due(self) -> bool:
        """Whether the list runs by due time; finished appeals and talk always run from the newest."""
        return self.order in (Order.DUE, Order.USEFUL) and not self.is_by_value and self.tab not in _BY_NUMBER_ONLY

    @property
    def is_by_value(self) -> bool:
        """Whether the list runs from what would teach the judge most; only where topics wait for a person."""
        return self.order is Order.USEFUL and self.tab is Tab.REVIEW

    @property
    def orders(self) -> dict[Order, str]:
        """The orders to choose from on this tab, with their names."""
        return ORDER_NAMES | (_ON_REVIEW if self.tab is Tab.REVIEW else {})

    @property
    def has_choice_of_order(self) -> bool:
        """Whether sorting can be changed on this tab."""
        return self.tab not in _BY_NUMBER_ONLY

    @property
    def number(self) -> int | None:
        """The appeal's number, when the search box holds nothing else: «48213», «№ 48 213»."""
        digits = "".join((self.q or "").removeprefix("№").split())
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER else None

    def conditions(self) -> dict[str, Any]:
        """The removable conditions that are set, by name."""
        names = ("platform", "page", "department", "topic", "state", "territory", "kind")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def url(self, **changes: Any) -> str:
        """The address of this list, or of a list that differs from it by some fields."""
        changed = replace(self, **changes)
        defaults = Queue()
        query = [
            (field.name, str(value))
            for field in fields(changed)
            if (value := getattr(changed, field.name)) is not None and value != getattr(defaults, field.name)
        ]
        return "/queue" + (f"?{urlencode(query)}" if query else "")

    def without(self, name: str) -> str:
        """The address without one condition."""
        return self.url(**{name: None})


_LONGEST_NUMBER = 15
_LONGEST_TEXT = 300
_LARGEST_KEY = 2**31 - 1


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= _LARGEST_KEY else None


def _text(text: str) -> str | None:
    return text.replace("\0", "")[:_LONGEST_TEXT] or None


def _member(kind: type[StrEnum]) -> Any:
    return lambda text: kind(text) if text in set(kind) else None


_READERS: dict[str, Any] = {
    "tab": _member(Tab),
    "order": _member(Order),
    "platform": _text,
    "page": _number,
    "department": _number,
    "topic": _text,
    "state": _member(State),
    "territory": _text,
    "kind": _member(MessageKind),
    "q": _text,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page, from which the next one goes on."""

    queue_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.queue_at - _EPOCH) // _MICROSECOND}-{self.id}"

    @classmethod
    def parse(cls, text: str | None) -> "Cursor | None":
        """Read a cursor; a broken one begins anew."""
        moment, _, number = (text or "").partition("-")
        if not (moment.isascii() and moment.isdigit() and number.isascii() and number.isdigit()):
            return None
        try:
            return cls(_EPOCH + int(moment[:_LONGEST_MOMENT]) * _MICROSECOND, int(number[:_LONGEST_NUMBER]))
        except OverflowError:
            return None


_LONGEST_MOMENT = 18
