"""The accurate tier: the layer upon sentence vectors, the file that holds it, and, with the extra, the whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from classifier import ArtifactRejected, Judge
from classifier.__main__ import cli
from classifier.accurate import AccurateJudge, Mix, mixed
from classifier.artifact import Arrays
from classifier.companion import FILE_NAME, read_companion, write_companion
from classifier.dataset import UNLABELLED, Corpus
from classifier.dense import train_dense
from classifier.encoder import SHIPPED, VECTOR, Encoder, read_encoder
from classifier.judge import STARTER
from classifier.training import Model
from classifier.unigram import START_OF_WORD, Unigram

HERE = Path(__file__).parent


def blobs() -> tuple[np.ndarray, list[np.ndarray]]:
    """Two kinds of labels that a linear layer can tell apart."""
    chance = np.random.default_rng(1)
    first, second = np.repeat([0, 1, 2], 40), np.tile([0, 1], 60)
    vectors = np.column_stack([np.eye(3)[first] * 3, second * 3]) + chance.normal(0, 0.3, (120, 4))
    return vectors.astype(np.float32), [first, second]


def test_the_layer_learns_all_kinds_at_once_and_the_same_each_time() -> None:
    vectors, labels = blobs()
    model = train_dense(vectors, labels, [3, 2])
    for opinion, truth in zip(model.log_chances(vectors, [3, 2]), labels, strict=True):
        assert (opinion.argmax(axis=1) == truth).all()
        np.testing.assert_allclose(np.exp(opinion).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.weights, train_dense(vectors, labels, [3, 2]).weights)


def test_rows_without_a_label_teach_the_layer_nothing_about_it() -> None:
    vectors, labels = blobs()
    hidden = np.where(labels[0] == 2, UNLABELLED, labels[0])
    opinion = train_dense(vectors, [hidden, labels[1]], [3, 2]).log_chances(vectors, [3, 2])
    assert (opinion[0].argmax(axis=1)[labels[0] < 2] == labels[0][labels[0] < 2]).all()
    assert (opinion[1].argmax(axis=1) == labels[1]).all()


def test_a_mix_without_the_second_opinion_keeps_the_first() -> None:
    plain = np.array([[0.7, 0.2, 0.1]], dtype=np.float32)
    dense = np.log(np.array([[0.1, 0.1, 0.8]], dtype=np.float32))
    np.testing.assert_allclose(Mix(1, 0).of(plain, dense), plain, atol=1e-6)
    assert Mix(0.5, 1).of(plain, dense).argmax() == 2


def test_a_kind_that_follows_from_a_finer_one_hears_it() -> None:
    given = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)  # two topics of the first group, one of the second
    plain = {
        "group": np.array([[0.9, 0.1]], dtype=np.float32),
        "topic": np.array([[0.3, 0.3, 0.4]], dtype=np.float32),
    }
    dense = {kind: np.log(values) for kind, values in plain.items()}
    mixes = {"group": Mix(0, 0, 1), "topic": Mix(1, 0)}
    both = mixed(mixes, plain, dense, {"group": ("topic", given)})
    np.testing.assert_allclose(both["group"], [[0.6, 0.4]], atol=1e-5)
    np.testing.assert_allclose(both["topic"], plain["topic"], atol=1e-5)


@pytest.fixture
def companion(model: Model) -> Arrays:
    labels = sum(len(names) for names in model.manifest.labels.values())
    shapes = {"mean": (VECTOR,), "spread": (VECTOR,), "weights": (VECTOR, labels), "intercepts": (labels,),
              "mixes": (3, 3)}  # fmt: skip
    return {name: np.ones(shape, dtype=np.float32) for name, shape in shapes.items()}


SEAL = bytes(32)


def test_a_companion_belongs_to_its_labels_and_its_encoder_and_is_refused_when_touched(
    model: Model, companion: Arrays, tmp_path: Path
) -> None:
    path, labels = tmp_path / FILE_NAME, model.manifest.labels
    write_companion(path, labels, SEAL, companion)
    assert set(read_companion(path, labels, SEAL)) == set(companion)
    kind = next(iter(labels))
    with pytest.raises(ArtifactRejected, match="не от этих меток"):
        read_companion(path, labels | {kind: labels[kind][::-1]}, SEAL)
    with pytest.raises(ArtifactRejected, match="не от этого кодировщика"):
        read_companion(path, labels, b"1" * 32)
    for name, change in (("weights", companion["weights"] * 2), ("mean", companion["mean"].astype(np.float64))):
        seal = np.load(path)["seal"]
        np.savez(path, **{**companion, name: change, "seal": seal})
        with pytest.raises(ArtifactRejected):
            read_companion(path, labels, SEAL)
        write_companion(path, labels, SEAL, companion)
    with pytest.raises(ArtifactRejected, match="нет"):
        read_companion(tmp_path / "absent.npz", labels, SEAL)


class Compass:
    """A graph whose vectors say nothing: counts how many texts it was asked about."""

    def __init__(self) -> None:
        self.asked = 0

    def run(self, names: Sequence[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.asked += len(inputs["ids"])
        return [np.zeros((len(inputs["ids"]), VECTOR), dtype=np.float32)]


@pytest.mark.parametrize(("sure", "share"), [(0.0, 0.0), (1.1, 1.0)])
def test_only_unsure_messages_reach_the_encoder(
    model: Model, companion: Arrays, corpus: Corpus, sure: float, share: float
) -> None:
    compass = Compass()
    asked = Encoder(compass, Unigram([START_OF_WORD], [-1.0]), (2, 3), SEAL)
    judge = AccurateJudge(model.manifest, model.arrays, companion, asked, sure=sure)
    judged = judge.judge(corpus.texts)
    assert compass.asked == share * len(corpus.texts)
    assert len(judged) == len(corpus.texts)
    if share == 0:
        assert judged == Judge(model.manifest, model.arrays).judge(corpus.texts)


def test_the_whole_tier_trains_loads_and_judges_any_text(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "model"
    run = CliRunner().invoke
    trained = run(cli, ["train", "--data", str(HERE / "own_corpus.csv"), "--talk", str(HERE / "own_talk.csv"),
                        "--tier", "accurate", "--from-scratch", "--out", str(out)])  # fmt: skip
    assert trained.exit_code == 0, trained.output
    judge = AccurateJudge.load(out)
    assert judge.manifest.metrics["accurate_out_of_fold"]["topic"]["accuracy"] > 0.8
    best = judge.judge(["На Центральной яма, пробил колесо"])[0].topic[0]
    assert best.label == "Ямы на дороге"
    odd = ["", "\ud800", "😀" * 50, "\x00", "а" * 20_000]
    assert len(judge.judge(odd)) == len(odd)


def test_the_shipped_companion_belongs_to_the_shipped_model_and_encoder(starter: Judge) -> None:
    _, seal = read_encoder(SHIPPED)
    arrays = read_companion(STARTER.with_name(FILE_NAME), starter.manifest.labels, seal)
    assert (arrays["mixes"][:, :2] > 0).all()


def test_the_shipped_accurate_tier_judges_beside_the_plain_one(starter: Judge) -> None:
    pytest.importorskip("onnxruntime")
    texts = ["Мусор не вывозят неделю, контейнеры переполнены, вывезите мусор", "Что-то там такое странное у нас"]
    plain, accurate = starter.judge(texts), AccurateJudge.load().judge(texts)
    assert accurate[0].topic_group[0].label == plain[0].topic_group[0].label
    assert accurate[1].topic != plain[1].topic
