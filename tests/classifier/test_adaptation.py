"""People's labels correct the starter model: better where they spoke, nothing forgotten elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from classifier import Judge
from classifier.adaptation import STEPS, adapt
from classifier.artifact import Arrays, Manifest, read_artifact, write_artifact
from classifier.dataset import Columns, Corpus, Source, corpus_of, read_corpus
from classifier.judge import STARTER
from classifier.tables import DataIsWrong
from classifier.training import Model

HERE = Path(__file__).parent
CREATED = "2026-11-26T00:00:00Z"


@pytest.fixture(scope="module")
def base() -> tuple[Manifest, Arrays]:
    return read_artifact(STARTER)


@pytest.fixture(scope="module")
def labelled() -> Corpus:
    """Two hundred invented messages with topics and groups of the starter model."""
    whole = read_corpus(HERE / "own_messages.csv", Columns(labels={"topic": "topic", "topic_group": "topic_group"}))
    return whole.where(np.arange(len(whole.texts)) % 3 == 0)


@pytest.fixture(scope="module")
def corrected(base: tuple[Manifest, Arrays], labelled: Corpus) -> Model:
    steps: list[str] = []
    model = adapt(*base, labelled, [Source("метки", len(labelled.texts), "0" * 64)], CREATED, steps.append)
    assert len(steps) == STEPS
    return model


def test_on_messages_it_has_not_seen_the_corrected_model_is_better_than_its_base(corrected: Model) -> None:
    after, before = corrected.manifest.metrics["out_of_fold"], corrected.manifest.metrics["base"]
    for kind in ("topic", "topic_group"):
        assert after[kind]["accuracy"] > before[kind]["accuracy"] + 0.02, kind
    assert after["topic"]["top3"] > before["topic"]["top3"]


def test_every_label_is_still_known_and_the_file_is_as_large_and_opens_as_before(
    corrected: Model, base: tuple[Manifest, Arrays], tmp_path: Path
) -> None:
    manifest, arrays = base
    assert corrected.manifest.labels == manifest.labels
    assert corrected.manifest.provenance["base"] == manifest.version
    write_artifact(tmp_path / "model.npz", corrected.manifest, corrected.arrays)
    read, same = read_artifact(tmp_path)
    assert read.version == corrected.manifest.version
    assert {name: array.shape for name, array in same.items() if name != "seen"} == {
        name: array.shape for name, array in arrays.items() if name != "seen"
    }


def test_where_nobody_spoke_the_model_judges_as_it_did(corrected: Model, base: tuple[Manifest, Arrays]) -> None:
    manifest, arrays = base
    texts = ["Когда починят крышу, течёт в подъезде", "В поликлинике нет талонов к врачу"]
    before, after = Judge(manifest, arrays).chances(texts), Judge(corrected.manifest, corrected.arrays).chances(texts)
    np.testing.assert_allclose(after.labels["agency"], before.labels["agency"], atol=0.02)
    np.testing.assert_array_equal(after.appeal, before.appeal)


def test_what_taught_it_is_remembered_by_fingerprint_only(corrected: Model, labelled: Corpus) -> None:
    judge = Judge(corrected.manifest, corrected.arrays)
    assert judge.has_seen(labelled.texts).all()
    assert not judge.has_seen(["Этого ей никто не показывал"]).any()


def test_a_label_that_the_model_does_not_know_is_refused_by_name(base: tuple[Manifest, Arrays]) -> None:
    strange = corpus_of(["яма"] * 30, {"topic": ["Небывалая тема"] * 30})
    with pytest.raises(DataIsWrong, match="Небывалая тема"):
        adapt(*base, strange, [], CREATED)


def test_a_handful_of_labels_corrects_nothing(base: tuple[Manifest, Arrays]) -> None:
    name = base[0].labels["topic"][0]
    with pytest.raises(DataIsWrong, match="Размеченных сообщений 3, нужно хотя бы 20"):
        adapt(*base, corpus_of(["яма"] * 3, {"topic": [name] * 3}), [], CREATED)
