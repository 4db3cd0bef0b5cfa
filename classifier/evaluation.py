"""Figures of merit. Each is defined here once; the same functions serve training, evaluation and tests."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, roc_auc_score

from classifier.dataset import UNLABELLED, Corpus
from classifier.judge import Chances, Judge

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
    if not len(order):
        return NEVER
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


def figures_by_fold(probabilities: Probabilities, labels: Labels, folds: Labels) -> dict[str, Any]:
    """Figures over all rows, and how far those of single folds deviate from each other (standard deviation)."""
    parts = [asdict(measure(probabilities[folds == fold], labels[folds == fold])) for fold in np.unique(folds)]
    deviation = {name: float(np.std([part[name] for part in parts])) for name in parts[0] if name != "rows"}
    return asdict(measure(probabilities, labels)) | {"deviation": deviation}


def label_figures(manifest_labels: list[str], chances: Probabilities, names: list[str], numbers: Labels) -> Figures:
    """Figures on rows whose labels are named by another file: a label the model does not know counts as missed."""
    unknown = sorted(set(names) - set(manifest_labels))
    place = {name: number for number, name in enumerate([*manifest_labels, *unknown])}
    wanted = np.array([place[name] for name in names], dtype=np.int64)[numbers]
    return measure(np.pad(chances, ((0, 0), (0, len(unknown)))), wanted)


def judge_figures(judge: Judge, corpus: Corpus, talk: list[str], judged: Chances | None = None) -> dict[str, Any]:
    """All figures of a loaded judge on labelled rows, of the kinds of labels that both know."""
    judged = judged or judge.chances(corpus.texts, corpus.known)
    figures: dict[str, Any] = {}
    for kind in (kind for kind in judge.kinds if kind in corpus.names):
        known = corpus.numbers[kind] != UNLABELLED
        names, chances, numbers = corpus.names[kind], judged.labels[kind][known], corpus.numbers[kind][known]
        own = {name: place for place, name in enumerate(judge.manifest.labels[kind])}
        wanted = np.array([own.get(name, UNLABELLED) for name in names], dtype=np.int64)[numbers]
        sure = selective(chances, wanted, judge.manifest.thresholds[kind])
        figures[kind] = asdict(label_figures(judge.manifest.labels[kind], chances, names, numbers)) | sure
    if talk:
        threshold = judge.manifest.thresholds["appeal"]
        appeal_figures = asdict(measure_appeals(judged.appeal, judge.chances(talk).appeal, threshold))
        figures["appeal"] = appeal_figures | {"recall": float((judged.appeal >= threshold).mean())}
    return figures


def selective(probabilities: Probabilities, labels: Labels, threshold: float) -> dict[str, float]:
    """Share of messages at or above a threshold chosen elsewhere, and how many of those guesses are right."""
    sure = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    return {"coverage": float(sure.mean()), "precision": float(right[sure].mean()) if sure.any() else 1.0}
