"""The model as one file: plain arrays and a JSON manifest in a NumPy archive. Loading runs no code from the file."""

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier.calibration import KindBlend, Sigmoid
from classifier.features import BUCKET_BITS, LETTERS, WORDS, signature

FORMAT: Final = 4
"""Changes whenever an older program would misread the file: other features, other arrays."""
TEXT_ALONE: Final = 3
"""The format of a model that knows no circumstances: programs before them read it too."""
READABLE: Final = (2, TEXT_ALONE, FORMAT)
"""Format 2 knows no favours; all else is the same."""
PACKING: Final = 7
"""How hard a file is packed, 1…9: harder than this saves a hundredth and takes five times as long."""
MAX_FILE_BYTES: Final = 15_000_000
MAX_UNPACKED_BYTES: Final = 120_000_000
FILE_NAME: Final = "model.npz"

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
    """Of each kind of labels the names."""
    topic_to_group: dict[str, str]
    """Where there are topics and groups of topics: of each topic its group."""
    thresholds: dict[str, float]
    """From this probability of the best label on, ``targets`` of the guesses were right out of fold."""
    targets: dict[str, float]
    blend: dict[str, KindBlend]
    appeal: Sigmoid
    """Probability of an appeal: σ(power · score + shift)."""
    abuse: Sigmoid
    """Probability of abuse, likewise."""
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    features: str
    """Signature of the features the weights belong to."""
    circumstances: dict[str, list[str]] = field(default_factory=dict)
    """Of each circumstance the values the model knows, as :func:`classifier.circumstances.plain` spells them."""
    format: int = TEXT_ALONE

    @property
    def kinds(self) -> list[str]:
        """The kinds of labels from coarse to fine: the order of the tables' columns."""
        return coarse_to_fine(self.labels)

    def to_json(self) -> str:
        """Readable JSON in UTF-8."""
        return json.dumps(_fields(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest, or :class:`ArtifactRejected`."""
        try:
            fields = json.loads(text)
            if fields["format"] not in READABLE:
                raise ArtifactRejected(
                    f"Файл модели записан в формате {fields['format']}, а программа понимает {FORMAT}: "
                    "обучите модель заново или возьмите файл из этого выпуска."
                )
            blend = {kind: _kind_blend(values) for kind, values in fields["blend"].items()}
            sigmoids = {name: Sigmoid(**fields[name]) for name in ("appeal", "abuse")}
            return cls(**{**fields, **sigmoids, "blend": blend})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtifactRejected(f"Паспорт модели не читается: {error!r}.") from error


def _fields(manifest: Manifest) -> dict[str, Any]:
    """All fields; of circumstances no word where there are none, as in a file of before."""
    fields = asdict(manifest)
    for one in (fields, *fields["blend"].values()):
        if not one["circumstances"]:
            del one["circumstances"]
    return fields


def _kind_blend(values: dict[str, Any]) -> KindBlend:
    return KindBlend(**{**values, "sigmoid": Sigmoid(**values["sigmoid"])})


def coarse_to_fine(labels: Mapping[str, list[str]]) -> list[str]:
    """Kinds of labels by the number of their labels, then by name."""
    return sorted(labels, key=lambda kind: (len(labels[kind]), kind))


def given_name(kinds: list[str], coarse: str, fine: str) -> str:
    """Name of the table P(coarse | fine)."""
    return f"given_{kinds.index(coarse)}_{kinds.index(fine)}"


def met_name(manifest: Manifest, kind: str, circumstance: str) -> str:
    """Name of the table of how often each label of a kind and each value of a circumstance met."""
    return f"met_{manifest.kinds.index(kind)}_{sorted(manifest.circumstances).index(circumstance)}"


def content_hash(manifest: Manifest, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 over all arrays (names, types, shapes, bytes) and all fields except the hash and the version."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    fields = {name: value for name, value in _fields(manifest).items() if name not in ("sha256", "version")}
    for blend in fields["blend"].values() if manifest.format < TEXT_ALONE else ():
        del blend["favours"]  # the hash of an older file knows nothing of them
    digest.update(json.dumps(fields, ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


def version_of(created: str, sha256: str) -> str:
    """For example ``2026-01-31.0123abcd``."""
    return f"{created[:10]}.{sha256[:8]}"


def write_artifact(path: Path, manifest: Manifest, arrays: Arrays) -> None:
    """Writes the file, and beside it ``manifest.json`` for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = {**arrays, "manifest": np.frombuffer(manifest.to_json().encode(), dtype=np.uint8)}
    packed["word_weights"] = np.asfortranarray(packed["word_weights"])  # weights of one label pack better together
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=PACKING) as archive:
        for name, array in packed.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    path.with_name("manifest.json").write_text(manifest.to_json(), encoding="utf-8")


def read_artifact(path: Path) -> tuple[Manifest, Arrays]:
    """Reads and checks a file, or ``model.npz`` in a folder. Raises :class:`ArtifactRejected` for all but a model."""
    path = path / FILE_NAME if path.is_dir() else path
    arrays = unpack(path)
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
    try:
        _check_labels(manifest)
        _check_numbers(manifest)
    except (TypeError, AttributeError) as error:  # a list where a table belongs, a number where a list does
        raise ArtifactRejected(f"Паспорт модели не читается: {error!r}.") from error
    _check_arrays(manifest, arrays)
    return manifest, arrays


def unpack(path: Path, most: int | None = None) -> Arrays:
    """The tables of an archive of at most so many bytes, none of them executable. Raises :class:`ArtifactRejected`."""
    most = most or MAX_FILE_BYTES
    try:
        if path.stat().st_size > most:
            raise ArtifactRejected(f"Файл {path.name} больше {most // 1_000_000} МБ: это не модель.")
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ArtifactRejected(f"Файл {path.name} распаковывается в слишком большой объём.")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ArtifactRejected(f"Файла модели {path} нет.") from error
    except _UNREADABLE as error:
        raise ArtifactRejected(f"Файл {path.name} не читается как модель: {error}.") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):  # NumPy hands out foreign members as bytes
        raise ArtifactRejected(f"Файл {path.name} не читается как модель: в нём не только таблицы.")
    return arrays


def _check_labels(manifest: Manifest) -> None:
    """The manifest's tables must be about the same labels."""
    labels = manifest.labels
    if not labels or any(not _is_list_of_names(names) for names in labels.values()):
        raise ArtifactRejected("В паспорте модели списки меток неполны или повторяются.")
    groups = manifest.topic_to_group
    if groups and (
        set(groups) != set(labels.get("topic", ())) or not set(groups.values()) <= set(labels.get("topic_group", ()))
    ):
        raise ArtifactRejected("В паспорте модели темы и группы тем не соответствуют друг другу.")
    if set(manifest.thresholds) != {*labels, "appeal"}:
        raise ArtifactRejected("В паспорте модели нет порогов.")
    if not all(_is_list_of_names(values) for values in manifest.circumstances.values()):
        raise ArtifactRejected("В паспорте модели значения обстоятельств неполны или повторяются.")
    if manifest.features != signature():
        raise ArtifactRejected("Модель обучена на других признаках, чем вычисляет эта программа.")


def _is_list_of_names(names: Any) -> bool:
    is_list = isinstance(names, list) and bool(names)
    return is_list and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _check_numbers(manifest: Manifest) -> None:
    """Each kind hears only kinds judged before it, or one finer; all weights are numbers."""
    kinds = manifest.kinds
    sigmoids = [manifest.appeal.power, manifest.appeal.shift, manifest.abuse.power, manifest.abuse.shift]
    numbers = [*sigmoids, *manifest.thresholds.values()]
    is_fitting = set(manifest.blend) == set(kinds)
    for place, kind in enumerate(kinds if is_fitting else []):
        blend = manifest.blend[kind]
        is_fitting &= set(blend.coarser) <= set(kinds[:place]) and set(blend.finer) <= set(kinds[place + 1 :])
        is_fitting &= set(blend.circumstances) <= set(manifest.circumstances)
        is_fitting &= len(blend.favours) in (0, len(manifest.labels[kind]))
        numbers += [blend.sigmoid.power, blend.sigmoid.shift, blend.own, *blend.coarser.values(), *blend.finer.values()]
        numbers += [*blend.circumstances.values(), *blend.favours]
    if not is_fitting or not all(isinstance(one, (int, float)) and math.isfinite(one) for one in numbers):
        raise ArtifactRejected("В паспорте модели числа смеси неполны или испорчены.")


def _expected(manifest: Manifest, arrays: Arrays) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    kinds, count = manifest.kinds, {kind: len(names) for kind, names in manifest.labels.items()}
    labels = sum(count.values())
    length = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    pairs = [(coarse, fine) for place, coarse in enumerate(kinds) for fine in kinds[place + 1 :]]
    values = {name: len(names) for name, names in manifest.circumstances.items()}
    expected: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        **{met_name(manifest, kind, one): (np.uint32, (count[kind], values[one])) for kind in kinds for one in values},
        **{given_name(kinds, *pair): (np.float32, (count[pair[1]], count[pair[0]])) for pair in pairs},
        "intercepts": (np.float32, (labels,)),
        "appeal_weights": (np.float32, (length.get("appeal_buckets", 0),)),
        "abuse_weights": (np.float32, (length.get("appeal_buckets", 0),)),
        "seen": (np.uint32, (length.get("seen", 0),)),
    }
    for part in ("word", "letter", "appeal"):
        columns = length.get(f"{part}_buckets", 0)
        expected |= {f"{part}_buckets": (np.uint32, (columns,)), f"{part}_idf": (np.float32, (columns,))}
    for part in ("word", "letter"):
        weighted = min(length.get(f"{part}_weights", 0), length.get(f"{part}_buckets", 0))
        expected |= {f"{part}_weights": (np.int8, (weighted, labels)), f"{part}_scales": (np.float32, (labels,))}
    return expected


def _check_arrays(manifest: Manifest, arrays: Arrays) -> None:
    """Names, types and shapes as :class:`classifier.judge.Judge` expects them; numbers finite, buckets in range."""
    expected = {name: (np.dtype(kind), shape) for name, (kind, shape) in _expected(manifest, arrays).items()}
    if {name: (array.dtype, array.shape) for name, array in arrays.items()} != expected:
        raise ArtifactRejected("Таблицы модели не того вида, что ожидает программа.")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ArtifactRejected("В таблицах модели есть нечисловые значения.")
    for name, first, end in (("word", WORDS, LETTERS), ("appeal", WORDS, LETTERS), ("letter", LETTERS, LETTERS + 1)):
        buckets = arrays[f"{name}_buckets"]
        if len(np.unique(buckets)) != buckets.size or not np.isin(buckets >> BUCKET_BITS, range(first, end)).all():
            raise ArtifactRejected("В таблицах модели признаки повторяются или выходят за границы.")
