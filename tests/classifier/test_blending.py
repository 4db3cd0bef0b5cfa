"""Favours: labels guessed too seldom are brought forward, as far as their rows bear witness."""

import numpy as np

from classifier.blending import fit_favours
from classifier.calibration import favoured
from classifier.dataset import UNLABELLED


def chances_of(first: float, rows: int) -> np.ndarray:
    return np.tile(np.array([first, 1 - first], dtype=np.float32), (rows, 1))


def test_a_label_guessed_too_seldom_is_favoured() -> None:
    labels = np.array([0] * 300 + [1] * 700)
    chances = chances_of(0.9, 1000)
    favours = fit_favours(chances, labels)
    assert favours[1] > 0 > favours[0]
    np.testing.assert_allclose(favoured(chances, favours)[0], [0.3, 0.7], atol=0.02)


def test_a_few_rows_move_little_and_rows_without_a_label_nothing() -> None:
    few = fit_favours(chances_of(0.9, 4), np.array([1, 1, UNLABELLED, UNLABELLED]))
    assert 0 < few[1] < 0.3
    assert np.allclose(few, fit_favours(chances_of(0.9, 2), np.array([1, 1])), atol=1e-3)


def test_no_favours_leave_probabilities_as_they_are() -> None:
    chances = chances_of(0.9, 3)
    assert favoured(chances, []) is chances
    np.testing.assert_allclose(favoured(chances, [0.0, 0.0]), chances, atol=1e-6)
