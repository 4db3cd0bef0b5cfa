"""Hashed n-grams and their weights."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from classifier.features import (
    BLOCK_WEIGHTS,
    BUCKET_BITS,
    LETTERS,
    SKIPS,
    WORDS,
    Counts,
    Vocabulary,
    counted,
    ngrams,
    signature,
)
from classifier.normalise import pieces, token

YAMA_BUCKETS = [99515, 2656230, 2474170]
TEXTS = ["Яма на дороге, яма!", "Дорога вся в ямах", "Нет воды на Речной", "", "Нет воды вторую неделю, нет!"]


def counts(*texts: str) -> Counts:
    return counted(ngrams(texts or TEXTS))


def test_every_block_holds_its_kind_of_n_grams() -> None:
    grams = ngrams(["большая яма тут"])
    blocks = grams.buckets >> BUCKET_BITS
    pairs = list(zip(blocks.tolist(), grams.first.tolist(), grams.last.tolist(), strict=True))
    assert pairs == [
        (WORDS, 0, 0), (WORDS, 1, 1), (WORDS, 2, 2), (WORDS, 0, 1), (WORDS, 1, 2),
        (SKIPS, 0, 2),
        *[(LETTERS, 0, 0)] * 6, *[(LETTERS, 1, 1)] * 2, *[(LETTERS, 2, 2)] * 2,
    ]  # fmt: skip


def test_n_grams_do_not_cross_from_one_message_into_the_next() -> None:
    together, apart = ngrams(["яма тут", "нет воды"]), [ngrams(["яма тут"]), ngrams(["нет воды"])]
    assert sorted(together.buckets) == sorted(np.concatenate([grams.buckets for grams in apart]))


def test_forms_of_a_word_share_a_bucket_and_order_matters() -> None:
    one, other = ngrams(["дорога"]).buckets[0], ngrams(["дорогой"]).buckets[0]
    assert one == other
    assert set(ngrams(["нет воды"]).buckets) != set(ngrams(["воды нет"]).buckets)


def test_hashes_are_the_same_in_every_process() -> None:
    assert ngrams(["яма"]).buckets.tolist() == YAMA_BUCKETS


def test_weights_equal_those_of_scikit_learn() -> None:
    ours = Vocabulary.of(counts(), (1, None, None)).transform(counts()).toarray()
    import Stemmer

    stem = Stemmer.Stemmer("russian").stemWord
    plain = [" ".join(stem(token(piece)) for piece in pieces(text)) for text in TEXTS]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    theirs = vectorizer.fit_transform(plain).toarray()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-5)


def test_each_block_of_a_message_has_its_own_length() -> None:
    vocabulary = Vocabulary.of(counts(), (1, 1, 1))
    lengths = np.sqrt((vocabulary.transform(counts(TEXTS[0])).toarray() ** 2).sum())
    assert lengths == pytest.approx(np.sqrt((BLOCK_WEIGHTS**2).sum()), abs=1e-5)


def test_rare_n_grams_get_no_column() -> None:
    vocabulary = Vocabulary.of(counts(), (2, None, None))
    assert vocabulary.size < Vocabulary.of(counts(), (1, None, None)).size
    assert (vocabulary.buckets < 1 << BUCKET_BITS).all()


def test_an_empty_vocabulary_gives_empty_rows() -> None:
    nothing = Vocabulary(np.array([], dtype=np.uint32), np.array([], dtype=np.float32))
    assert nothing.transform(counts()).shape == (len(TEXTS), 0)
    assert nothing.columns(ngrams(["яма"]).buckets).max() == -1


def test_another_weight_of_a_block_is_another_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signature()
    assert signature() == before
    monkeypatch.setattr("classifier.features.BLOCK_WEIGHTS", BLOCK_WEIGHTS * 2)
    assert signature() != before
