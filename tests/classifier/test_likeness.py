"""Fingerprints, bands and scores of messages: what counts as the same, as nearly the same, and what comes first."""

import random

from hypothesis import given
from hypothesis import strategies as st

from classifier.likeness import ALIKE_FROM, BANDS, in_period, likeness_of, marks_of, overlaps, rank

HOLE = "На Примерной напротив почты провал асфальта в полметра, обозначили палкой с пакетом"
WORDS = [f"слово{letter}{other}" for letter in "абвгдежзик" for other in "лмнопрстуф"]


def changed(words: list[str], share: float, draw: random.Random) -> list[str]:
    """The same message with some of its words replaced by others."""
    return [draw.choice(WORDS) + "ы" if draw.random() < share else word for word in words]


def test_equal_words_share_a_fingerprint_whatever_their_case_and_punctuation() -> None:
    one, other = (
        likeness_of(HOLE),
        likeness_of("  НА ПРИМЕРНОЙ, напротив почты: провал асфальта в полметра!! обозначили палкой, с пакетом"),
    )
    assert one is not None
    assert one == other


def test_personal_data_do_not_make_messages_differ() -> None:
    one = likeness_of(f"{HOLE} звоните 8 913 000-11-22")
    assert one == likeness_of(f"{HOLE} звоните +7 (913) 000-33-44")


def test_another_house_is_another_message() -> None:
    one, other = likeness_of("Нет тепла на Садовой 10 третий день"), likeness_of("Нет тепла на Садовой 12 третий день")
    assert one is not None
    assert other is not None
    assert one.fingerprint != other.fingerprint


def test_a_few_words_say_nothing() -> None:
    assert likeness_of("Спасибо большое!") is None
    assert likeness_of("+1") is None
    assert likeness_of("") is None


def test_the_more_two_messages_have_in_common_the_oftener_a_band_is_shared() -> None:
    draw = random.Random(5)
    found = {0.05: 0, 0.6: 0}
    for _ in range(200):
        words = draw.sample(WORDS, 20)
        for share in found:
            one, other = likeness_of(" ".join(words)), likeness_of(" ".join(changed(words, share, draw)))
            assert one is not None
            assert other is not None
            found[share] += bool(set(one.bands) & set(other.bands))
    assert found[0.05] >= 190
    assert found[0.6] <= 40


def test_a_band_is_found_in_its_own_stretch_of_time_only() -> None:
    likeness = likeness_of(HOLE)
    assert likeness is not None
    assert len(likeness.bands) == BANDS
    assert not set(in_period(likeness.bands, 643)) & set(in_period(likeness.bands, 644))
    assert all(-(2**31) <= key < 2**31 for key in in_period(likeness.bands, 643))


def share(one: str, other: str) -> float:
    """What two messages have in common."""
    marks, others = marks_of([one, other])
    return overlaps(marks, [others])[0]


def test_word_forms_count_as_the_same_words_and_other_topics_do_not() -> None:
    assert share(HOLE, "Напротив почты на Примерной провалы асфальта в полметра, обозначили палкой с пакетами") >= 0.4
    assert share(HOLE, HOLE + " уже неделю") >= ALIKE_FROM
    assert share(HOLE, HOLE) == 1
    assert share(HOLE, "Ребёнку нужна справка в бассейн, педиатр в отпуске") == 0
    assert share("", "") == 0


def test_what_few_candidates_say_weighs_more_than_what_all_say() -> None:
    asked = "фонарь на мосту опять не горит"
    candidates = ["не горит фонарь у школы", "не горит фонарь на мосту", "не горит фонарь во дворе", "фонарь разбит"]
    marks, *others = marks_of([asked, *candidates])
    scores = rank(marks, others)
    assert max(scores) == scores[1]
    assert rank(marks, []) == overlaps(marks, []) == []
    assert rank(marks, marks_of([asked])) == [1]


@given(st.lists(st.text(max_size=300), min_size=2, max_size=5))
def test_any_texts_are_compared_and_scores_are_shares(texts: list[str]) -> None:
    marks, *others = marks_of(texts)
    assert all(0 <= one <= 1 for one in (*overlaps(marks, others), *rank(marks, others)))
    for text in texts:
        likeness_of(text)
