"""The file beside a model that makes its accurate tier: plain arrays, bound to one model, refused like any other."""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from classifier.artifact import Arrays, ArtifactRejected, Manifest, unpack

FILE_NAME: Final = "accurate.npz"
VECTOR: Final = 512
"""Length of a sentence vector."""


def write_companion(path: Path, manifest: Manifest, arrays: Arrays) -> None:
    """Writes the arrays with the name of the model they belong to."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, seal=_seal(manifest, arrays))


def read_companion(path: Path, manifest: Manifest) -> Arrays:
    """Reads and checks the file. Raises :class:`ArtifactRejected` for all but the companion of this very model."""
    arrays = unpack(path)
    labels = sum(len(names) for names in manifest.labels.values())
    expected = {
        "mean": (VECTOR,),
        "spread": (VECTOR,),
        "weights": (VECTOR, labels),
        "intercepts": (labels,),
        "mixes": (len(manifest.labels), 2),
    }
    seal = arrays.pop("seal", np.zeros(0, dtype=np.uint8))
    if {name: (array.dtype, array.shape) for name, array in arrays.items()} != {
        name: (np.dtype(np.float32), shape) for name, shape in expected.items()
    } or not all(np.isfinite(array).all() for array in arrays.values()):
        raise ArtifactRejected(f"Таблицы {path.name} не того вида, что ожидает программа.")
    if not np.array_equal(seal, _seal(manifest, arrays)):
        raise ArtifactRejected(f"Файл {path.name} не от этой модели, повреждён или подменён.")
    return arrays


def _seal(manifest: Manifest, arrays: Arrays) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    digest = hashlib.sha256(manifest.sha256.encode())
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint8)
