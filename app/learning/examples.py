"""What people said to the judge's labels, as messages to learn from: the last word on each appeal, oldest first."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.triage.facts import CIRCUMSTANCES, known_of, read_context
from app.triage.models import LabelChoice
from app.triage.service import LABEL_KINDS
from classifier import Judge
from classifier.circumstances import Known
from classifier.dataset import Corpus, corpus_of
from classifier.masking import masked
from classifier.normalise import fingerprint

MOST_CHOICES: Final = 60_000
"""The newest; a correction learns from 6,000 messages at most, and three kinds of labels may be chosen of each."""
NEWEST_SHARE: Final = 0.2
SHORTEST_NAME: Final = 3
_VOWELS: Final = "аеёиоуыэюяйь"
_ENDINGS: Final = "ами|ями|ого|его|ому|ему|ой|ей|ою|ею|ом|ем|ым|им|ых|их|ах|ях|а|я|у|ю|е|и|ы|й|ь"

_Choice = tuple[int, str, str, datetime, str, str | None, int, datetime]
"""Of a label: appeal, kind, label, when; the appeal's words, the name of its author, its page, when it came."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled messages, oldest first, when each got its last label, and their words as they were written.

    Those words are for asking a model whether it has learned from them: one trained on an export has seen no masks.
    """

    corpus: Corpus
    at: list[datetime]
    written: list[str]

    def unseen(self, judges: Sequence[Judge], moment: datetime | None) -> Corpus:
        """The messages labelled after `moment` (all of them for None) that none of these models has learned from."""
        kept = np.array([moment is None or at > moment for at in self.at], dtype=bool)
        for judge in judges:
            kept &= ~judge.has_seen(self.written)
        return self.corpus.where(kept)


@dataclass(frozen=True, slots=True)
class Split:
    """By time: what teaches and what is held out. No message of the one repeats a message of the other."""

    taught: Corpus
    held_out: Corpus
    taught_until: datetime
    labels_until: datetime


async def read_examples(session: AsyncSession, topic_to_group: Mapping[str, str], zone: str) -> Examples:
    """Every labelled appeal with words, personal data masked. A chosen topic tells its group too.

    `zone` is the center's own: what the judge is told of the time of year depends on it.
    """
    last = (
        select(col(LabelChoice.id))
        .where(col(LabelChoice.label_kind).in_(LABEL_KINDS))  # a dismissed alarm is no label of the message
        .distinct(col(LabelChoice.appeal_id), col(LabelChoice.label_kind))
        .order_by(col(LabelChoice.appeal_id), col(LabelChoice.label_kind), col(LabelChoice.id).desc())
        .subquery()
    )
    statement = (
        select(
            col(LabelChoice.appeal_id), col(LabelChoice.label_kind), col(LabelChoice.chosen), col(LabelChoice.at),
            col(Appeal.search_text), col(Appeal.author_name), col(Appeal.page_id), col(Appeal.received_at),
        )
        .join(Appeal, col(Appeal.id) == col(LabelChoice.appeal_id))
        .where(col(LabelChoice.id).in_(select(last.c.id)), func.btrim(col(Appeal.search_text)) != "")
        .order_by(col(LabelChoice.at).desc(), col(LabelChoice.id).desc())
        .limit(MOST_CHOICES)
    )  # fmt: skip
    chosen = list(reversed((await session.execute(statement)).tuples().all()))
    pages = await read_context(session, {page_id for *_, page_id, _ in chosen})
    known = {appeal_id: known_of(pages[page_id], at, zone) for appeal_id, *_, page_id, at in chosen}
    return await asyncio.to_thread(_gather, chosen, known, topic_to_group)  # masking 60,000 texts takes seconds


def _gather(chosen: Iterable[_Choice], given_of: Mapping[int, Known], topic_to_group: Mapping[str, str]) -> Examples:
    """One message an appeal out of its labels, the oldest label first."""
    texts: dict[int, str] = {}
    written: dict[int, str] = {}
    labels: dict[int, dict[str, str]] = {}
    times: dict[int, datetime] = {}
    for appeal_id, kind, label, at, text, author, *_ in chosen:
        if appeal_id not in texts:
            texts[appeal_id], written[appeal_id] = without_author(masked(text), author), text
        labels.setdefault(appeal_id, {})[kind] = label
        times[appeal_id] = at
    for of_appeal in labels.values():
        group = topic_to_group.get(of_appeal.get("topic", ""))
        if group:
            of_appeal.setdefault("topic_group", group)
    order = sorted(texts, key=lambda appeal_id: (times[appeal_id], appeal_id))
    columns: dict[str, list[str]] = {kind: [labels[one].get(kind, "") for one in order] for kind in LABEL_KINDS}
    known = {kind: values for kind, values in columns.items() if any(values)}
    told = {name: [given_of[one].get(name, "") for one in order] for name in CIRCUMSTANCES}
    given = {name: values for name, values in told.items() if any(values)}
    corpus = corpus_of([texts[one] for one in order], known, given)
    return Examples(corpus, [times[one] for one in order], [written[one] for one in order])


def without_author(text: str, author: str | None) -> str:
    """The text without its author's name, in any of its cases: people sign what they write.

    Only where it is written as a name: «нет света» stays, whoever complains of it.
    """
    for name in re.findall(r"\w+", author or ""):
        if len(name) < SHORTEST_NAME:
            continue
        stem = name[:-1] if name[-1].lower() in _VOWELS else name
        form = rf"\b{re.escape(stem[0].upper())}(?i:{re.escape(stem[1:])}(?:{_ENDINGS})?)\b"
        text = re.sub(form, "@имя", text)
    return text


def known_to(corpus: Corpus, labels: Mapping[str, Sequence[str]]) -> Corpus:
    """The corpus with the labels that a model knows; others, of models before it, are as if not given."""
    columns = {}
    for kind, names in corpus.names.items():
        known = [name if name in set(labels.get(kind, ())) else "" for name in names]
        columns[kind] = [([*known, ""])[number] for number in corpus.numbers[kind]]
    kept = {kind: values for kind, values in columns.items() if any(values)}
    return corpus_of(corpus.texts, kept, corpus.given)


def split_by_time(examples: Examples) -> Split | None:
    """The newest fifth is held out; None while that leaves nothing on one side."""
    count = len(examples.at)
    first_held_out = count - max(1, int(count * NEWEST_SHARE))
    if first_held_out < 1:
        return None
    newest = np.arange(count) >= first_held_out
    prints = np.array([fingerprint(text) for text in examples.corpus.texts])
    taught = ~newest & ~np.isin(prints, prints[newest])
    if not taught.any():
        return None
    return Split(
        examples.corpus.where(taught),
        examples.corpus.where(newest),
        examples.at[first_held_out - 1],
        examples.at[-1],
    )
