"""The model as one file: plain arrays and a JSON manifest in a NumPy archive. Loading runs no code from the file."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier.calibration import Blend, Sigmoid
from classifier.dataset import LABEL_KINDS
from classifier.features import BUCKETS, signature

FORMAT: Final = 1
"""Changes whenever an older program would misread the file: other features, other arrays."""
MAX_FILE_BYTES: Final = 15_000_000
MAX_UNPACKED_BYTES: Final = 120_000_000

Arrays = dict[str, npt.NDArray[Any]]
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class ArtifactRejected(Exception):
    """The model file must not be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a model that is not weights."""

    version: str
    """Date of training and the beginning of the contents' hash: names this model in decision traces."""
    created: str
    sha256: str
    """Of the arrays and of all other fields."""
    labels: dict[str, list[str]]
    topic_to_group: dict[str, str]
    thresholds: dict[str, float]
    """From this probability of the best label on, ``targets`` of the guesses were right out of fold."""
    targets: dict[str, float]
    blend: Blend
    appeal: Sigmoid
    """Probability of an appeal: σ(power · score + shift)."""
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    features: str
    """Signature of the features the weights belong to."""
    format: int = FORMAT

    def to_json(self) -> str:
        """Readable JSON in UTF-8."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest, or :class:`ArtifactRejected`."""
        try:
            fields = json.loads(text)
            if fields["format"] != FORMAT:
                raise ArtifactRejected(
                    f"Файл модели записан в формате {fields['format']}, а программа понимает {FORMAT}: "
                    "обучите модель заново или возьмите файл из этого выпуска."
                )
            blend = fields["blend"]
            sigmoids = {kind: Sigmoid(**blend[kind]) for kind in LABEL_KINDS}
            return cls(**{**fields, "blend": Blend(**{**blend, **sigmoids}), "appeal": Sigmoid(**fields["appeal"])})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArtifactRejected(f"Паспорт модели не читается: {error!r}.") from error


def content_hash(manifest: Manifest, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 over all arrays (names, types, shapes, bytes) and all fields except the hash and the version."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    fields = {name: value for name, value in asdict(manifest).items() if name not in ("sha256", "version")}
    digest.update(json.dumps(fields, ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


def version_of(created: str, sha256: str) -> str:
    """For example ``2026-01-31.0123abcd``."""
    return f"{created[:10]}.{sha256[:8]}"


def write_artifact(path: Path, manifest: Manifest, arrays: Arrays) -> None:
    """Writes the file, and beside it ``manifest.json`` for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = {**arrays, "manifest": np.frombuffer(manifest.to_json().encode(), dtype=np.uint8)}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **packed)
    path.with_name("manifest.json").write_text(manifest.to_json(), encoding="utf-8")


def read_artifact(path: Path) -> tuple[Manifest, Arrays]:
    """Reads and checks the file. Raises :class:`ArtifactRejected` for anything but a whole, fitting model."""
    arrays = _unpack(path)
    packed = arrays.pop("manifest", None)
    if packed is None or packed.dtype != np.uint8:
        raise ArtifactRejected(f"В файле {path.name} нет паспорта модели.")
    manifest = Manifest.from_json(packed.tobytes().decode("utf-8", errors="replace"))
    if content_hash(manifest, arrays) != manifest.sha256:
        raise ArtifactRejected(
            f"Содержимое {path.name} не совпадает с контрольной суммой: файл повреждён или подменён."
        )
    if version_of(manifest.created, manifest.sha256) != manifest.version:
        raise ArtifactRejected(f"Номер версии в {path.name} не совпадает с содержимым.")
    _check_labels(manifest)
    _check_arrays(manifest, arrays)
    return manifest, arrays


def _unpack(path: Path) -> Arrays:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ArtifactRejected(f"Файл {path.name} больше {MAX_FILE_BYTES // 1_000_000} МБ: это не модель.")
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ArtifactRejected(f"Файл {path.name} распаковывается в слишком большой объём.")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ArtifactRejected(f"Файла модели {path} нет.") from error
    except _UNREADABLE as error:
        raise ArtifactRejected(f"Файл {path.name} не читается как модель: {error}.") from error


def _check_labels(manifest: Manifest) -> None:
    """The manifest's tables must be about the same labels."""
    labels = manifest.labels
    if set(labels) != set(LABEL_KINDS) or any(
        not names or len(set(names)) != len(names) or not all(isinstance(name, str) for name in names)
        for names in labels.values()
    ):
        raise ArtifactRejected("В паспорте модели списки меток неполны или повторяются.")
    if set(manifest.topic_to_group) != set(labels["topic"]) or not set(manifest.topic_to_group.values()) <= set(
        labels["topic_group"]
    ):
        raise ArtifactRejected("В паспорте модели темы и группы тем не соответствуют друг другу.")
    if set(manifest.thresholds) != {*LABEL_KINDS, "appeal"}:
        raise ArtifactRejected("В паспорте модели нет порогов.")
    if manifest.features != signature():
        raise ArtifactRejected("Модель обучена на других признаках, чем вычисляет эта программа.")


def _check_arrays(manifest: Manifest, arrays: Arrays) -> None:
    """Names, types and shapes as :class:`classifier.judge.Judge` expects them; numbers finite, buckets in range."""
    labels = sum(len(names) for names in manifest.labels.values())
    columns, words = (arrays[name].size if name in arrays else 0 for name in ("label_buckets", "appeal_buckets"))
    weighted = arrays["label_weights"].shape[0] if "label_weights" in arrays else 0
    expected: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "label_buckets": (np.uint32, (columns,)),
        "label_idf": (np.float32, (columns,)),
        "label_weights": (np.int8, (weighted, labels)),
        "label_scales": (np.float32, (labels,)),
        "label_intercepts": (np.float32, (labels,)),
        "agency_given_topic": (np.float32, (len(manifest.labels["topic"]), len(manifest.labels["agency"]))),
        "appeal_buckets": (np.uint32, (words,)),
        "appeal_idf": (np.float32, (words,)),
        "appeal_weights": (np.float32, (words,)),
    }
    if {name: (array.dtype, array.shape) for name, array in arrays.items()} != {
        name: (np.dtype(kind), shape) for name, (kind, shape) in expected.items()
    } or weighted > columns:
        raise ArtifactRejected("Таблицы модели не того вида, что ожидает программа.")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ArtifactRejected("В таблицах модели есть нечисловые значения.")
    for name in ("label_buckets", "appeal_buckets"):
        if arrays[name].size and (arrays[name].max() >= BUCKETS or len(np.unique(arrays[name])) != arrays[name].size):
            raise ArtifactRejected("В таблицах модели признаки повторяются или выходят за границы.")
