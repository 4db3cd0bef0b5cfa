"""Kinds of messages on messages invented for this: what the rules do, and that the model tells talk and abuse."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Judge, Judgement
from classifier.message_kinds import MessageKind, kind_of

KINDS = Path(__file__).with_name("own_kinds.csv")
APPEAL, TALK, ABUSE = Judgement(0.9), Judgement(0.01), Judgement(0.01, abuse_probability=0.95)
THRESHOLD = 0.04


@pytest.mark.parametrize(
    ("text", "judgement", "kind"),
    [
        ("Дорога в ямах", APPEAL, MessageKind.COMPLAINT),
        ("Прошу починить дорогу", APPEAL, MessageKind.REQUEST),
        ("Когда починят дорогу?", APPEAL, MessageKind.QUESTION),
        ("Предлагаю починить дорогу", APPEAL, MessageKind.PROPOSAL),
        ("Спасибо за дорогу!", TALK, MessageKind.THANKS),
        ("Заранее спасибо, почините дорогу", APPEAL, MessageKind.REQUEST),
        ("Продам гараж", TALK, MessageKind.SPAM),
        ("Ахаха", TALK, MessageKind.TALK),
        ("Дурак", ABUSE, MessageKind.ABUSE),
        ("", TALK, MessageKind.TALK),
    ],
)
def test_a_message_is_sorted_by_what_it_wants(text: str, judgement: Judgement, kind: MessageKind) -> None:
    assert kind_of(text, judgement, THRESHOLD) is kind


def test_abuse_inside_an_appeal_stays_an_appeal() -> None:
    angry = Judgement(0.9, abuse_probability=0.99)
    assert kind_of("Дураки, почините дорогу!", angry, THRESHOLD) is MessageKind.REQUEST


def test_most_invented_messages_are_sorted_right_and_no_appeal_becomes_spam_or_abuse(starter: Judge) -> None:
    with KINDS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    judged = starter.judge([row["text"] for row in rows])
    threshold = starter.manifest.thresholds["appeal"]
    said = [kind_of(row["text"], one, threshold).value for row, one in zip(rows, judged, strict=True)]
    wrong = Counter((row["kind"], kind) for row, kind in zip(rows, said, strict=True) if row["kind"] != kind)
    assert wrong.total() / len(rows) <= 0.2, wrong
    appeals = {"complaint", "request", "question", "proposal"}
    assert not [pair for pair in wrong if pair[0] in appeals and pair[1] in {"spam", "abuse"}]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters()))
def test_any_text_has_a_kind(text: str) -> None:
    assert kind_of(text, APPEAL, THRESHOLD) in MessageKind
