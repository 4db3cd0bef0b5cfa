"""Labelled messages, where they come from, how their rows are divided. Paths come from the caller."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from classifier.circumstances import read_value
from classifier.normalise import fingerprint
from classifier.tables import DataIsWrong, Table, read_table

STARTER_KINDS: Final = ("topic_group", "topic", "agency")
"""The kinds of labels of the starter model; other models have the kinds they were taught."""
USUAL_COLUMNS: Final = {
    "text": ("text", "Текст инцидента"),
    "topic_group": ("topic_group", "Группа тем"),
    "topic": ("topic", "Тема"),
    "agency": ("agency",),
}
"""Where to look when no column is named: our own files and the 47-column export of «Инцидент Менеджмент»."""
ABUSE_COLUMN: Final = "toxic"
FOLDS: Final = 5
HELD_OUT_SHARE: Final = 0.2
UNLABELLED: Final = -1
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled messages: of each kind of label its sorted names and, row by row, the number of the right one or −1."""

    texts: list[str]
    names: dict[str, list[str]]
    numbers: dict[str, Numbers]
    given: dict[str, list[str]] = field(default_factory=dict)
    """Of each circumstance its value row by row, as it was written; empty where it is not known."""

    def where(self, mask: Mask) -> "Corpus":
        """The rows chosen by the mask, with the same label names."""
        numbers = {kind: values[mask] for kind, values in self.numbers.items()}
        given = {name: _kept(values, mask) for name, values in self.given.items()}
        return Corpus(_kept(self.texts, mask), self.names, numbers, given)

    @property
    def known(self) -> list[dict[str, str]] | None:
        """What is known of each message besides its text; None where nothing is of any."""
        if not self.given:
            return None
        return [dict(zip(self.given, row, strict=True)) for row in zip(*self.given.values(), strict=True)]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a file hold what, by name or by number from 0; None: look for the usual names."""

    text: str | None = None
    labels: Mapping[str, str] | None = None
    header: bool | None = None
    """Whether the first row holds names; None: see for yourself."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The columns of circumstances."""


@dataclass(frozen=True, slots=True)
class Source:
    """Provenance of a training file: its name without folders, the number of its rows, the hash of its bytes."""

    file: str
    rows: int
    sha256: str

    @classmethod
    def of(cls, path: Path, rows: int) -> "Source":
        """Hashes the file as it lies on the disk."""
        return cls(path.name, rows, hashlib.sha256(path.read_bytes()).hexdigest())


def read_corpus(path: Path, columns: Columns | None = None) -> Corpus:
    """Reads messages with their labels; rows without any label are left out. Raises ``DataIsWrong``."""
    table, columns = read_table(path), columns or Columns()
    wanted = columns.labels or _usual_labels(table)
    text = table.column(columns.text or _usual(table, "text"))
    places = {kind: table.column(column) for kind, column in wanted.items()}
    first = _first_row(table, columns, text, places)
    texts = [_message(cell) for cell in table.cells(text, first)]
    cells = {kind: table.cells(place, first) for kind, place in places.items()}
    given = {
        name: _values(table, name, table.cells(table.column(column), first)) for name, column in columns.given.items()
    }
    kept = [row for row in range(len(texts)) if any(of_kind[row] for of_kind in cells.values())]
    labels = {kind: [of_kind[row] for row in kept] for kind, of_kind in cells.items()}
    circumstances = {name: [values[row] for row in kept] for name, values in given.items()}
    return corpus_of([texts[row] for row in kept], labels, circumstances)


def corpus_of(
    texts: list[str], labels: Mapping[str, Sequence[str]], given: Mapping[str, list[str]] | None = None
) -> Corpus:
    """Numbers the labels of each kind by their sorted names; an empty label stays unlabelled."""
    names = {kind: sorted(set(values) - {""}) for kind, values in labels.items()}
    places = {kind: {name: place for place, name in enumerate(known)} for kind, known in names.items()}
    numbers = {
        kind: np.array([places[kind].get(value, UNLABELLED) for value in values], dtype=np.int64)
        for kind, values in labels.items()
    }
    return Corpus(texts, names, numbers, dict(given or {}))


@dataclass(frozen=True, slots=True)
class Talk:
    """Messages that are no appeals, and of each whether it is abuse, where somebody has marked that."""

    texts: list[str]
    abuse: Mask | None = None

    def where(self, mask: Mask) -> "Talk":
        """The messages chosen by the mask."""
        return Talk(_kept(self.texts, mask), None if self.abuse is None else self.abuse[mask])


def read_talk(path: Path) -> Talk:
    """Reads the column ``text`` and, where there is one, ``toxic`` (1: abuse). Raises :class:`DataIsWrong`."""
    table = read_table(path)
    texts = table.cells(table.column(_usual(table, "text")), 1)
    if not table.is_named(ABUSE_COLUMN):
        return Talk(texts)
    marks = table.cells(table.column(ABUSE_COLUMN), 1)
    return Talk(texts, np.array([mark == "1" for mark in marks], dtype=bool))


def _kept(values: Sequence[str], mask: Mask) -> list[str]:
    return [value for value, kept in zip(values, mask, strict=True) if kept]


def _values(table: Table, circumstance: str, cells: Sequence[str]) -> list[str]:
    values = [read_value(circumstance, cell) for cell in cells]
    if any(cells) and not any(values):
        raise DataIsWrong(f"{table.name}: ни одной даты и ни одного месяца в столбце для {circumstance}")
    return values


def _first_row(table: Table, columns: Columns, text: int, places: Mapping[str, int]) -> int:
    """A name that stands in the first row settles it; columns given by numbers leave it to how the row looks."""
    if columns.header is not None:
        return int(columns.header)
    wanted = [columns.text or "", *(columns.labels or {}).values(), *columns.given.values()]
    if not columns.labels or any(table.is_named(one) for one in wanted):
        return 1
    return int(table.begins_with_names(text, list(places.values())))


def _usual(table: Table, kind: str) -> str:
    found = [name for name in USUAL_COLUMNS[kind] if table.is_named(name)]
    if not found:
        raise DataIsWrong(
            f"{table.name}: нет столбца {' или '.join(USUAL_COLUMNS[kind])}; назовите столбец сами, по имени или номеру"
        )
    return found[0]


def _usual_labels(table: Table) -> dict[str, str]:
    found = {kind: name for kind in STARTER_KINDS for name in reversed(USUAL_COLUMNS[kind]) if table.is_named(name)}
    if not found:
        raise DataIsWrong(
            f"{table.name}: нет столбцов {', '.join(STARTER_KINDS)}; назовите их сами: --label ИМЯ=СТОЛБЕЦ"
        )
    return found


def _message(cell: str) -> str:
    """The export of «Инцидент Менеджмент» puts an apostrophe before each text."""
    return cell.removeprefix("'").strip()


def is_held_out(texts: Sequence[str]) -> Mask:
    """One fifth of the messages, the same at every run; equal messages fall on the same side."""
    return np.array([fingerprint(text, "held out ") < HELD_OUT_SHARE for text in texts], dtype=bool)


def folds(texts: Sequence[str]) -> Numbers:
    """Of each message the number of its fold, by the same rule."""
    return np.array([int(fingerprint(text, "fold ") * FOLDS) for text in texts], dtype=np.int64)
