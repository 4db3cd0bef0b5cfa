"""Teaches a model whose weights are there already to heed circumstances it has not met, out of people's labels."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from classifier.artifact import FORMAT, Arrays, Manifest, met_name
from classifier.blending import LOUDEST
from classifier.calibration import KindBlend, softmax
from classifier.dataset import Corpus
from classifier.observed import Observed

Floats = npt.NDArray[np.float32]
_START = 0.3


def new_circumstances(manifest: Manifest, corpus: Corpus) -> Observed:
    """The circumstances of these messages that the model knows nothing of. ``corpus`` has the labels of the model."""
    given = {name: values for name, values in corpus.given.items() if name not in manifest.circumstances}
    return Observed.of(replace(corpus, given=given))


def listening(blend: KindBlend, own: Floats, heard: Mapping[str, Floats], labels: npt.NDArray[np.int64]) -> KindBlend:
    """The blend with a weight for the voice of each new circumstance, so that the labels are likeliest.

    ``own``: ln p of all labels but for a constant of the row, as they are without these voices; every row is labelled.
    """
    voices = list(heard.values())
    right = np.array([voice[np.arange(len(labels)), labels] for voice in voices], dtype=np.float64)

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        total = own + sum(np.float32(weight) * voice for weight, voice in zip(weights, voices, strict=True))
        chances = softmax(np.asarray(total, dtype=np.float32))
        cost = -np.log(np.maximum(chances[np.arange(len(labels)), labels], 1e-12)).mean()
        expected = np.array([np.einsum("ij,ij->i", chances, voice) for voice in voices], dtype=np.float64)
        return float(cost), (expected - right).mean(axis=1)

    start, bounds = np.full(len(voices), _START), [(0.0, LOUDEST)] * len(voices)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = dict(zip(heard, map(float, found), strict=True))
    return replace(blend, circumstances={**blend.circumstances, **weights})


def with_circumstances(
    manifest: Manifest, arrays: Arrays, observed: Observed, corpus: Corpus, blend: Mapping[str, KindBlend]
) -> tuple[Manifest, Arrays]:
    """The model with tables of the new circumstances beside those it has. ``corpus`` may lack kinds of labels."""
    if not observed.names:
        return manifest, arrays
    fresh = replace(
        manifest, blend=dict(blend), circumstances={**manifest.circumstances, **observed.names}, format=FORMAT
    )
    tables: Arrays = {name: table for name, table in arrays.items() if not name.startswith("met_")}
    every = np.ones(len(corpus.texts), dtype=bool)
    for kind in manifest.kinds:
        for name in manifest.circumstances:
            tables[met_name(fresh, kind, name)] = arrays[met_name(manifest, kind, name)]
        for name, values in observed.names.items():
            nothing = np.zeros((len(manifest.labels[kind]), len(values)), dtype=np.uint32)
            is_labelled = kind in corpus.numbers
            tables[met_name(fresh, kind, name)] = observed.met(corpus, kind, name, every) if is_labelled else nothing
    return fresh, tables
