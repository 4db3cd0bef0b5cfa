"""The interval of the difference: covers the truth as often as it says, knows when nothing is known."""

from dataclasses import asdict

import numpy as np
import pytest

from app.learning.comparison import Comparison, compare, paired_interval
from classifier import Judge
from classifier.artifact import Arrays, Manifest
from classifier.dataset import corpus_of
from tests.learning.conftest import like_starter, own_rows


def test_the_interval_covers_the_true_difference_about_as_often_as_it_promises() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(200):
        draw = rng.random(400)
        before, after = draw < 0.55, (draw > 0.1) & (draw < 0.7)  # gains 15 points, loses 10
        low, high = paired_interval(before, after, seed=trial)
        hits += low <= 0.05 <= high
    assert 0.9 <= hits / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval_and_equal_judgements_no_difference() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.random(300) < 0.5, rng.random(300) < 0.6
    assert paired_interval(before, after, seed=3) == paired_interval(before, after, seed=3)
    assert paired_interval(before, after, seed=3) == pytest.approx(paired_interval(before, after, seed=4), abs=0.02)
    assert paired_interval(before, before) == (0.0, 0.0)


def test_resampling_counts_is_resampling_messages() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.random(250) < 0.5, rng.random(250) < 0.58
    drawn = rng.integers(250, size=(4000, 250))
    plain = np.percentile((after[drawn].astype(float) - before[drawn]).mean(axis=1), (2.5, 97.5))
    assert paired_interval(before, after, resamples=4000) == pytest.approx(plain, abs=0.01)


@pytest.fixture(scope="module")
def judges(starter: tuple[Manifest, Arrays]) -> tuple[Judge, Judge]:
    good = like_starter(starter, "2026-11-20T00:00:00Z")
    bad = like_starter(starter, "2026-11-20T00:00:00Z", is_worse=True)
    return Judge(good.manifest, good.arrays), Judge(bad.manifest, bad.arrays)


def test_a_model_without_words_is_worse_with_confidence_and_the_reverse_is_better(
    judges: tuple[Judge, Judge],
) -> None:
    rows = own_rows(120)
    corpus = corpus_of([row["text"] for row in rows], {"topic": [row["topic"] for row in rows]})
    good, bad = judges
    worse = compare(good, bad, corpus, champion_version=None)
    assert worse.kinds["topic"].is_worse
    assert worse.verdict == "Значимо хуже: topic"
    better = compare(bad, good, corpus, champion_version="x")
    assert better.is_better
    assert Comparison.from_stored(asdict(better)) == better
    assert better.kinds["topic"].mean == pytest.approx(-worse.kinds["topic"].mean)


def test_labels_that_a_model_does_not_know_count_as_missed(judges: tuple[Judge, Judge]) -> None:
    corpus = corpus_of(["Яма на дороге"] * 60, {"topic": ["Чего нет ни у кого"] * 60, "куда": ["Сюда"] * 60})
    found = compare(*judges, corpus, champion_version=None)
    assert {kind: (one.champion, one.challenger) for kind, one in found.kinds.items()} == {
        "topic": (0.0, 0.0), "куда": (0.0, 0.0),
    }  # fmt: skip
    assert not found.is_better


def test_without_messages_nothing_is_said(judges: tuple[Judge, Judge]) -> None:
    assert compare(*judges, corpus_of([], {"topic": []}), champion_version=None).kinds == {}
