"""Tables of appeals, messages, answers and history."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Computed, DateTime, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class State(StrEnum):
    """Where an appeal stands. What each does to the clocks is in appeals.service."""

    REVIEW = "review"  # the judge is unsure: a person confirms topic and department
    ROUTED = "routed"  # at a department
    IN_WORK = "in_work"  # somebody took it
    INTERIM = "interim"  # an interim answer was delivered, the final one is due
    ANSWERED = "answered"  # the platform confirmed delivery of the final answer
    CLOSED = "closed"  # closed without an answer of ours, for a stated reason


class Wait(StrEnum):
    """What an open appeal waits for while the department's promise stands still."""

    CITIZEN = "citizen"  # a question to the author was delivered
    CHECK = "check"  # the center checks the department's answer


OPEN_STATES = (State.REVIEW, State.ROUTED, State.IN_WORK, State.INTERIM)
_OPEN_SQL = ", ".join(f"'{state}'" for state in OPEN_STATES)
# Appeals without a due time sort last; a literal keeps the column sortable with one index.
_QUEUE_AT_SQL = "coalesce(next_due_at, '9999-01-01 00:00:00+00'::timestamptz)"
_IN_QUEUE = text("is_open AND NOT is_talk")
_WITH_WORDS = "closed_at IS NOT NULL AND depersonalised_at IS NULL"


class Appeal(Row, table=True):
    """What one citizen asks under one post or in one dialog, until it is answered.

    `text` is the opening message as it stands now, `search_text` all of the citizen's words. `judgement` and
    `routing` hold what the judge and the rules said last, with alternatives and trace; earlier ones are in history.
    `is_open`, `queue_at` and `search` are computed by PostgreSQL and used in queries only (see `appeal_columns`).
    `label_value` says how much the judge would learn from a label (see app/triage/usefulness.py).
    `waits_for` names a Wait; a question without a reply closes the appeal at `waits_until`. `return_count` is how often
    a department gave it back as not its own.
    `is_talk` marks what the judge does not hold for an appeal: sorted apart, never dropped, not counted in KPIs.
    `danger` names what may threaten a life ("пожар, ребёнок в опасности") until a person has said that it does not;
    `message_kind` says what the citizen wants (classifier.message_kinds), empty for what was judged before it existed.
    `fingerprint` is shared by equal texts, some of `likeness` by nearly equal ones of about the same time (both empty
    for a few words). `places` are those named in the text; `territory_code` is set where one of them, or a person,
    makes the page's territory more exact, and `territory_from` says which. A repeat of another appeal is closed, has
    no clock of its own, and names it in `duplicate_of_id`. Since `depersonalised_at` all words and names are gone from
    it and from what belongs to it, for a reason of `gone.Why`; what reports count has stayed.
    """

    __mapper_args__: ClassVar[dict[str, list[str]]] = {"exclude_properties": ["is_open", "queue_at", "search"]}
    __table_args__ = (
        Column("is_open", Boolean, Computed(f"state IN ({_OPEN_SQL})", persisted=True)),
        Column("queue_at", DateTime(timezone=True), Computed(_QUEUE_AT_SQL, persisted=True)),
        Column("search", TSVECTOR, Computed("to_tsvector('russian', search_text)", persisted=True)),
        Index("ix_appeal_queue", "queue_at", "id", postgresql_where=_IN_QUEUE),
        Index("ix_appeal_department_queue", "department_id", "queue_at", "id", postgresql_where=_IN_QUEUE),
        Index("ix_appeal_state_queue", "state", "queue_at", "id", postgresql_where=_IN_QUEUE),
        Index("ix_appeal_useful", "state", "label_value", "id", postgresql_where=_IN_QUEUE),
        Index("ix_appeal_assignee_queue", "assignee_id", "queue_at", "id", postgresql_where=_IN_QUEUE),
        Index("ix_appeal_danger", "queue_at", "id", postgresql_where=text("is_open AND danger IS NOT NULL")),
        Index("ix_appeal_message_kind", "message_kind", "id"),
        Index("ix_appeal_talk", "id", postgresql_where=text("is_open AND is_talk")),
        Index("ix_appeal_talk_received", "received_at", postgresql_where=text("is_open AND is_talk")),
        Index("ix_appeal_waiting", "waits_for", "queue_at", "id", postgresql_where=text("waits_for IS NOT NULL")),
        Index("ix_appeal_silent", "waits_until", postgresql_where=text("waits_until IS NOT NULL")),
        Index("ix_appeal_nameless", "id", postgresql_where=text("author_name IS NULL")),
        Index(
            "ix_appeal_open311", "page_id", "received_at", "id", postgresql_where=text("platform = 'open311'")
        ),  # city applications ask by time; others pay nothing for it
        Index("ix_appeal_search", "search", postgresql_using="gin"),
        Index("ix_appeal_fingerprint", "fingerprint", "id", postgresql_where=text("fingerprint IS NOT NULL")),
        Index("ix_appeal_likeness", "likeness", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("ix_appeal_answered", "topic", "id", postgresql_where=text("state = 'answered'")),
        Index("ix_appeal_duplicates", "duplicate_of_id", "id", postgresql_where=text("duplicate_of_id IS NOT NULL")),
        Index("ix_appeal_repeats", "id", postgresql_where=text("duplicate_of_id IS NOT NULL")),
        Index("ix_appeal_kept", "closed_at", "id", postgresql_where=text(_WITH_WORDS)),
        Index("ix_appeal_page", "page_id", "id"),
        Index("ix_appeal_topic", "topic", "id"),
        Index("ix_appeal_state", "state", "id"),
        Index("ix_appeal_department", "department_id", "id"),
        Index("ix_appeal_author", "page_id", "author_external_id", "id"),
        Index("ix_appeal_thread", "page_id", "thread_key", "id"),
        Index("uq_appeal_open_thread", "page_id", "thread_key", unique=True, postgresql_where=text("is_open")),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    page_id: int = Field(foreign_key="public_page.id")
    platform: str = Field(max_length=10)
    kind: str = Field(max_length=10)
    place: str = Field(max_length=20)
    thread_key: str = Field(max_length=200)
    author_external_id: str = Field(max_length=200)
    author_name: str | None = Field(default=None, max_length=200)
    external_id: str = Field(max_length=200)
    chat_external_id: str | None = Field(default=None, max_length=200)
    post_external_id: str | None = Field(default=None, max_length=200)
    text: str
    search_text: str
    source_url: str | None = None
    has_attachments: bool = False
    is_edited: bool = False
    is_talk: bool = False
    state: str = Field(max_length=20)
    cycle: int = 1
    version: int = 1
    topic_group: str | None = Field(default=None, max_length=200)
    topic: str | None = Field(default=None, max_length=300)
    agency: str | None = Field(default=None, max_length=200)
    confidence: float | None = None
    label_value: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    is_confirmed: bool = False
    severity: int = 2
    danger: str | None = Field(default=None, max_length=100)
    message_kind: str | None = Field(default=None, max_length=20)
    judgement: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    routing: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    department_id: int = Field(foreign_key="department.id")
    territory_code: str | None = Field(default=None, max_length=11)
    territory_from: str | None = Field(default=None, max_length=10)
    places: list[Any] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": "[]"})
    fingerprint: int | None = Field(default=None, sa_type=BigInteger)
    likeness: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer), sa_column_kwargs={"server_default": "{}"})
    assignee_id: int | None = Field(default=None, foreign_key="app_user.id")
    transfer_count: int = 0
    return_count: int = 0
    waits_for: str | None = Field(default=None, max_length=20)
    waits_until: datetime | None = utc_field(default=None)
    next_due_at: datetime | None = utc_field(default=None)
    received_at: datetime = utc_field(index=True)
    first_answered_at: datetime | None = utc_field(default=None)
    closed_at: datetime | None = utc_field(default=None)
    close_reason: str | None = Field(default=None, max_length=40)
    duplicate_of_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="appeal.id")
    depersonalised_at: datetime | None = utc_field(default=None)
    depersonalised_why: str | None = Field(default=None, max_length=10)

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes the citizen an answer."""
        return self.state in OPEN_STATES


appeal_columns = Appeal.__table__.c  # type: ignore[attr-defined]


class Message(Row, table=True):
    """A message as it was understood, the citizen's or the page's own, appeal or not. One row a platform message."""

    __table_args__ = (
        UniqueConstraint("page_id", "key"),
        Index("ix_message_external", "platform", "external_id"),
        Index("ix_message_cropped", "id", postgresql_where=text("is_cropped")),
        Index("ix_message_loose", "received_at", postgresql_where=text("appeal_id IS NULL")),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    page_id: int = Field(foreign_key="public_page.id")
    platform: str = Field(max_length=10)
    kind: str = Field(max_length=10)
    place: str = Field(max_length=20)
    key: str = Field(max_length=200)
    external_id: str = Field(max_length=200)
    thread_key: str | None = Field(default=None, max_length=200)
    chat_external_id: str | None = Field(default=None, max_length=200)
    post_external_id: str | None = Field(default=None, max_length=200)
    reply_to_external_id: str | None = Field(default=None, max_length=200)
    author_external_id: str | None = Field(default=None, max_length=200)
    author_name: str | None = Field(default=None, max_length=200)
    text: str = ""
    original_text: str | None = None
    attachments: list[Any] = Field(default_factory=list, sa_type=JSONB)
    source_url: str | None = None
    is_own: bool = False
    is_cropped: bool = False
    sent_at: datetime | None = utc_field(default=None)
    edited_at: datetime | None = utc_field(default=None)
    deleted_at: datetime | None = utc_field(default=None)
    received_at: datetime = utc_field()
    appeal_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="appeal.id", index=True)


class AnswerState(StrEnum):
    """The way of an answer to the platform."""

    CHECK = "check"  # the center looks at it first
    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"  # the platform said never
    HANDS_NEEDED = "hands_needed"  # a person must act, then it can be sent again
    UNKNOWN = "unknown"  # it may or may not have arrived, and the platform cannot say: a person looks


TOLD_STATES = (AnswerState.CHECK, AnswerState.PENDING, AnswerState.SENDING, AnswerState.DELIVERED, AnswerState.UNKNOWN)
"""Whoever has such an answer needs no second one."""


class Answer(Row, table=True):
    """Our answer: an outbox row. `idempotency_key` makes a repeated sending harmless where the platform can.

    A question asks the citizen for what is missing; it answers nothing. An answer longer than the platform allows
    is several rows, each `follows_id` the one before and waits for it; all but the last are `is_continued`.
    `is_in_doubt` means that the platform may have taken it: it is looked up before it is sent again.
    """

    __table_args__ = (
        Index("ix_answer_due", "next_attempt_at", postgresql_where=text("state IN ('pending', 'sending')")),
        Index("ix_answer_stuck", "id", postgresql_where=text("state IN ('failed', 'hands_needed', 'unknown')")),
        Index("ix_answer_echo", "page_id", "echo_key"),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", index=True)
    page_id: int = Field(foreign_key="public_page.id")
    kind: str = Field(max_length=10)
    place: str = Field(max_length=20)
    text: str
    is_interim: bool = False
    is_question: bool = False
    author_user_id: int | None = Field(default=None, foreign_key="app_user.id")
    author_label: str = Field(max_length=200)
    recipient_external_id: str = Field(max_length=200)
    chat_external_id: str | None = Field(default=None, max_length=200)
    post_external_id: str | None = Field(default=None, max_length=200)
    reply_to_external_id: str | None = Field(default=None, max_length=200)
    idempotency_key: str = Field(unique=True, max_length=64)
    follows_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="answer.id", index=True)
    is_continued: bool = False
    state: str = Field(default=AnswerState.PENDING, max_length=20)
    is_in_doubt: bool = False
    attempts: int = 0
    next_attempt_at: datetime = utc_field()
    error_code: str | None = Field(default=None, max_length=40)
    error_reason: str | None = None
    external_id: str | None = Field(default=None, max_length=200)
    echo_key: str | None = Field(default=None, max_length=200)
    created_at: datetime = utc_field()
    delivered_at: datetime | None = utc_field(default=None)


class HistoryEntry(Row, table=True):
    """One thing that happened to an appeal, written in the transaction that did it."""

    __tablename__ = "history_entry"

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", index=True)
    at: datetime = utc_field()
    actor: str = Field(max_length=200)
    action: str = Field(max_length=40)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)


class Part(Row, table=True):
    """What a co-executing department is to contribute to the answer, and what it has contributed.

    The responsible department joins the parts into one answer. `given_at` is empty while the part is owed;
    `is_declined` means that `text` says why nothing can be contributed.
    """

    __tablename__ = "appeal_part"
    __table_args__ = (
        UniqueConstraint("appeal_id", "department_id"),
        Index("ix_appeal_part_owed", "department_id", "appeal_id", postgresql_where=text("given_at IS NULL")),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id")
    department_id: int = Field(foreign_key="department.id")
    question: str
    asked_by: str = Field(max_length=200)
    asked_at: datetime = utc_field()
    text: str = ""
    given_by: str | None = Field(default=None, max_length=200)
    given_at: datetime | None = utc_field(default=None)
    is_declined: bool = False


class Draft(Row, table=True):
    """An answer being written; kept on the server at every pause in typing."""

    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", primary_key=True)
    user_id: int = Field(foreign_key="app_user.id", primary_key=True)
    text: str
    updated_at: datetime = utc_field()
