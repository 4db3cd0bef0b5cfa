"""Linear models over TF-IDF rows: one-vs-rest support vector machines, plain and with naive Bayes ratios.

Wang, Manning: Baselines and Bigrams (ACL 2012) for the ratios; the constants were chosen on out-of-fold scores.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Linear:
    """One column of weights and one intercept a label."""

    weights: Doubles
    intercepts: Doubles

    def margins(self, rows: csr_array) -> Doubles:
        """Signed distances of the rows from the border of each label."""
        return np.asarray(rows @ self.weights + self.intercepts)


def svm(rows: csr_array, labels: Labels, classes: int, penalty: float, rarity: float) -> Linear:
    """Plain one-vs-rest machine; a label of n rows weighs n^-rarity. Labels without rows get a flat refusal."""
    present = np.unique(labels)
    weight = _class_weights(labels, classes, rarity)
    result = _refusal(rows.shape[1], classes)
    if len(present) < 2 or not rows.shape[1]:
        result.intercepts[present] = 0
        return result
    machine = _fitted(rows, labels, penalty, {int(label): weight[label] for label in present})
    coefficients, intercepts = machine.coef_, machine.intercept_
    if len(present) == 2:  # scikit-learn then keeps one border only
        coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.array([-intercepts[0], intercepts[0]])
    result.weights[:, present] = coefficients.T
    result.intercepts[present] = intercepts
    return result


def nb_svm(
    rows: csr_array, labels: Labels, classes: int, penalty: float, smoothing: float, power: float, rarity: float
) -> Linear:
    """One machine a label, each on features scaled by how strongly they speak for or against the label."""
    result = _refusal(rows.shape[1], classes)
    weight = _class_weights(labels, classes, rarity)
    sums = np.asarray(rows.T @ np.eye(classes)[labels])
    total = sums.sum(axis=1)
    present = np.unique(labels)
    if len(present) < 2 or not rows.shape[1]:
        result.intercepts[present] = 0
        return result
    for label in present:
        ratio = _ratio(sums[:, label] + smoothing, total - sums[:, label] + 2 * smoothing, power)
        scaled = csr_array((rows.data * ratio[rows.indices], rows.indices, rows.indptr), shape=rows.shape)
        rest = float(np.mean(weight[labels[labels != label]]))
        machine = _fitted(scaled, (labels == label).astype(np.int64), penalty, {1: weight[label], 0: rest})
        result.weights[:, label] = machine.coef_[0] * ratio
        result.intercepts[label] = machine.intercept_[0]
    return result


def _ratio(inside: Doubles, outside: Doubles, power: float) -> Doubles:
    strength = np.abs(np.log((inside / inside.sum()) / (outside / outside.sum())))
    scaled: Doubles = np.clip(strength, 0.1, 4) ** power
    scaled /= np.sqrt(np.mean(scaled**2))
    return scaled


def _class_weights(labels: Labels, classes: int, rarity: float) -> Doubles:
    counts = np.maximum(np.bincount(labels, minlength=classes), 1).astype(np.float64)
    weight: Doubles = counts**-rarity
    weight /= np.mean(weight[labels])
    return weight


def _refusal(features: int, classes: int) -> Linear:
    return Linear(np.zeros((features, classes)), np.full(classes, -2.0))


def _fitted(rows: csr_array, labels: Labels, penalty: float, weights: dict[int, float]) -> LinearSVC:
    machine = LinearSVC(C=penalty, class_weight=weights, tol=0.1, max_iter=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # more rounds and a finer end change no figure
        return machine.fit(rows, labels)
