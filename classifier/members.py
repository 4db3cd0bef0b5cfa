"""The linear models whose sum judges one kind of labels, and their ground: rows, columns, prior knowledge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array, hstack

from classifier.dataset import UNLABELLED
from classifier.dense import train_dense
from classifier.features import Floats, Vocabulary, counted, ngrams, read
from classifier.judge import Judge
from classifier.letters import LetterVocabulary
from classifier.linear import Doubles, Labels, Linear, nb_svm, svm
from classifier.meanings import Meanings, WordEncoder

MIN_TEXTS: Final = (2, 3)
"""An n-gram of stems counts from so many messages on, by block."""
MIN_TEXTS_OF_LETTERS: Final = 3
MANY_LABELS: Final = 60
"""From here on naive Bayes ratios cost much and gain nothing."""
PRIOR_WEIGHT: Final = 1.0
RATIO_LETTERS: Final = 1.5
"""How much longer letters are where naive Bayes ratios weigh them."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Messages as rows of n-grams, stems first, and, where another region's model is built upon, as its margins."""

    vocabulary: Vocabulary
    letters: LetterVocabulary
    rows: csr_array
    prior_map: Doubles | None = None
    """From columns to the standardised margins of the other region's labels."""
    prior: Doubles | None = None
    meanings: Meanings | None = None
    meant: Floats | None = None
    """What each message means, where meanings are known."""

    @classmethod
    def of(cls, texts: Sequence[str], base: Judge | None, encoder: WordEncoder | None = None) -> "Ground":
        """The columns are those met often enough, and all that the other model knows, with its weights of rarity."""
        batch = read(texts)
        counts = counted(ngrams(batch))
        vocabulary = Vocabulary.of(counts, MIN_TEXTS)
        letters = LetterVocabulary.of(batch, MIN_TEXTS_OF_LETTERS)
        if base is not None:
            vocabulary = Vocabulary(*_joined(base.vocabulary, vocabulary))
            letters = LetterVocabulary(*_joined(base.letters.vocabulary, letters))
        rows = _int32(hstack([vocabulary.transform(counts), letters.transform(batch)], format="csr").astype(np.float64))
        meanings = Meanings.of(batch, vocabulary, encoder) if encoder else None
        meant = meanings.of_messages(rows) if meanings else None
        if base is None:
            return cls(vocabulary, letters, rows, meanings=meanings, meant=meant)
        weights = np.zeros((rows.shape[1], len(base.letters.scales)))
        for start, known in ((0, base.word_weights()), (vocabulary.size, base.letters.dense())):
            weights[start : start + len(known)] = known
        spread = np.maximum((rows @ weights).std(axis=0), 1e-6)
        prior_map = weights * (PRIOR_WEIGHT / np.sqrt(weights.shape[1]) / spread)
        return cls(vocabulary, letters, rows, prior_map, rows @ prior_map, meanings, meant)

    def where(self, mask: npt.NDArray[np.bool_]) -> "Ground":
        """The rows chosen by the mask."""
        prior = None if self.prior is None else self.prior[mask]
        meant = None if self.meant is None else self.meant[mask]
        return replace(self, rows=self.rows[mask], prior=prior, meant=meant)

    def with_longer_letters(self) -> tuple[csr_array, Doubles]:
        """The rows with letters :data:`RATIO_LETTERS` times as long, and of each column how much longer it is."""
        longer = np.where(np.arange(self.rows.shape[1]) < self.vocabulary.size, 1.0, RATIO_LETTERS)
        return _int32(csr_array(self.rows @ diags_array(longer))), longer


def _joined(
    known: Vocabulary | LetterVocabulary, own: Vocabulary | LetterVocabulary
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    fresh = ~np.isin(own.buckets, known.buckets)
    return np.concatenate([known.buckets, own.buckets[fresh]]), np.concatenate([known.idf, own.idf[fresh]])


def _int32(matrix: csr_array) -> csr_array:
    """With the short indices that scikit-learn takes."""
    indices, starts = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return csr_array((matrix.data, indices, starts), shape=matrix.shape)


def names_of_members(ground: Ground, classes: int) -> tuple[str, ...]:
    """Which models judge a kind of so many labels."""
    learnt_before = (("upon", ground.prior), ("meaning", ground.meant))
    more = tuple(name for name, known in learnt_before if known is not None)
    return (*more, "svm") if classes >= MANY_LABELS else (*more, "nb", "svm")


def members_of(ground: Ground, numbers: Labels, classes: int) -> list[Linear]:
    """Trained on the rows that bear a label. Constants: chosen on out-of-fold scores of the starter corpus."""
    known = numbers != UNLABELLED
    part, labels = ground.where(known), numbers[known]
    return [_member(name, part, labels, classes) for name in names_of_members(ground, classes)]


def _member(name: str, ground: Ground, labels: Labels, classes: int) -> Linear:
    is_many = classes >= MANY_LABELS
    if name == "upon":
        return _upon(ground, labels, classes)
    if name == "meaning":
        return _meaning(ground, labels, classes)
    if name == "svm":
        return svm(ground.rows, labels, classes, penalty=0.1 if is_many else 0.2, rarity=0.3 if is_many else 0.5)
    rows, longer = ground.with_longer_letters()
    fitted = nb_svm(rows, labels, classes, penalty=0.1, smoothing=0.1, power=1, rarity=0.5)
    return Linear(fitted.weights * longer[:, None], fitted.intercepts)


def _meaning(ground: Ground, labels: Labels, classes: int) -> Linear:
    """A layer upon what the messages mean, melted into the weights of their stems."""
    if ground.meanings is None or ground.meant is None:
        raise ValueError("there are no meanings to learn from")
    return ground.meanings.melted(train_dense(ground.meant, [labels], [classes]), ground.rows.shape[1])


def _upon(ground: Ground, labels: Labels, classes: int) -> Linear:
    """A machine that sees the other region's margins beside the n-grams; as those are sums over n-grams, so is it."""
    if ground.prior is None or ground.prior_map is None:
        raise ValueError("there is no model to build upon")
    width = ground.rows.shape[1]
    both = _int32(hstack([ground.rows, csr_array(ground.prior)], format="csr"))
    fitted = svm(both, labels, classes, penalty=0.2, rarity=0.4)
    return Linear(fitted.weights[:width] + ground.prior_map @ fitted.weights[width:], fitted.intercepts)
