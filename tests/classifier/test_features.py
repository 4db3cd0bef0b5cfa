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
    letter_buckets,
    ngrams,
    read,
    signature,
)
from classifier.normalise import pieces, token

YAMA_BUCKET = 99515
YAMA_LETTERS = [2590461, 2623988, 2909465, 2676689, 2652990, 2695352]
TEXTS = ["Яма на дороге, яма!", "Дорога вся в ямах", "Нет воды на Речной", "", "Нет воды вторую неделю, нет!"]


def counts(*texts: str) -> Counts:
    return counted(ngrams(read(texts or TEXTS)))


def test_every_block_holds_its_kind_of_n_grams() -> None:
    grams = ngrams(read(["большая яма тут"]))
    blocks = grams.buckets >> BUCKET_BITS
    pairs = list(zip(blocks.tolist(), grams.first.tolist(), grams.last.tolist(), strict=True))
    assert pairs == [
        (WORDS, 0, 0), (WORDS, 1, 1), (WORDS, 2, 2), (WORDS, 0, 1), (WORDS, 1, 2),
        (SKIPS, 0, 2),
    ]  # fmt: skip


def test_letters_are_counted_three_to_five_in_a_row_with_the_borders_of_the_word() -> None:
    buckets, owners = letter_buckets(["большая", "яма", "я"])
    assert np.bincount(owners).tolist() == [7 + 6 + 5, 3 + 2 + 1, 1]
    assert set(buckets >> BUCKET_BITS) == {LETTERS}
    apart = [letter_buckets([word])[0] for word in ("большая", "яма", "я")]
    assert sorted(buckets) == sorted(np.concatenate(apart))
    assert set(letter_buckets(["Яма"])[0]) == set(letter_buckets(["яма"])[0])
    assert len(letter_buckets([])[0]) == 0


def test_n_grams_do_not_cross_from_one_message_into_the_next() -> None:
    together = ngrams(read(["яма тут", "нет воды"]))
    apart = [ngrams(read([text])) for text in ("яма тут", "нет воды")]
    assert sorted(together.buckets) == sorted(np.concatenate([grams.buckets for grams in apart]))


def test_forms_of_a_word_share_a_bucket_and_order_matters() -> None:
    one, other = (ngrams(read([text])).buckets[0] for text in ("дорога", "дорогой"))
    assert one == other
    assert set(ngrams(read(["нет воды"])).buckets) != set(ngrams(read(["воды нет"])).buckets)


def test_hashes_are_the_same_in_every_process() -> None:
    assert ngrams(read(["яма"])).buckets.tolist() == [YAMA_BUCKET]
    assert letter_buckets(["яма"])[0].tolist() == YAMA_LETTERS


def test_weights_equal_those_of_scikit_learn() -> None:
    ours = Vocabulary.of(counts(), (1, None)).transform(counts()).toarray()
    import Stemmer

    stem = Stemmer.Stemmer("russian").stemWord
    plain = [" ".join(stem(token(piece)) for piece in pieces(text)) for text in TEXTS]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    theirs = vectorizer.fit_transform(plain).toarray()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-5)


def test_each_block_of_a_message_has_its_own_length() -> None:
    vocabulary = Vocabulary.of(counts(), (1, 1))
    lengths = np.sqrt((vocabulary.transform(counts(TEXTS[0])).toarray() ** 2).sum())
    assert lengths == pytest.approx(np.sqrt((BLOCK_WEIGHTS**2).sum()), abs=1e-5)


def test_rare_n_grams_get_no_column() -> None:
    vocabulary = Vocabulary.of(counts(), (2, None))
    assert vocabulary.size < Vocabulary.of(counts(), (1, None)).size
    assert (vocabulary.buckets < 1 << BUCKET_BITS).all()


def test_an_empty_vocabulary_gives_empty_rows() -> None:
    nothing = Vocabulary(np.array([], dtype=np.uint32), np.array([], dtype=np.float32))
    assert nothing.transform(counts()).shape == (len(TEXTS), 0)
    assert nothing.columns(ngrams(read(["яма"])).buckets).max() == -1


def test_another_weight_of_a_block_is_another_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signature()
    assert signature() == before
    monkeypatch.setattr("classifier.features.BLOCK_WEIGHTS", BLOCK_WEIGHTS * 2)
    assert signature() != before
