"""The file beside a model that makes its accurate tier: plain arrays, bound to its labels and to one encoder."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from classifier.artifact import Arrays, ArtifactRejected, coarse_to_fine, unpack
from classifier.encoder import VECTOR

FILE_NAME: Final = "accurate.npz"
Labels = Mapping[str, list[str]]


def write_companion(path: Path, labels: Labels, encoder: bytes, arrays: Arrays) -> None:
    """Writes the arrays with the seal of their labels and of the encoder they were learnt upon."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, seal=_seal(labels, encoder, arrays))


def read_companion(path: Path, labels: Labels, encoder: bytes) -> Arrays:
    """Reads and checks the file. Raises ``ArtifactRejected`` where labels or encoder are not those it was learnt with.

    A model taught anew keeps its companion as long as its labels are the same.
    """
    arrays = unpack(path)
    width = sum(len(names) for names in labels.values())
    expected = {
        "mean": (VECTOR,),
        "spread": (VECTOR,),
        "weights": (VECTOR, width),
        "intercepts": (width,),
        "mixes": (len(labels), 3),
    }
    seal = arrays.pop("seal", np.zeros(0, dtype=np.uint8))
    if {name: (array.dtype, array.shape) for name, array in arrays.items()} != {
        name: (np.dtype(np.float32), shape) for name, shape in expected.items()
    } or not all(np.isfinite(array).all() for array in arrays.values()):
        raise ArtifactRejected(f"Таблицы {path.name} не того вида, что ожидает программа.")
    if not np.array_equal(seal, _seal(labels, encoder, arrays)):
        raise ArtifactRejected(
            f"Файл {path.name} не от этих меток или не от этого кодировщика, повреждён или подменён."
        )
    return arrays


def _seal(labels: Labels, encoder: bytes, arrays: Arrays) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    ordered = [[kind, *labels[kind]] for kind in coarse_to_fine(labels)]
    digest = hashlib.sha256(json.dumps(ordered, ensure_ascii=False).encode() + encoder)
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint8)
