"""Figures of merit. Each is defined here once; the same functions serve training, evaluation and tests."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, roc_auc_score

from classifier.dataset import LABEL_KINDS, Corpus
from classifier.judge import Judge

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]
BINS: Final = 15
NEVER: Final = 1.0
"""The threshold where no probability reaches the target."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one kind of labels. F1 over the labels present or guessed, as scikit-learn counts."""

    weighted_f1: float
    macro_f1: float
    accuracy: float
    top3: float
    ece: float
    """Mean gap between the probability of the best label and its precision, over 15 bins of equal width."""
    coverage95: float
    """Largest share of messages, surest first, that is right in 95 %; cut on the same rows, so a little rosy."""
    rows: int


@dataclass(frozen=True, slots=True)
class AppealFigures:
    """Of telling appeals from talk."""

    auc: float
    talk_rejected: float
    """Share of talk below the threshold that 99.5 % of appeals reach."""
    appeals: int
    talk: int


def measure(probabilities: Probabilities, labels: Labels) -> Figures:
    """Compares probabilities (message × label) with the right labels."""
    guess = probabilities.argmax(axis=1)
    right = guess == labels
    surer = (probabilities > probabilities[np.arange(len(labels)), labels][:, None]).sum(axis=1)
    best = probabilities.max(axis=1)
    return Figures(
        weighted_f1=float(f1_score(labels, guess, average="weighted")),
        macro_f1=float(f1_score(labels, guess, average="macro")),
        accuracy=float(right.mean()),
        top3=float((surer < 3).mean()),
        ece=_calibration_error(best, right),
        coverage95=float((best >= threshold_for(probabilities, labels, 0.95)).mean()),
        rows=len(labels),
    )


def _calibration_error(confidence: Probabilities, right: npt.NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    sure = np.bincount(bins, confidence, BINS)
    true = np.bincount(bins, right, BINS)
    return float(np.abs(sure - true).sum() / len(right))


def threshold_for(probabilities: Probabilities, labels: Labels, precision: float) -> float:
    """The lowest probability of the best label from which on at least ``precision`` of the guesses are right."""
    best = probabilities.max(axis=1).astype(np.float64)
    order = np.argsort(-best, kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    share = np.cumsum(right) / np.arange(1, len(right) + 1)
    ends = np.append(best[order][:-1] != best[order][1:], True)  # equal probabilities pass or fail together
    passed = np.flatnonzero((share >= precision) & ends)
    return float(best[order][passed[-1]]) if len(passed) else NEVER


def recall_threshold(appeals: Probabilities, recall: float) -> float:
    """The highest probability that at least ``recall`` of the appeals reach."""
    ordered = np.sort(appeals.astype(np.float64))
    return float(ordered[int((1 - recall) * len(ordered))])


def measure_appeals(appeals: Probabilities, talk: Probabilities, threshold: float) -> AppealFigures:
    """Compares the probabilities given to appeals and to talk."""
    truth = np.concatenate([np.ones(len(appeals)), np.zeros(len(talk))])
    auc = float(roc_auc_score(truth, np.concatenate([appeals, talk])))
    return AppealFigures(auc, float((talk < threshold).mean()), len(appeals), len(talk))


def judge_figures(judge: Judge, corpus: Corpus, talk: list[str]) -> dict[str, Any]:
    """All figures of a loaded judge on labelled rows; rows with labels it does not know count as not guessed at all."""
    appeal, labels = judge.probabilities_of(corpus.texts)
    talk_appeal, _ = judge.probabilities_of(talk)
    figures: dict[str, Any] = {}
    for kind in LABEL_KINDS:
        names = judge.manifest.labels[kind]
        number = {name: place for place, name in enumerate(names)}
        wanted = np.array([number.get(name, len(names)) for name in corpus.names[kind]])[corpus.numbers[kind]]
        chances = np.pad(labels[kind], ((0, 0), (0, 1)))  # a last label nobody guesses: "unknown"
        figures[kind] = asdict(measure(chances, wanted)) | selective(chances, wanted, judge.manifest.thresholds[kind])
    threshold = judge.manifest.thresholds["appeal"]
    appeal_figures = asdict(measure_appeals(appeal, talk_appeal, threshold))
    return {**figures, "appeal": appeal_figures | {"recall": float((appeal >= threshold).mean())}}


def selective(probabilities: Probabilities, labels: Labels, threshold: float) -> dict[str, float]:
    """Share of messages at or above a threshold chosen elsewhere, and how many of those guesses are right."""
    sure = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    return {"coverage": float(sure.mean()), "precision": float(right[sure].mean()) if sure.any() else 1.0}
