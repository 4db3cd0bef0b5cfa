"""Letters word by word: the quick way of serving gives what the plain way of training gives."""

from collections.abc import Sequence

import numpy as np
import pytest

from classifier import letters as letters_module
from classifier.features import LETTERS_WEIGHT, read
from classifier.letters import LetterScores, LetterVocabulary

TEXTS = ["Яма на дороге, яма!", "Дорога вся в ямах", "", "Нет воды на Речной", "12 !!!", "Воды нет вторую неделю"]


@pytest.fixture
def vocabulary() -> LetterVocabulary:
    return LetterVocabulary.of(read(TEXTS), 1)


@pytest.fixture
def scores(vocabulary: LetterVocabulary) -> LetterScores:
    return scores_of(vocabulary)


def scores_of(vocabulary: LetterVocabulary) -> LetterScores:
    chance = np.random.default_rng(0)
    weights = chance.integers(-127, 128, (vocabulary.size - 9, 3)).astype(np.int8)
    return LetterScores(vocabulary, weights, np.array([0.1, 0.2, 0.3], dtype=np.float32))


def plain(scores: LetterScores, texts: Sequence[str]) -> np.ndarray:
    rows = scores.vocabulary.transform(read(texts)).toarray()
    weights = np.zeros((scores.vocabulary.size, 3))
    weights[: len(scores.dense())] = scores.dense()
    return rows @ weights


def test_scores_by_words_equal_the_plain_product(scores: LetterScores) -> None:
    np.testing.assert_allclose(scores.of_messages(read(TEXTS)), plain(scores, TEXTS), atol=1e-4)
    np.testing.assert_allclose(scores.of_messages(read(TEXTS[::-1])), plain(scores, TEXTS)[::-1], atol=1e-4)


def test_a_message_alone_has_the_scores_it_has_among_others(scores: LetterScores) -> None:
    among = scores.of_messages(read(TEXTS))
    for text, expected in zip(TEXTS, among, strict=True):
        np.testing.assert_allclose(scores.of_messages(read([text]))[0], expected, atol=1e-5)


def test_each_message_with_letters_has_the_same_length(vocabulary: LetterVocabulary) -> None:
    lengths = np.sqrt((vocabulary.transform(read(["дорога", "ямах", ""])).toarray() ** 2).sum(axis=1))
    assert lengths.tolist() == pytest.approx([LETTERS_WEIGHT, LETTERS_WEIGHT, 0], abs=1e-6)


def test_a_small_store_of_words_and_small_steps_change_nothing(
    vocabulary: LetterVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters_module, "CACHED_WORDS", 4)
    monkeypatch.setattr(letters_module, "CHUNK", 3)
    scores = scores_of(vocabulary)
    for texts in (TEXTS, TEXTS[::-1], [*TEXTS, "совсем другие слова"]):
        np.testing.assert_allclose(scores.of_messages(read(texts)), plain(scores, texts), atol=1e-4)


def test_what_tokens_add_sums_to_what_the_message_has(scores: LetterScores) -> None:
    for text in TEXTS:
        whole = scores.of_messages(read([text]))[0]
        for label in range(3):
            assert scores.of_tokens(read([text]), label).sum() == pytest.approx(whole[label], abs=1e-4)


def test_rare_letters_get_no_column() -> None:
    assert LetterVocabulary.of(read(TEXTS), 2).size < LetterVocabulary.of(read(TEXTS), 1).size
    assert LetterVocabulary.of(read(TEXTS), 7).size == 0
    assert LetterVocabulary.of(read(TEXTS), 7).transform(read(TEXTS)).shape == (len(TEXTS), 0)
