"""From labelled messages to a model: linear members, their blend on unseen rows, pruning, eight-bit weights."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier.appeals import AppealModel, borrowed_appeals, train_appeals
from classifier.artifact import (
    FORMAT,
    TEXT_ALONE,
    Arrays,
    Manifest,
    coarse_to_fine,
    content_hash,
    given_name,
    version_of,
)
from classifier.blending import Blended, Unseen, fit_blend, judge_crosswise
from classifier.calibration import Probabilities
from classifier.circumstances import smoothed
from classifier.dataset import FOLDS, UNLABELLED, Corpus, Source, Talk, folds
from classifier.evaluation import figures_by_fold, threshold_for
from classifier.features import signature
from classifier.judge import Judge, seen_print
from classifier.linear import Doubles, Linear
from classifier.masking import masked
from classifier.meanings import WordEncoder
from classifier.members import Ground, members_of, names_of_members
from classifier.observed import Observed
from classifier.tables import DataIsWrong

Floats = npt.NDArray[np.float32]
Step = Callable[[str], None]
"""Told what begins: one call for each of :data:`STEPS` steps."""

KEPT_WORDS: Final = 40_000
KEPT_LETTERS: Final = 60_000
SURE: Final = 0.955
"""Precision above the threshold: half a point over the promised 95 %."""
FAIRLY_SURE: Final = 0.8
"""Where 95 % would leave next to nothing, as with two hundred topics."""
LEAST_COVERAGE: Final = 0.1
LEAST_ROWS: Final = 20
STEPS: Final = FOLDS + 5


@dataclass(frozen=True, slots=True)
class Learnt:
    """What rows judged unseen have taught: the blend, and the probabilities that thresholds and figures come from."""

    blended: Blended
    unseen: Unseen
    honest: dict[str, Probabilities]
    of_text: dict[str, Probabilities]
    """Where circumstances are known: the same of a blend that hears none of them."""

    def unheard(self) -> dict[str, Probabilities]:
        """Where circumstances are known: what the blend that hears them thinks of rows about which none is known.

        A threshold must hold for these too. Where that cannot be, it is the target itself: a probability that means
        what it says needs no other.
        """
        return self.blended.judge(replace(self.unseen, heard={})) if self.unseen.heard else {}


@dataclass(frozen=True, slots=True)
class Model:
    """Trained arrays with their manifest: what an artifact holds."""

    manifest: Manifest
    arrays: Arrays
    unseen: dict[str, Probabilities] = field(default_factory=dict)
    """What models that had not seen a message thought of it: for whoever builds upon this one. Not part of the file."""
    learnt: Learnt | None = None
    """Likewise not part of the file."""


def train(
    corpus: Corpus,
    talk: Talk | None,
    sources: Iterable[Source],
    created: str,
    step: Step = lambda _: None,
    base: Judge | None = None,
    encoder: WordEncoder | None = None,
    learnt: Learnt | None = None,
) -> Model:
    """Trains on all rows given. ``created`` is an ISO 8601 time in UTC. Deterministic. Raises ``DataIsWrong``.

    Blend, thresholds and the figures under ``out_of_fold`` come from five models, each judging the fifth it had not
    seen; the weights come from a sixth trained on everything. ``base`` is a model of another region whose knowledge is
    built upon, and whose sense of what is an appeal is taken over where there is no ``talk``. With an ``encoder`` words
    share what they mean. ``learnt`` by a model of most of these rows saves the five.
    """
    _refuse_hopeless(corpus)
    step("признаки")
    ground = Ground.of([masked(text) for text in corpus.texts], base, encoder)
    kinds, observed = coarse_to_fine(corpus.names), Observed.of(corpus)
    learnt = learnt or _learn(ground, corpus, observed, step)
    step("итоговые модели")
    final = {kind: members_of(ground, corpus.numbers[kind], len(corpus.names[kind])) for kind in kinds}
    step("сжатие")
    arrays = _compress(ground, [(final[kind], learnt.blended.members[kind]) for kind in kinds])
    arrays |= {given_name(kinds, *pair): table for pair, table in given_tables(corpus, kinds).items()}
    arrays["seen"] = np.unique(np.array([seen_print(text) for text in corpus.texts], dtype=np.uint32))
    step("обращение или разговор")
    appeals = borrowed_appeals(base) if talk is None else train_appeals(corpus, talk)
    arrays |= appeals.arrays
    provenance = {
        "sources": [asdict(source) for source in sources],
        "base": base.version if base else None,
        "meanings": encoder is not None,
        "rows_judged_unseen": len(learnt.unseen.folds),
    }
    return _signed(corpus, observed, learnt, appeals, provenance, created, arrays)


def _refuse_hopeless(corpus: Corpus) -> None:
    for kind, names in corpus.names.items():
        known = int((corpus.numbers[kind] != UNLABELLED).sum())
        if len(names) < 2 or known < LEAST_ROWS:
            raise DataIsWrong(
                f"Метка {kind}: размечено строк — {known}, разных меток — {len(names)}; "
                f"нужно хотя бы {LEAST_ROWS} строк и две метки."
            )


def _learn(ground: Ground, corpus: Corpus, observed: Observed, step: Step) -> Learnt:
    unseen = _judge_unseen(ground, corpus, observed, step)
    step("калибровка")
    blended = fit_blend(unseen)
    of_text = _honest(replace(unseen, heard={})) if unseen.heard else {}
    return Learnt(blended, unseen, judge_crosswise(unseen, blended), of_text)


def _honest(unseen: Unseen) -> dict[str, Probabilities]:
    return judge_crosswise(unseen, fit_blend(unseen))


def _judge_unseen(ground: Ground, corpus: Corpus, observed: Observed, step: Step) -> Unseen:
    """Each fifth judged by members trained on the other four."""
    kinds, fold_of = coarse_to_fine(corpus.names), folds(corpus.texts)
    margins = {
        kind: [
            np.zeros((len(fold_of), len(corpus.names[kind])), dtype=np.float32)
            for _ in names_of_members(ground, len(corpus.names[kind]))
        ]
        for kind in kinds
    }
    given = []
    for fold in range(FOLDS):
        step(f"проверочная модель {fold + 1} из {FOLDS}")
        seen = fold_of != fold
        part, unseen_rows = ground.where(seen), ground.rows[~seen]
        given.append(given_tables(corpus.where(seen), kinds))
        for kind in kinds:
            members = members_of(part, corpus.numbers[kind][seen], len(corpus.names[kind]))
            for member, result in zip(members, margins[kind], strict=True):
                result[~seen] = member.margins(unseen_rows)
    heard = observed.heard_unseen(corpus, fold_of)
    return Unseen(margins, corpus.numbers, fold_of, given, followers(corpus, kinds), heard)


def followers(corpus: Corpus, kinds: list[str]) -> dict[str, str]:
    """Kinds that follow from a finer one, each with the finest such: every fine label goes with one coarse label."""
    found = {}
    for place, coarse in enumerate(kinds):
        for fine in reversed(kinds[place + 1 :]):
            if coarse not in found and (np.count_nonzero(_together(corpus, coarse, fine), axis=1) <= 1).all():
                found[coarse] = fine
    return found


def given_tables(corpus: Corpus, kinds: list[str]) -> dict[tuple[str, str], Floats]:
    """P(coarse | fine) of all pairs; each fine label is lent one message spread as the coarse labels are, unless it
    settles the coarse one."""
    settled = set(followers(corpus, kinds).items())
    tables = {}
    for place, coarse in enumerate(kinds):
        for fine in kinds[place + 1 :]:
            counts = _together(corpus, coarse, fine)
            lent = np.where(counts.sum(axis=1, keepdims=True) > 0, float((coarse, fine) not in settled), 1.0)
            tables[coarse, fine] = smoothed(counts, lent).astype(np.float32)
    return tables


def _together(corpus: Corpus, coarse: str, fine: str) -> npt.NDArray[np.float64]:
    """How many messages bear each pair of labels: fine × coarse."""
    pairs = np.zeros((len(corpus.names[fine]), len(corpus.names[coarse])))
    known = (corpus.numbers[fine] != UNLABELLED) & (corpus.numbers[coarse] != UNLABELLED)
    np.add.at(pairs, (corpus.numbers[fine][known], corpus.numbers[coarse][known]), 1)
    return pairs


def _compress(ground: Ground, parts: list[tuple[list[Linear], tuple[float, ...]]]) -> Arrays:
    """Adds the members up, keeps the columns that matter most, rounds weights to eight bits with one scale a label."""
    summed = [_sum(weights, [one.weights for one in members]) for members, weights in parts]
    intercepts = [_sum(weights, [one.intercepts for one in members]) for members, weights in parts]
    arrays: Arrays = {"intercepts": np.concatenate(intercepts).astype(np.float32)}
    start = 0
    for name, vocabulary, most in (("word", ground.vocabulary, KEPT_WORDS), ("letter", ground.letters, KEPT_LETTERS)):
        part = [one[start : start + vocabulary.size] for one in summed]
        order = np.argsort(-_strength(part, vocabulary.idf), kind="stable")
        kept = np.hstack(part)[order[:most]]
        scales = np.maximum(np.abs(kept).max(axis=0, initial=0) / 127, 1e-12)
        arrays |= {
            f"{name}_buckets": vocabulary.buckets[order],
            f"{name}_idf": vocabulary.idf[order],
            f"{name}_weights": np.round(kept / scales).astype(np.int8),
            f"{name}_scales": scales.astype(np.float32),
        }
        start += vocabulary.size
    return arrays


def _sum(weights: tuple[float, ...], members: list[Doubles]) -> Doubles:
    return np.asarray(np.sum([weight * one for weight, one in zip(weights, members, strict=True)], axis=0))


def _strength(parts: list[Doubles], idf: Floats) -> Doubles:
    """How much a column moves margins over all messages: weight · idf · √messages, kinds of labels counting alike."""
    if not len(idf):
        return np.zeros(0)
    sizes = [np.sqrt(np.mean(part**2, axis=1) / np.mean(part**2).clip(1e-12)) for part in parts]
    return np.asarray(np.sum(sizes, axis=0) * idf * np.exp(-idf / 2))  # idf is 1 - ln(share of messages)


def _signed(
    corpus: Corpus,
    observed: Observed,
    learnt: Learnt,
    appeals: AppealModel,
    provenance: dict[str, Any],
    created: str,
    arrays: Arrays,
) -> Model:
    thresholds, targets = {"appeal": appeals.threshold}, {"appeal": appeals.recall}
    metrics = {"out_of_fold": _figures(learnt.honest, learnt.unseen)}
    if learnt.of_text:
        metrics["out_of_fold_text_alone"] = _figures(learnt.of_text, learnt.unseen)
    unheard = learnt.unheard()
    for kind, chances in learnt.honest.items():
        known = learnt.unseen.labels[kind] != UNLABELLED
        labels = learnt.unseen.labels[kind][known]
        targets[kind] = SURE if metrics["out_of_fold"][kind]["coverage95"] >= LEAST_COVERAGE else FAIRLY_SURE
        thresholds[kind] = threshold_for(chances[known], labels, targets[kind])
        if kind in unheard:
            thresholds[kind] = max(
                thresholds[kind], min(threshold_for(unheard[kind][known], labels, targets[kind]), targets[kind])
            )
    manifest = Manifest(
        version="",
        created=created,
        sha256="",
        labels=corpus.names,
        topic_to_group=_topic_to_group(corpus, learnt.unseen.followers),
        thresholds=thresholds,
        targets=targets,
        blend=learnt.blended.blend,
        appeal=appeals.sigmoid,
        abuse=appeals.abuse,
        metrics=metrics | {"out_of_fold": metrics["out_of_fold"] | {"appeal": appeals.figures}},
        provenance=provenance,
        features=signature(),
        circumstances=observed.names,
        format=FORMAT if observed.names else TEXT_ALONE,
    )
    return resigned(Model(manifest, arrays | observed.arrays(corpus, manifest), learnt.honest, learnt))


def _figures(chances: Mapping[str, Probabilities], unseen: Unseen) -> dict[str, Any]:
    figures = {}
    for kind, values in chances.items():
        known = unseen.labels[kind] != UNLABELLED
        figures[kind] = figures_by_fold(values[known], unseen.labels[kind][known], unseen.folds[known])
    return figures


def _topic_to_group(corpus: Corpus, settled: dict[str, str]) -> dict[str, str]:
    if settled.get("topic_group") != "topic":
        return {}
    groups = _together(corpus, "topic_group", "topic").argmax(axis=1)
    return {topic: corpus.names["topic_group"][groups[place]] for place, topic in enumerate(corpus.names["topic"])}


def resigned(model: Model) -> Model:
    """The same model with the hash and the version its contents have."""
    sha256 = content_hash(model.manifest, model.arrays)
    return replace(
        model, manifest=replace(model.manifest, sha256=sha256, version=version_of(model.manifest.created, sha256))
    )
