"""From margins to probabilities that mean what they say.

One-vs-rest margins z become ``softmax(power · ln σ(z + shift))``: unlike a softmax with a temperature this
"normalised sigmoid" stays honest with two hundred labels. Topic, group and agency then inform each other.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.dataset import LabelKind

Probabilities = npt.NDArray[np.float32]
_FLOOR = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """The two numbers of a normalised sigmoid."""

    power: float
    shift: float


@dataclass(frozen=True, slots=True)
class Blend:
    """All numbers that turn the margins of the three kinds of labels into probabilities."""

    agency: Sigmoid
    topic_group: Sigmoid
    topic: Sigmoid
    topic_from_group: float
    topic_from_agency: float
    group_from_group: float
    group_from_topic: float


def softmax(scores: npt.NDArray[np.float32]) -> Probabilities:
    """Row by row; never overflows."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def log_sigmoid(margins: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """ln σ(z), exact for large margins of both signs."""
    return np.asarray(np.minimum(margins, 0) - np.log1p(np.exp(-np.abs(margins))), dtype=np.float32)


def logarithm(probabilities: Probabilities) -> npt.NDArray[np.float32]:
    """ln p, with p not below one in a billion."""
    return np.log(np.maximum(probabilities, _FLOOR))


def product(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Matrix product without BLAS, which on small matrices now and then warns of invalid values that are not there."""
    return np.asarray(np.einsum("ij,jk->ik", left, right))


def group_of_topics(topic: Probabilities, group_of_topic: npt.NDArray[np.int64], groups: int) -> Probabilities:
    """Probability of each group as the sum over its topics."""
    return product(topic, np.eye(groups, dtype=np.float32)[group_of_topic])


def scores(margins: npt.NDArray[np.float32], sigmoid: Sigmoid) -> npt.NDArray[np.float32]:
    """Logarithms of probabilities but for a constant of the row."""
    return np.float32(sigmoid.power) * log_sigmoid(margins + np.float32(sigmoid.shift))


def topic_scores(
    own: npt.NDArray[np.float32],
    group: Probabilities,
    agency: Probabilities,
    group_of_topic: npt.NDArray[np.int64],
    agency_given_topic: npt.NDArray[np.float32],
    weights: tuple[float, float],
) -> npt.NDArray[np.float32]:
    """A topic is likelier where its group is, and where the agency that usually answers for it is."""
    from_group = logarithm(group)[:, group_of_topic]
    from_agency = logarithm(product(agency, agency_given_topic.T))
    result: npt.NDArray[np.float32] = own + np.float32(weights[0]) * from_group + np.float32(weights[1]) * from_agency
    return result


def probabilities(
    margins: dict[LabelKind, npt.NDArray[np.float32]],
    blend: Blend,
    group_of_topic: npt.NDArray[np.int64],
    agency_given_topic: npt.NDArray[np.float32],
) -> dict[LabelKind, Probabilities]:
    """Probabilities of agency, topic and topic group, each row summing to one."""
    agency = softmax(scores(margins["agency"], blend.agency))
    group = softmax(scores(margins["topic_group"], blend.topic_group))
    weights = (blend.topic_from_group, blend.topic_from_agency)
    own = scores(margins["topic"], blend.topic)
    topic = softmax(topic_scores(own, group, agency, group_of_topic, agency_given_topic, weights))
    by_topic = group_of_topics(topic, group_of_topic, group.shape[1])
    joint = blend.group_from_group * logarithm(group) + blend.group_from_topic * logarithm(by_topic)
    return {"agency": agency, "topic_group": softmax(joint.astype(np.float32)), "topic": topic}


def appeal_probability(score: npt.NDArray[np.float32], sigmoid: Sigmoid) -> Probabilities:
    """σ(power · score + shift)."""
    return np.exp(log_sigmoid(np.float32(sigmoid.power) * score + np.float32(sigmoid.shift)))
