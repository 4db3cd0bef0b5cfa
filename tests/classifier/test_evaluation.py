"""Figures of merit on numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from classifier import Judge
from classifier.calibration import Sigmoid, appeal_probability, log_sigmoid, softmax
from classifier.dataset import Corpus, Talk
from classifier.evaluation import (
    NEVER,
    judge_figures,
    measure,
    measure_appeals,
    recall_threshold,
    selective,
    threshold_for,
)

CHANCES = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], dtype=np.float32)
LABELS = np.array([0, 1, 1, 1])


def test_figures_of_four_messages() -> None:
    figures = measure(CHANCES, LABELS)
    assert figures.accuracy == 0.75
    assert figures.top3 == 1
    assert figures.rows == 4
    assert figures.weighted_f1 == pytest.approx(0.25 * 2 / 3 + 0.75 * 0.8)
    assert figures.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert figures.ece == pytest.approx((0.1 + 0.8 + 0.4 + 0.3) / 4, abs=1e-6)
    assert figures.coverage95 == 0.25


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    assert threshold_for(CHANCES, LABELS, 0.75) == pytest.approx(0.6)
    assert threshold_for(CHANCES, LABELS, 1.0) == pytest.approx(0.9)
    assert threshold_for(CHANCES, 1 - LABELS, 1.0) == NEVER


def test_equal_probabilities_pass_the_threshold_together() -> None:
    tied = np.array([[0.9, 0.1], [0.9, 0.1]], dtype=np.float32)
    assert threshold_for(tied, np.array([0, 1]), 1.0) == NEVER


def test_selective_precision_above_a_given_threshold() -> None:
    assert selective(CHANCES, LABELS, 0.65) == {"coverage": 0.75, "precision": pytest.approx(2 / 3)}
    assert selective(CHANCES, LABELS, 0.99) == {"coverage": 0.0, "precision": 1.0}


def test_so_many_appeals_reach_the_recall_threshold() -> None:
    chances = np.linspace(0, 1, 1000, dtype=np.float32)
    threshold = recall_threshold(chances, 0.995)
    assert (chances.astype(np.float64) >= threshold).mean() == pytest.approx(0.995)


def test_figures_of_appeals_and_talk() -> None:
    figures = measure_appeals(np.array([0.9, 0.8]), np.array([0.1, 0.85]), 0.5)
    assert (figures.auc, figures.talk_rejected, figures.appeals, figures.talk) == (0.75, 0.5, 2, 2)


def test_labels_the_judge_does_not_know_count_as_missed(judge: Judge, corpus: Corpus, talk: Talk) -> None:
    known = judge_figures(judge, corpus, talk.texts)
    names = {**corpus.names, "agency": [f"Новое: {name}" for name in corpus.names["agency"]]}
    unknown = judge_figures(judge, replace(corpus, names=names), talk.texts)
    assert known["agency"]["accuracy"] > 0.9
    assert unknown["agency"]["accuracy"] == 0
    assert unknown["topic"] == known["topic"]
    assert 0 <= known["appeal"]["recall"] <= 1


def test_sigmoids_do_not_overflow() -> None:
    margins = np.array([-1e4, 0, 1e4], dtype=np.float32)
    assert log_sigmoid(margins).tolist() == pytest.approx([-1e4, -np.log(2), 0])
    assert appeal_probability(margins, Sigmoid(1, 0)).tolist() == pytest.approx([0, 0.5, 1])
    assert softmax(margins[None]).tolist() == [[0, 0, 1]]
