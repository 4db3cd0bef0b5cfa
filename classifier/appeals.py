"""Appeal or talk: a logistic regression that may not look at what only tells one source from the other.

Appeals and talk come from different platforms and years. Masks, numbers and names of the territory are hidden, and talk
is weighted so that its lengths are spread like those of appeals. Even so the model learns the source to some degree:
use it to sort, never to drop a message.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from classifier.artifact import Arrays
from classifier.calibration import Sigmoid, appeal_probability
from classifier.dataset import FOLDS, Corpus, Talk, folds
from classifier.evaluation import measure_appeals, recall_threshold
from classifier.features import NGrams, Vocabulary, counted, ngrams, read
from classifier.judge import Judge
from classifier.masking import masked
from classifier.normalise import is_word, pieces, token
from classifier.tables import DataIsWrong

MIN_TEXTS: Final = (3, None)  # no pairs over a stem
RECALL: Final = 0.995
PENALTY: Final = 20.0
ABUSE_PENALTY: Final = 5.0
NEVER_ABUSE: Final = -20.0
LENGTH_EDGES: Final = (2, 4, 6, 8, 11, 15, 20, 27, 36, 50, 70, 100, 150)
HEAVIEST: Final = 5.0
PLACES: Final = (
    "перм", "прикам", "лысьв", "губах", "александровск", "бардым", "барда", "березник", "соликам", "кунгур", "чайковск",
    "краснокам", "добрян", "чусов", "кизел", "гремячинск", "кудымкар", "яйв", "всеволодо", "закамск", "мотовилих",
)  # fmt: skip
"""How place names of the starter corpus begin: they would only tell which source a message comes from."""


@dataclass(frozen=True, slots=True)
class AppealModel:
    """What training gives: arrays for the artifact, the calibration, the threshold and the out-of-fold figures."""

    arrays: Arrays
    sigmoid: Sigmoid
    abuse: Sigmoid
    threshold: float
    recall: float
    figures: dict[str, Any]


def borrowed_appeals(base: Judge | None) -> AppealModel:
    """What another model, the starter by default, thinks an appeal is: for a region without talk to learn from."""
    lender = base or Judge.load()
    figures = {"borrowed_from": lender.version}
    thresholds, targets = lender.manifest.thresholds, lender.manifest.targets
    return AppealModel(
        lender.appeal_arrays,
        lender.manifest.appeal,
        lender.manifest.abuse,
        thresholds["appeal"],
        targets["appeal"],
        figures,
    )


def train_appeals(corpus: Corpus, talk: Talk) -> AppealModel:
    """Trains on appeals and talk; threshold and figures come from five models that had not seen the rows they judge.

    Raises ``DataIsWrong`` where no word is met often enough.
    """
    texts = [masked(text) for text in (*corpus.texts, *talk.texts)]
    truth = np.arange(len(texts)) < len(corpus.texts)
    grams = ngrams(read(texts))
    vocabulary = Vocabulary.of(counted(_visible(grams, texts)), MIN_TEXTS)
    if not vocabulary.size:
        raise DataIsWrong("Разговоров и обращений слишком мало: нет ни одного слова, которое встретилось бы трижды.")
    rows = vocabulary.transform(counted(grams)).astype(np.float64)
    weights = _length_weights(np.array([len(pieces(text)) for text in texts]), truth)
    fold_of = folds(texts)
    scores = np.zeros(len(texts), dtype=np.float32)
    for fold in range(FOLDS):
        seen = fold_of != fold
        scores[~seen] = _fitted(rows[seen], truth[seen], weights[seen]).decision_function(rows[~seen])
    line = LogisticRegression(C=1e6).fit(scores[:, None], truth, sample_weight=weights)
    final = _fitted(rows, truth, weights)
    power = float(line.coef_[0, 0])
    sigmoid = Sigmoid(power, power * float(final.intercept_[0]) + float(line.intercept_[0]))
    unseen = appeal_probability(scores, Sigmoid(power, float(line.intercept_[0])))
    threshold = recall_threshold(unseen[truth], RECALL)
    figures = asdict(measure_appeals(unseen[truth], unseen[~truth], threshold))
    abuse_weights, abuse, abuse_figures = _train_abuse(rows[~truth], talk, fold_of[~truth])
    arrays: Arrays = {
        "appeal_buckets": vocabulary.buckets,
        "appeal_idf": vocabulary.idf,
        "appeal_weights": final.coef_[0].astype(np.float32),
        "abuse_weights": abuse_weights,
    }
    return AppealModel(arrays, sigmoid, abuse, threshold, RECALL, figures | abuse_figures)


def _train_abuse(
    rows: csr_array, talk: Talk, fold_of: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], Sigmoid, dict[str, Any]]:
    """Abuse among talk, by the marks of the talk's source; without marks nothing is ever called abuse."""
    if talk.abuse is None or len(np.unique(talk.abuse)) < 2:
        return np.zeros(rows.shape[1], dtype=np.float32), Sigmoid(1.0, NEVER_ABUSE), {}
    even = np.ones(len(talk.texts))
    scores = np.zeros(len(talk.texts), dtype=np.float32)
    for fold in range(FOLDS):
        seen = fold_of != fold
        scores[~seen] = _fitted(rows[seen], talk.abuse[seen], even[seen], ABUSE_PENALTY).decision_function(rows[~seen])
    line = LogisticRegression(C=1e6).fit(scores[:, None], talk.abuse)
    final = _fitted(rows, talk.abuse, even, ABUSE_PENALTY)
    power = float(line.coef_[0, 0])
    sigmoid = Sigmoid(power, power * float(final.intercept_[0]) + float(line.intercept_[0]))
    figures = {"abuse_auc": float(roc_auc_score(talk.abuse, scores)), "abuse_share": float(talk.abuse.mean())}
    return final.coef_[0].astype(np.float32), sigmoid, figures


def _visible(grams: NGrams, texts: Sequence[str]) -> NGrams:
    """Without n-grams that hold a mask, a number or a place: their buckets get no column, so no weight, ever."""
    seen = np.array([_may_be_seen(piece) for text in texts for piece in pieces(text)], dtype=bool)
    kept = seen[grams.first] & seen[grams.last]
    return NGrams(grams.buckets[kept], grams.first[kept], grams.last[kept], grams.rows[kept], grams.texts)


def _may_be_seen(piece: str) -> bool:
    return is_word(piece) and not token(piece).startswith(PLACES)


def _length_weights(lengths: npt.NDArray[np.int64], truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Weights that spread talk over lengths as appeals are spread; both sides weigh as much in all as appeals."""
    band = np.searchsorted(LENGTH_EDGES, lengths)
    appeals, talk = (np.bincount(band[side], minlength=len(LENGTH_EDGES) + 1) for side in (truth, ~truth))
    wanted = np.minimum(appeals / np.maximum(talk, 1), HEAVIEST)
    weights = np.where(truth, 1.0, wanted[band])
    weights[~truth] *= truth.sum() / max(weights[~truth].sum(), 1.0)
    return weights


def _fitted(
    rows: csr_array, truth: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64], penalty: float = PENALTY
) -> LogisticRegression:
    return LogisticRegression(C=penalty, solver="liblinear", random_state=0).fit(rows, truth, sample_weight=weights)
