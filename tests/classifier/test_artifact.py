"""The model file: round trip, and refusal of everything that is not a whole, fitting model."""

import io
import json
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import ArtifactRejected, Judge
from classifier import artifact as artifact_module
from classifier.artifact import Arrays, Manifest, content_hash, read_artifact, write_artifact
from classifier.training import Model, resigned


@pytest.fixture
def file(model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "model.npz"
    write_artifact(path, model.manifest, model.arrays)
    return path


def rewritten(path: Path, model: Model, *, sign: bool = True, **changes: Any) -> Path:
    """The model with some manifest fields or arrays exchanged, honestly signed or not."""
    arrays: Arrays = {
        **model.arrays,
        **{name: value for name, value in changes.items() if isinstance(value, np.ndarray)},
    }
    fields = {name: value for name, value in changes.items() if not isinstance(value, np.ndarray)}
    changed = Model(replace(model.manifest, **fields), arrays)
    changed = resigned(changed) if sign else changed
    write_artifact(path, changed.manifest, changed.arrays)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ArtifactRejected) as caught:
        Judge.load(path)
    return str(caught.value)


def test_a_written_model_judges_as_before(file: Path, judge: Judge) -> None:
    loaded = Judge.load(file)
    assert loaded.version == judge.version
    assert loaded.manifest == judge.manifest
    assert loaded.judge(["яма на дороге"]) == judge.judge(["яма на дороге"])


def test_a_model_of_the_format_before_is_read_and_judges(file: Path, model: Model) -> None:
    plain = {kind: replace(blend, favours=[]) for kind, blend in model.manifest.blend.items()}
    loaded = Judge.load(rewritten(file, model, format=2, blend=plain))
    assert loaded.manifest.format == 2
    assert loaded.judge(["яма на дороге"])[0].topic[0].label == "Ямы на дороге"


def test_the_hash_of_the_format_before_knows_no_favours(model: Model) -> None:
    with_favours = replace(model.manifest, format=2)
    plain = {kind: replace(blend, favours=[]) for kind, blend in model.manifest.blend.items()}
    assert content_hash(with_favours, model.arrays) == content_hash(replace(with_favours, blend=plain), model.arrays)


def test_the_readable_manifest_lies_beside_the_model(file: Path, model: Model) -> None:
    assert Manifest.from_json(file.with_name("manifest.json").read_text(encoding="utf-8")) == model.manifest


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "нет" in refused(tmp_path / "absent.npz")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(file: Path, share: float) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    assert "не читается" in refused(file)


def test_damaged_bytes_are_refused(file: Path) -> None:
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    file.write_bytes(damaged)
    refused(file)


def test_an_archive_that_is_no_model_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", words=np.arange(3))
    assert "нет паспорта" in refused(tmp_path / "other.npz")


def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))

    np.savez(tmp_path / "evil.npz", allow_pickle=True, manifest=np.array([Bomb()], dtype=object))
    assert "не читается" in refused(tmp_path / "evil.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_bare_pickle_offered_as_a_model_is_refused_and_does_not_run(tmp_path: Path, protocol: int) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    bomb = pickle.dumps(Bomb(), protocol=protocol)
    (tmp_path / "model.npz").write_bytes(bomb)
    assert "не читается" in refused(tmp_path / "model.npz")
    assert "не читается" in refused(tmp_path)
    with zipfile.ZipFile(tmp_path / "inside.npz", "w") as archive:
        for name in ("manifest.npy", "word_weights.npy", "data.pkl"):
            archive.writestr(name, bomb)
    assert "не " in refused(tmp_path / "inside.npz")
    assert not (tmp_path / "ran").exists()


def test_a_table_of_objects_beside_a_true_manifest_is_refused_and_does_not_run(file: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    with np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["word_weights"] = np.array([Bomb()], dtype=object)
    np.savez(file, allow_pickle=True, **arrays)
    assert "не читается" in refused(file)
    assert not (tmp_path / "ran").exists()


def test_a_folder_is_as_good_as_the_file_in_it(file: Path, judge: Judge, tmp_path: Path) -> None:
    assert Judge.load(file.parent).version == judge.version
    assert "нет" in refused(tmp_path)


def test_a_file_too_large_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_module, "MAX_FILE_BYTES", 100)
    assert "больше" in refused(file)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.npy", bytes(artifact_module.MAX_UNPACKED_BYTES + 1))
    assert "слишком большой" in refused(tmp_path / "bomb.npz")


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000, "\ufffd", '{"format": 2}'])
def test_an_unreadable_manifest_is_refused(text: str) -> None:
    with pytest.raises(ArtifactRejected, match="не читается"):
        Manifest.from_json(text)


def test_another_format_is_refused_by_its_number(file: Path, model: Model) -> None:
    assert "формате 99" in refused(rewritten(file, model, format=99))


def test_changed_contents_do_not_match_their_hash(file: Path, model: Model) -> None:
    poisoned = model.arrays["word_weights"].copy()
    poisoned[0] += 1
    assert "контрольной суммой" in refused(rewritten(file, model, sign=False, word_weights=poisoned))
    assert "контрольной суммой" in refused(rewritten(file, model, sign=False, thresholds={"appeal": 0.0}))


def test_a_version_that_is_not_of_these_contents_is_refused(file: Path, model: Model) -> None:
    assert "Номер версии" in refused(rewritten(file, model, sign=False, version="2026-01-31.00000000"))


def with_labels(manifest: Manifest, **labels: list[Any]) -> dict[str, list[Any]]:
    return {**manifest.labels, **labels}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: {"labels": {"topic": ["а"]}}, "не соответствуют"),
        (lambda m: {"labels": with_labels(m, agency=[])}, "списки меток"),
        (lambda m: {"labels": with_labels(m, agency=["а", "а"])}, "списки меток"),
        (lambda m: {"labels": with_labels(m, agency=[1, 2])}, "списки меток"),
        (lambda m: {"labels": {}}, "списки меток"),
        (lambda m: {"labels": ["а"]}, "не читается"),
        (lambda m: {"thresholds": 0.5}, "не читается"),
        (lambda m: {"topic_to_group": dict.fromkeys(["Нет такой"], "ЖКХ")}, "не соответствуют"),
        (lambda m: {"thresholds": {**m.thresholds, "topic": "много"}}, "числа смеси"),
        (lambda m: {"thresholds": {**m.thresholds, "topic": float("nan")}}, "числа смеси"),
        (lambda m: {"blend": {kind: m.blend[kind] for kind in ("topic", "agency")}}, "числа смеси"),
        (
            lambda m: {"blend": {**m.blend, "topic_group": replace(m.blend["topic_group"], coarser={"topic": 1.0})}},
            "смеси",
        ),
        (lambda m: {"blend": {**m.blend, "topic": replace(m.blend["topic"], finer={"agency": 1.0})}}, "числа смеси"),
        (lambda m: {"blend": {**m.blend, "topic": replace(m.blend["topic"], favours=[0.5])}}, "числа смеси"),
        (lambda m: {"topic_to_group": dict.fromkeys(m.labels["topic"], "Нет такой")}, "не соответствуют"),
        (lambda m: {"thresholds": {"topic": 0.5}}, "порогов"),
        (lambda m: {"features": "другие"}, "признаках"),
        (lambda m: {"labels": with_labels(m, agency=[*m.labels["agency"], "Ещё одна"])}, "числа смеси"),
    ],
)
def test_a_manifest_at_odds_with_itself_is_refused(
    file: Path, model: Model, change: Callable[[Manifest], dict[str, Any]], reason: str
) -> None:
    assert reason in refused(rewritten(file, model, **change(model.manifest)))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("word_weights", lambda a: a.astype(np.float64), "не того вида"),
        ("letter_weights", lambda a: np.repeat(a, 50, axis=0), "не того вида"),
        ("letter_scales", lambda a: a[:-1], "не того вида"),
        ("extra", lambda a: np.arange(3), "не того вида"),
        ("word_idf", lambda a: np.full_like(a, np.nan), "нечисловые"),
        ("word_buckets", lambda a: np.full_like(a, 2**31), "признаки"),
        ("word_buckets", lambda a: a + np.uint32(2 << 20), "признаки"),
        ("letter_buckets", lambda a: a - np.uint32(2 << 20), "признаки"),
        ("given_0_1", lambda a: a.T, "не того вида"),
        ("appeal_buckets", lambda a: np.zeros_like(a), "признаки"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    file: Path, model: Model, name: str, change: Callable[[Any], Any], reason: str
) -> None:
    assert reason in refused(rewritten(file, model, **{name: change(model.arrays.get(name))}))


@pytest.mark.parametrize("absent", ["word_buckets", "letter_weights", "appeal_idf", "seen", "given_0_2"])
def test_a_missing_table_is_refused(file: Path, model: Model, absent: str) -> None:
    rest = {name: array for name, array in model.arrays.items() if name != absent}
    changed = resigned(Model(model.manifest, rest))
    write_artifact(file, changed.manifest, changed.arrays)
    assert "не того вида" in refused(file)


def test_no_part_of_the_starter_model_is_a_pickle(starter: Judge) -> None:
    from classifier.judge import STARTER

    assert STARTER.stat().st_size <= 12_000_000
    with zipfile.ZipFile(STARTER) as archive:
        for member in archive.namelist():
            header = archive.read(member)[:200]
            assert header.startswith(b"\x93NUMPY")
            assert b"'O'" not in header
            with pytest.raises(ValueError):
                list(pickletools.genops(io.BytesIO(header)))
    assert starter.version == json.loads(STARTER.with_name("manifest.json").read_text(encoding="utf-8"))["version"]


def test_the_starter_model_holds_no_words_but_label_names() -> None:
    from classifier.judge import STARTER

    _, arrays = read_artifact(STARTER)
    assert {array.dtype.kind for array in arrays.values()} <= {"u", "i", "f"}
