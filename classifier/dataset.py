"""Reading the training files and dividing their rows. Paths come from the caller; nothing is copied anywhere."""

import csv
import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from classifier.normalise import fingerprint

LabelKind = Literal["topic_group", "topic", "agency"]
LABEL_KINDS: Final[tuple[LabelKind, ...]] = get_args(LabelKind)
FOLDS: Final = 5
HELD_OUT_SHARE: Final = 0.2
Mask = npt.NDArray[np.bool_]


class DataIsWrong(ValueError):
    """The training file cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled messages: for each kind of label its sorted names and, row by row, the number of the right one."""

    texts: list[str]
    names: dict[LabelKind, list[str]]
    numbers: dict[LabelKind, npt.NDArray[np.int64]]

    def where(self, mask: Mask) -> "Corpus":
        """The rows chosen by the mask, with the same label names."""
        numbers = {kind: values[mask] for kind, values in self.numbers.items()}
        return Corpus([text for text, kept in zip(self.texts, mask, strict=True) if kept], self.names, numbers)

    def group_of_topic(self) -> npt.NDArray[np.int64]:
        """Of each topic its group, by number; the first row of a topic decides."""
        topics, first = np.unique(self.numbers["topic"], return_index=True)
        groups = np.zeros(len(self.names["topic"]), dtype=np.int64)
        groups[topics] = self.numbers["topic_group"][first]
        return groups


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


def read_corpus(path: Path) -> Corpus:
    """Reads ``text, topic_group, topic, agency`` from CSV or CSV.GZ. Raises :class:`DataIsWrong`."""
    rows = list(_rows(path, ("text", *LABEL_KINDS)))
    names = {kind: sorted({row[kind] for row in rows}) for kind in LABEL_KINDS}
    for kind, values in names.items():
        if len(values) < 2:
            raise DataIsWrong(f"{path.name}: в столбце {kind} меньше двух разных меток, обучать нечему")
    numbers = {kind: np.array([names[kind].index(row[kind]) for row in rows]) for kind in LABEL_KINDS}
    return Corpus([row["text"] for row in rows], names, numbers)


def read_talk(path: Path) -> list[str]:
    """Reads messages that are no appeals: the column ``text`` of CSV or CSV.GZ. Raises :class:`DataIsWrong`."""
    return [row["text"] for row in _rows(path, ("text",))]


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        absent = [name for name in columns if name not in (reader.fieldnames or [])]
        if absent:
            raise DataIsWrong(f"{path.name}: нет столбцов {', '.join(absent)}")
        yield from reader


def is_held_out(texts: Sequence[str]) -> Mask:
    """One fifth of the messages, the same at every run; equal messages fall on the same side."""
    return np.array([fingerprint(text, "held out ") < HELD_OUT_SHARE for text in texts], dtype=bool)


def folds(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Of each message the number of its fold, by the same rule."""
    return np.array([int(fingerprint(text, "fold ") * FOLDS) for text in texts], dtype=np.int64)
