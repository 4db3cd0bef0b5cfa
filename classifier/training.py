"""From labelled messages to a model: linear members, their blend on unseen rows, pruning, eight-bit weights."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from classifier.appeals import AppealModel, train_appeals
from classifier.artifact import Arrays, Manifest, content_hash, version_of
from classifier.blending import Blended, Unseen, fit_blend
from classifier.dataset import FOLDS, LABEL_KINDS, Corpus, LabelKind, Source, folds
from classifier.evaluation import measure, threshold_for
from classifier.features import Vocabulary, counted, ngrams, signature
from classifier.linear import Doubles, Linear, nb_svm, svm

Floats = npt.NDArray[np.float32]
Step = Callable[[str], None]
"""Told what begins: one call for each of :data:`STEPS` steps."""

MIN_TEXTS: Final = (2, 3, 3)
"""An n-gram counts from so many messages on, by block."""
KEPT_COLUMNS: Final = 90_000
"""As good as all, 83 MB when loaded."""
TARGETS: Final[dict[LabelKind, float]] = {"topic_group": 0.955, "topic": 0.8, "agency": 0.955}
"""Precision above the threshold: half a point over the promised 95 %; of topics 95 % would leave next to nothing."""
STEPS: Final = FOLDS + 5


@dataclass(frozen=True, slots=True)
class Model:
    """Trained arrays with their manifest: what an artifact holds."""

    manifest: Manifest
    arrays: Arrays


def train(
    corpus: Corpus, talk: list[str], sources: Iterable[Source], created: str, step: Step = lambda _: None
) -> Model:
    """Trains on all rows given. ``created`` is an ISO 8601 time in UTC. Deterministic.

    Blend, thresholds and the figures under ``out_of_fold`` come from five models, each judging the fifth it had not
    seen; the weights come from a sixth trained on everything.
    """
    step("признаки")
    counts = counted(ngrams(corpus.texts))
    vocabulary = Vocabulary.of(counts, MIN_TEXTS)
    rows = vocabulary.transform(counts).astype(np.float64)
    unseen = _judge_unseen(rows, corpus, step)
    step("калибровка")
    blended = fit_blend(unseen)
    step("итоговые модели")
    final = {kind: _members(kind, rows, corpus) for kind in LABEL_KINDS}
    step("сжатие")
    arrays = _compress(vocabulary, final, blended)
    arrays["agency_given_topic"] = _agency_given_topic(corpus)
    step("обращение или разговор")
    appeals = train_appeals(corpus, talk)
    arrays |= appeals.arrays
    return _signed(corpus, blended, unseen, appeals, list(sources), created, arrays)


def _judge_unseen(rows: csr_array, corpus: Corpus, step: Step) -> Unseen:
    """Each fifth judged by members trained on the other four."""
    fold_of = folds(corpus.texts)
    margins: dict[LabelKind, list[Floats]] = {
        kind: [
            np.zeros((len(fold_of), len(corpus.names[kind])), dtype=np.float32) for _ in range(2 - (kind == "topic"))
        ]
        for kind in LABEL_KINDS
    }
    given = []
    for fold in range(FOLDS):
        step(f"проверочная модель {fold + 1} из {FOLDS}")
        seen = fold_of != fold
        part = corpus.where(seen)
        given.append(_agency_given_topic(part))
        for kind in LABEL_KINDS:
            for member, result in zip(_members(kind, rows[seen], part), margins[kind], strict=True):
                result[~seen] = member.margins(rows[~seen])
    return Unseen(margins, corpus.numbers, fold_of, given, corpus.group_of_topic())


def _members(kind: LabelKind, rows: csr_array, corpus: Corpus) -> list[Linear]:
    """The models of one kind of labels. Constants: chosen on out-of-fold scores of the starter corpus."""
    labels, classes = corpus.numbers[kind], len(corpus.names[kind])
    if kind == "topic":
        return [svm(rows, labels, classes, penalty=0.1, rarity=0.3)]
    plain = svm(rows, labels, classes, penalty=0.2, rarity=0.5)
    if kind == "agency":
        return [nb_svm(rows, labels, classes, penalty=0.15, smoothing=0.1, power=1, rarity=0.5), plain]
    return [nb_svm(rows, labels, classes, penalty=0.08, smoothing=0.1, power=0.5, rarity=0.5), plain]


def _agency_given_topic(corpus: Corpus) -> Floats:
    """P(agency | topic), each topic lent one message spread as the agencies are."""
    counts = np.zeros((len(corpus.names["topic"]), len(corpus.names["agency"])))
    np.add.at(counts, (corpus.numbers["topic"], corpus.numbers["agency"]), 1)
    share = counts.sum(axis=0) / counts.sum()
    return np.asarray((counts + share) / (counts.sum(axis=1, keepdims=True) + 1), dtype=np.float32)


def _compress(vocabulary: Vocabulary, members: dict[LabelKind, list[Linear]], blended: Blended) -> Arrays:
    """Adds the members up, keeps the columns that matter most, rounds weights to eight bits with one scale a label."""
    weighted = [list(zip(blended.members[kind], members[kind], strict=True)) for kind in LABEL_KINDS]
    parts = [np.sum([weight * member.weights for weight, member in pairs], axis=0) for pairs in weighted]
    intercepts = [np.sum([weight * member.intercepts for weight, member in pairs], axis=0) for pairs in weighted]
    order = np.argsort(-_strength(parts, vocabulary.idf), kind="stable")
    kept = np.hstack(parts)[order[:KEPT_COLUMNS]]
    scales = np.maximum(np.abs(kept).max(axis=0, initial=0) / 127, 1e-12)
    return {
        "label_buckets": vocabulary.buckets[order],
        "label_idf": vocabulary.idf[order],
        "label_weights": np.round(kept / scales).astype(np.int8),
        "label_scales": scales.astype(np.float32),
        "label_intercepts": np.concatenate(intercepts).astype(np.float32),
    }


def _strength(parts: list[Doubles], idf: Floats) -> Doubles:
    """How much a column moves margins over all messages: weight · idf · √messages, kinds of labels counting alike."""
    sizes = [np.sqrt(np.mean(part**2, axis=1) / np.mean(part**2).clip(1e-12)) for part in parts]
    return np.asarray(np.sum(sizes, axis=0) * idf * np.exp(-idf / 2))  # idf is 1 - ln(share of messages)


def _signed(
    corpus: Corpus,
    blended: Blended,
    unseen: Unseen,
    appeals: AppealModel,
    sources: list[Source],
    created: str,
    arrays: Arrays,
) -> Model:
    labels: dict[str, list[str]] = {kind: corpus.names[kind] for kind in LABEL_KINDS}
    chances = blended.probabilities
    thresholds: dict[str, float] = {
        kind: threshold_for(chances[kind], corpus.numbers[kind], TARGETS[kind]) for kind in LABEL_KINDS
    }
    metrics: dict[str, Any] = {kind: asdict(measure(chances[kind], corpus.numbers[kind])) for kind in LABEL_KINDS}
    groups = unseen.group_of_topic
    manifest = Manifest(
        version="",
        created=created,
        sha256="",
        labels=labels,
        topic_to_group={topic: labels["topic_group"][groups[number]] for number, topic in enumerate(labels["topic"])},
        thresholds=thresholds | {"appeal": appeals.threshold},
        targets={"appeal": appeals.recall, **{str(kind): share for kind, share in TARGETS.items()}},
        features=signature(),
        blend=blended.blend,
        appeal=appeals.sigmoid,
        metrics={"out_of_fold": {**metrics, "appeal": asdict(appeals.figures)}},
        provenance={"sources": [asdict(source) for source in sources]},
    )
    return resigned(Model(manifest, arrays))


def resigned(model: Model) -> Model:
    """The same model with the hash and the version its contents have."""
    sha256 = content_hash(model.manifest, model.arrays)
    return replace(
        model, manifest=replace(model.manifest, sha256=sha256, version=version_of(model.manifest.created, sha256))
    )
