"""Whoever adds a column or a table that belongs to an appeal says whether it may hold a citizen's words."""

from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import AutoString, SQLModel

from app.appeals.gone import Why
from app.appeals.models import Answer, Appeal, HistoryEntry, Message, Part
from app.models import metadata
from app.retention.emptying import empty_answer, empty_appeal, empty_entry, empty_message, empty_part
from tests.conftest import NOW

MARK = "zqmark"
KEPT: dict[type[SQLModel], set[str]] = {
    Appeal: {"kind", "place", "state", "topic_group", "topic", "agency", "danger", "message_kind", "territory_code",
             "territory_from", "waits_for", "close_reason"},
    Message: {"kind", "place"},
    Answer: {"kind", "place", "author_label", "idempotency_key", "state", "error_code"},
    Part: {"asked_by", "given_by"},
    HistoryEntry: {"actor", "action"},
}  # fmt: skip
"""Codes, labels, and names of the staff."""
EMPTIED = {"appeal", "message", "answer", "appeal_part", "history_entry", "message_file", "draft",
           "department_delivery", "channel_appeal"}  # fmt: skip
WORDLESS = {"clock", "label_choice"}


def marked(model: type[SQLModel]) -> Any:
    """A row with the mark in every column that can hold words."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    words = {column.name: MARK for column in table.columns if isinstance(column.type, AutoString)}
    documents = {
        column.name: {"a": MARK, "text": MARK, "steps": [{"because": MARK, "new": MARK}], "alarm": {"words": [MARK]}}
        for column in table.columns
        if isinstance(column.type, JSONB)
    }
    row = model(**{name: value for name, value in (words | documents).items() if name in model.model_fields})
    if "platform" in words:
        row.platform = "vk"  # type: ignore[attr-defined]
    return row


def emptied(model: type[SQLModel]) -> Any:
    row = marked(model)
    if model is Appeal:
        row.version = 1
        empty_appeal(row, Why.TERM, NOW)
    elif model is Message:
        empty_message(row, "removed:hash", Why.TERM)
    else:
        {Answer: empty_answer, Part: empty_part, HistoryEntry: empty_entry}[model](row, Why.TERM)
    return row


@pytest.mark.parametrize("model", KEPT, ids=lambda model: model.__name__)
def test_of_every_column_with_words_only_the_named_ones_are_kept(model: type[SQLModel]) -> None:
    row = emptied(model)
    assert {name for name in model.model_fields if MARK in str(getattr(row, name))} == KEPT[model]


def test_every_table_that_belongs_to_an_appeal_or_a_message_is_emptied_or_holds_no_words() -> None:
    belonging = {
        key.parent.table.name
        for table in metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name in ("appeal", "message")
    }
    assert belonging == (EMPTIED | WORDLESS)
