"""Precision, recall, calibration, trust and drift from counts; nothing of nothing."""

import pytest

from app.reports.scores import (
    Bin,
    Pair,
    calibration,
    calibration_error,
    class_scores,
    confusions,
    drift,
    share,
    trust_line,
)

PAIRS = [Pair("Снег", "Снег", 8), Pair("Снег", "Ямы", 2), Pair("Ямы", "Ямы", 3), Pair("Ямы", "Снег", 1)]


def test_precision_is_of_what_was_judged_and_recall_of_what_people_chose() -> None:
    snow, holes = class_scores(PAIRS)
    assert (snow.label, snow.judged, snow.chosen, snow.right) == ("Снег", 10, 9, 8)
    assert (snow.precision, snow.recall) == (0.8, pytest.approx(8 / 9))
    assert (holes.precision, holes.recall) == (0.75, 0.6)


def test_a_label_never_judged_has_no_precision_and_one_never_chosen_no_recall() -> None:
    chosen, judged = class_scores([Pair("Газ", "Лифт", 1)])
    assert (chosen.label, chosen.precision, chosen.recall) == ("Лифт", None, 0.0)
    assert (judged.label, judged.precision, judged.recall) == ("Газ", 0.0, None)


def test_confusions_are_the_pairs_that_differ_the_most_frequent_first() -> None:
    assert [pair.count for pair in confusions(PAIRS)] == [2, 1]


def test_nothing_of_nothing_is_not_hundred_percent() -> None:
    assert share(0, 0) is None
    assert class_scores([]) == []
    assert calibration([]) == []
    assert calibration_error([]) is None
    assert {(one.coverage, one.precision) for one in trust_line([], [])} == {(None, None)}
    assert drift({}, {"ЖКХ": 3}) is None


def test_calibration_gathers_tenths_and_certainty_belongs_to_the_last() -> None:
    low, high = calibration([Bin(12, 4, 1, 0.5), Bin(17, 4, 1, 0.7), Bin(95, 5, 5, 4.75), Bin(100, 5, 4, 5.0)])
    assert (low.low, low.count, low.promised, low.kept) == (10, 8, pytest.approx(0.15), 0.25)
    assert (high.low, high.count, high.kept) == (90, 10, 0.9)
    assert calibration_error([low, high]) == pytest.approx((8 * 0.1 + 10 * 0.075) / 18)


def test_a_higher_threshold_covers_less_of_everything_and_is_righter() -> None:
    line = trust_line([Bin(40, 10, 4), Bin(80, 10, 9)], [Bin(20, 20), Bin(40, 10), Bin(80, 10)])
    assert (line[0].coverage, line[0].precision, line[0].checked) == (1.0, 0.65, 20)
    assert (line[41].coverage, line[41].precision, line[80].covered) == (0.25, 0.9, 10)
    assert (line[81].coverage, line[81].precision) == (0.0, None)


def test_equal_shares_do_not_drift_and_many_that_moved_alarm() -> None:
    still = drift({"ЖКХ": 800, "Дороги": 200}, {"ЖКХ": 400, "Дороги": 100})
    assert still is not None
    assert still.index == pytest.approx(0)
    moved = drift({"ЖКХ": 800, "Дороги": 200}, {"ЖКХ": 200, "Дороги": 300})
    assert moved is not None
    assert moved.is_alarming


def test_few_appeals_never_alarm_and_a_new_class_is_not_infinite() -> None:
    few = drift({"ЖКХ": 8}, {"Дороги": 2})
    assert few is not None
    assert few.index > 1
    assert not few.is_enough
    assert not few.is_alarming
