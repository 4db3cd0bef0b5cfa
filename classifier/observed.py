"""The circumstances of labelled messages: which values teach, how often they met each label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from classifier.artifact import Arrays, Manifest, met_name
from classifier.circumstances import MONTH, NOTHING, Numbers, log_given, numbered, plain, voice
from classifier.dataset import FOLDS, UNLABELLED, Corpus, Mask

Floats = npt.NDArray[np.float32]
LEAST_MET: Final = 5
"""A value met less often teaches nothing."""
LEAST_MONTHS: Final = 10
"""Of two months a model would take for the time of year whatever happened in them."""
MOST_VALUES: Final = 2_000
"""The most frequent of a circumstance: each costs a number a label in the model file."""


def usual_values(values: Sequence[str]) -> list[str]:
    """The values, as they are compared, that were met often enough to teach something."""
    times = Counter(map(plain, values))
    often = [value for value, count in times.items() if value and count >= LEAST_MET]
    return sorted(sorted(often, key=lambda value: (-times[value], value))[:MOST_VALUES])


def least_values(circumstance: str) -> int:
    """How many usual values a circumstance needs to tell anything."""
    return LEAST_MONTHS if circumstance == MONTH else 2


@dataclass(frozen=True, slots=True)
class Observed:
    """Of each circumstance its usual values and, row by row, the number of the right one or −1."""

    names: dict[str, list[str]]
    numbers: dict[str, Numbers]

    @classmethod
    def of(cls, corpus: Corpus) -> "Observed":
        """Those of a corpus; a circumstance with too few usual values tells nothing and is left out."""
        usual = {name: usual_values(values) for name, values in corpus.given.items()}
        names = {name: values for name, values in usual.items() if len(values) >= least_values(name)}
        numbers = {
            name: numbered({value: number for number, value in enumerate(values)}, corpus.given[name])
            for name, values in names.items()
        }
        return cls(names, numbers)

    def met(self, corpus: Corpus, kind: str, name: str, rows: Mask) -> npt.NDArray[np.uint32]:
        """How often each label and each value met in these rows: label × value."""
        labels, values = corpus.numbers[kind], self.numbers[name]
        known = rows & (labels != UNLABELLED) & (values != NOTHING)
        pairs = np.zeros((len(corpus.names[kind]), len(self.names[name])), dtype=np.uint32)
        np.add.at(pairs, (labels[known], values[known]), 1)
        return pairs

    def heard_unseen(self, corpus: Corpus, fold_of: Numbers) -> dict[tuple[str, str], Floats]:
        """What each kind hears of each circumstance, every fifth through tables of the other four."""
        heard = {}
        for kind, labels in corpus.names.items():
            for name, values in self.numbers.items():
                said = np.zeros((len(values), len(labels)), dtype=np.float32)
                for fold in range(FOLDS):
                    out = fold_of == fold
                    said[out] = voice(log_given(self.met(corpus, kind, name, ~out)), values[out])
                heard[kind, name] = said
        return heard

    def arrays(self, corpus: Corpus, manifest: Manifest) -> Arrays:
        """The tables of a model file."""
        every = np.ones(len(corpus.texts), dtype=bool)
        pairs = [(kind, name) for kind in manifest.kinds for name in self.names]
        return {met_name(manifest, *pair): self.met(corpus, *pair, every) for pair in pairs}
