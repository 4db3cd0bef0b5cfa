"""The sentence encoder of the accurate tier: a small transformer in one file, run by ONNX Runtime (an optional extra).

The file is an archive of plain arrays like a model: the graph as bytes, the pieces of words, their scores, a seal. The
graph holds operators of ONNX Runtime and numbers, no code; its seal is checked before it is opened.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from classifier.artifact import Arrays, ArtifactRejected, unpack
from classifier.judge import STARTER
from classifier.unigram import Unigram

Floats = npt.NDArray[np.float32]
SHIPPED: Final = STARTER.with_name("encoder.npz")
MAX_FILE_BYTES: Final = 40_000_000
VECTOR: Final = 384
"""Length of a sentence vector."""
READ_CHARACTERS: Final = 1_000
"""No message has more of them in the pieces that are read: cutting the rest would be work for nothing."""
READ_PIECES: Final = 96
"""The encoder's time grows with the text; what matters stands in the beginning. With the marks of both ends."""
BATCH: Final = 16
"""Messages of like length that go through the graph together: small enough for the processor's cache."""
PREFIX: Final = "query:"
"""What the base model was taught to read before a text."""
_EXPECTED: Final = {"graph": np.uint8, "pieces": np.uint8, "scores": np.float32}


class ExtraIsAbsent(Exception):
    """The optional packages of the accurate tier are not installed; the sentence says how to get them."""


class Graph(Protocol):
    """What is used of an ``onnxruntime.InferenceSession``."""

    def run(self, names: Sequence[str], inputs: dict[str, npt.NDArray[np.int64]]) -> Sequence[Floats]:
        """The named outputs."""
        ...


class Encoder:
    """A loaded encoder. Never changes after loading, so threads may share it."""

    def __init__(self, graph: Graph, unigram: Unigram, ends: tuple[int, int], seal: bytes) -> None:
        self._graph = graph
        self._unigram = unigram
        self._begin = [ends[0], *unigram.cut(PREFIX)]
        self._end = ends[1]
        self.seal = seal
        """Names the encoder: layers learnt upon its vectors fit no other."""

    @classmethod
    def load(cls, path: Path = SHIPPED) -> "Encoder":
        """Reads an encoder. Raises ``ArtifactRejected``, ``ExtraIsAbsent``."""
        arrays, seal = read_encoder(path)
        pieces = arrays["pieces"].tobytes().decode("utf-8").split("\n")
        ends = (len(pieces) + 1, len(pieces) + 2)
        return cls(_opened(arrays["graph"].tobytes()), Unigram(pieces, arrays["scores"].tolist()), ends, seal)

    def vectors_of(self, texts: Sequence[str]) -> Floats:
        """A row a text; any text has one."""
        numbers = [self._numbers(text) for text in texts]
        found = np.zeros((len(texts), VECTOR), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(numbers[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            found[places] = self._encoded([numbers[place] for place in places])
        return found

    def _numbers(self, text: str) -> list[int]:
        """Pieces of the beginning between the marks; surrogates without a pair become question marks."""
        plain = text[:READ_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")
        return [*[*self._begin, *self._unigram.cut(plain)][: READ_PIECES - 1], self._end]

    def _encoded(self, numbers: Sequence[Sequence[int]]) -> Floats:
        lengths = np.array([len(one) for one in numbers], dtype=np.int64)
        padded = np.zeros((len(numbers), int(lengths.max())), dtype=np.int64)
        for row, one in zip(padded, numbers, strict=True):
            row[: len(one)] = one
        return self._graph.run(["vectors"], {"ids": padded, "lengths": lengths})[0]


@cache
def encoder() -> Encoder:
    """The shipped encoder, loaded once. Raises ``ArtifactRejected``, :class:`ExtraIsAbsent`."""
    return Encoder.load()


def write_encoder(path: Path, graph: bytes, pieces: Sequence[str], scores: Sequence[float]) -> None:
    """Writes an encoder with its seal."""
    arrays: Arrays = {
        "graph": np.frombuffer(graph, dtype=np.uint8),
        "pieces": np.frombuffer("\n".join(pieces).encode(), dtype=np.uint8),
        "scores": np.array(scores, dtype=np.float32),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, seal=np.frombuffer(_seal(arrays), dtype=np.uint8))


def read_encoder(path: Path) -> tuple[Arrays, bytes]:
    """The checked arrays and the seal. Raises ``ArtifactRejected`` for all but a whole encoder."""
    arrays = unpack(path, MAX_FILE_BYTES)
    seal = arrays.pop("seal", np.zeros(0, dtype=np.uint8)).tobytes()
    if {name: (array.dtype, array.ndim) for name, array in arrays.items()} != {
        name: (np.dtype(kind), 1) for name, kind in _EXPECTED.items()
    }:
        raise ArtifactRejected(f"Таблицы {path.name} не того вида, что ожидает программа.")
    if seal != _seal(arrays):
        raise ArtifactRejected(
            f"Содержимое {path.name} не совпадает с контрольной суммой: файл повреждён или подменён."
        )
    return arrays, seal


def _seal(arrays: Arrays) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].size}\n".encode() + arrays[name].tobytes())
    return digest.digest()


def _opened(graph: bytes) -> Graph:
    """One thread: whoever wants more runs more processes. Raises ``ArtifactRejected``, :class:`ExtraIsAbsent`."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ExtraIsAbsent("Точный уровень не установлен: pip install .[accurate].") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        opened: Graph = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has an exception of its own for each trouble, and no common one
        raise ArtifactRejected(f"Граф кодировщика не открывается: {type(error).__name__}.") from error
    return opened
