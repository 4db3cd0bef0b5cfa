"""A first judge for whoever has labels and no history: from what the labels are called and how they are described.

Each description, and each phrase of it, stands for a message. It is compared with a message twice: by the words and
letters that both hold, and by what the starter model thinks of both, so that «яма» and «выбоины» meet although they
share no letter. Ridge regression on these few rows takes away what all descriptions have in common. Everything is
linear in the words of a message, so the result is a model like any other.

How often it is right nobody can know before the first labels come: the card says so. The constants below were chosen on
the invented messages of the tests, where seventeen invented agencies are told apart.
"""

import re
from dataclasses import asdict
from typing import Final

import numpy as np
import numpy.typing as npt

from classifier.appeals import borrowed_appeals
from classifier.artifact import Arrays, Manifest
from classifier.calibration import KindBlend, Sigmoid
from classifier.dataset import Source
from classifier.features import signature
from classifier.judge import Judge
from classifier.tables import DataIsWrong
from classifier.training import Model, resigned

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
THOUGHT: Final = 1.0
"""How much what the starter model thinks counts beside the words."""
RIDGE: Final = 3.0
SIGMOID: Final = Sigmoid(power=60.0, shift=0.0)
PHRASE: Final = re.compile(r"[.,;:()]+")
NEVER: Final = 1.0
"""The threshold of a judge that nobody has measured: no guess goes without a person."""


def first_judge(kind: str, described: dict[str, str], source: Source, created: str, base: Judge) -> Model:
    """A model of one kind of labels from their descriptions. Raises ``DataIsWrong`` for fewer than two labels."""
    names = sorted(described)
    if len(names) < 2:
        raise DataIsWrong(f"Меток {len(names)}, нужно хотя бы две.")
    phrases, owners = _phrases(names, described)
    rows, words, letters = base.rows_of(phrases), base.word_weights(), base.letters.dense()
    weights = np.vstack([words, letters])
    thoughts = rows @ weights
    spread = np.maximum(thoughts.std(axis=0), 1e-6)
    to_thought = weights * (np.sqrt(THOUGHT / weights.shape[1]) / spread)
    thoughts = rows @ to_thought
    middle = thoughts.mean(axis=0)
    alike = np.asarray((rows @ rows.T).todense()) + (thoughts - middle) @ (thoughts - middle).T
    wanted = np.where(owners[:, None] == np.arange(len(names)), 1.0, -1.0 / (len(names) - 1))
    parts = np.linalg.solve(alike + RIDGE * np.eye(len(phrases)), wanted)
    learned = rows.T @ parts + to_thought @ ((thoughts - middle).T @ parts)
    intercepts = -middle @ ((thoughts - middle).T @ parts)
    arrays = _arrays(base, learned[: len(words)], learned[len(words) :], intercepts)
    return _signed(kind, names, source, created, base, arrays)


def _phrases(names: list[str], described: dict[str, str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """What stands for messages, and of each the number of its label: the whole, the name, each phrase."""
    phrases, owners = [], []
    for number, name in enumerate(names):
        parts = [f"{name}. {described[name]}", name, *PHRASE.split(described[name])]
        fresh = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
        phrases += fresh
        owners += [number] * len(fresh)
    return phrases, np.array(owners, dtype=np.int64)


def _arrays(base: Judge, words: Doubles, letters: Doubles, intercepts: Doubles) -> Arrays:
    arrays: Arrays = {"intercepts": intercepts.astype(np.float32), "seen": np.zeros(0, dtype=np.uint32)}
    for name, vocabulary, weights in (
        ("word", base.vocabulary, words), ("letter", base.letters.vocabulary, letters),
    ):  # fmt: skip
        scales = np.maximum(np.abs(weights).max(axis=0, initial=0) / 127, 1e-12)
        arrays |= {
            f"{name}_buckets": vocabulary.buckets,
            f"{name}_idf": vocabulary.idf,
            f"{name}_weights": np.round(weights / scales).astype(np.int8),
            f"{name}_scales": scales.astype(np.float32),
        }
    return arrays


def _signed(kind: str, names: list[str], source: Source, created: str, base: Judge, arrays: Arrays) -> Model:
    appeals = borrowed_appeals(base)
    manifest = Manifest(
        version="",
        created=created,
        sha256="",
        labels={kind: names},
        topic_to_group={},
        thresholds={kind: NEVER, "appeal": appeals.threshold},
        targets={kind: 1.0, "appeal": appeals.recall},
        blend={kind: KindBlend(SIGMOID)},
        appeal=appeals.sigmoid,
        abuse=appeals.abuse,
        metrics={"out_of_fold": {"appeal": appeals.figures}},
        provenance={"sources": [asdict(source)], "base": base.version, "described": True},
        features=signature(),
    )
    return resigned(Model(manifest, arrays | appeals.arrays))
