"""The accurate tier: a sentence encoder gives a second opinion where the plain model is unsure. An optional extra.

The encoder is a multilingual one (:mod:`classifier.encoder`), taught further on appeals. What is learnt upon it is one
linear layer and a handful of numbers that mix the two opinions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from classifier.artifact import Arrays, Manifest, read_artifact
from classifier.calibration import Probabilities, logarithm, softmax, voice_of_finer
from classifier.circumstances import Known
from classifier.companion import FILE_NAME, read_companion
from classifier.dense import Dense
from classifier.encoder import Encoder, encoder
from classifier.judge import STARTER, Chances, Judge

Floats = npt.NDArray[np.float32]
SURE: Final = 0.7
"""Messages whose every kind of labels is at least so probable keep the plain model's judgement."""


Voices = Mapping[str, tuple[str, Floats]]
"""Of a kind of labels that follows from a finer one: the finer kind, and P(label | finer label)."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Of one kind of labels: weights of the plain model's ln p, of the encoder's, and of what a finer kind says."""

    plain: float
    dense: float
    finer: float = 0.0

    def of(self, plain: Probabilities, dense: Floats, voice: Floats | None = None) -> Probabilities:
        """All opinions as one."""
        total = np.float32(self.plain) * logarithm(plain) + np.float32(self.dense) * dense
        return softmax(total if voice is None else total + np.float32(self.finer) * voice)


def mixed(
    mixes: Mapping[str, Mix], plain: Mapping[str, Probabilities], dense: Mapping[str, Floats], voices: Voices
) -> dict[str, Probabilities]:
    """Of each kind both opinions as one; ``mixes`` come coarse kinds first, and the finest is mixed first."""
    found: dict[str, Probabilities] = {}
    for kind in reversed(list(mixes)):
        found[kind] = mixes[kind].of(plain[kind], dense[kind], voice_in(found, voices, kind))
    return found


def voice_in(found: Mapping[str, Probabilities], voices: Voices, kind: str) -> Floats | None:
    """What the finer kind, already mixed, says of this one, where this one follows from a finer."""
    if kind not in voices:
        return None
    finer, given = voices[kind]
    return voice_of_finer(found[finer], given)


class AccurateJudge(Judge):
    """Judges as the plain model where that is sure, and asks the encoder where it is not."""

    def __init__(
        self, manifest: Manifest, arrays: Arrays, companion: Arrays, encoder: Encoder, sure: float = SURE
    ) -> None:
        super().__init__(manifest, arrays)
        self._encoder = encoder
        self._dense = Dense(*(companion[name] for name in ("mean", "spread", "weights", "intercepts")))
        self._mixes = {kind: Mix(*row) for kind, row in zip(self.kinds, companion["mixes"].tolist(), strict=True)}
        self._widths = [len(manifest.labels[kind]) for kind in self.kinds]
        self._voices = {
            kind: (finer, self.given[kind, finer]) for kind in self.kinds for finer in manifest.blend[kind].finer
        }
        self._sure = sure

    @classmethod
    def load(cls, path: Path | None = None) -> "AccurateJudge":
        """Reads a model and its companion ``accurate.npz``. Raises ``ArtifactRejected``, ``ExtraIsAbsent``."""
        shipped = encoder()
        file = STARTER if path is None else path
        manifest, arrays = read_artifact(file)
        folder = file if file.is_dir() else file.parent
        return cls(manifest, arrays, read_companion(folder / FILE_NAME, manifest.labels, shipped.seal), shipped)

    def _batch(self, texts: Sequence[str], known: Sequence[Known] = ()) -> Chances:
        chances = super()._batch(texts, known)
        best = np.min([chances.labels[kind].max(axis=1) for kind in self.kinds], axis=0)
        unsure = np.flatnonzero(best < self._sure)
        if len(unsure):
            vectors = self._encoder.vectors_of([texts[at] for at in unsure.tolist()])
            opinions = dict(zip(self.kinds, self._dense.log_chances(vectors, self._widths), strict=True))
            plain = {kind: chances.labels[kind][unsure] for kind in self.kinds}
            for kind, both in mixed(self._mixes, plain, opinions, self._voices).items():
                chances.labels[kind][unsure] = both
        return chances
